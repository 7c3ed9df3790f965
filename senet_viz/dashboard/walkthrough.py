"""Parts of the page How SE works: one image through one block step by step, and what the paper shows."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from senet_viz.analysis.blocks import (
    BlockHealth,
    BlockMeasures,
    gather_health,
    gather_measures,
    health_from_table,
    measures_from_table,
)
from senet_viz.analysis.comparison.result import Failure
from senet_viz.analysis.costs.networks import CostSummary
from senet_viz.analysis.distributions.choices import choose_blocks, choose_classes
from senet_viz.analysis.distributions.panels import describe_distances
from senet_viz.analysis.paper import read_beside_paper
from senet_viz.analysis.walkthrough import BlockSteps, answer_steps, tell_share, tell_steps
from senet_viz.dashboard import glossary, links
from senet_viz.dashboard.assessments import read_stored
from senet_viz.dashboard.controls import prepare, row
from senet_viz.dashboard.frame import Opened, assign_colours
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import keep_figure, show_answer, show_downloads, show_figure
from senet_viz.dashboard.results import get_block_table, get_panels
from senet_viz.dashboard.uploads import Brought, bring_images, bring_samples, name_upload, prepare_upload
from senet_viz.dashboard.waiting import open_network
from senet_viz.errors import SenetVizError
from senet_viz.figures.distributions import draw_panels
from senet_viz.figures.walkthrough import draw_all_channels, draw_steps
from senet_viz.recording.reader import Recording
from senet_viz.schema import label_blocks

if TYPE_CHECKING:
    from senet_viz.models.zoo import Model
    from senet_viz.workflows.comparison import PreparedImage


_SAMPLE = 2  # the drawn fish
_MOST_SHOWN = 8


def show_live(page: Opened) -> "Model | None":
    """Controls, figures and words; returns the network, None where it is not at hand."""
    brought = bring_images(page)
    first = 0
    if brought is None:
        st.caption("No image of yours yet: a sample is shown meanwhile.")
        brought, first = bring_samples(), _SAMPLE
    model = open_network(page)
    if model is None or brought is None:
        return model
    try:
        _show(page, model, brought, first)
    except SenetVizError as error:
        st.error(escape(str(error)), icon=":material/error:")
    return model


@st.cache_resource(max_entries=64, show_spinner=False)
def get_steps(
    _model: "Model",
    _recording: Recording,
    stamp: str,
    _prepared: "PreparedImage",
    image: str,
    block: str,
    channels: tuple[int, ...] | None,
) -> BlockSteps:
    """`step_block`, kept by the recording's stamp, the image as it is taken in, the block and the channels."""
    from senet_viz.workflows.walkthrough import step_block

    del stamp, image
    return step_block(_model, _prepared, _recording, block, channels=channels)


def _show(page: Opened, model: "Model", brought: Brought, first: int) -> None:
    with row("how"):
        position = _pick_image(brought, first)
        depth = _pick_block(page.recording)
        channels = _pick_channels(page.recording, depth)
    image = brought.images[position]
    prepared = prepare_upload(model, image)
    if isinstance(prepared, Failure):
        st.warning(escape(prepared.sentence), icon=":material/broken_image:")
        return
    block = page.recording.blocks[depth]
    steps = get_steps(model, page.recording, page.stamp, prepared, name_upload(model, image), block.name, channels)
    _show_answer(steps, prepared)
    channel = _pick_numbers(steps, depth)
    stem = f"{page.recording.id[:8]}-{prepared.sha256[:8]}-{block.label}"
    _show_rows(page, steps, channel, stem)
    _show_words(steps, channel)
    _show_channels(page, steps, stem)


def _show_answer(steps: BlockSteps, prepared: "PreparedImage") -> None:
    left, right = st.columns([1, 5], gap="medium", vertical_alignment="center")
    with left:
        st.image(prepared.view, width=128, alt=f"{prepared.name} as the network saw it")
    with right:
        show_answer(escape(answer_steps(steps)), explained=glossary.LOUDER)
    st.caption(
        escape(
            f"{prepared.name}, as the network saw it: it says {steps.prediction} ({tell_share(steps.probability)}). All numbers below are "
            "what the network computed in this one pass, in fp32."
        )
    )


