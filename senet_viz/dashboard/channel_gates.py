"""Kept gates of one channel: read at once where that is quick, else beside the page, which fills in when they are there."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.waiting import BesideReader, wait_for
from senet_viz.schema import Gate

Gates = NDArray[np.float16]
AT_ONCE = 20_000_000  # gates of a block, all channels: 0.15 s; they lie side by side in the file


GateReader = BesideReader[Gates]  # 2 bytes an image and channel are kept


@st.cache_resource(show_spinner=False)
def _reader() -> GateReader:
    return GateReader("senet-viz-gates")


def read_channel(page: Opened, block: Gate, channel: int) -> Gates | None:
    """Kept gates of a channel, (N_kept,); None while they are being read: the page runs again when they are there.

    Raises:
        RecordingError: a file is missing or damaged.
    """
    recording = page.recording
    if recording.n_kept * block.channels <= AT_ONCE:
        return recording.channel_gates(block.name, channel)
    key = (page.stamp, block.name, channel)
    future = _reader().ask(key, lambda: recording.channel_gates(block.name, channel))
    if future.done():
        return future.result()
    wait_for(future, f"Reading the gates of channel {channel} in {block.label} for {recording.n_kept:,} kept images…")
    return None
