"""Every kind of file that is given for weights is read without running its code, or refused in one sentence."""

import argparse
import io
import json
import pathlib
import tarfile
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from senet_viz.errors import ModelError
from senet_viz.models.checkpoints import find_weights, is_weights_file, read_checkpoint

STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.tensor([1.0, 2.0])}


def expect(path: Path, *words: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_checkpoint(path)
    sentence = str(caught.value)
    assert str(path) in sentence or path.name in sentence
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


def save(tree: object, path: Path, **options: object) -> Path:
    torch.save(tree, path, **options)
    return path


@pytest.mark.parametrize("name", ["w.pth", "w.PTH", "w.pth.tar", "w.pkl", "w.ckpt", "w.Pt", "w.bin"])
def test_any_ending_in_any_case_is_read_by_content(tmp_path: Path, name: str) -> None:
    assert is_weights_file(name)
    assert torch.equal(read_checkpoint(save(STATE, tmp_path / name)).tensors["fc.bias"], STATE["fc.bias"])
    save_file(STATE, tmp_path / name)
    assert set(read_checkpoint(tmp_path / name).tensors) == set(STATE)
    assert not is_weights_file("package.module:factory")


def test_what_lies_beside_the_tensors_is_held_and_never_made(tmp_path: Path) -> None:
    about = {
        "epoch": np.int64(3), "best": np.float64(0.5), "curve": np.arange(3.0), "kind": np.dtype("f4"),
        "args": argparse.Namespace(model="seresnet50", lr=np.float32(0.1), out=pathlib.PurePosixPath("runs")),
        "log": defaultdict(list, {"loss": [1.0]}), "hyper_parameters": {"width": 64}, "amp": None, "names": ["a", ("b",)],
    }  # fmt: skip
    for legacy in (False, True):
        path = save(
            {"checkpoint": {"model": STATE}, **about}, tmp_path / "w.pth", _use_new_zipfile_serialization=not legacy
        )
        found = read_checkpoint(path)
        assert set(found.tensors) == {f"checkpoint.model.{name}" for name in STATE}
        assert found.said == "seresnet50"


def test_nested_entries_are_named_by_their_path_and_may_hold_themselves(tmp_path: Path) -> None:
    inner: dict[str, object] = {"weight": STATE["fc.weight"], "list": [torch.ones(1), (torch.zeros(1),)]}
    inner["self"] = inner
    found = read_checkpoint(save(OrderedDict(fc=inner), tmp_path / "w.pth")).tensors
    assert set(found) == {"fc.weight", "fc.list.0", "fc.list.1.0"}
    expect(save({"a": {"b": torch.ones(1)}, "a.b": torch.zeros(1)}, tmp_path / "two.pth"), "two tensors called 'a.b'")


@pytest.mark.slow
def test_many_references_to_one_entry_end(tmp_path: Path) -> None:
    tree: list[object] = [torch.ones(1)]
    for _ in range(40):
        tree = [tree, tree]
    expect(save(tree, tmp_path / "w.pth"), "more than 1,000,000 entries")


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({}, "an empty dict"),
        ({"state_dict": {}}, "state_dict without tensors"),
        ({"epoch": 3, "names": ["a"]}, "epoch, names without tensors"),
        (torch.ones(2), "one tensor of (2,) without a name"),
        (3, "a int"),
    ],
)
def test_files_without_named_tensors_say_what_they_hold(tmp_path: Path, tree: object, words: str) -> None:
    expect(save(tree, tmp_path / "w.pth"), "holds no state dict", words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty (0 bytes)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b'{"error": "Repository not found", "status": 404, "more": true}', "text"),
        (b"Access denied, please try again later.", "'Access denied"),
        (b"\x1f\x8b\x08\x00" + bytes(60), "unpack"),
        (b"\x80\x02not a pickle at all", "could not be read as tensors alone"),
        (b"PK\x03\x04 and no more", "damaged or incomplete"),
        (bytes(50), "w.pth"),
    ],
)
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_what_is_no_checkpoint_is_called_by_what_it_is(tmp_path: Path, content: bytes, words: str, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    expect(tmp_path / name, *([words] if words != "w.pth" else []))


def test_archives_of_other_kinds(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", a=np.ones(2))
    (tmp_path / "w.npz").rename(tmp_path / "arrays.pth")
    expect(tmp_path / "arrays.pth", "a zip of a.npy")
    with tarfile.open(tmp_path / "w.pth.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("w.pth"), io.BytesIO())
    expect(tmp_path / "w.pth.tar", "unpack it")


def test_torchscript_and_whole_networks_say_how_to_convert(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:  # as torch.jit.save lays it out
        for name in ("script/data.pkl", "script/constants.pkl", "script/code/__torch__.py"):
            archive.writestr(name, b"")
    expect(tmp_path / "script.pt", "TorchScript", "torch.save(torch.jit.load('script.pt').state_dict(), 'weights.pth')")
    expect(
        save(nn.Linear(2, 2), tmp_path / "whole.pth"),
        "whole network",
        "torch.nn.modules.linear.Linear",
        ".state_dict()",
    )


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("name", ["w.pth", "old.pth", "w.safetensors"])
def test_truncated_files_are_refused(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / name
    if name == "w.safetensors":
        save_file(STATE, path)
    else:
        save(STATE, path, _use_new_zipfile_serialization=name == "w.pth")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    expect(path)


def test_a_flipped_byte_of_a_tensor_is_found_by_the_zips_checksum(tmp_path: Path) -> None:
    path = save(STATE, tmp_path / "w.pth")
    content = bytearray(path.read_bytes())
    at = content.index(STATE["fc.weight"].numpy().tobytes())
    content[at + 5] ^= 1
    path.write_bytes(content)
    expect(path, "does not match its checksum")


def test_an_entry_that_is_marked_as_a_folder_is_not_read_as_nothing(tmp_path: Path) -> None:
    path = save(STATE, tmp_path / "w.pth")
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")  # the first entry of the zip's directory; its external attributes are 38 bytes on
    content[at + 38] ^= 0x10
    path.write_bytes(content)
    expect(path, "is damaged")


def test_shards_are_read_by_their_index(tmp_path: Path) -> None:
    save_file({"fc.weight": STATE["fc.weight"]}, tmp_path / "model-00001-of-00002.safetensors")
    save_file({"fc.bias": STATE["fc.bias"]}, tmp_path / "model-00002-of-00002.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    table = {f"fc.{k}": f"model-0000{i}-of-00002.safetensors" for i, k in ((1, "weight"), (2, "bias"))}
    index.write_text(json.dumps({"weight_map": table}), encoding="utf-8")
    assert find_weights(tmp_path) == index
    assert is_weights_file(index.name)
    assert set(read_checkpoint(index).tensors) == set(STATE)
    index.write_text(json.dumps({"weight_map": {**table, "extra": table["fc.bias"]}}), encoding="utf-8")
    expect(index, "lack 1 of its 3 tensors, e.g. extra")
    index.write_text(json.dumps({"weight_map": {"a": "../elsewhere.safetensors"}}), encoding="utf-8")
    expect(index, "not a weights file beside it")
    index.write_text("[1, 2]", encoding="utf-8")
    expect(index, "no index of shards")
