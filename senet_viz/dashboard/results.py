"""Computed results, kept by the recording's id: arrays as cache keys would be sampled, so only names and numbers are."""

from pathlib import Path

import pandas as pd
import streamlit as st

from senet_viz.blocks import measure_from_moments
from senet_viz.measures import measure_selectivity
from senet_viz.profiles import (
    ChannelDistribution,
    ChannelOrder,
    ChannelRanking,
    ClassChannelMap,
    ClassPanels,
    distribute_channel,
    map_classes,
    profile_classes,
    rank_channels,
)
from senet_viz.recording import Recording, open_recording
from senet_viz.statistics import ExportEstimate, estimate_export

_NAMES = tuple[str, ...]


def load_recording(path: Path) -> tuple[Recording, str]:
    """A recording and the stamp under which its results are kept; opened again when its manifest changes.

    Raises:
        RecordingError: it is gone, damaged or no recording.
    """
    recording = open_recording(path)  # a manifest and sizes: a few milliseconds, and what went away is noticed
    changed = (path / "manifest.json").stat().st_mtime_ns
    return recording, f"{recording.id}-{changed}"


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
    del stamp
    return map_classes(_recording, _recording.block(block), top=top)


@st.cache_data(max_entries=64, show_spinner=False)
def get_ranking(_recording: Recording, stamp: str, block: str) -> ChannelRanking:
    """`rank_channels`, kept by `stamp` and the block."""
    del stamp
    return rank_channels(_recording, _recording.block(block))


@st.cache_data(max_entries=64, show_spinner=False)
def get_distribution(
    _recording: Recording, stamp: str, block: str, channel: int, classes: tuple[int, ...]
) -> ChannelDistribution | None:
    """`distribute_channel`, kept by `stamp` and the choices."""
    del stamp
    return distribute_channel(_recording, _recording.block(block), channel, classes)


@st.cache_data(max_entries=64, show_spinner=False)
def get_estimate(
    _recording: Recording, stamp: str, ending: str, blocks: _NAMES | None, classes: tuple[int, ...] | None
) -> ExportEstimate:
    """`estimate_export`, kept by `stamp` and the choices."""
    del stamp
    return estimate_export(_recording, ending, blocks=blocks, classes=classes)


@st.cache_data(max_entries=16, show_spinner="Measuring the blocks…")
def get_block_table(_recording: Recording, stamp: str) -> pd.DataFrame:
    """`measure_selectivity(per="block")`, kept by `stamp`."""
    del stamp
    return measure_selectivity(_recording, per="block")


@st.cache_data(max_entries=64, show_spinner=False)
def get_channel_measures(_recording: Recording, stamp: str, block: str) -> pd.DataFrame:
    """`measure_from_moments`, kept by `stamp` and the block."""
    del stamp
    return measure_from_moments(_recording, _recording.block(block))
