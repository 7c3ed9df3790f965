"""The live panel of the page Gate lab: one image, some gates moved, predictions before and after at once."""

import re
from typing import TYPE_CHECKING

import streamlit as st

from senet_viz.analysis.comparison.result import Failure
from senet_viz.analysis.trial import STRENGTHS, TRIAL_BASELINES, Trial
from senet_viz.dashboard import captions, glossary, links
from senet_viz.dashboard.controls import prepare, row
from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import show_answer, show_downloads, show_figure
from senet_viz.dashboard.uploads import Brought, bring_images, name_upload, prepare_upload
from senet_viz.dashboard.waiting import load_networks, networks_can_wait, open_network, wait_for
from senet_viz.errors import ArgumentError, SenetVizError
from senet_viz.figures.trial import draw_strength_sweep, draw_trial
from senet_viz.recording.reader import Recording
from senet_viz.schema import label_blocks, label_classes
from senet_viz.stats.effect_parts import BASELINE_WORDS

if TYPE_CHECKING:
    from senet_viz.models.zoo import Model
    from senet_viz.workflows.comparison import PreparedImage


_MOST_RANGE = 100_000


@st.fragment
def show_live(page: Opened) -> None:
    """A fragment: what is moved here leaves the rest of the page alone."""
    st.header("Try it: one image", anchor="try", help=glossary.TRY)
    brought = bring_images(page)
    if brought is None:
        st.info(
            "Upload an image, or choose **Samples** or **Recording** above: the network says what it sees, untouched and with the gates that you "
            "move.",
            icon=":material/add_photo_alternate:",
        )
        return
    if networks_can_wait(page.recording):
        wait_for(
            load_networks(),
            "Loading PyTorch, once after the app has been started: the panel appears here in some seconds…",
        )
        return
    try:
        if (model := open_network(page)) is not None:
            _try(page, model, brought)
    except SenetVizError as error:
        st.error(escape(str(error)), icon=":material/error:")


def _try(page: Opened, model: "Model", brought: Brought) -> None:
    with row("try_where"):
        position = _pick_image(brought)
        blocks = _pick_blocks(page.recording)
        channels = _pick_channels() if len(blocks) == 1 else None
    with row("try_what"):
        baseline = _pick_baseline(page.recording)
        class_index = _pick_class(page.recording) if baseline == "class_mean" else None
        strength = _pick_strength()
    if not blocks:
        st.info("Choose a block, or several.", icon=":material/tune:")
        return
    image = brought.images[position]
    prepared = prepare_upload(model, image)
    if isinstance(prepared, Failure):
        st.warning(escape(prepared.sentence), icon=":material/broken_image:")
        return
    asked = (name_upload(model, image), blocks, baseline, channels, class_index)
    trial = get_trial(model, page.recording, page.stamp, prepared, *asked, (strength,))
    _show(page, prepared, trial)
    _show_strength_sweep(page, model, prepared, asked)


def _show(page: Opened, prepared: "PreparedImage", trial: Trial) -> None:
    show_answer(escape(trial.answer()), explained=glossary.TRY)
    for note in trial.notes:
        st.caption(escape(note))
    name = f"try-{trial.baseline}-{prepared.sha256[:8]}"
    figure = draw_trial(trial, page.screen.look, narrow=page.screen.narrow)
    left, right = st.columns([1, 4], gap="medium")
    with left:
        st.image(prepared.view, width=168, alt=f"{prepared.name} as the network saw it")
        st.caption(escape(prepared.name))
    with right:
        show_figure(figure, name=name, alt=f"Predictions before and after. {trial.answer()}")
    words = "the mean of the chosen class" if trial.baseline == "class_mean" else BASELINE_WORDS[trial.baseline]
    moved = ", ".join(
        f"{gate.label} {distance:.3f} ({channels:,} channels)"
        for gate, channels, distance in zip(trial.blocks, trial.channels, trial.distances)
    )
    st.caption(
        escape(
            f"{trial.baseline}: {words}. From the image's gates to there, RMS in units of s: {moved}. {captions.TRIAL_LIMITS}"
        )
    )
    show_downloads(trial.table(), figure, key="lab_try", name=name)