def _show_rows(page: Opened, steps: BlockSteps, channel: int, stem: str) -> None:
    figure = draw_steps(steps, page.screen.look, channel=channel, narrow=page.screen.narrow)
    name = f"se-steps-{stem}-channel-{channel}"
    show_figure(
        figure, name=name, key="how_steps",
        alt=f"From left to right maps, z, hidden layer, gate and scaled maps of {len(steps.shown)} channels. {answer_steps(steps)}",
    )  # fmt: skip
    st.caption(
        "Read it from left to right, a row a channel. Both maps of a row share their colours: grey is 0, yellow above, blue below; what is "
        "turned down comes nearer to grey on the right. Tick: the channel's mean gate over the recorded images; grey bar: one SD to either side. Hidden "
        f"units that are not grey move channel {channel} most. It shows what the block did to this image, not what the network "
        "would have said without it: for that see Gate lab.",
        help=glossary.LOUDER,
    )
    show_downloads(steps.table(), figure, key="how_steps", name=name)


def _show_words(steps: BlockSteps, channel: int) -> None:
    st.header(f"The five steps, with the numbers of channel {channel}", anchor=False)
    for number, step in enumerate(tell_steps(steps, channel), start=1):
        with st.container(border=True):
            st.markdown(
                f"**{number}. {escape(step.title)}** · {escape(step.formula)}  \n{escape(step.words)}  \n"
                f":small[{escape(step.line)}]"
            )


def _show_channels(page: Opened, steps: BlockSteps, stem: str) -> None:
    st.header("All channels of the block", anchor=False)
    figure = draw_all_channels(steps, page.screen.look, narrow=page.screen.narrow)
    name = f"se-channels-{stem}"
    show_figure(
        figure,
        name=name,
        key="how_channels",
        alt=f"z and gate of every channel of {steps.block.label} against the mean.",
    )
    st.caption(
        "The line is the mean gate of each channel over the recorded images; a bar reaches from there to this image's gate. A long bar "
        "says nothing of what the gate does for the prediction: for that see Gate lab."
    )
    show_downloads(steps.table(), figure, key="how_channels", name=name)


def _pick_image(brought: Brought, first: int) -> int:
    names = [f"{i}. {name}" for i, (name, _) in enumerate(brought.images, start=1)]
    if len(names) == 1:
        return 0
    prepare("how_image", "image", names)
    chosen = st.selectbox(
        "Image", names, index=first, key="how_image", bind="query-params", persist_state="session", width=230,
        on_change=links.forget_notices,
    )  # fmt: skip
    return names.index(chosen) if chosen else first


def _pick_block(recording: Recording) -> int:
    """Depth of the block; at first the last of the first stage, whose maps are still like pictures."""
    labels = label_blocks(recording.blocks)
    prepare("how_block", "block", labels)
    first = choose_blocks(recording.blocks)[0].depth
    chosen = st.selectbox(
        "Block", labels, index=first, key="how_block", bind="query-params", persist_state="session", width=170,
        on_change=links.forget_notices, help=glossary.BLOCK,
    )  # fmt: skip
    return labels.index(chosen) if chosen else first


def _pick_channels(recording: Recording, depth: int) -> tuple[int, ...] | None:
    options = [str(c) for c in range(recording.blocks[depth].channels)]
    key = f"how_channels_{depth}"  # a channel means another thing in another block
    prepare(key, "channel", options)
    chosen = st.multiselect(
        "Channels", options, key=key, bind="query-params", persist_state="session", width=300, max_selections=_MOST_SHOWN,
        placeholder="3 loudest, 3 quietest", on_change=links.forget_notices, help=glossary.LOUDER,
    )  # fmt: skip
    return tuple(int(c) for c in chosen) or None


def _pick_numbers(steps: BlockSteps, depth: int) -> int:
    options = [str(c) for c in steps.shown]
    key = f"how_numbers_{depth}"
    links.keep_known(key, options)  # which channels are shown is a matter of the image, so nothing is told
    chosen = st.segmented_control(
        "Numbers of channel", options, default=options[0], required=True, key=key, bind="query-params", persist_state="session",
        help="Whose numbers are put into the formulas.",
    )  # fmt: skip
    return int(chosen or options[0])


_ORIGINAL = "https://arxiv.org/abs/1709.01507"


