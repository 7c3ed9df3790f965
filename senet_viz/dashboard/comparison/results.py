"""Results of the page Compare images, kept by digests: of the recording, the images and the choices."""

from concurrent.futures import Future
from hashlib import sha256
from typing import TYPE_CHECKING

import streamlit as st

from senet_viz.analysis.comparison.blocks import BlockComparison, RecordedProfiles, read_profiles
from senet_viz.analysis.comparison.placement import Placement, place_gates
from senet_viz.analysis.comparison.result import ComparedImage, Comparison, Failure
from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.results import Loaded, keep
from senet_viz.dashboard.uploads import Image, Uploads, prepare_upload
from senet_viz.dashboard.waiting import AT_ONCE, BackgroundLoader
from senet_viz.models.memory import give_back_memory
from senet_viz.recording.reader import Recording

if TYPE_CHECKING:
    from senet_viz.models.zoo import Model
    from senet_viz.workflows.comparison import PreparedImage


@keep(4, shared=True)
def get_profiles(page: Loaded) -> RecordedProfiles:
    """`read_profiles`."""
    profiles = read_profiles(page.recording)
    give_back_memory()
    return profiles


@keep(16, shared=True)
def get_image_comparison(
    page: Loaded, digest: str, precision: str, *, _model: "Model", _uploads: Uploads
) -> Comparison:
    """`compare_images`, kept by the images' digest and the precision."""
    from senet_viz.workflows.comparison import compare_images

    del digest
    profiles = get_profiles(page)
    return compare_images(_model, _uploads.images, page.recording, precision=precision, profiles=profiles)


def find_placement(
    page: Opened, block: BlockComparison, digest: str, precision: str, among: int | None
) -> "tuple[Placement, Future[Placement] | None]":
    """Where the images lie in one block; where many gates are kept, from histograms until they are read beside the page.

    Args:
        page: whose recording they are placed in.
        block: the images' gates.
        digest: of the images.
        precision: of the gates.
        among: index of a class; all recorded images where None.

    Returns:
        The placement, and what is still being read, to be waited for; None where nothing is.

    Raises:
        RecordingError: a file is missing or damaged.
    """
    recording, name = page.recording, block.block.name
    chosen = (name, digest, precision, among)
    if recording.n_kept * block.block.channels <= AT_ONCE:
        return _place(page, chosen, True, _block=block), None
    meanwhile = _place(page, chosen, False, _block=block)  # before the other begins, which needs as much memory
    future = _reader().ask((page.stamp, *chosen), lambda: _place_now(recording, block, among, single_images=True))
    return (future.result(), None) if future.done() else (meanwhile, future)


@st.cache_resource(show_spinner=False)
def _reader() -> "BackgroundLoader[Placement]":
    return BackgroundLoader("senet-viz-places")


@keep(64, shared=True)
def _place(
    page: Loaded, chosen: tuple[str, str, str, int | None], single_images: bool, *, _block: BlockComparison
) -> Placement:
    return _place_now(page.recording, _block, chosen[-1], single_images=single_images)


def _place_now(recording: Recording, block: BlockComparison, among: int | None, *, single_images: bool) -> Placement:
    placed = place_gates(recording, block.block, block.gates, among, single_images=single_images)
    give_back_memory()
    return placed


def find_file(uploads: Uploads, image: ComparedImage) -> Image:
    """The file of an image that was compared: two may bear one name."""
    return next(
        file for file in uploads.images if file[0] == image.name and sha256(file[1]).hexdigest() == image.sha256
    )


def get_prepared(model: "Model", file: Image) -> "PreparedImage":
    """An image that was compared as the network takes it in."""
    prepared = prepare_upload(model, file)
    assert not isinstance(prepared, Failure), "it could be read when it was compared"
    return prepared
