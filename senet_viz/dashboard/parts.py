"""What every page shows in the same way: a figure, the table under it, an answer, files to take along, commands to copy."""

import contextlib
import shlex
import shutil
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from senet_viz.dashboard.controls import pick_one
from senet_viz.dashboard.links import escape, escape_all_but_bold
from senet_viz.dashboard.mode import hide_paths, read_public
from senet_viz.errors import SenetVizError
from senet_viz.figures.theme import Picture, chart_config, page_of
from senet_viz.text import defuse, seconds_text

PROGRAM = "senet-viz"


def show_shell_command(command: str) -> None:
    """A command that begins with `senet-viz`; where that would not be found, its path stands in its place.

    In public it is for the visitor's own machine.
    """
    _, space, rest = command.partition(" ")
    program = find_program() if read_public() is None else PROGRAM
    st.code(program + space + hide_paths(rest), language=None, wrap_lines=True)


def find_program() -> str:
    """What starts this installation's program in a shell: its name, or its path where the environment is not activated."""
    beside = Path(sys.executable).with_name(PROGRAM)
    named = shutil.which(PROGRAM)
    if named is not None and Path(named).absolute() == beside.absolute():
        return PROGRAM
    if not beside.is_file():
        return f"{shlex.quote(sys.executable)} -m senet_viz"
    here = Path.cwd()
    near = beside.relative_to(here) if beside.is_relative_to(here) else beside
    return shlex.quote(str(near))


CAMERA: dict[str, Picture] = {"PNG": "png", "SVG": "svg"}
_CAMERA_KEY = "camera"
_CAMERA_HELP = (
    "What the camera above every figure of this app saves. **PNG**: pixels, in double resolution. **SVG**: drawn again "
    "at any size, for papers and slides; a map stays an image inside."
)


def show_answer(sentence: str, *, explained: str | None = None) -> None:
    """The page's answer, above the figure that carries it; how it was computed is in its tooltip.

    What stands between `**` is bold, all else is shown as it is.
    """
    with st.container(border=True):
        st.markdown(escape_all_but_bold(sentence), help=explained)


def agree_to_compute(words: str, seconds: float, *, key: str) -> bool:
    """A button with its price, which goes when it is pressed; whether it was."""
    price = f"about {seconds_text(seconds)}" if seconds >= 1 else "under a second"
    button = st.empty()
    pressed = button.button(f"{words} ({price})", icon=":material/function:", key=key)
    if pressed:
        button.empty()
    return pressed


@contextlib.contextmanager
def telling_problems(icon: str = "error") -> Iterator[None]:
    """Ends what is done in it at an error of ours, and says it there."""
    try:
        yield
    except SenetVizError as error:
        st.error(escape(str(error)), icon=f":material/{icon}:")


def show_figure(
    figure: go.Figure,
    *,
    name: str,
    alt: str,
    key: str = "",
    camera: bool = False,
    on_point: Callable[[Mapping[str, Any]], None] | None = None,
) -> None:
    """A figure over the whole width; `name` is that of the picture that its mode bar saves.

    `key` says which figure of the page it is, where its name changes with choices: then it is drawn anew in its place.
    `camera` keeps the camera in sight; else the mode bar comes with the pointer. `on_point` is called, before the page
    runs again, with a point that was clicked: its "x", "y", "customdata".
    """
    config = chart_config(name, picture=chosen_picture(), camera=camera)
    place = f"figure_{key or name}"
    if on_point is None:
        st.plotly_chart(figure, theme=None, config=config, key=place, alt=alt)
        return

    def hand_over() -> None:
        if points := st.session_state[place].selection.points:
            on_point(points[0])

    st.plotly_chart(figure, theme=None, config=config, key=place, alt=alt, selection_mode="points", on_select=hand_over)


@st.cache_resource(max_entries=64, show_spinner=False)
def keep_figure(key: tuple[object, ...], _draw: Callable[[], go.Figure]) -> go.Figure:
    """What `_draw` gives, kept for the page's next runs; not to be changed.

    Args:
        key: all that the figure depends on: its name, the stamp of its recording, the choices, the screen.
    """
    del key
    return _draw()