def show_paper(page: Opened) -> None:
    """Their panels in words, our figure and numbers."""
    st.header("What the paper shows, and what this recording shows", anchor=False)
    recording = page.recording
    st.markdown(
        "The authors took a trained SE-ResNet-50, four classes (goldfish, pug, plane, cliff) and the 50 validation images of each, and "
        f"drew the mean gate of 50 channels in six blocks ([arXiv 1709.01507]({_ORIGINAL}), section 7.2, Fig. 6). They drew no intervals and "
        "ran no test. The figure below is the same for this recording."
    )
    blocks = tuple(gate.name for gate in choose_blocks(recording.blocks))
    classes = tuple(c.index for c in choose_classes(recording.classes, recording.class_counts))
    panels = get_panels(recording, page.stamp, blocks, classes, "channel", 0)
    colours, screen = assign_colours(page, classes), page.screen
    figure = keep_figure(  # another block of the photo leaves it as it is
        ("panels", page.stamp, blocks, classes, tuple(colours.items()), screen),
        lambda: draw_panels(panels, colours, screen.look, per_row=2 if screen.narrow else 3),
    )
    name = f"how-fig6-{recording.id[:8]}"
    show_figure(
        figure, name=name, key="how_panels", alt="Mean gate per channel in the blocks of the paper's Fig. 6, by class."
    )
    st.caption(
        f"{describe_distances(panels)} Lines that lie on each other: the class makes no difference there. The figure does not show how "
        "much single images of a class differ: that is Fig. 7, on the page Distributions.",
        help=glossary.DISTANCE,
    )
    show_downloads(panels.table(), figure, key="how_panels", name=name)
    rows = read_beside_paper(*_measure(page))
    if rows:
        st.markdown(
            "\n".join(f"- **{escape(row.name)}** The paper: {row.paper} *Here:* {escape(row.here)}." for row in rows)
        )
        st.caption(
            "Numbers are over all classes of the recording; in brackets 95 % intervals over images where it was assessed. Whether they "
            "confirm the paper is judged on the page Claim, by bounds that were declared before.",
            help=glossary.CLASS_SHARE,
        )


def _measure(page: Opened) -> tuple[BlockMeasures, BlockHealth]:
    """From a stored assessment that is fresh, else from moments."""
    recording = page.recording
    try:
        stored = read_stored(recording)
    except SenetVizError:  # stale: the page Claim says so and offers another
        stored = None
    if stored is not None:
        return gather_measures(stored.assessment, stored.tree), gather_health(stored.assessment)
    table = get_block_table(recording, page.stamp, False)
    images = recording.manifest.progress.get("images", 0)
    return measures_from_table(recording.blocks, table), health_from_table(recording.blocks, table, images)


@st.cache_resource(max_entries=8, show_spinner=False)
def get_costs(_model: "Model", sha256: str) -> CostSummary:
    """`summarize_costs`, kept by the weights."""
    from senet_viz.workflows.inspect import summarize_costs

    del sha256
    return summarize_costs(_model)


def show_costs(model: "Model") -> None:
    """The parameter formula and the two ideas, with this network's numbers."""
    costs = get_costs(model, f"{model.name}-{model.sha256}")
    st.header("What it costs", anchor=False)
    st.markdown(escape(costs.answer()))
    if not costs.reduces:
        st.info(
            "The units of this network have no hidden layer, so there is no reduction r, and the paper's formula is not meant for them.",
            icon=":material/info:",
        )
        return
    st.markdown(
        f"Two layers of C·C/r weights a unit give the paper's formula **(2/r) · Σ N·C²** over the stages, N units of C channels each: "
        f"**{costs.formula_weights:,}** weights here ({_on_top(costs)}). A larger r makes the hidden layer narrower and cheaper; "
        "the paper takes 16. Most weights are in the last stage, where C is largest."
    )
    st.dataframe(costs.table(), hide_index=True, alt="SE weights by stage", column_config=_columns())
    st.markdown(
        "**Two ideas to go further.** *One SE unit after every convolution*, and not one a block: more places that recalibrate, at "
        "the cost in the table. *A deeper excitation*, with more than two layers: each further one costs (C/r)², which is little. "
        "Weights are all that is counted here: whether the network gets better by it needs training, and no published comparison of "
        "either with plain SE in residual networks was found."
    )
    st.dataframe(
        costs.ideas_table(), hide_index=True, alt="Weights of SE as it is and of two ideas", column_config=_columns()
    )


def _on_top(costs: CostSummary) -> str:
    if costs.layers == 2:
        return "biases come on top"
    if costs.layers is None:
        return "biases come on top, and further layers, which some units have"
    return f"biases come on top, and the further layers of these units, which have {costs.layers}"


def _columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "weights": number(format="localized"), "weights (2/r)·N·C²": number(format="localized"),
        "on top of the network": number(format="percent"), "reduction r": number(format="%.4g"),
    }  # fmt: skip
