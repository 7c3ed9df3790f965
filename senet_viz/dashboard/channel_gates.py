"""Kept gates of one channel: read at once where that is quick, else beside the page, which fills in when they are there."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.waiting import wait_for
from senet_viz.schema import Gate

Gates = NDArray[np.float16]
AT_ONCE = 20_000_000  # gates of a block, all channels: 0.15 s; they lie side by side in the file
_MOST_KEPT = 64


class GateReader:
    """Reads channels one after the other, for all sessions, and keeps the last few (2 bytes an image each)."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="senet-viz-gates")
        self._lock = threading.Lock()
        self._asked: OrderedDict[tuple[str, str, int], Future[Gates]] = OrderedDict()

    def ask(self, key: tuple[str, str, int], read: Callable[[], Gates]) -> "Future[Gates]":
        """What is being read, or was read, under a key; what failed before is tried again."""
        with self._lock:
            future = self._asked.get(key)
            if future is None or (future.done() and future.exception() is not None):
                future = self._asked[key] = self._pool.submit(read)
            self._asked.move_to_end(key)
            while len(self._asked) > _MOST_KEPT:
                self._asked.popitem(last=False)
            return future


@st.cache_resource(show_spinner=False)
def _reader() -> GateReader:
    return GateReader()


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
