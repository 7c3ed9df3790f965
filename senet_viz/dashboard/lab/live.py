"""The live panel of the page Gate lab: one image, some gates moved, predictions before and after at once."""

import re
from typing import TYPE_CHECKING

import streamlit as st

from senet_viz.analysis.trial import STRENGTHS, TRIAL_BASELINES, Trial
from senet_viz.dashboard import captions, glossary
from senet_viz.dashboard.controls import pick, pick_several, row
from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import show_answer, show_downloads, show_figure, show_result, telling_problems
from senet_viz.dashboard.results import Loaded, keep
from senet_viz.dashboard.uploads import Uploads, choose_uploads, name_upload, pick_upload, prepare_or_warn
from senet_viz.dashboard.visitors import keep_place
from senet_viz.dashboard.waiting import open_network, wait_for_networks
from senet_viz.errors import ArgumentError
from senet_viz.figures.trial import draw_strength_sweep, draw_trial
from senet_viz.recording.reader import Recording
from senet_viz.schema import label_blocks, label_classes
from senet_viz.stats.effect_parts import BASELINE_WORDS

if TYPE_CHECKING:
    from senet_viz.models.zoo import Model
    from senet_viz.workflows.comparison import PreparedImage


_MOST_RANGE = 100_000
# The image by `name_upload`, names of blocks, baseline, channels, index of a class.
_Asked = tuple[str, tuple[str, ...], str, tuple[int, ...] | None, int | None]


@st.fragment
def show_trial(page: Opened) -> None:
    """A fragment: what is moved here leaves the rest of the page alone."""
    keep_place()
    st.header("Try it: one image", anchor="try", help=glossary.TRY)
    uploads = choose_uploads(page)
    if uploads is None:
        st.info(
            "Upload an image, or choose **Samples** or **Recording** above: the network says what it sees, untouched and with the gates that you "
            "move.",
            icon=":material/add_photo_alternate:",
        )
        return
    if wait_for_networks(page.recording, "the panel appears here"):
        return
    with telling_problems():
        if (model := open_network(page)) is not None:
            _try(page, model, uploads)


def _try(page: Opened, model: "Model", uploads: Uploads) -> None:
    with row("try_where"):
        position = pick_upload(uploads, "try_image")
        blocks = _pick_blocks(page.recording)
        channels = _pick_channels() if len(blocks) == 1 else None
    with row("try_what"):
        options = [b for b in TRIAL_BASELINES if len(page.recording.classes) or "class" not in b]
        baseline = pick("Gates are moved to", options, "try_to", kind="baseline", width=230, help_text=glossary.COSTS)
        class_index = None
        if baseline == "class_mean":
            labels, about = label_classes(page.recording.classes), "Whose recorded mean gates the image is given."
            class_index = labels.index(pick("Class", labels, "try_class", kind="class", width=230, help_text=about))
        strength = st.slider(
            "Strength", 0.0, 1.0, 1.0, 0.05, key="try_strength", bind="query-params", persist_state="session", width=220,
            help="0: untouched; 1: the baseline itself.",
        )  # fmt: skip
    if not blocks:
        st.info("Choose a block, or several.", icon=":material/tune:")
        return
    image = uploads.images[position]
    if (prepared := prepare_or_warn(model, image)) is None:
        return
    asked = (name_upload(model, image), blocks, baseline, channels, class_index)
    trial = get_trial(page, asked, (float(strength),), _model=model, _prepared=prepared)
    _show(page, prepared, trial)
    _show_strength_sweep(page, model, prepared, asked)


def _show(page: Opened, prepared: "PreparedImage", trial: Trial) -> None:
    show_answer(trial.answer(), explained=glossary.TRY)
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
    there = f"From the image's gates to there, RMS in units of s: {moved}. {captions.TRIAL_LIMITS}"
    st.caption(escape(f"{trial.baseline}: {words}. {there}"))
    show_downloads(trial.table(), figure, key="lab_try", name=name)


def _show_strength_sweep(page: Opened, model: "Model", prepared: "PreparedImage", asked: _Asked) -> None:
    """The dose curve, on demand: five forwards."""
    wanted = st.toggle(
        "Dose curve", key="try_dose", bind="query-params", persist_state="session",
        help="The same at strengths 0, .25, .5, .75 and 1.",
    )  # fmt: skip
    if not wanted:
        return
    trial = get_trial(page, asked, STRENGTHS, _model=model, _prepared=prepared)
    figure = draw_strength_sweep(trial, page.screen.look, narrow=page.screen.narrow)
    show_result(
        figure, trial.table(), name=f"dose-{trial.baseline}-{prepared.sha256[:8]}", key="lab_dose", named=True,
        alt="Probability of the leading outputs at five strengths.", caption=captions.STRENGTH_SWEEP,
    )  # fmt: skip


@keep(256, shared=True)
def get_trial(
    page: Loaded, asked: _Asked, strengths: tuple[float, ...], *, _model: "Model", _prepared: "PreparedImage"
) -> Trial:
    """`try_intervention`, kept by what is asked and the strengths."""
    from senet_viz.workflows.trial import try_intervention

    _, blocks, baseline, channels, index = asked
    return try_intervention(
        _model, _prepared, page.recording, blocks, baseline, strengths=strengths, channels=channels, class_index=index
    )


def _pick_blocks(recording: Recording) -> tuple[str, ...]:
    labels = label_blocks(recording.blocks)
    picked = pick_several(
        "Blocks", labels, "try_block", kind="block", default=labels[-1:], width=300, help_text=glossary.BLOCK
    )
    return tuple(gate.name for gate, label in zip(recording.blocks, labels) if label in picked)


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
