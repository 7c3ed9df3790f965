"""The stored assessment of a recording on a page: read, missing, stale, or made at a click."""

import contextlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from senet_viz.analysis.blocks import (
    BlockHealth,
    BlockMeasures,
    gather_health,
    gather_measures,
    health_from_table,
    measures_from_table,
)
from senet_viz.claims.assess_blocks import explain_nothing_to_assess
from senet_viz.claims.assessment import Assessment, read_assessment, read_measures, read_tree
from senet_viz.claims.evidence import ClaimReport
from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.mode import read_public
from senet_viz.dashboard.parts import show_shell_command
from senet_viz.dashboard.results import Loaded, get_block_table, keep
from senet_viz.errors import SenetVizError
from senet_viz.recording.layout import ASSESSMENT, EFFECTS, MEASURES


@dataclass(frozen=True)
class Stored:
    """What `assess` wrote beside a recording; kept for all sessions and not to be changed.

    Attributes:
        assessment: of the gates.
        report: the claims.
        tree: the whole JSON.
        made: by which files it is recognised: names, times and sizes.
    """

    assessment: Assessment
    report: ClaimReport
    tree: Mapping[str, Any]
    made: tuple[tuple[str, int, int], ...]


def read_stored(page: Loaded) -> Stored | None:
    """What is stored now; read again when the files change.

    Raises:
        RecordingError: as in `read_tree`.
    """
    found = []
    for name in (ASSESSMENT, MEASURES, EFFECTS):
        with contextlib.suppress(OSError):
            about = (page.recording.path / name).stat()
            found.append((name, about.st_mtime_ns, about.st_size))
    return _read(page, tuple(found))


@keep(8, shared=True)
def _read(page: Loaded, made: tuple[tuple[str, int, int], ...]) -> Stored | None:
    tree, assessment = read_tree(page.recording), read_assessment(page.recording)
    if tree is None or assessment is None:
        return None
    return Stored(
        assessment, ClaimReport.from_json(tree.get("claims"), str(page.recording.path / ASSESSMENT)), tree, made
    )


@keep(2, shared=True)
def get_measures(page: Loaded, made: tuple[tuple[str, int, int], ...]) -> pd.DataFrame | None:
    """`read_measures`, kept by `Stored.made` too: not to be written to."""
    del made
    return read_measures(page.recording)


def know_blocks(page: Loaded, stored: Stored | None, *, ranks: bool = False) -> tuple[BlockHealth, BlockMeasures]:
    """What is known of all blocks: from a stored assessment, else quickly from moments, with effective ranks where asked."""
    if stored is not None:
        return gather_health(stored.assessment), gather_measures(stored.assessment, stored.tree)
    blocks, table = page.recording.blocks, get_block_table(page, ranks)
    images = page.recording.manifest.progress.get("images", 0)
    return health_from_table(blocks, table, images), measures_from_table(blocks, table)


def find_assessment(page: Opened) -> Stored | None:
    """The stored assessment; where it is missing or stale the page says so and offers what makes it."""
    try:
        if (stored := read_stored(page)) is not None:
            return stored
    except SenetVizError as error:
        st.warning(escape(str(error)), icon=":material/history:")
    _offer(page)
    return None


def _offer(page: Opened) -> None:
    recording = page.recording
    if problem := _find_problem(page):
        st.info(escape(problem), icon=":material/label_off:")
        return
    st.info("This recording has not been assessed yet.", icon=":material/balance:")
    if read_public() is not None:  # it is written into the recording
        return
    if recording.form == "slim":
        st.markdown("A slim recording is assessed from the full one that it was made of:")
        show_shell_command(f"senet-viz assess FULL_RECORDING --into {shlex.quote(str(recording.path))}")
        return
    if not recording.complete:
        st.markdown("It is assessed when it is finished.")
        return
    st.markdown(
        "The assessment reads the recorded gates and no network: about half a minute for 10,000 images, longer for larger "
        "sets. Random-weights controls are given on the command line:"
    )
    show_shell_command(f"senet-viz assess {shlex.quote(str(recording.path))} --control RANDOM_WEIGHTS_RECORDING")
    if st.button("Assess now", icon=":material/balance:", type="primary", key="assess_now"):
        _assess(page)


def _find_problem(page: Opened) -> str | None:
    """Why the recording can not be assessed at all; an unfinished one may yet get more classes."""
    if not page.recording.complete:
        return None
    try:
        return explain_nothing_to_assess(page.recording)
    except SenetVizError as error:
        return str(error)


def _assess(page: Opened) -> None:
    from senet_viz.claims.assess import assess

    bar = st.progress(0.0, "Assessing…")

    def tell(done: int, total: int, what: str) -> None:
        bar.progress(done / total, f"Assessing: {what}")

    try:
        assess(page.recording, on_progress=tell)
    except SenetVizError as error:
        bar.empty()
        st.error(escape(str(error)), icon=":material/error:")
        return
    st.rerun()
