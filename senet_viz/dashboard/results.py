"""Computed results, kept by what they are computed of: arrays as cache keys would be sampled, so only names and numbers are."""

import contextlib
import functools
import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from senet_viz.analysis.blocks import measure_blocks, measure_from_moments
from senet_viz.analysis.distributions.channel import ChannelDistribution, distribute_channel
from senet_viz.analysis.distributions.class_map import (
    ChannelRanking,
    ClassChannelMap,
    MapView,
    map_classes,
    rank_channels,
)
from senet_viz.analysis.distributions.extremes import (
    ExtremeClasses,
    ExtremeImages,
    find_extreme_classes,
    find_extreme_images,
)
from senet_viz.analysis.distributions.panels import ChannelOrder, ClassPanels, profile_classes
from senet_viz.errors import SenetVizError
from senet_viz.figures.distributions import DistributionView
from senet_viz.recording.export import ExportEstimate, estimate_export, file_stem, name_classes, name_several
from senet_viz.recording.moments import Moments
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.statistics import block_word
from senet_viz.schema import Gate, label_blocks


def name_profiles(
    recording: Recording,
    blocks: Sequence[str],
    classes: Sequence[int],
    *,
    bands: bool,
    order: ChannelOrder = "channel",
    seed: int = 0,
) -> str:
    """Of Fig. 6 or, with bands, Fig. 7, e.g. "gates-fig6-1a2b3c4d-SE_2_3-SE_5_1-class-0-4"."""
    shown = name_several([block_word(recording, recording.block(name)) for name in blocks], "blocks")
    drawn = f"seed-{seed}" if seed else ""
    ordered = "" if order == "channel" else f"by-{order}"
    return file_stem(
        "gates-fig7" if bands else "gates-fig6", recording.id, shown, name_classes(classes), ordered, drawn
    )


def name_map(recording: Recording, block: str, top: int | None, view: MapView, classes: Sequence[int]) -> str:
    """Of a class × channel map and the classes that are marked in it."""
    label = block_word(recording, recording.block(block))
    return file_stem("class-map", recording.id, label, view, f"top-{top}" if top else "all", name_classes(classes))


def name_channel(recording: Recording, block: str, channel: int, view: DistributionView, classes: Sequence[int]) -> str:
    """Of the distribution of one channel's gate."""
    label = block_word(recording, recording.block(block))
    return file_stem("gate", recording.id, label, f"channel-{channel}", view, name_classes(classes))


_NAMES = tuple[str, ...]
_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass(frozen=True)
class Loaded:
    """A recording, and the stamp under which its results are kept: its folder, its id and when it was written."""

    recording: Recording
    stamp: str

    def label(self, block: Gate) -> str:
        """A block's label, for people."""
        return label_blocks(self.recording.blocks)[block.depth]


