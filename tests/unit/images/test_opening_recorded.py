"""The images of a recording found again: the same data set or none."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from senet_viz.errors import ImageError, SourceError
from senet_viz.images import builtin
from senet_viz.images.decoding import decode_image
from senet_viz.images.opening import find_spec, open_images, open_recorded, read_samples


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for name in ("cat/a.png", "cat/b.png", "dog/c.png"):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (300, 20, 3), dtype=np.uint8)).save(path)
    return tmp_path / "set"


def test_pixels_come_back_as_they_were_recorded(folder: Path) -> None:
    source = open_images(folder)
    data = {"name": str(folder), "kind": "folder", "digest": source.digest, "images": 3}
    assert find_spec(data) == str(folder)
    found = read_samples(open_recorded(str(folder), data), ("dog/c.png", "cat/a.png"))
    for name, index in (("dog/c.png", 2), ("cat/a.png", 0)):
        picture = found[name]
        assert isinstance(picture, bytes)
        np.testing.assert_array_equal(np.asarray(decode_image(picture)), np.asarray(source.load(index)))


def test_thumbnails_are_small_and_few_pixels_stay_squares(folder: Path) -> None:
    found = read_samples(open_images(folder), ["cat/a.png"], side=60)
    assert Image.open(io.BytesIO(found["cat/a.png"])).size == (4, 60)
    digits = open_images("digits")
    picture = Image.open(io.BytesIO(read_samples(digits, ["digits#3"], side=60)["digits#3"]))
    assert picture.size == (56, 56)
    np.testing.assert_array_equal(np.asarray(picture)[::7, ::7], np.asarray(digits.load(3)))


def test_another_data_set_is_refused(folder: Path) -> None:
    data = {"name": "photos", "kind": "folder", "digest": open_images(folder).digest, "images": 3}
    (folder / "dog/d.png").write_bytes((folder / "dog/c.png").read_bytes())
    with pytest.raises(SourceError, match=r"is not the data set that was recorded: .* photos \(3 images\)"):
        open_recorded(str(folder), data)
    with pytest.raises(SourceError, match="does not exist"):
        open_recorded(str(folder / "nowhere"), data)


def test_a_sample_that_is_not_there_or_damaged_says_so(folder: Path) -> None:
    (folder / "cat/b.png").write_bytes(b"no image")
    found = read_samples(open_images(folder), ["cat/b.png", "cat/z.png", "cat/a.png"])
    assert isinstance(found["cat/b.png"], ImageError)
    assert isinstance(found["cat/z.png"], ImageError)
    assert "has no image 'cat/z.png'" in str(found["cat/z.png"])
    assert isinstance(found["cat/a.png"], bytes)


@pytest.mark.parametrize(
    ("data", "spec"),
    [
        ({"name": "digits", "kind": "digits"}, "digits"),
        ({"name": "torchvision:CIFAR10", "kind": "torchvision"}, "torchvision:CIFAR10"),
        ({"name": "Tiny ImageNet", "kind": "parquet"}, None),
        ({"name": "", "kind": "folder"}, None),
        ({"name": "a\0b", "kind": "folder"}, None),
        ({"name": ".", "kind": "tensors"}, None),
        ({}, None),
    ],
)
def test_what_can_be_opened_unasked(data: dict[str, str], spec: str | None) -> None:
    assert find_spec(data) == spec


def test_nothing_is_downloaded_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def missing(folder: str, *, download: bool, **_: object) -> None:
        asked.append(download)
        raise RuntimeError("not found")

    monkeypatch.setenv("SENET_VIZ_CACHE", str(tmp_path))
    monkeypatch.setattr("torchvision.datasets.CIFAR10", missing)
    with pytest.raises(SourceError, match="give torchvision:CIFAR10 to fetch it"):
        open_recorded("torchvision:CIFAR10", {"digest": ""}, fetch=False)
    assert asked == [False]
    with pytest.raises(SourceError, match="could not be fetched"):
        builtin.open_torchvision("CIFAR10")
    assert asked == [False, False, True]


@pytest.mark.slow
def test_looking_at_images_loads_no_torch() -> None:
    code = (
        "import sys; from senet_viz.images.opening import open_images, read_samples;"
        "read_samples(open_images('digits'), ['digits#0']); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
