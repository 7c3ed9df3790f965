"""Images that need no files of one's own: scikit-learn's digits, torchvision's data sets, and four samples."""

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from senet_viz.errors import ImageError, SourceError
from senet_viz.images.decoding import describe_error
from senet_viz.images.labels import tabulate_classes
from senet_viz.images.pixels import to_rgb
from senet_viz.images.source import CLASSES, compute_digest, freeze_labels
from senet_viz.paths import expand_home
from senet_viz.schema import ClassTable

TORCHVISION_SETS: Mapping[str, Mapping[str, Any]] = {
    "CIFAR10": {"train": False},
    "CIFAR100": {"train": False},
    "Country211": {"split": "test"},
    "DTD": {"split": "test"},
    "EuroSAT": {},
    "FashionMNIST": {"train": False},
    "FGVCAircraft": {"split": "test"},
    "Flowers102": {"split": "test"},
    "Food101": {"split": "test"},
    "Imagenette": {"split": "val"},
    "KMNIST": {"train": False},
    "MNIST": {"train": False},
    "OxfordIIITPet": {"split": "test"},
    "STL10": {"split": "test"},
    "SVHN": {"split": "test"},
}
"""The part of each data set that is read: its test or validation images where it has such."""


@dataclass(frozen=True, eq=False, slots=True)
class BuiltinSource:
    """Images that a library hands out by index; see `ImageSource`."""

    kind: str
    name: str
    classes: ClassTable
    labels: NDArray[np.int32]
    digest: str
    read: Callable[[int], Image.Image]
    label_kind: str = CLASSES
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def sample_id(self, index: int) -> str:
        return f"{self.name}#{index}"

    def path(self, index: int) -> str:
        return self.sample_id(index)

    def load(self, index: int) -> Image.Image:
        try:
            return to_rgb(self.read(index), name=self.path(index))
        except ImageError:
            raise
        except Exception as error:  # whatever the library's reader raises
            raise ImageError(
                f"{self.path(index)} could not be read ({describe_error(error)}): fetch the data set again."
            ) from error


@dataclass(frozen=True, slots=True)
class _Pixels:
    """Images of an array; a class and no lambda, so that a source may be pickled."""

    values: NDArray[np.uint8]

    def __call__(self, index: int) -> Image.Image:
        return Image.fromarray(self.values[index])


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Images of a data set of torchvision, pickled like it."""

    dataset: Any

    def __call__(self, index: int) -> Image.Image:
        picture: Image.Image = self.dataset[index][0]
        return picture


def open_digits() -> BuiltinSource:
    """scikit-learn's 1,797 images of 8×8 pixels of handwritten digits: grey 0 to 16 as RGB 0 to 255, 10 classes.

    Raises:
        SourceError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise SourceError(
            "The digits come with scikit-learn, which is not installed: pip install scikit-learn."
        ) from error
    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    classes = ClassTable(tuple(str(digit) for digit in range(10)))
    labels = freeze_labels(np.asarray(bunch.target), 10, "digits")
    samples = [(f"digits#{at}", pixels[0].size) for at in range(len(labels))]
    return BuiltinSource(
        kind="digits",
        name="digits",
        classes=classes,
        labels=labels,
        digest=compute_digest("digits", samples, labels, classes),
        read=_Pixels(pixels),
    )


def open_torchvision(name: str, *, cache: Path | None = None, fetch: bool = True) -> BuiltinSource:
    """The test (or validation) images of a data set of torchvision, fetched by it on first use.

    Args:
        name: one of `TORCHVISION_SETS`, e.g. "CIFAR10".
        cache: folder that keeps the download; by default the environment's SENET_VIZ_CACHE, else
            `senet_viz/torchvision` in the user's cache folder.
        fetch: whether it may be downloaded.

    Raises:
        SourceError: an unknown name, torchvision is not installed or lacks the data set, its download failed, or it is
            not in the cache and may not be fetched.
    """
    known = {entry.casefold(): entry for entry in TORCHVISION_SETS}
    entry = known.get(name.casefold())
    if entry is None:
        raise SourceError(f"torchvision:{name} is not known: give one of {', '.join(TORCHVISION_SETS)}.")
    try:
        from torchvision import datasets
    except ImportError as error:
        raise SourceError(
            f"torchvision:{entry} needs torchvision, which could not be imported ({describe_error(error)}): "
            "install torch and torchvision together."
        ) from error
    builder = getattr(datasets, entry, None)
    if builder is None:
        raise SourceError(f"This version of torchvision has no {entry}: install a later one.")
    folder = cache if cache is not None else find_cache() / "torchvision"
    dataset = _build_dataset(builder, entry, folder, fetch=fetch)
    classes, labels = _read_labels(dataset, entry)
    full_name = f"torchvision:{entry}"
    frozen = freeze_labels(labels, len(classes), full_name)
    samples = [(full_name, len(frozen))]
    return BuiltinSource(
        kind="torchvision",
        name=full_name,
        classes=classes,
        labels=frozen,
        digest=compute_digest("torchvision", samples, frozen, classes),
        read=_Pictures(dataset),
    )


