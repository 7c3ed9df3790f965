"""Export: the statistics of every channel and class as a file, and the figures as pages and pictures."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from senet_viz.dashboard import captions, glossary, links, writing
from senet_viz.dashboard.controls import (
    SPREAD_VIEWS,
    pick,
    pick_block,
    pick_draw,
    pick_figure_blocks,
    pick_figure_classes,
    pick_map,
    pick_one,
    pick_several,
    row,
)
from senet_viz.dashboard.distributions import NONE_KEPT
from senet_viz.dashboard.frame import Opened, assign_colours, open_page
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.mode import read_public
from senet_viz.dashboard.parts import (
    choose_picture,
    offer_files,
    show_answer,
    show_figure,
    show_shell_command,
    telling_problems,
)
from senet_viz.dashboard.results import (
    get_distribution,
    get_estimate,
    get_map,
    get_panels,
    get_ranking,
    name_channel,
    name_map,
    name_profiles,
)
from senet_viz.errors import SenetVizError
from senet_viz.figures.distributions import draw_class_map, draw_distribution, draw_panels
from senet_viz.figures.theme import DARK, LIGHT, Look
from senet_viz.paths import expand_home
from senet_viz.recording.export import SIDE_ENDING, ExportEstimate, free_path, name_statistics
from senet_viz.recording.statistics import ALL, name_export_command, statistics_columns
from senet_viz.schema import label_blocks, label_classes
from senet_viz.text import bytes_text

FORMATS = {"Parquet": ".parquet", "CSV": ".csv", "JSON": ".json", "NPZ": ".npz"}
FORMAT_HELP = (
    "**Parquet**: typed and small; pandas, polars, duckdb. **CSV**: read everywhere; no value is an empty field. "
    "**JSON**: rows as objects, the recording's id inside; no value is null. **NPZ**: an array a column, for NumPy; no "
    "value is NaN."
)
WHOLE_SET = "all images (class −1)"


@dataclass(frozen=True)
class Choice:
    """What the file is to hold: its format, and the chosen blocks and classes, None for all."""

    format: str
    blocks: tuple[str, ...] | None
    classes: tuple[int, ...] | None

    @property
    def ending(self) -> str:
        return FORMATS[self.format]

    def key(self, page: Opened) -> tuple[object, ...]:
        """Under which its file is found again: plain values, as a page's own types are new in every run."""
        return (page.stamp, self.ending, self.blocks, self.classes)


def choose_table(page: Opened) -> Choice:
    """Format, blocks and classes; nothing chosen means all."""
    recording = page.recording
    chosen = pick_one("Format", list(FORMATS), "format", help_text=FORMAT_HELP)
    with st.container(key="export_table"):
        left, right = st.columns(2)
    labels = label_blocks(recording.blocks)
    with left:
        blocks = pick_several(
            "Blocks", labels, "export_block", kind="block", placeholder=f"All {len(labels)} blocks", help_text=glossary.BLOCK
        )  # fmt: skip
    names = (WHOLE_SET, *label_classes(recording.classes))
    several = f"All {len(names) - 1:,} classes, and all images" if len(names) > 2 else "The class, and all images"
    with right:
        classes = pick_several(
            "Classes", names, "export_class", kind="class",
            placeholder=several if len(names) > 1 else "All images: there are no labels",
            help_text="Nothing chosen means all classes and the row of all images. Type to search.",
        )  # fmt: skip
    modules = tuple(recording.blocks[labels.index(label)].name for label in blocks)
    ids = tuple(sorted(names.index(name) + ALL for name in classes))
    some_blocks, some_classes = 0 < len(modules) < len(labels), 0 < len(ids) < len(names)
    return Choice(chosen, modules if some_blocks else None, ids if some_classes else None)


def describe_export(page: Opened, choice: Choice, size: ExportEstimate) -> str:
    """The page's answer: what the file will hold, and how large it will be."""
    recording = page.recording
    blocks = len(recording.blocks) if choice.blocks is None else len(choice.blocks)
    count = len(recording.classes) if choice.classes is None else len([k for k in choice.classes if k != ALL])
    whole = choice.classes is None or ALL in choice.classes
    classes = f"{count:,} class{'es' if count > 1 else ''}" if count else ""
    over = " and ".join(filter(None, [classes, "all images" if whole else ""]))
    return (
        f"**{size.rows:,} rows × {size.columns} columns, about {bytes_text(size.bytes)} as {choice.format}**: a row for every "
        f"channel of {blocks} block{'s' if blocks > 1 else ''}, for {over}."
    )


