"""Parts of the page How SE works: one image through one block step by step, and what the paper shows."""

from typing import TYPE_CHECKING

import streamlit as st

from senet_viz.analysis.costs.design import CostSummary
from senet_viz.analysis.distributions.panels import choose_blocks, choose_classes, describe_distances
from senet_viz.analysis.paper import read_beside_paper
from senet_viz.analysis.walkthrough import BlockSteps, answer_steps, describe_steps, say_share
from senet_viz.dashboard import glossary, links
from senet_viz.dashboard.assessments import know_blocks, read_stored
from senet_viz.dashboard.controls import pick_block, pick_several, row
from senet_viz.dashboard.frame import Opened, assign_colours
from senet_viz.dashboard.links import escape, escape_all_but_bold
from senet_viz.dashboard.parts import format_numbers, keep_figure, show_answer, show_result, telling_problems
from senet_viz.dashboard.results import Loaded, get_panels, keep
from senet_viz.dashboard.uploads import (
    Uploads,
    choose_uploads,
    name_upload,
    pick_upload,
    prepare_or_warn,
    sample_uploads,
)
from senet_viz.dashboard.waiting import open_network
from senet_viz.errors import SenetVizError
from senet_viz.figures.distributions import draw_panels
from senet_viz.figures.walkthrough import draw_all_channels, draw_steps
from senet_viz.schema import Gate

if TYPE_CHECKING:
    from senet_viz.models.zoo import Model
    from senet_viz.workflows.comparison import PreparedImage


_SAMPLE = 2  # the drawn fish
_MOST_SHOWN = 8


def show_steps(page: Opened) -> "Model | None":
    """Controls, figures and words; returns the network, None where it is not at hand."""
    uploads = choose_uploads(page)
    first = 0
    if uploads is None:
        st.caption("No image of yours yet: a sample is shown meanwhile.")
        uploads, first = sample_uploads(), _SAMPLE
    model = open_network(page)
    if model is None or uploads is None:
        return model
    with telling_problems():
        _show(page, model, uploads, first)
    return model


@keep(64, shared=True)
def get_steps(
    page: Loaded, name: str, block: str, channels: tuple[int, ...] | None, *, _model: "Model", _prepared: "PreparedImage"
) -> BlockSteps:  # fmt: skip
    """`step_block`, kept by `name_upload`, the block and the channels."""
    from senet_viz.workflows.walkthrough import step_block

    del name
    return step_block(_model, _prepared, page.recording, block, channels=channels)


def _show(page: Opened, model: "Model", uploads: Uploads, first: int) -> None:
    with row("how"):
        position = pick_upload(uploads, "how_image", first=first)
        first_stage = choose_blocks(page.recording.blocks)[0].depth  # its maps are still like pictures
        block = pick_block(page.recording, key="how_block", first=first_stage)
        channels = _pick_channels(block)
    image = uploads.images[position]
    if (prepared := prepare_or_warn(model, image)) is None:
        return
    steps = get_steps(page, name_upload(model, image), block.name, channels, _model=model, _prepared=prepared)
    _show_answer(steps, prepared)
    channel = _pick_numbers(steps, block.depth)
    stem = f"{page.recording.id[:8]}-{prepared.sha256[:8]}-{block.label}"
    _show_rows(page, steps, channel, stem)
    _show_words(steps, channel)
    _show_channels(page, steps, stem)


def _show_answer(steps: BlockSteps, prepared: "PreparedImage") -> None:
    left, right = st.columns([1, 5], gap="medium", vertical_alignment="center")
    with left:
        st.image(prepared.view, width=128, alt=f"{prepared.name} as the network saw it")
    with right:
        show_answer(answer_steps(steps), explained=glossary.LOUDER)
    said = f"{prepared.name}, as the network saw it"
    said += f": it says {steps.prediction} ({say_share(steps.probability)})." if steps.prediction else "."
    st.caption(escape(f"{said} All numbers below are what the network computed in this one pass, in fp32."))


def _show_rows(page: Opened, steps: BlockSteps, channel: int, stem: str) -> None:
    figure = draw_steps(steps, page.screen.look, channel=channel, narrow=page.screen.narrow)
    show_result(
        figure, steps.table(), name=f"se-steps-{stem}-channel-{channel}", key="how_steps", explained=glossary.LOUDER,
        alt=f"From left to right maps, z, hidden layer, gate and scaled maps of {len(steps.shown)} channels. {answer_steps(steps)}",
        caption="Read it from left to right, a row a channel. Both maps of a row share their colours: grey is 0, yellow above, blue below; what is "
        "turned down comes nearer to grey on the right. Tick: the channel's mean gate over the recorded images; grey bar: one SD to either side. Hidden "
        f"units that are not grey move channel {channel} most. It shows what the block did to this image, not what the network "
        "would have said without it: for that see Gate lab.",
    )  # fmt: skip