def _show_strength_sweep(
    page: Opened,
    model: "Model",
    prepared: "PreparedImage",
    asked: tuple[str, tuple[str, ...], str, tuple[int, ...] | None, int | None],
) -> None:
    """The dose curve, on demand: five forwards."""
    wanted = st.toggle(
        "Dose curve", key="try_dose", bind="query-params", persist_state="session",
        help="The same at strengths 0, .25, .5, .75 and 1.",
    )  # fmt: skip
    if not wanted:
        return
    trial = get_trial(model, page.recording, page.stamp, prepared, *asked, STRENGTHS)
    figure = draw_strength_sweep(trial, page.screen.look, narrow=page.screen.narrow)
    name = f"dose-{trial.baseline}-{prepared.sha256[:8]}"
    show_figure(figure, name=name, alt="Probability of the leading outputs at five strengths.")
    st.caption(captions.STRENGTH_SWEEP)
    show_downloads(trial.table(), figure, key="lab_dose", name=name)


@st.cache_resource(max_entries=256, show_spinner=False)
def get_trial(
    _model: "Model",
    _recording: Recording,
    stamp: str,
    _prepared: "PreparedImage",
    image: str,
    blocks: tuple[str, ...],
    baseline: str,
    channels: tuple[int, ...] | None,
    class_index: int | None,
    strengths: tuple[float, ...],
) -> Trial:
    """`try_intervention`, kept by the recording's stamp, the image and the choices."""
    from senet_viz.workflows.trial import try_intervention

    del stamp, image
    return try_intervention(
        _model, _prepared, _recording, blocks, baseline, strengths=strengths, channels=channels, class_index=class_index
    )


def _pick_image(brought: Brought) -> int:
    names = [f"{i}. {name}" for i, (name, _) in enumerate(brought.images, start=1)]
    if len(names) == 1:
        return 0
    prepare("try_image", "image", names)
    chosen = st.selectbox("Image", names, key="try_image", bind="query-params", persist_state="session", width=230)
    return names.index(chosen) if chosen else 0


def _pick_blocks(recording: Recording) -> tuple[str, ...]:
    labels = label_blocks(recording.blocks)
    prepare("try_block", "block", labels)
    picked = st.multiselect(
        "Blocks", labels, default=labels[-1:], key="try_block", bind="query-params", persist_state="session", width=300,
        on_change=links.forget_notices, help=glossary.BLOCK,
    )  # fmt: skip
    return tuple(gate.name for gate, label in zip(recording.blocks, labels) if label in picked)


def _pick_baseline(recording: Recording) -> str:
    options = [b for b in TRIAL_BASELINES if len(recording.classes) or "class" not in b]
    prepare("try_to", "baseline", options)
    chosen = st.selectbox(
        "Gates are moved to", options, key="try_to", bind="query-params", persist_state="session", width=230,
        on_change=links.forget_notices, help=glossary.COSTS,
    )  # fmt: skip
    return chosen or options[0]


def _pick_strength() -> float:
    return float(
        st.slider(
            "Strength", 0.0, 1.0, 1.0, 0.05, key="try_strength", bind="query-params", persist_state="session", width=220,
            help="0: untouched; 1: the baseline itself.",
        )
    )  # fmt: skip


def _pick_class(recording: Recording) -> int:
    labels = label_classes(recording.classes)
    prepare("try_class", "class", labels)
    chosen = st.selectbox(
        "Class", labels, key="try_class", bind="query-params", persist_state="session", width=230,
        on_change=links.forget_notices, help="Whose recorded mean gates the image is given.",
    )  # fmt: skip
    return labels.index(chosen) if chosen else 0


def _pick_channels() -> tuple[int, ...] | None:
    text = st.text_input(
        "Channels", key="try_channels", bind="query-params", persist_state="session", placeholder="all", width=200,
        help=glossary.TRY_CHANNELS,
    )  # fmt: skip
    return parse_channels(text or "")


def parse_channels(text: str) -> tuple[int, ...] | None:
    """Numbers and ranges, "3, 10-20", ascending; None where there is nothing.

    Raises:
        ArgumentError: something else.
    """
    found: set[int] = set()
    for part in re.split(r"[,;\s]+", text.strip()):
        match = re.fullmatch(r"(\d{1,6})(?:[-–](\d{1,6}))?", part)
        if part and match is None:
            raise ArgumentError(f"{part!r} is no channel: give numbers and ranges such as 3, 10-20.")
        if match is not None:
            first, last = int(match[1]), int(match[2] or match[1])
            if last < first or last - first > _MOST_RANGE:
                raise ArgumentError(f"{part!r} is no range of channels: give the smaller number first.")
            found |= set(range(first, last + 1))
    return tuple(sorted(found)) or None