def keep(
    entries: int, *, shared: bool = False, spinner: str | bool = False
) -> Callable[[Callable[Concatenate[Loaded, _P], _R]], Callable[Concatenate[Loaded, _P], _R]]:
    """Keeps what a function computes of a loaded recording, by the stamp and the further arguments, for all sessions.

    What does not count is passed by names that begin with "_", such as a network whose digest is among the arguments.

    Args:
        entries: how many results are kept.
        shared: whether all get the very same object, not to be changed; else each gets a copy.
        spinner: what is said meanwhile.
    """
    cache = st.cache_resource if shared else st.cache_data

    def decorate(compute: Callable[Concatenate[Loaded, _P], _R]) -> Callable[Concatenate[Loaded, _P], _R]:
        def kept(_page: Loaded, stamp: str, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
            del stamp
            return compute(_page, *args, **kwargs)

        kept.__module__, kept.__qualname__ = compute.__module__, compute.__qualname__  # by which Streamlit knows it
        cached: Callable[..., _R] = cache(max_entries=entries, show_spinner=spinner)(kept)

        @functools.wraps(compute)
        def get(page: Loaded, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
            return cached(page, page.stamp, *args, **kwargs)

        return get

    return decorate


def load_recording(path: Path) -> Loaded:
    """A recording, opened again when its manifest changes.

    Raises:
        RecordingError: it is gone, damaged or no recording.
    """
    recording = open_recording(path)  # a manifest and sizes: a few milliseconds, and what went away is noticed
    changed = (path / "manifest.json").stat().st_mtime_ns
    progress = (
        recording.manifest.progress.get("consumed", 0),
        recording.complete,
    )  # a commit may come between the two reads
    place = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]  # keys of elements go to the browser
    return _first(Loaded(recording, f"{place} {recording.id} {changed} {progress}"))


@keep(4, shared=True)
def _first(page: Loaded) -> Loaded:
    """The recording that was opened first under a stamp, with the tables of images that it has read since.

    Its moments, the largest file that pages read, are hashed beside the page: 0.6 GB for 1,000 classes of SE-ResNet-50.
    """
    threading.Thread(target=_hash_moments, args=(page.recording,), daemon=True, name="senet-viz-hashing").start()
    return page


def _hash_moments(recording: Recording) -> None:
    with contextlib.suppress(SenetVizError):  # said by the page that reads them
        _ = recording.class_counts


@keep(2, shared=True)
def get_moments(page: Loaded, block: str) -> Moments:
    """Of the two blocks that were read last: not to be written to."""
    return page.recording.moments(block)


@keep(64)
def get_panels(page: Loaded, blocks: _NAMES, classes: tuple[int, ...], order: ChannelOrder, seed: int) -> ClassPanels:
    """`profile_classes`."""
    gates = [page.recording.block(name) for name in blocks]
    return profile_classes(page.recording, gates, classes, order=order, seed=seed)


@keep(16)
def get_map(page: Loaded, block: str, top: int | None) -> ClassChannelMap:
    """`map_classes`."""
    return map_classes(page.recording, page.recording.block(block), top=top, moments=get_moments(page, block))


@keep(64)
def get_ranking(page: Loaded, block: str) -> ChannelRanking:
    """`rank_channels`."""
    return rank_channels(page.recording, page.recording.block(block), moments=get_moments(page, block))


@keep(64)
def get_distribution(
    page: Loaded, block: str, channel: int, classes: tuple[int, ...], *, _gates: NDArray[np.float16] | None = None
) -> ChannelDistribution | None:
    """`distribute_channel`; `_gates` are the channel's, where they were read before."""
    return distribute_channel(page.recording, page.recording.block(block), channel, classes, gates=_gates)


@keep(64)
def get_extreme_classes(page: Loaded, block: str, channel: int) -> ExtremeClasses | None:
    """`find_extreme_classes`."""
    gate = page.recording.block(block)
    return find_extreme_classes(page.recording, gate, channel, moments=get_moments(page, block))


@keep(64)
def get_extreme_images(
    page: Loaded, block: str, channel: int, *, _gates: NDArray[np.float16] | None = None
) -> ExtremeImages | None:
    """`find_extreme_images`; `_gates` as above."""
    return find_extreme_images(page.recording, page.recording.block(block), channel, gates=_gates)


@keep(64)
def get_estimate(page: Loaded, ending: str, blocks: _NAMES | None, classes: tuple[int, ...] | None) -> ExportEstimate:
    """`estimate_export`."""
    return estimate_export(page.recording, ending, blocks=blocks, classes=classes)


@keep(16, spinner="Measuring the blocks…")
def get_block_table(page: Loaded, ranks: bool) -> pd.DataFrame:
    """`measure_blocks` as far as pages show it."""
    return measure_blocks(page.recording, ranks=ranks, best=False)


@keep(64)
def get_channel_measures(page: Loaded, block: str) -> pd.DataFrame:
    """`measure_from_moments`."""
    return measure_from_moments(page.recording, page.recording.block(block), moments=get_moments(page, block))