def choose_picture() -> None:
    """The session's choice of what the cameras of all figures save; a page shows it once at most."""
    pick_one("Camera saves", list(CAMERA), _CAMERA_KEY, kind="picture format", help_text=_CAMERA_HELP)


def chosen_picture() -> Picture:
    """Format of the pictures that cameras save: the session's choice, else the link's, else PNG."""
    chosen = st.session_state.get(_CAMERA_KEY) or st.query_params.get(_CAMERA_KEY)
    return CAMERA.get(str(chosen), "png")


def show_result(
    figure: go.Figure, table: pd.DataFrame, *, name: str, key: str, alt: str, caption: str, explained: str | None = None,
    named: bool = False, on_point: Callable[[Mapping[str, Any]], None] | None = None, digits: int = 4,
) -> None:  # fmt: skip
    """A figure, how it is read (in a tooltip, `explained`: how it was computed), and its numbers.

    `key` is of the fold and of the figure; `named`: the figure is known by its name instead. The rest is as in `show_figure`.
    """
    show_figure(figure, name=name, key="" if named else key, alt=alt, on_point=on_point)
    st.caption(caption, help=explained)
    show_downloads(table, figure, key=key, name=name, digits=digits)


def show_downloads(table: pd.DataFrame, figure: go.Figure | None, *, key: str, name: str, digits: int = 4) -> None:
    """The figure's numbers in a fold, to read and to download, and the figure as a page of its own.

    The numbers alone where there is no `figure`, or where the figures beside them are many.
    """
    title = "Table and download" if figure is None else "Table and downloads"
    fold = st.expander(title, icon=":material/table:", key=f"fold_{key}", on_change="rerun")
    if not fold.open:
        return
    with fold:
        columns = format_numbers([c for c, kind in table.dtypes.items() if kind.kind == "f"], f"%.{digits}f")
        st.dataframe(table, hide_index=True, height=320, column_config=columns, alt=f"Table: {name}")
        if figure is None:
            offer_table(table, key=key, name=name)
            return
        offer_files(table, figure, key=key, name=name)
        st.caption(
            f"A picture ({chosen_picture().upper()}): the camera above the figure. The page Export chooses PNG or SVG."
        )


def format_numbers(columns: Iterable[Hashable], form: str) -> dict[str, Any]:
    """Columns of a table whose numbers are told in one form, a printf one or one of Streamlit's."""
    return {str(column): st.column_config.NumberColumn(format=form) for column in columns}


def offer_files(table: pd.DataFrame, figure: go.Figure, *, key: str, name: str) -> None:
    """Buttons that download the figure as a page of its own and its numbers; both are made on the click."""
    picture = chosen_picture()
    with st.container(horizontal=True):
        st.download_button(
            "Figure (HTML)", lambda: page_of(figure, name=name, picture=picture), file_name=f"{name}.html",
            mime="text/html", key=f"html_{key}", on_click="ignore", icon=":material/download:",
        )  # fmt: skip
        offer_table(table, key=key, name=name)


def write_csv(table: pd.DataFrame) -> bytes:
    """A table as CSV; texts and headings that a spreadsheet would run as formulas are defused, numbers are as they are."""
    safe = table.rename(columns=lambda heading: defuse(str(heading)))
    for name in safe.columns[[kind.kind not in "biuf" for kind in safe.dtypes]]:
        safe[name] = safe[name].map(lambda cell: defuse(cell) if isinstance(cell, str) else cell)
    return safe.to_csv(index=False).encode("utf-8", "replace")


def offer_table(table: pd.DataFrame, *, key: str, name: str) -> None:
    """A button that downloads a table; the file is made on the click."""
    st.download_button(
        "Table (CSV)", lambda: write_csv(table), file_name=f"{name}.csv", mime="text/csv",
        key=f"csv_{key}", on_click="ignore", icon=":material/download:",
    )  # fmt: skip