def show_file(page: Opened, choice: Choice, size: ExportEstimate) -> None:
    """Prepares the file in the background and hands it over."""
    room = writing.writing_room()
    name = name_statistics(page.recording, choice.ending, blocks=choice.blocks, classes=choice.classes)
    job = room.find(choice.key(page))
    most = writing.most_download()
    too_large = size.bytes > most or (job is not None and job.ready and job.size > most)
    if too_large and read_public() is not None:
        st.info(
            f"A file above {bytes_text(most)} is not made on this server: choose fewer blocks or classes.",
            icon=":material/folder:",
        )
        return
    folder = _ask_folder() if too_large else None
    written = job is not None and job.ready and job.path.parent == folder
    place = job.path if job is not None and written else free_path(folder / name, SIDE_ENDING) if folder else Path(name)
    if job is not None and job.running:
        watch(job)
    elif job is not None and written:
        _show_written(job)
    elif job is not None and job.ready and not too_large:
        _offer_download(job, choice)
    else:
        _offer_start(page, choice, size, folder, name, too_large=too_large)
        if job is not None and job.error and folder in (None, job.path.parent):
            st.error(escape(job.error), icon=":material/error:")
        elif job is not None and job.stopped:
            st.info("Stopped; nothing was written.", icon=":material/cancel:")
    command = name_export_command(page.recording, place, blocks=choice.blocks, classes=choice.classes)
    st.caption("The same file from a terminal:")
    show_shell_command(command)


def _ask_folder() -> Path | None:
    st.info(
        f"A file above {writing.MOST_DOWNLOAD / 1e6:,.0f} MB is not sent through the browser: it is written into a folder of "
        "the machine that this app runs on.",
        icon=":material/folder:",
    )
    typed = st.text_input(
        "Folder", key="export_folder", persist_state="session", placeholder="A folder that exists, e.g. ~/exports"
    )
    return expand_home(typed.strip()).absolute() if typed and typed.strip() else None


def _offer_start(
    page: Opened, choice: Choice, size: ExportEstimate, folder: Path | None, name: str, *, too_large: bool
) -> None:
    label = "Write into the folder" if too_large else f"Prepare {choice.format} file"
    if not st.button(label, type="primary", icon=":material/table_view:", key="prepare"):
        return
    if too_large and folder is None:
        st.error("Name the folder into which the file is to be written.", icon=":material/folder_off:")
        return
    wanted = writing.Wanted(page.recording.path, choice.blocks, choice.classes)
    try:
        job = writing.writing_room().start(choice.key(page), wanted, name, bytes_needed=size.bytes, folder=folder)
    except (SenetVizError, OSError) as error:
        st.error(escape(str(error)), icon=":material/folder_off:")
        return
    job.wait(0.5)
    st.rerun()


@st.fragment(run_every=0.5)
def watch(job: writing.WritingJob) -> None:
    """The progress of a file, until it is there."""
    if not job.running:
        st.rerun()
    text = f"Writing: {job.done} of {job.total or '…'} blocks"
    if job.total and job.done == job.total:
        text = "All blocks are written; the file is being closed"
    st.progress(job.done / job.total if job.total else 0.0, text=text)
    st.button("Stop", on_click=job.stop, icon=":material/cancel:", key="stop")


def _offer_download(job: writing.WritingJob, choice: Choice) -> None:
    mime = {".csv": "text/csv", ".json": "application/json"}.get(choice.ending, "application/octet-stream")
    with st.container(horizontal=True):
        st.download_button(
            f"Download {job.path.name} ({bytes_text(job.size)})", job.path.read_bytes, file_name=job.path.name, mime=mime,
            key="download", on_click="ignore", type="primary", icon=":material/download:",
        )  # fmt: skip
        st.download_button(
            "Side file (JSON)", job.side.read_bytes, file_name=job.side.name, mime="application/json", key="side",
            on_click="ignore", icon=":material/download:",
            help="The id of the recording, its model and its data: it tells later where the numbers came from.",
        )  # fmt: skip


def _show_written(job: writing.WritingJob) -> None:
    st.success(
        f"Written: {bytes_text(job.size)}, and the side file with the recording's id beside it.",
        icon=":material/check_circle:",
    )
    st.code(str(job.path), language=None, wrap_lines=True)


def explain_columns(page: Opened) -> None:
    """Each column with its unit and definition, in a fold."""
    keeps_all = page.recording.keeps_all
    fold = st.expander("What the columns say", icon=":material/help:", key="fold_columns", on_change="rerun")
    if not fold.open:
        return
    with fold:
        rows = [(f"`{c.name}`", c.unit, c.definition) for c in statistics_columns(quantiles=keeps_all)]
        st.table(pd.DataFrame(rows, columns=["column", "unit", "what it says"]), hide_index=True, border="horizontal")
        if not keeps_all:
            st.caption(
                "There are no quantiles: they are given only where the gates of all images are kept "
                f"(here: {page.recording.n_kept:,} images)."
            )


