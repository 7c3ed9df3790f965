"""The live part of the page How SE works: one image through one block, step by step, with the network's own numbers."""

from typing import TYPE_CHECKING

import streamlit as st

from senet_viz.analysis.comparison import Failure
from senet_viz.analysis.profiles import choose_blocks, label_blocks
from senet_viz.analysis.walkthrough import BlockSteps, answer_steps, tell_share, tell_steps
from senet_viz.dashboard import glossary, links
from senet_viz.dashboard.comparisons import get_image, name_inputs
from senet_viz.dashboard.controls import prepare, row
from senet_viz.dashboard.frame import Opened, escape
from senet_viz.dashboard.networks import open_network
from senet_viz.dashboard.parts import show_answer, show_downloads, show_figure
from senet_viz.dashboard.uploads import Brought, bring_images, bring_samples
from senet_viz.errors import SenetVizError
from senet_viz.figures.steps import draw_all_channels, draw_steps
from senet_viz.recording import Recording

if TYPE_CHECKING:
    from senet_viz.models import Model
    from senet_viz.workflows.comparison.uploads import PreparedImage

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
    inputs = name_inputs(model)
    prepared = get_image(model, inputs, brought, brought.digest, position)
    if isinstance(prepared, Failure):
        st.warning(escape(prepared.sentence), icon=":material/broken_image:")
        return
    block = page.recording.blocks[depth]
    image = f"{brought.digest}-{position}-{inputs}"
    steps = get_steps(model, page.recording, page.stamp, prepared, image, block.name, channels)
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