def _show_words(steps: BlockSteps, channel: int) -> None:
    st.header(f"The five steps, with the numbers of channel {channel}", anchor=False)
    for number, step in enumerate(describe_steps(steps, channel), start=1):
        with st.container(border=True):
            st.markdown(
                f"**{number}. {escape(step.title)}** · {escape(step.formula)}  \n{escape(step.words)}  \n"
                f":small[{escape(step.line)}]"
            )


def _show_channels(page: Opened, steps: BlockSteps, stem: str) -> None:
    st.header("All channels of the block", anchor=False)
    figure = draw_all_channels(steps, page.screen.look, narrow=page.screen.narrow)
    show_result(
        figure, steps.table(), name=f"se-channels-{stem}", key="how_channels",
        alt=f"z and gate of every channel of {steps.block.label} against the mean.",
        caption="The line is the mean gate of each channel over the recorded images; a bar reaches from there to this image's gate. A long bar "
        "says nothing of what the gate does for the prediction: for that see Gate lab.",
    )  # fmt: skip


def _pick_channels(block: Gate) -> tuple[int, ...] | None:
    options = [str(c) for c in range(block.channels)]
    key = f"how_channels_{block.depth}"  # a channel means another thing in another block
    chosen = pick_several(
        "Channels", options, key, kind="channel", width=300, most=_MOST_SHOWN, placeholder="3 loudest, 3 quietest",
        help_text=glossary.LOUDER,
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


def show_paper_figure(page: Opened) -> None:
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
    panels = get_panels(page, blocks, classes, "channel", 0)
    colours, screen = assign_colours(page, classes), page.screen
    figure = keep_figure(  # another block of the photo leaves it as it is
        ("panels", page.stamp, blocks, classes, tuple(colours.items()), screen),
        lambda: draw_panels(panels, colours, screen.look, per_row=2 if screen.narrow else 3),
    )
    show_result(
        figure, panels.table(), name=f"how-fig6-{recording.id[:8]}", key="how_panels", explained=glossary.DISTANCE,
        alt="Mean gate per channel in the blocks of the paper's Fig. 6, by class.",
        caption=f"{escape_all_but_bold(describe_distances(panels))} Lines that lie on each other: the class makes no difference there. The figure does not show how "
        "much single images of a class differ: that is Fig. 7, on the page Distributions.",
    )  # fmt: skip
    try:
        stored = read_stored(page)
    except SenetVizError:  # stale: the page Claim says so and offers another
        stored = None
    health, measures = know_blocks(page, stored)
    if rows := read_beside_paper(measures, health):
        st.markdown(
            "\n".join(f"- **{escape(row.name)}** The paper: {row.paper} *Here:* {escape(row.here)}." for row in rows)
        )
        st.caption(
            "Numbers are over all classes of the recording; in brackets 95 % intervals over images where it was assessed. Whether they "
            "confirm the paper is judged on the page Claim, by bounds that were declared before.",
            help=glossary.CLASS_SHARE,
        )


@st.cache_resource(max_entries=8, show_spinner=False)
def get_costs(_model: "Model", sha256: str) -> CostSummary:
    """`summarize_costs`, kept by the weights."""
    from senet_viz.workflows.inspect import summarize_costs

    del sha256
    return summarize_costs(_model)


def show_unit_costs(model: "Model") -> None:
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
    forms = {
        **format_numbers(("weights", "weights (2/r)·N·C²"), "localized"),
        **format_numbers(("on top of the network",), "percent"),
        **format_numbers(("reduction r",), "%.4g"),
    }
    st.dataframe(costs.table(), hide_index=True, alt="SE weights by stage", column_config=forms)
    st.markdown(
        "**Two ideas to go further.** *One SE unit after every convolution*, and not one a block: more places that recalibrate, at "
        "the cost in the table. *A deeper excitation*, with more than two layers: each further one costs (C/r)², which is little. "
        "Weights are all that is counted here: whether the network gets better by it needs training, and no published comparison of "
        "either with plain SE in residual networks was found."
    )
    ideas = costs.ideas_table()
    st.dataframe(ideas, hide_index=True, alt="Weights of SE as it is and of two ideas", column_config=forms)


def _on_top(costs: CostSummary) -> str:
    if costs.layers == 2:
        return "biases come on top"
    if costs.layers is None:
        return "biases come on top, and further layers, which some units have"
    return f"biases come on top, and the further layers of these units, which have {costs.layers}"
