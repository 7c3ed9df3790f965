"""Every kind of source in another process: the copy opens what it needs for itself and reads the same images."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision import datasets

from senet_viz.images.opening import open_images
from senet_viz.images.source import ImageSource, take_classes
from tests.support import image_files as draw
from tests.support.shards import label_images, serve, write_tar

IMAGES = [draw.draw_noise(size=(6, 5), kind="PNG") for _ in range(6)]
LABELS = [0, 1, 2, 0, 1, 2]
READ = """
import pickle, sys
import numpy as np
from pathlib import Path
source = pickle.loads(Path(sys.argv[1]).read_bytes())
np.savez(sys.argv[2], *[np.asarray(source.load(index)) for index in range(len(source))])
"""


class FakeSet:
    """Behaves like a small data set of torchvision."""

    classes = ("a", "b", "c")
    targets = LABELS

    def __init__(self, root: str, **_: object) -> None:
        self.root = root

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return draw_noise_image(index), LABELS[index]


def draw_noise_image(index: int) -> Any:
    from senet_viz.images.decoding import decode_image

    return decode_image(IMAGES[index])


def _folder(place: Path) -> ImageSource:
    for at, image in enumerate(IMAGES):
        draw.write_file(place / "set" / "abc"[at % 3] / f"{at}.png", image)
    return open_images("set")


def _csv(place: Path) -> ImageSource:
    _folder(place)
    files = sorted(file.relative_to(place).as_posix() for file in place.rglob("*.png"))
    draw.write_file(place / "list.csv", "\n".join(["path,label", *(f"{file},{file[4]}" for file in files)]).encode())
    return open_images("list.csv")


def _parquet(place: Path) -> ImageSource:
    draw.write_parquet(place / "x.parquet", IMAGES, LABELS, group_rows=2)
    return open_images("x.parquet")


def _paths(place: Path) -> ImageSource:
    _folder(place)
    files: list[str | None] = [file.relative_to(place).as_posix() for file in sorted(place.rglob("*.png"))]
    draw.write_parquet(place / "x.parquet", [None] * 6, LABELS, paths=files)
    return open_images("*.parquet")


def _tars(place: Path) -> ImageSource:
    for shard in range(2):
        write_tar(place / f"{shard}.tar", label_images(IMAGES[3 * shard :][:3], LABELS[3 * shard :][:3]))
    return open_images("{0..1}.tar")


def _some_classes(place: Path) -> ImageSource:
    return take_classes(_tars(place), 2)


def _digits(_: Path) -> ImageSource:
    return take_classes(open_images("digits"), 1)


def _torchvision(_: Path) -> ImageSource:
    return open_images("torchvision:CIFAR10")


FORMS = [_folder, _csv, _parquet, _paths, _tars, _some_classes, _digits, _torchvision]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENET_VIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets, "CIFAR10", FakeSet)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def pixels_of(source: ImageSource) -> list[Any]:
    return [np.asarray(source.load(index)) for index in range(len(source))]


def check_copy(source: ImageSource, copy: ImageSource) -> None:
    assert [copy.sample_id(i) for i in range(len(copy))] == [source.sample_id(i) for i in range(len(source))]
    assert [copy.path(i) for i in range(len(copy))] == [source.path(i) for i in range(len(source))]
    for word in ("kind", "name", "classes", "label_kind", "digest", "notes"):
        assert getattr(copy, word) == getattr(source, word)
    np.testing.assert_array_equal(copy.labels, source.labels)


@pytest.mark.parametrize("form", FORMS)
def test_a_copy_reads_the_same_from_another_folder(
    place: Path, monkeypatch: pytest.MonkeyPatch, form: Callable[[Path], ImageSource]
) -> None:
    source = form(place)
    expected = pixels_of(source)  # locks and handles have been in use
    copy = pickle.loads(pickle.dumps(source))
    monkeypatch.chdir(place.parent)
    check_copy(source, copy)
    for found in (pixels_of(copy), pixels_of(source)):
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.slow
def test_another_process_reads_the_same(place: Path) -> None:
    source = take_classes(_tars(place), 2)
    other = _parquet(place)
    for at, each in enumerate((source, other)):
        expected = pixels_of(each)
        (place / "source").write_bytes(pickle.dumps(each))
        command = [sys.executable, "-c", READ, str(place / "source"), str(place / f"{at}.npz")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3])])}
        subprocess.run(command, check=True, cwd=place.parent, env=environment)
        with np.load(place / f"{at}.npz") as found:
            assert all(np.array_equal(found[name], image) for name, image in zip(found, expected, strict=True))


@pytest.fixture
def served(place: Path) -> Iterator[str]:
    _tars(place)
    draw.write_parquet(place / "p/x.parquet", IMAGES, LABELS, group_rows=2)
    with serve(place, ranges=True) as (url, *_):
        yield url


@pytest.mark.parametrize("spec", ["{0..1}.tar", "p/*.parquet"])
def test_a_copy_of_a_remote_source_reads_the_same(served: str, spec: str) -> None:
    source = open_images(f"{served}/{spec}")
    expected = pixels_of(source)
    copy = pickle.loads(pickle.dumps(source))
    check_copy(source, copy)
    assert all(np.array_equal(a, b) for a, b in zip(pixels_of(copy), expected, strict=True))
