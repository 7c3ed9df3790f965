"""Work beside the page: the page says what it waits for, and runs again when it is there."""

import importlib
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

import streamlit as st

from senet_viz.dashboard.links import escape
from senet_viz.errors import SenetVizError
from senet_viz.recording import Recording

_HEAVY = ("torch", "torchvision")
LARGE = 5_000_000  # class means of a recording; of a smaller one the reading part is a matter of a moment
_MOST_KEPT = 64
_NEEDED = ("senet_viz.workflows.comparison", "senet_viz.workflows.walkthrough")


T = TypeVar("T")


class BesideReader(Generic[T]):
    """Reads one thing after the other, for all sessions, and keeps the last few."""

    def __init__(self, name: str = "senet-viz-beside") -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._asked: OrderedDict[Hashable, Future[T]] = OrderedDict()

    def ask(self, key: Hashable, read: Callable[[], T]) -> "Future[T]":
        """What is being read, or was read, under a key; what failed before is tried again."""
        with self._lock:
            future = self._asked.get(key)
            if future is None or (future.done() and future.exception() is not None):
                future = self._asked[key] = self._pool.submit(read)
            self._asked.move_to_end(key)
            while len(self._asked) > _MOST_KEPT:
                self._asked.popitem(last=False)
            return future


@st.fragment(run_every=0.3)
def wait_for(future: "Future[Any]", sentence: str) -> None:
    """Says what is awaited; the whole page runs again when it is there, and what failed is told in its place."""
    if future.done() and isinstance(error := future.exception(), SenetVizError):
        st.error(escape(str(error)), icon=":material/error:")
        return
    if future.done():
        st.rerun()
    st.info(sentence, icon=":material/hourglass:")


def networks_can_wait(recording: Recording) -> bool:
    """Whether the rest of a page is to be shown first: it takes its time, and what runs networks is not loaded."""
    means = len(recording.classes) * sum(gate.channels for gate in recording.blocks)
    return means > LARGE and not networks_loaded()


def networks_loaded() -> bool:
    """Whether PyTorch and what runs networks is loaded: a few seconds, once a server."""
    if _loading.future is None:
        return all(name in sys.modules for name in _HEAVY)
    return _loading.future.done()


def load_networks() -> "Future[None]":
    """Load them beside the page, for all sessions."""
    if _loading.future is None:
        _loading.future = ThreadPoolExecutor(1, thread_name_prefix="senet-viz-imports").submit(_load)
    return _loading.future


def _load() -> None:
    for name in _NEEDED:
        importlib.import_module(name)


class _Loading:
    """What is being loaded; of the process, as modules are."""

    future: "Future[None] | None" = None


_loading = _Loading()
