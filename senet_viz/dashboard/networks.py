"""The network of a recording, loaded once for all sessions; who uses it holds its lock."""

from typing import TYPE_CHECKING

import streamlit as st

from senet_viz.dashboard.frame import Opened, escape
from senet_viz.errors import SenetVizError
from senet_viz.models.memory import give_back_memory

if TYPE_CHECKING:
    from senet_viz.models import Model
    from senet_viz.schema import Manifest


@st.cache_resource(max_entries=2, show_spinner=False)
def load_network(digest: str, model: str, arch: str, _manifest: "Manifest") -> "Model":
    """The recorded network; kept by the digest of its weights, its preprocessing, and where a person says that it is."""
    from senet_viz.workflows.comparison import load_recorded_model

    del digest
    loaded = load_recorded_model(_manifest, model=model or None, arch=arch or None)
    give_back_memory()
    return loaded


def open_network(page: Opened) -> "Model | None":
    """The recording's network; where it can not be had by itself, the reason and fields that tell where it is."""
    manifest = page.recording.manifest
    sha256 = str(manifest.model.get("sha256"))
    keys = [f"network_{field}_{sha256[:16]}" for field in ("model", "arch")]  # what is typed is for this network alone
    model, arch = (str(st.session_state.get(key) or "").strip() for key in keys)
    try:
        with st.spinner("Loading the network of this recording…"):
            return load_network(f"{sha256}-{manifest.preprocessing}", model, arch, manifest)
    except SenetVizError as error:
        problem = str(error)
    st.warning(escape(problem), icon=":material/hub:")
    st.markdown("The network that made this recording is needed here. Where is it?")
    left, right = st.columns(2)
    left.text_input(
        "Model", key=keys[0], persist_state="session", placeholder="package.module:factory, or a path",
        help="What was given to `senet-viz record --model`: `bundled`, `timm:NAME`, `torchvision:NAME`, "
        "`package.module:factory`, a weights file, or a folder that `train` wrote.",
    )  # fmt: skip
    right.text_input(
        "Architecture", key=keys[1], persist_state="session", placeholder="only for a weights file",
        help="What a weights file is loaded into, e.g. `timm:seresnet50`.",
    )  # fmt: skip
    return None
