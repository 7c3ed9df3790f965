"""Controls whose selection lives in the link and survives page changes: blocks, classes, one of a few."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from senet_viz.analysis.distributions.choices import ChannelOrder, choose_blocks, choose_classes
from senet_viz.analysis.distributions.class_map import MapView
from senet_viz.dashboard import glossary, links
from senet_viz.figures.distributions import DistributionView
from senet_viz.recording.reader import Recording
from senet_viz.schema import label_blocks, label_classes

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


ORDERS: dict[str, ChannelOrder] = {"Channel number": "channel", "All-class mean": "mean", "Class share": "class share"}
MAP_VIEWS: dict[str, MapView] = {"Difference": "difference", "Gate": "gate"}
SPREAD_VIEWS: dict[str, DistributionView] = {"Violins": "violin", "Cumulative": "ecdf", "Boxes": "box"}
TOPS = {"Top 64": 64, "Top 256": 256, "All": None}
MOST_BLOCKS, MOST_CLASSES = 12, 24


def prepare(key: str, kind: str, options: Sequence[str]) -> None:
    """To be called before a widget: tells what the link names in vain, drops what another recording left."""
    links.note_unknown(key, kind, options)
    links.keep_known(key, options)


def row(key: str) -> "DeltaGenerator":
    """Controls side by side. By its key the browser knows it again when something above it comes or goes; without one it would
    be built anew, and its controls would lose their ties to the link.
    """
    return st.container(horizontal=True, vertical_alignment="bottom", key=f"row_{key}")


def pick_one(label: str, options: Sequence[str], key: str, *, help_text: str | None = None) -> str:
    """One of a few options, side by side; the first is the default."""
    prepare(key, label.lower(), options)
    chosen = st.segmented_control(
        label, options, default=options[0], required=True, key=key, bind="query-params", persist_state="session",
        on_change=links.forget_notices, help=help_text,
    )  # fmt: skip
    return chosen or options[0]


def pick_figure_blocks(recording: Recording, title: str = "Blocks of the figure") -> tuple[str, ...]:
    """Names of the blocks that figures show; at first those of the paper's Fig. 6."""
    labels = label_blocks(recording.blocks)
    default = [labels[g.depth] for g in choose_blocks(recording.blocks)]
    prepare("block", "block", labels)
    picked = st.multiselect(
        title, labels, default=default, key="block", bind="query-params", persist_state="session",
        max_selections=MOST_BLOCKS, on_change=links.forget_notices, help=glossary.BLOCK,
    )  # fmt: skip
    return tuple(recording.blocks[labels.index(label)].name for label in picked or default)


def pick_figure_classes(recording: Recording, title: str = "Classes of the figure") -> tuple[int, ...]:
    """Indices of the classes that figures show; at first the paper's or what stands in for them."""
    labels = label_classes(recording.classes)
    if not labels:
        return ()
    first = choose_classes(recording.classes, recording.class_counts)
    prepare("class", "class", labels)
    picked = st.multiselect(
        title, labels, default=[labels[c.index] for c in first], key="class", bind="query-params",
        persist_state="session", max_selections=MOST_CLASSES, on_change=links.forget_notices, help=glossary.CLASSES,
    )  # fmt: skip
    return tuple(labels.index(label) for label in picked)
