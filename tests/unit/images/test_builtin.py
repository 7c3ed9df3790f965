"""Digits and torchvision's data sets."""

import inspect
import socket
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from senet_viz.errors import ImageError, SourceError
from senet_viz.images import builtin
from senet_viz.images.builtin import TORCHVISION_SETS, find_cache, open_torchvision
from senet_viz.images.opening import open_images


def test_digits() -> None:
    source = open_images("digits")
    assert (len(source), source.kind, source.name, source.label_kind) == (1797, "digits", "digits", "classes")
    assert source.classes.names == tuple("0123456789")
    assert source.labels[:5].tolist() == [0, 1, 2, 3, 4]
    pixels = np.asarray(source.load(0))
    assert pixels.shape == (8, 8, 3)
    assert pixels[0, :, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]  # 0 0 5 13 9 1 0 0 of 16
    assert max(np.asarray(source.load(i)).max() for i in range(50)) == 255
    assert source.digest == open_images("digits").digest
    with pytest.raises(ImageError, match="digits#1797 could not be read"):
        source.load(1797)


@pytest.mark.parametrize("name", TORCHVISION_SETS)
def test_the_table_fits_the_constructors_of_torchvision(name: str) -> None:
    parameters = inspect.signature(getattr(datasets, name)).parameters
    assert {"root", "download", *TORCHVISION_SETS[name]} <= set(parameters)
    for word in ("train", "split"):
        assert (word in parameters) == (word in TORCHVISION_SETS[name])


class FakeSet:
    """Behaves like a data set of torchvision whose files are there after the first download."""

    classes = (("tench", "Tinca tinca"), ("cassette player",))
    wnids = ("n01440764", "n02979186")

    def __init__(self, root: str, split: str = "train", download: bool = False) -> None:
        assert split == "val"
        warnings.warn("old pickle", UserWarning, stacklevel=2)
        flag = Path(root) / "there"
        if download:
            flag.write_text("x")
            print("downloading")  # noqa: T201 (what torchvision does)
        if not flag.exists():
            raise RuntimeError("Dataset not found.\nUse download=True")
        self._samples = [("a", 1), ("b", 0), ("c", 1)]

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        if index == 2:
            raise OSError("gone")
        return Image.new("L", (5, 4), 9), self._samples[index][1]


def test_a_data_set_of_torchvision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(datasets, "Imagenette", FakeSet)
    monkeypatch.setenv("SENET_VIZ_CACHE", str(tmp_path))
    source = open_images("torchvision:imagenette")
    assert capsys.readouterr() == ("", "downloading\n")  # stdout is for results
    assert (source.kind, source.name, source.labels.tolist()) == ("torchvision", "torchvision:Imagenette", [1, 0, 1])
    assert source.classes.names == ("tench, Tinca tinca", "cassette player")
    assert source.classes.wnids == FakeSet.wnids
    assert source.load(0).mode == "RGB"
    assert source.load(0).getpixel((0, 0)) == (9, 9, 9)
    with pytest.raises(ImageError, match=r"torchvision:Imagenette#2 could not be read \(gone\)"):
        source.load(2)
    assert open_images("torchvision:Imagenette").digest == source.digest
    assert capsys.readouterr().err == ""  # not fetched twice


def test_a_failed_download_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(
        SourceError, match=r"torchvision:CIFAR10 could not be fetched into .*check the network"
    ) as caught:
        open_torchvision("CIFAR10", cache=tmp_path)
    assert "\n" not in str(caught.value)


def test_names_that_torchvision_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"torchvision:ImageNet is not known: give one of CIFAR10, "):
        open_images("torchvision:ImageNet")
    monkeypatch.delattr(datasets, "MNIST")
    with pytest.raises(SourceError, match="has no MNIST"):
        open_torchvision("MNIST", cache=tmp_path)


def test_labels_that_are_kept_elsewhere_are_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Unlabelled:
        def __init__(self, root: str, train: bool, download: bool) -> None:
            self.root = root

        def __len__(self) -> int:
            return 3

    monkeypatch.setattr(datasets, "MNIST", Unlabelled)
    with pytest.raises(SourceError, match="keeps the labels of MNIST elsewhere"):
        open_torchvision("MNIST", cache=tmp_path)


def test_where_downloads_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SENET_VIZ_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert find_cache() == tmp_path / "senet_viz"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert find_cache() == Path.home() / ".cache/senet_viz"
    monkeypatch.setenv("SENET_VIZ_CACHE", str(tmp_path / "own"))
    assert builtin.find_cache() == tmp_path / "own"
