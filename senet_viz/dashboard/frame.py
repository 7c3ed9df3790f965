"""The frame of every page: its title, the sidebar's recording with what there is to know about it, the colours of its classes."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

from senet_viz.dashboard import glossary, links
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.mode import RECORDINGS, read_public
from senet_viz.dashboard.parts import show_shell_command
from senet_viz.dashboard.recordings import find_recordings, resolve
from senet_viz.dashboard.results import Loaded, load_recording
from senet_viz.dashboard.screen import Screen, watch_screen
from senet_viz.errors import SenetVizError
from senet_viz.figures.theme import colour_classes
from senet_viz.recording.options import describe_precision
from senet_viz.recording.reader import Recording
from senet_viz.schema import label_blocks, label_classes

_RECORDINGS_HELP = (
    f"The bundled recording, those under `runs/` and those that the environment variable `{RECORDINGS}` names."
)
_FIRST_COMMAND = "senet-viz record --model bundled --data digits --out runs/digits"


@dataclass(frozen=True)
class Opened(Loaded):
    """A recording that a page shows, and the reader's screen."""

    screen: Screen


def open_page(title: str, question: str) -> Opened:
    """Title, question and the sidebar's picker; the script stops here where there is no recording to show."""
    screen = open_plain_page(title, question)
    found = find_recordings()
    with st.sidebar:
        choice = pick_recording("Recording", list(found), "recording", help_text=_RECORDINGS_HELP)
    if not choice:
        _explain_first_run()
        st.stop()
    try:
        loaded = load_recording(resolve(choice, found))
        recording, labels = loaded.recording, loaded.recording.describe_classes()
    except (SenetVizError, OSError) as error:
        explain_problem(choice, found, error)
        st.stop()
    _describe(recording, labels)
    if not recording.manifest.progress.get("images", 1):
        st.info(
            "No image has been recorded yet: come back when the recording has gone on.", icon=":material/hourglass:"
        )
        st.stop()
    if not recording.complete:
        done, total = recording.manifest.progress.get("images", 0), recording.manifest.data.get("images", 0)
        st.warning(
            f"This recording is not finished: {done:,} of {total:,} images so far. What is shown is of these; the command "
            "that started it goes on where it stopped.",
            icon=":material/hourglass:",
        )
    remember_texts(recording)
    return Opened(recording, loaded.stamp, screen)


def remember_texts(recording: Recording) -> None:
    """Labels of a recording, so that sentences show them as they are."""
    links.remember_names(
        (*label_blocks(recording.blocks), *(g.label for g in recording.blocks), *label_classes(recording.classes))
    )


def pick_recording(label: str, names: list[str], key: str, *, help_text: str) -> str | None:
    """The choice of one of these recordings, or of a folder that is typed; in public only of one of these."""
    typed = read_public() is None
    if not typed:
        links.note_unknown(key, "recording", names, owner="this server")
        links.keep_known(key, names)
    return st.selectbox(
        label, names, key=key, bind="query-params", persist_state="session", accept_new_options=typed,
        placeholder="Type a folder" if typed else "Choose a recording", index=0 if names else None,
        on_change=links.forget_notices, help=f"{help_text} Or type the path of a recording's folder." if typed else None,
    )  # fmt: skip


def open_plain_page(title: str, question: str) -> Screen:
    """Title and question of a page that shows no recording."""
    st.title(title, anchor=False)
    st.caption(question, help=glossary.WORDS)
    return watch_screen()


def _explain_first_run() -> None:
    st.info("There is no recording yet: a page shows what a recording holds.", icon=":material/inventory_2:")
    if read_public() is not None:
        return
    st.markdown(
        "A recording is a folder with the gates that a network computed for a set of images. Make one from "
        "scikit-learn's digits, which takes one to a few minutes and downloads nothing:"
    )
    show_shell_command(_FIRST_COMMAND)
    st.markdown(
        "Then reload this page: recordings under `runs/` are found by themselves. If you have a recording elsewhere, "
        "type its folder under **Recording** in the sidebar."
    )


def explain_problem(choice: str, found: Mapping[str, Path], error: Exception) -> None:
    """Why a recording could not be opened, and what to do now."""
    st.error(escape(str(error)), icon=":material/folder_off:")
    if read_public() is not None:
        st.markdown("Choose another recording in the sidebar.")
        return
    st.markdown(
        "Choose another recording in the sidebar. If this one lies on a disk that was removed, connect it and reload. "
        "What is damaged is told by:"
    )
    show_shell_command(f"senet-viz verify {shlex.quote(str(resolve(choice, found)))}")


def _describe(recording: Recording, labels: str) -> None:
    """The recording's card in the sidebar."""
    manifest = recording.manifest
    images = manifest.progress.get("images", manifest.data.get("images", 0))
    badges: list[tuple[str, str, Literal["gray", "green", "orange"], str]] = []
    if recording.form == "slim":
        badges.append(("slim", "compress", "gray", glossary.SLIM))
    elif recording.complete:
        badges.append(("complete", "check_circle", "green", glossary.COMPLETE))
    else:
        badges.append(("unfinished", "hourglass", "orange", glossary.COMPLETE))
    if (precision := describe_precision(manifest.options)) != "fp32":
        difference = ", ".join(f"{name} {value:.2g}" for name, value in (manifest.precision_difference or {}).items())
        measured = f" Measured on the first images: {escape(difference)}." if difference else ""
        badges.append((precision.removeprefix("fp32, "), "warning", "orange", f"{glossary.PRECISION}{measured}"))
    if recording.n_kept < images:
        badges.append((f"{recording.n_kept:,} kept", "inventory_2", "gray", glossary.KEPT))
    nonfinite = manifest.progress.get("nonfinite", 0)
    if nonfinite:
        badges.append((f"{nonfinite:,} not finite", "warning", "orange", glossary.NONFINITE))
    if skipped := manifest.progress.get("errors", 0) - nonfinite:
        listed = "Images that could not be read; they are listed in the recording's errors files."
        badges.append((f"{skipped:,} skipped", "image_not_supported", "orange", listed))
    with st.sidebar:
        st.markdown(
            f"**{escape(str(manifest.model.get('name', 'model')))}**  \n{escape(str(manifest.data.get('name', 'data')))}"
            f" · {images:,} images · {labels} · {len(recording.blocks)} blocks"
        )
        with st.container(horizontal=True, gap="small"):
            for text, icon, colour, explained in badges:
                st.badge(escape(text), icon=f":material/{icon}:", color=colour, help=explained)


def assign_colours(page: Opened, classes: Sequence[int]) -> dict[int, str]:
    """Colours of these classes and of those that were shown before."""
    memory = st.session_state.setdefault("class_colours", {})
    colours = memory[page.recording.id] = colour_classes(classes, memory.get(page.recording.id))
    return colours
