"""Images on a page: of the recording, from the source it names, and those that a person brings; they stay while the session lasts."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
import streamlit as st

from senet_viz.analysis.comparison.result import Failure
from senet_viz.analysis.distributions.extremes import short_path
from senet_viz.dashboard.controls import pick_image, pick_one
from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.links import escape, forget_notices
from senet_viz.dashboard.mode import PublicOptions, read_public
from senet_viz.dashboard.parts import telling_problems
from senet_viz.dashboard.results import Loaded, keep
from senet_viz.errors import ImageError, SenetVizError
from senet_viz.paths import expand_home
from senet_viz.recording.reader import Recording
from senet_viz.schema import UNLABELLED, label_classes
from senet_viz.text import bytes_text

if TYPE_CHECKING:
    from senet_viz.images.source import ImageSource
    from senet_viz.models.zoo import Model
    from senet_viz.workflows.comparison import PreparedImage


Image = tuple[str, bytes]  # name and content of a file
THUMBNAIL = 192  # px
_SUGGESTED = 12
_PLACES = "image_sources"
_MOST_UNASKED = 200_000  # files that are looked at without a question


def find_source(page: Opened) -> "tuple[ImageSource | None, str]":
    """The recorded images, and a sentence: where they are from, or why they are not at hand."""
    from senet_viz.images.opening import find_spec

    data = page.recording.manifest.data
    digest = str(data.get("digest"))
    typed = "" if read_public() is not None else st.session_state.get(_PLACES, {}).get(digest, "")
    public = read_public()
    spec = typed or find_spec(data if public is None else _as_public(data, public))
    name = str(data.get("name"))
    if not spec:
        where = "this machine does not find by that name" if public is None else "this server does not show"
        return None, f"The recording names its images “{name}”, which {where}."
    if not typed and int(data.get("images", 0)) > _MOST_UNASKED:
        return None, f"The recording names {int(data['images']):,} images in {name}: checking them takes a while."
    try:
        with st.spinner("Looking for the recorded images…"):
            source = _open(spec, digest, bool(typed), data)
    except SenetVizError as error:
        return None, str(error)
    return source, f"Images from {source.name}, checked to be the recorded data set by its names, sizes and labels."


def _as_public(data: Mapping[str, Any], public: PublicOptions) -> Mapping[str, Any]:
    """What a recording says of its images, with files only by name in the folder that the server's owner gave: it may name any."""
    if data.get("kind") in ("digits", "torchvision"):
        return data
    folder = expand_home(public.images).resolve()
    place = (folder / PurePath(str(data.get("name", ""))).name).resolve()
    inside = bool(public.images) and place != folder and place.is_relative_to(folder)
    return {**data, "name": str(place) if inside else ""}