def show_table_export(page: Opened) -> None:
    """The answer, the choices, the file and what its columns say."""
    answer = st.container()
    st.header("The statistics", anchor=False)
    choice = choose_table(page)
    size = get_estimate(page, choice.ending, choice.blocks, choice.classes)
    with answer:
        show_answer(
            describe_export(page, choice, size),
            explained="The rows are exact. The bytes are told from the real encoding of a part of one block.",
        )
    show_file(page, choice, size)
    explain_columns(page)


FIGURES = ("Fig. 6", "Fig. 7", "Class × channel map", "One channel")


def show_figure_export(page: Opened) -> None:
    """One figure, as a page of its own or as a picture."""
    st.header("A figure", anchor=False)
    kind = FIGURES.index(pick_one("Figure", list(FIGURES), "figure"))
    if kind < 2:
        export_profiles(page, bands=kind == 1)
    elif kind == 2:
        export_map(page)
    else:
        export_channel(page)


def offer_figure(figure: go.Figure, table: pd.DataFrame, *, kind: int, name: str, alt: str, caption: str) -> None:
    """The figure with its camera, how it is read, and its files."""
    show_figure(figure, name=name, alt=alt, key=f"export_{kind}", camera=True)
    st.caption(caption)
    offer_files(table, figure, key="figure", name=name)
    st.caption(
        f"The page (HTML) holds everything it needs and works without a network. The camera above the figure saves `{name}` as a "
        "picture; its format holds for the figures of all pages."
    )


def export_profiles(page: Opened, *, bands: bool) -> None:
    """Fig. 6 or Fig. 7."""
    recording, narrow = page.recording, page.screen.narrow
    with st.container(key="export_what"):
        left, right = st.columns(2)
    with left:
        blocks = pick_figure_blocks(recording)
    with right:
        classes = pick_figure_classes(recording)
    with row("export_panels"):
        order, seed = pick_draw(width=140)
        look = choose_output(page)
    panels = get_panels(page, blocks, classes, order, seed)
    figure = draw_panels(panels, assign_colours(page, classes), look, bands=bands, per_row=2 if narrow else 3)
    shown = ", ".join(c.label for c in panels.classes) or "all images"
    name = name_profiles(recording, blocks, classes, bands=bands, order=order, seed=seed)
    alt, caption = f"Mean gate per channel and block for {shown}.", captions.BANDS if bands else captions.PROFILES
    offer_figure(figure, panels.table(), kind=int(bands), name=name, alt=alt, caption=caption)


def export_map(page: Opened) -> None:
    """The class × channel map of one block."""
    recording = page.recording
    if len(recording.classes) < 2:
        st.info("A class × channel map needs at least two classes.", icon=":material/label_off:")
        return
    named = pick_figure_classes(recording)
    with row("export_map"):
        block = pick_block(recording)
        view, top = pick_map()
        look = choose_output(page)
    classes = get_map(page, block.name, top)
    figure = draw_class_map(classes, look, view=view, chosen=named, narrow=page.screen.narrow)
    name = name_map(recording, block.name, top, view, named)
    alt, caption = f"Map of classes against channels in {block.label}.", f"{captions.MAPS[view]} {captions.MAP_LIMITS}"
    offer_figure(figure, classes.table(), kind=2, name=name, alt=alt, caption=caption)


def export_channel(page: Opened) -> None:
    """The distribution of one channel's gate."""
    recording = page.recording
    classes = pick_figure_classes(recording)
    with row("export_channel"):
        block = pick_block(recording)
        ranking = get_ranking(page, block.name)
        picked = pick(
            "Channel", [str(c) for c in ranking.channels], "channel", kind=f"channel of {block.label}",
            default=str(ranking.example), width=120, help_text=glossary.CLASS_SHARE,
        )  # fmt: skip
        view = SPREAD_VIEWS[pick_one("Draw", list(SPREAD_VIEWS), "spread")]
        look = choose_output(page)
    channel = int(picked)
    distribution = get_distribution(page, block.name, channel, classes)
    if distribution is None:
        st.info(NONE_KEPT, icon=":material/inventory_2:")
        return
    figure = draw_distribution(distribution, assign_colours(page, classes), look, view=view, narrow=page.screen.narrow)
    name = name_channel(recording, block.name, channel, view, classes)
    alt = f"Distribution of the gate of channel {channel} in {block.label} per class. {distribution.note}"
    caption = f"{captions.DISTRIBUTIONS[view]} {distribution.note}"
    offer_figure(figure, distribution.table(), kind=3, name=name, alt=alt, caption=caption)


def choose_output(page: Opened) -> Look:
    """What the figure is drawn on, and what its camera saves."""
    choose_picture()
    chosen = pick_one("Paper", ["As this page", "Light", "Dark"], "paper")
    return {"Light": LIGHT, "Dark": DARK}.get(chosen, page.screen.look)


page = open_page("Export", "Which numbers and figures do you want to take with you?")
notices = st.container()
with telling_problems("folder_off"):
    show_table_export(page)
    show_figure_export(page)
    with notices:
        links.show_notices()