def find_cache() -> Path:
    """The folder for downloads: the environment's SENET_VIZ_CACHE, else `senet_viz` in the user's cache folder."""
    own = os.environ.get("SENET_VIZ_CACHE")
    if own:
        return expand_home(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "senet_viz"


def _build_dataset(builder: Callable[..., Any], entry: str, folder: Path, *, fetch: bool) -> Any:
    options = dict(TORCHVISION_SETS[entry])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            try:
                return builder(str(folder), download=False, **options)
            except (RuntimeError, OSError, ValueError) as error:  # not there yet
                if not fetch:
                    raise SourceError(
                        f"torchvision:{entry} is not in {folder}: give torchvision:{entry} to fetch it."
                    ) from error
                return builder(str(folder), download=True, **options)
    except SourceError:
        raise
    except Exception as error:  # downloads and archives fail in many ways
        raise SourceError(
            f"torchvision:{entry} could not be fetched into {folder} ({describe_error(error)}): check the network, or put "
            "the data set's files there as torchvision lays them out."
        ) from error


def _read_labels(dataset: Any, entry: str) -> tuple[ClassTable, NDArray[np.int64]]:
    """Class table and labels, without reading an image."""
    raw = next((getattr(dataset, a) for a in ("targets", "labels", "_labels") if hasattr(dataset, a)), None)
    if raw is None and hasattr(dataset, "_samples"):
        raw = [label for _, label in dataset._samples]
    if raw is None or len(raw) != len(dataset):
        raise SourceError(f"This version of torchvision keeps the labels of {entry} elsewhere: install another one.")
    labels = np.asarray(raw, dtype=np.int64)
    given = getattr(dataset, "classes", None) or [str(index) for index in range(int(labels.max()) + 1)]
    names = [", ".join(name) if isinstance(name, tuple) else str(name) for name in given]
    wnids = tuple(getattr(dataset, "wnids", ()))
    return (ClassTable(tuple(names), wnids) if len(wnids) == len(names) else tabulate_classes(names)), labels


_SIDE = 256
_PHOTOS = {"flower.jpg": "flower photo.jpg", "china.jpg": "temple photo.jpg"}


def sample_images() -> tuple[tuple[str, bytes], ...]:
    """Name and file of four images: a flower and a temple (photos of scikit-learn), a drawn fish, a chequered board.

    Raises:
        SourceError: scikit-learn is not installed, or lacks its photos.
    """
    rows, columns = np.indices((_SIDE, _SIDE)) // 32
    board = Image.fromarray(np.where((rows + columns) % 2, 230, 25).astype(np.uint8)).convert("RGB")
    return (*_read_photos(), ("drawn fish.png", _as_png(_draw_fish())), ("chequered.png", _as_png(board)))


def _read_photos() -> tuple[tuple[str, bytes], ...]:
    try:
        found = find_spec("sklearn")  # not imported, which takes a second
        if found is None or found.origin is None:
            raise ImportError("no module named sklearn")
        folder = Path(found.origin).parent / "datasets" / "images"
        return tuple((name, (folder / file).read_bytes()) for file, name in _PHOTOS.items())
    except (ImportError, OSError) as error:
        raise SourceError(
            f"The sample photos come with scikit-learn and could not be read ({error}): pip install scikit-learn."
        ) from error


def _draw_fish() -> Image.Image:
    """An orange fish before blue water that is brighter above."""
    depth = np.linspace(1, 0.45, _SIDE)[:, None, None] * np.array([70.0, 150.0, 205.0])
    image = Image.fromarray(np.broadcast_to(depth, (_SIDE, _SIDE, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    orange, dark = (240, 128, 32), (206, 92, 16)
    draw.polygon([(172, 128), (236, 78), (222, 128), (236, 178)], fill=dark)  # tail
    draw.polygon([(96, 88), (132, 46), (160, 92)], fill=dark)  # back fin
    draw.polygon([(104, 160), (128, 204), (146, 160)], fill=dark)  # belly fin
    draw.ellipse((34, 76, 190, 180), fill=orange)
    draw.ellipse((62, 108, 84, 130), fill=(250, 250, 250))
    draw.ellipse((68, 114, 79, 125), fill=(15, 15, 15))
    return image.filter(ImageFilter.GaussianBlur(1.2))


def _as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