def ask_for_source(page: Opened, reason: str) -> None:
    """Why there are no images, and a field that tells where they are; what is typed holds for the session."""
    digest = str(page.recording.manifest.data.get("digest"))
    key = f"images_of_{digest[:16]}"
    st.info(escape(reason), icon=":material/image_not_supported:")
    if read_public() is not None:
        return
    st.text_input(
        "Where are the recorded images?", key=key, on_change=_remember, args=(digest, key),
        placeholder="a folder, .parquet or .tar files, a .csv, digits, or torchvision:NAME",
        help="What was given to `senet-viz record --data`. The path is of the machine that runs this app; nothing is uploaded. A URL "
        "that you type is opened, one that a recording names is not. "
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


@keep(4, shared=True)
def get_samples(page: Loaded) -> RecordedSamples:
    """Names of the recording's images."""
    recording = page.recording
    kept = recording.kept_samples if recording.n_kept else recording.samples
    _, first = np.unique(kept["label"].to_numpy(), return_index=True)
    places = first[np.unique(np.linspace(0, len(first) - 1, _SUGGESTED).round().astype(int))] if len(first) else []
    return RecordedSamples(recording, tuple(kept["sample_id"][int(at)].as_py() for at in places))


@st.cache_resource(max_entries=4, show_spinner=False)
def _open(spec: str, digest: str, fetch: bool, _data: Mapping[str, Any]) -> "ImageSource":
    from senet_viz.images.opening import open_recorded

    del digest
    return open_recorded(spec, _data, fetch=fetch)


@st.cache_data(max_entries=64, max_size="128MB", show_spinner=False)
def read_pictures(
    _source: "ImageSource", digest: str, sample_ids: tuple[str, ...], side: int | None
) -> dict[str, bytes | str]:
    """PNG files of samples, or sentences about why there is none, kept by the source's digest."""
    from senet_viz.images.opening import read_samples

    del digest
    found = read_samples(_source, sample_ids, side=side)
    return {name: str(item) if isinstance(item, ImageError) else item for name, item in found.items()}


FILES, FOLDER, SAMPLES, RECORDING = "Files", "Folder", "Samples", "Recording"
MOST_IMAGES = 16
_MOST_MEGABYTES = 64
_KEPT, _GIVEN, _REFUSED = "uploaded_images", "images_given", "images_refused"
_UPLOADERS = ("upload_files", "upload_folder")


@dataclass(frozen=True)
class Uploads:
    """Images by name and bytes, and the digest under which their results are kept."""

    images: tuple[Image, ...]
    digest: str


def choose_uploads(page: Opened | None = None) -> Uploads | None:
    """The controls, and what was chosen; None while there is nothing.

    Args:
        page: its recording's own images are offered too.
    """
    sources = [FILES, FOLDER, SAMPLES, *([RECORDING] if page else [])]
    source = pick_one("Images", sources, "images")
    if source == SAMPLES:
        images = _samples()
    elif source == RECORDING and page is not None:
        images = _from_recording(page)
    else:
        _offer_upload(source)
        images = st.session_state.get(_KEPT, ())
        if images:
            _show_kept(images)
    if not images:
        return None
    given = st.session_state.get(_GIVEN, 0) if source in (FILES, FOLDER) else 0
    if given > MOST_IMAGES:
        st.warning(
            f"{given} images were given, and {MOST_IMAGES} can be compared at a time: the first {MOST_IMAGES} are shown.",
            icon=":material/filter_list:",
        )
    return Uploads(images, _digest(images))


def pick_upload(uploads: Uploads, key: str, *, first: int = 0) -> int:
    """The position of one of the images; of a single one without a control."""
    return 0 if len(uploads.images) == 1 else pick_image([name for name, _ in uploads.images], key, first=first)


def prepare_upload(model: "Model", image: Image) -> "PreparedImage | Failure":
    """An image as the network takes it in, kept by `name_upload`."""
    return _prepare(model, image, name_upload(model, image))


def prepare_or_warn(model: "Model", image: Image) -> "PreparedImage | None":
    """`prepare_upload`; where the image can not be read the page says why."""
    prepared = prepare_upload(model, image)
    if isinstance(prepared, Failure):
        st.warning(escape(prepared.sentence), icon=":material/broken_image:")
        return None
    return prepared


def name_upload(model: "Model", image: Image) -> str:
    """Under which results of an image are kept: digest of the weights, the preprocessing, digest of the image."""
    return f"{name_inputs(model)} {_digest((image,))}"


def name_inputs(model: "Model") -> str:
    """What a network makes of any image depends on this: digest of the weights, and the preprocessing."""
    return f"{model.sha256} {model.preprocess}"


@st.cache_resource(max_entries=64, show_spinner=False)
def _prepare(_model: "Model", _image: Image, name: str) -> "PreparedImage | Failure":
    from senet_viz.workflows.comparison import prepare_images

    del name
    return prepare_images([_image], _model.preprocess)[0]


def _offer_upload(source: str) -> None:
    folder, public = source == FOLDER, read_public()
    key = _UPLOADERS[folder]
    for sentence in st.session_state.get(_REFUSED, ()):
        st.warning(escape(sentence), icon=":material/broken_image:")
    st.file_uploader(
        f"1 to {MOST_IMAGES} images" + (" of one folder" if folder else ""),
        accept_multiple_files="directory" if folder else True, key=key,
        max_upload_size=_MOST_MEGABYTES if public is None else public.upload_megabytes,
        on_change=_keep, args=(key,),
        help="JPEG, PNG, GIF, BMP, WebP, TIFF, PPM, AVIF or JPEG 2000, told by their content. They stay on the machine that runs this app, "
        "in memory, and are gone when the session ends.",
    )  # fmt: skip


def _keep(key: str) -> None:
    files = st.session_state.get(key) or []
    if key == _UPLOADERS[1]:  # of a folder its images, as the command line takes them
        from senet_viz.images.decoding import SUFFIXES

        paths = {file.name: PurePath(file.name) for file in files}
        hidden = {name for name, path in paths.items() if any(part.startswith(".") for part in path.parts)}
        named = [file for file in files if file.name not in hidden and paths[file.name].suffix.casefold() in SUFFIXES]
        files = sorted(named, key=lambda file: file.name)
    st.session_state[_GIVEN] = len(files)
    images = [(file.name, file.getvalue()) for file in files[:MOST_IMAGES]]
    public = read_public()
    refused = {
        name: sentence for name, data in images if public and (sentence := _explain_too_large(name, data, public))
    }
    st.session_state[_REFUSED] = tuple(refused.values())
    st.session_state[_KEPT] = tuple(image for image in images if image[0] not in refused)


def _explain_too_large(name: str, data: bytes, public: PublicOptions) -> str:
    """Why an image is not taken in public; "" where it is, or where what is wrong with it is told when it is decoded."""
    from senet_viz.images.decoding import count_pixels

    if (pixels := count_pixels(data)) > public.upload_pixels:
        return f"{name} has {pixels:,} pixels; this server takes {public.upload_pixels:,}: make it smaller."
    if len(data) > public.upload_megabytes * 1_000_000:
        return f"{name} has {bytes_text(len(data))}; this server takes {public.upload_megabytes} MB: make it smaller."
    return ""


def _show_kept(images: tuple[Image, ...]) -> None:
    """The uploader is empty after a page change, the images are still here."""
    if any(st.session_state.get(key) for key in _UPLOADERS):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        names = ", ".join(f"{name}" for name, _ in images[:4]) + (" …" if len(images) > 4 else "")
        st.caption(f"{len(images)} image{'s' if len(images) > 1 else ''} from before: {escape(names)}")
        if st.button("Remove them", icon=":material/close:", type="tertiary"):
            st.session_state.pop(_KEPT)
            st.session_state.pop(_GIVEN, None)
            st.rerun()


@st.cache_data(show_spinner=False)
def _read_samples() -> tuple[Image, ...]:
    from senet_viz.images.builtin import sample_images

    return sample_images()


def sample_uploads() -> Uploads | None:
    """The samples, without a control; None where they can not be read, which the page then says."""
    images = _samples()
    return Uploads(images, _digest(images)) if images else None


def _samples() -> tuple[Image, ...]:
    images: tuple[Image, ...] = ()
    with telling_problems("image_not_supported"):
        images = _read_samples()
        st.caption("Two photos that scikit-learn ships and two pictures that this program draws.")
    return images


def _from_recording(page: Opened) -> tuple[Image, ...]:
    """Images of the recording, chosen by their names, where its source is at hand."""
    samples = get_samples(page)
    source, sentence = find_source(page)
    if source is None:
        ask_for_source(page, sentence)
        return ()
    asked = list(dict.fromkeys([*(st.session_state.get("sample") or []), *st.query_params.get_all("sample")]))
    known = [name for name in asked if samples.known(name)]
    if unknown := [name for name in asked if name not in known]:
        st.warning(escape(f"The recording has no image {unknown[0]!r}."), icon=":material/image_not_supported:")
        if "sample" in st.session_state:
            st.session_state["sample"] = [name for name in st.session_state["sample"] if name in known]
    options = list(dict.fromkeys([*known, *samples.suggested]))
    chosen = st.multiselect(
        "Images of the recording", options, key="sample", bind="query-params", persist_state="session",
        accept_new_options=True, max_selections=MOST_IMAGES, placeholder="Choose or type a name", on_change=forget_notices,
        help="By the name that the recording gives an image. The list suggests one image of some classes. The page "
        "Distributions names the images in which a gate is highest or lowest.",
    )  # fmt: skip
    st.caption(escape(sentence))
    wanted = tuple(name for name in chosen if samples.known(name))
    if not wanted:
        st.info("Choose an image of the recording, or several.", icon=":material/add_photo_alternate:")
        return ()
    pictures = read_pictures(source, source.digest, wanted, None)
    for name in wanted:
        if isinstance(problem := pictures[name], str):
            st.warning(escape(problem), icon=":material/broken_image:")
    return tuple((samples.title(name), data) for name in wanted if isinstance(data := pictures[name], bytes))


def _digest(images: tuple[Image, ...]) -> str:
    digest = hashlib.sha256()
    for name, data in images:
        digest.update(f"{len(name)}:{name}:{len(data)}:".encode("utf-8", "surrogatepass"))
        digest.update(data)
    return digest.hexdigest()
