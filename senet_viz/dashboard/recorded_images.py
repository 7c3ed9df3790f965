"""The images of a recording on a page: from the source it names where that is at hand, else where a person says it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
import streamlit as st

from senet_viz.analysis.profiles import label_classes, short_path
from senet_viz.dashboard.frame import Opened, escape
from senet_viz.errors import ImageError, SenetVizError
from senet_viz.recording import Recording
from senet_viz.schema import UNLABELLED

if TYPE_CHECKING:
    from senet_viz.images import ImageSource

THUMBNAIL = 192  # px
_SUGGESTED = 12
_PLACES = "image_sources"
_MOST_UNASKED = 200_000  # files that are looked at without a question


def find_source(page: Opened) -> "tuple[ImageSource | None, str]":
    """The recorded images, and a sentence: where they are from, or why they are not at hand."""
    from senet_viz.images import find_spec

    data = page.recording.manifest.data
    digest = str(data.get("digest"))
    typed = st.session_state.get(_PLACES, {}).get(digest, "")
    spec = typed or find_spec(data)
    name = str(data.get("name"))
    if not spec:
        return None, f"The recording names its images “{name}”, which this machine does not find by that name."
    if not typed and int(data.get("images", 0)) > _MOST_UNASKED:
        return None, f"The recording names {int(data['images']):,} images in {name}: checking them takes a while."
    try:
        with st.spinner("Looking for the recorded images…"):
            source = _open(spec, digest, bool(typed), data)
    except SenetVizError as error:
        return None, str(error)
    return source, f"Images from {spec}, checked to be the recorded data set by its names, sizes and labels."


def ask_for_source(page: Opened, reason: str) -> None:
    """Why there are no images, and a field that tells where they are; what is typed holds for the session."""
    digest = str(page.recording.manifest.data.get("digest"))
    key = f"images_of_{digest[:16]}"
    st.info(escape(reason), icon=":material/image_not_supported:")
    st.text_input(
        "Where are the recorded images?", key=key, on_change=_remember, args=(digest, key),
        placeholder="a folder, a .parquet file, a .csv, digits, or torchvision:NAME",
        help="What was given to `senet-viz record --data`. The path is of the machine that runs this app; nothing is uploaded. "
        "Only the very data set that was recorded is taken.",
    )  # fmt: skip


def _remember(digest: str, key: str) -> None:
    typed = str(st.session_state.get(key) or "").strip()
    st.session_state[_PLACES] = {**st.session_state.get(_PLACES, {}), digest: typed}


@dataclass(frozen=True, eq=False)
class RecordedSamples:
    """Names of a recording's images, for people.

    Attributes:
        recording: whose.
        suggested: one kept image of some classes, evenly over them.
    """

    recording: Recording
    suggested: tuple[str, ...]

    def known(self, sample_id: str) -> bool:
        """Whether the recording has such an image."""
        return self._find(sample_id) is not None

    def title(self, sample_id: str) -> str:
        """File and class: "val_9151.JPEG, umbrella"."""
        row = self._find(sample_id)
        if row is None:
            return sample_id
        name, label = short_path(row["path"], sample_id), row["label"]
        return name if label == UNLABELLED else f"{name}, {label_classes(self.recording.classes)[label]}"

    def _find(self, sample_id: str) -> dict[str, Any] | None:
        samples = self.recording.samples
        at = pc.index(samples["sample_id"], sample_id).as_py()
        return samples.slice(at, 1).to_pylist()[0] if at >= 0 else None


@st.cache_resource(max_entries=4, show_spinner=False)
def get_samples(_recording: Recording, stamp: str) -> RecordedSamples:
    """Names of the recording's images, kept by `stamp`."""
    del stamp
    kept = _recording.kept_samples if _recording.n_kept else _recording.samples
    _, first = np.unique(kept["label"].to_numpy(), return_index=True)
    places = first[np.unique(np.linspace(0, len(first) - 1, _SUGGESTED).round().astype(int))] if len(first) else []
    return RecordedSamples(_recording, tuple(kept["sample_id"][int(at)].as_py() for at in places))


@st.cache_resource(max_entries=4, show_spinner=False)
def _open(spec: str, digest: str, fetch: bool, _data: Mapping[str, Any]) -> "ImageSource":
    from senet_viz.images import open_recorded

    del digest
    return open_recorded(spec, _data, fetch=fetch)


@st.cache_data(max_entries=64, max_size="128MB", show_spinner=False)
def read_pictures(
    _source: "ImageSource", digest: str, sample_ids: tuple[str, ...], side: int | None
) -> dict[str, bytes | str]:
    """PNG files of samples, or sentences about why there is none, kept by the source's digest."""
    from senet_viz.images import read_samples

    del digest
    found = read_samples(_source, sample_ids, side=side)
    return {name: str(item) if isinstance(item, ImageError) else item for name, item in found.items()}
