"""Work beside the page: the page says what it waits for, and runs again when it is there; networks are loaded once."""

import importlib
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.mode import read_public
from senet_viz.errors import SenetVizError
from senet_viz.models.memory import give_back_memory
from senet_viz.recording.reader import Recording
from senet_viz.schema import Gate

if TYPE_CHECKING:
    from senet_viz.models.zoo import Model
    from senet_viz.schema import Manifest


_HEAVY = ("torch", "torchvision")
LARGE = 5_000_000  # class means of a recording; of a smaller one the reading part is a matter of a moment
_MOST_KEPT = 64
_NEEDED = ("senet_viz.workflows.comparison", "senet_viz.workflows.walkthrough")


T = TypeVar("T")


class BackgroundLoader(Generic[T]):
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


def wait_for_networks(recording: Recording, what: str) -> bool:
    """Whether a page must wait for what runs networks; then it loads beside the page, which says what appears here."""
    if waiting := networks_can_wait(recording):
        wait_for(load_networks(), f"Loading PyTorch, once after the app has been started: {what} in some seconds…")
    return waiting


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

Gates = NDArray[np.float16]
AT_ONCE = 20_000_000  # gates of a block, all channels: 0.15 s; they lie side by side in the file


GateLoader = BackgroundLoader[Gates]  # 2 bytes an image and channel are kept


@st.cache_resource(show_spinner=False)
def _reader() -> GateLoader:
    return GateLoader("senet-viz-gates")


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


@st.cache_resource(max_entries=2, show_spinner=False)
def load_network(digest: str, model: str, arch: str, _manifest: "Manifest") -> "Model":
    """The recorded network; kept by the digest of its weights, its preprocessing, and where a person says that it is."""
    from senet_viz.workflows.recorded_model import load_recorded_model

    del digest
    loaded = load_recorded_model(_manifest, model=model or None, arch=arch or None)
    give_back_memory()
    return loaded


def open_network(page: Opened) -> "Model | None":
    """The recording's network; where it can not be had by itself, the reason and fields that tell where it is."""
    manifest = page.recording.manifest
    sha256 = str(manifest.model.get("sha256"))
    keys = [f"network_{field}_{sha256[:16]}" for field in ("model", "arch")]  # what is typed is for this network alone
    public = read_public() is not None
    model, arch = ("" if public else str(st.session_state.get(key) or "").strip() for key in keys)
    try:
        with st.spinner("Loading the network of this recording…"):
            return load_network(f"{sha256}-{manifest.preprocessing}", model, arch, manifest)
    except SenetVizError as error:
        problem = str(error)
    st.warning(escape(problem), icon=":material/hub:")
    if public:
        st.markdown("The network that made this recording is needed here, and this server does not have it.")
        return None
    st.markdown("The network that made this recording is needed here. Where is it?")
    left, right = st.columns(2)
    left.text_input(
        "Model", key=keys[0], persist_state="session", placeholder="package.module:factory, or a path",
        help="What was given to `senet-viz record --model`: `bundled`, `timm:NAME`, `torchvision:NAME`, `hf:ORG/NAME`, "
        "`package.module:factory`, a weights file, or a folder that `train` wrote.",
    )  # fmt: skip
    right.text_input(
        "Architecture", key=keys[1], persist_state="session", placeholder="only for a weights file",
        help="What a weights file is loaded into, e.g. `timm:seresnet50`.",
    )  # fmt: skip
    return None
