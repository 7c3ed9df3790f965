"""Computed results, kept by the recording's id: arrays as cache keys would be sampled, so only names and numbers are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from senet_viz.analysis.blocks import measure_blocks, measure_from_moments
from senet_viz.analysis.distributions.channel import ChannelDistribution, distribute_channel
from senet_viz.analysis.distributions.choices import ChannelOrder
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
from senet_viz.analysis.distributions.panels import ClassPanels, profile_classes
from senet_viz.figures.distributions import DistributionView
from senet_viz.recording.export import ExportEstimate, estimate_export, file_stem, name_classes, name_several
from senet_viz.recording.moments import Moments
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.statistics import block_word


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


def load_recording(path: Path) -> tuple[Recording, str]:
    """A recording and the stamp under which its results are kept; opened again when its manifest changes.

    Raises:
        RecordingError: it is gone, damaged or no recording.
    """
    recording = open_recording(path)  # a manifest and sizes: a few milliseconds, and what went away is noticed
    changed = (path / "manifest.json").stat().st_mtime_ns
    stamp = f"{recording.id}-{changed}"
    return _keep(recording, str(path.absolute()), stamp), stamp


@st.cache_resource(max_entries=4, show_spinner=False)
def _keep(_recording: Recording, path: str, stamp: str) -> Recording:
    """The recording that was opened first under a stamp, with the tables of images that it has read since."""
    del path, stamp
    return _recording


@st.cache_resource(max_entries=2, show_spinner=False)
def get_moments(_recording: Recording, stamp: str, block: str) -> Moments:
    """`recording.moments`, kept for the two blocks that were read last: not to be written to."""
    del stamp
    return _recording.moments(block)


@st.cache_data(max_entries=64, show_spinner=False)
def get_panels(
    _recording: Recording, stamp: str, blocks: _NAMES, classes: tuple[int, ...], order: ChannelOrder, seed: int
) -> ClassPanels:
    """`profile_classes`, kept by `stamp` and the choices."""
    del stamp
    gates = [_recording.block(name) for name in blocks]
    return profile_classes(_recording, gates, classes, order=order, seed=seed)


@st.cache_data(max_entries=16, show_spinner=False)
def get_map(_recording: Recording, stamp: str, block: str, top: int | None) -> ClassChannelMap:
    """`map_classes`, kept by `stamp` and the choices."""
    moments = get_moments(_recording, stamp, block)
    return map_classes(_recording, _recording.block(block), top=top, moments=moments)


@st.cache_data(max_entries=64, show_spinner=False)
def get_ranking(_recording: Recording, stamp: str, block: str) -> ChannelRanking:
    """`rank_channels`, kept by `stamp` and the block."""
    return rank_channels(_recording, _recording.block(block), moments=get_moments(_recording, stamp, block))


@st.cache_data(max_entries=64, show_spinner=False)
def get_distribution(
    _recording: Recording,
    stamp: str,
    block: str,
    channel: int,
    classes: tuple[int, ...],
    _gates: NDArray[np.float16] | None = None,
) -> ChannelDistribution | None:
    """`distribute_channel`, kept by `stamp` and the choices; `_gates` are the channel's, where they were read before."""
    del stamp
    return distribute_channel(_recording, _recording.block(block), channel, classes, gates=_gates)


@st.cache_data(max_entries=64, show_spinner=False)
def get_extreme_classes(_recording: Recording, stamp: str, block: str, channel: int) -> ExtremeClasses | None:
    """`find_extreme_classes`, kept by `stamp` and the choices."""
    moments = get_moments(_recording, stamp, block)
    return find_extreme_classes(_recording, _recording.block(block), channel, moments=moments)


@st.cache_data(max_entries=64, show_spinner=False)
def get_extreme_images(
    _recording: Recording, stamp: str, block: str, channel: int, _gates: NDArray[np.float16] | None = None
) -> ExtremeImages | None:
    """`find_extreme_images`, kept by `stamp` and the choices; `_gates` as above."""
    del stamp
    return find_extreme_images(_recording, _recording.block(block), channel, gates=_gates)


@st.cache_data(max_entries=64, show_spinner=False)
def get_estimate(
    _recording: Recording, stamp: str, ending: str, blocks: _NAMES | None, classes: tuple[int, ...] | None
) -> ExportEstimate:
    """`estimate_export`, kept by `stamp` and the choices."""
    del stamp
    return estimate_export(_recording, ending, blocks=blocks, classes=classes)


@st.cache_data(max_entries=16, show_spinner="Measuring the blocks…")
def get_block_table(_recording: Recording, stamp: str, ranks: bool) -> pd.DataFrame:
    """`measure_blocks` as far as pages show it, kept by `stamp`."""
    del stamp
    return measure_blocks(_recording, ranks=ranks, best=False)


@st.cache_data(max_entries=64, show_spinner=False)
def get_channel_measures(_recording: Recording, stamp: str, block: str) -> pd.DataFrame:
    """`measure_from_moments`, kept by `stamp` and the block."""
    return measure_from_moments(_recording, _recording.block(block), moments=get_moments(_recording, stamp, block))
