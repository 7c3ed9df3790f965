"""The page Gate lab's freeze advice: which gates constants can replace, read from what `senet-viz freeze` stored."""

import streamlit as st

from senet_viz.analysis.freezing import FREEZING, FreezeAdvice, FreezePath, answer_freezing, read_freezing
from senet_viz.dashboard import captions, glossary, links
from senet_viz.dashboard.commands import show_command
from senet_viz.dashboard.frame import Opened, escape
from senet_viz.dashboard.lab_missing import make_freeze_command
from senet_viz.dashboard.parts import show_answer, show_downloads, show_figure
from senet_viz.errors import SenetVizError
from senet_viz.figures.effects import draw_freezing
from senet_viz.recording import Recording

_LEAST, _MOST, _DEFAULT, _STEP = 0.1, 10.0, 1.0, 0.1


@st.fragment
def show_freezing(page: Opened) -> None:
    """A fragment: another accepted loss leaves the rest of the page alone, and nothing is computed for it."""
    st.header("Freeze advice", anchor=False, help=glossary.FREEZING)
    path = find_freezing(page)
    if path is None:
        _explain_missing(page.recording)
        return
    loss = float(
        st.slider(
            "Accepted loss of top-1 accuracy, points", _LEAST, _MOST, _DEFAULT, _STEP, format="%.1f",
            key="freeze_loss", bind="query-params", persist_state="session", width=420, on_change=links.forget_notices,
            help="Settle it before you look: a loss that is chosen to fit the figure confirms nothing.",
        )
    )  # fmt: skip
    advice = path.advise(loss)
    show_answer(escape_answer(advice), explained=glossary.FREEZING)
    for note in path.notes:
        st.caption(escape(note))
    figure = draw_freezing(advice, page.screen.look, narrow=page.screen.narrow)
    name = f"freeze-advice-{page.recording.id[:8]}"
    show_figure(figure, name=name, alt="What freezing more and more gates costs, on both halves of the images.")
    st.caption(captions.FREEZING)
    show_downloads(path.table(), figure, key="lab_freezing", name=name)


def find_freezing(page: Opened) -> FreezePath | None:
    """The path beside the recording; None where there is none, after a warning where it is damaged or of something else."""
    try:
        file = page.recording.path / FREEZING
        changed = file.stat().st_mtime_ns if file.is_file() else 0
        path = _read(page.recording, f"{page.stamp}-{changed}")
    except (SenetVizError, OSError) as error:
        st.warning(escape(str(error)), icon=":material/history:")
        return None
    return path if path is not None and path.complete else None


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(_recording: Recording, stamp: str) -> FreezePath | None:
    del stamp
    return read_freezing(_recording)


def escape_answer(advice: FreezeAdvice) -> str:
    """The answer in markdown; its own bold stays."""
    return "**".join(escape(part) for part in answer_freezing(advice).split("**"))


def _explain_missing(recording: Recording) -> None:
    st.info(
        "Which gates can be frozen to constants is not stored with this recording.",
        icon=":material/ac_unit:",
    )
    st.markdown(
        "One command finds it out and lays it here: it freezes gate after gate, chosen on one half of the images and confirmed on "
        "the other (it tells how long it takes, and goes on where it was stopped):"
    )
    show_command(make_freeze_command(recording))
