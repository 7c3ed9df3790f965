"""The recordings of a folder, to be opened, renamed and deleted, and one anywhere, to be opened by its path."""

from pathlib import Path

import streamlit as st

from senet_viz.dashboard.frame import escape
from senet_viz.dashboard.jobs import KeptRecording, delete_recording, list_contents, list_recordings, rename_recording
from senet_viz.dashboard.notices import Colour, attempt, open_recording_page
from senet_viz.errors import SenetVizError
from senet_viz.paths import expand_home, tell_refusal
from senet_viz.recording import holds_recording
from senet_viz.text import bytes_text

_FIRST_SHOWN = 20
_ASKED = "record_asked"
_BADGES: dict[str, tuple[str, Colour]] = {
    "complete": (":material/check_circle:", "green"),
    "slim": (":material/compress:", "gray"),
    "unfinished": (":material/hourglass:", "orange"),
    "being written": (":material/edit:", "blue"),
    "damaged": (":material/error:", "red"),
}


def show_recordings(root: Path) -> None:
    """A row for every recording of the folder."""
    kept = list_recordings(root)
    st.header("Recordings in this folder", anchor=False)
    if not kept:
        st.info("There is none yet: check and start one above.", icon=":material/inventory_2:")
    every = len(kept) <= _FIRST_SHOWN or st.toggle(f"Show all {len(kept):,}", key="record_show_all")
    for row in kept if every else kept[:_FIRST_SHOWN]:
        with st.container(border=True, key=f"kept_{row.name}"):
            _draw_row(row)
    question, name = st.session_state.get(_ASKED, ("", ""))
    asked = next((row for row in kept if row.name == name), None)
    if asked is not None and question == "rename":
        _rename(root, name)
    elif asked is not None:
        _delete(root, asked)


def _draw_row(row: KeptRecording) -> None:
    icon, colour = _BADGES[row.state]
    told, buttons = st.columns([2, 1], gap="small", vertical_alignment="center")
    with told, st.container(gap=None):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.markdown(f"**{escape(row.name)}**", width="content")
            st.badge(row.state, icon=icon, color=colour)
        st.caption(_describe(row))
    busy = row.state == "being written"
    with buttons, st.container(horizontal=True, gap="small", vertical_alignment="center", horizontal_alignment="right"):
        if st.button(
            "Open", icon=":material/ssid_chart:", key=f"kept_open_{row.name}", disabled=row.state == "damaged"
        ):
            open_recording_page(row.path)
        st.button(
            "Rename", icon=":material/edit:", type="tertiary", key=f"kept_rename_{row.name}",
            disabled=busy or row.state == "damaged", on_click=_ask, args=("rename", row.name),
        )  # fmt: skip
        st.button(
            "Delete", icon=":material/delete:", type="tertiary", key=f"kept_delete_{row.name}", disabled=busy,
            on_click=_ask, args=("delete", row.name),
        )  # fmt: skip


def _describe(row: KeptRecording) -> str:
    if row.problem:
        return escape(row.problem)
    images = f"{row.images:,} images" if row.images == row.total else f"{row.images:,} of {row.total:,} images"
    changed = row.changed[:16].replace("T", " ")
    return f"{escape(row.model)} on {escape(row.data)} · {images} · {bytes_text(row.bytes)} · {changed} UTC"


def _ask(question: str, name: str) -> None:
    """Opens a dialog; it stays open when a job ends meanwhile and the page is drawn anew."""
    st.session_state[_ASKED] = (question, name)


def _answered() -> None:
    st.session_state.pop(_ASKED, None)


@st.dialog("Rename a recording", icon=":material/edit:", on_dismiss=_answered)
def _rename(root: Path, name: str) -> None:
    new = st.text_input("New name", name, key=f"rename_{name}")
    if st.button("Rename it", type="primary", key="rename_confirm"):
        try:
            rename_recording(root, name, new or "")
        except SenetVizError as error:
            st.error(escape(str(error)), icon=":material/block:")
        else:
            _answered()
            st.rerun()


@st.dialog("Delete a recording for good?", icon=":material/delete:", on_dismiss=_answered)
def _delete(root: Path, row: KeptRecording) -> None:
    try:
        contents = list_contents(root, row.name)
    except SenetVizError as error:
        st.error(escape(str(error)), icon=":material/block:")
        return
    st.markdown(f"**{escape(row.name)}**: {_describe(row)}")
    st.markdown(f"{len(contents.names)} files are deleted with their folder. It can not be undone.")
    st.code(str(contents.path), language=None, wrap_lines=True)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep it", key="delete_dismiss"):
            _answered()
            st.rerun()
        if st.button("Delete it", type="primary", icon=":material/delete:", key="delete_confirm"):
            _answered()
            attempt(lambda: delete_recording(root, row.name))


def open_elsewhere() -> None:
    """A recording anywhere, by its path."""
    with st.form("record_elsewhere", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input("Open a recording elsewhere", placeholder="path of its folder", key="record_path")
        asked = st.form_submit_button("Open", icon=":material/folder_open:", key="record_path_open")
    if not asked or not typed:
        return
    path = expand_home(typed.strip())
    if holds_recording(path):
        open_recording_page(path.absolute())
    if reason := tell_refusal(path):
        st.error(escape(f"{path} could not be opened ({reason}): check it."), icon=":material/folder_off:")
        return
    st.error(
        escape(f"{path} holds no recording: give a folder that `senet-viz record` wrote."), icon=":material/folder_off:"
    )
