"""Weights come from files as tensors only, fit exactly, and have one digest."""

import math
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from senet_viz.errors import ModelError
from senet_viz.models.weights import digest_weights, load_strictly, read_weights, refuse_nonfinite_weights, save_weights


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_usual_checkpoint_shapes_are_read(tmp_path: Path, ending: str, wrapper: str | None, prefix: str) -> None:
    state = {prefix + name: value for name, value in network().state_dict().items()}
    path = tmp_path / f"weights{ending}"
    if ending == ".safetensors":
        save_file(state, path)
    else:
        torch.save({wrapper: state, "epoch": 3} if wrapper else state, path)
    fresh = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    load_strictly(fresh, read_weights(path), path.name)
    assert digest_weights(fresh) == digest_weights(network())


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("__import__('pathlib').Path('owned').touch()",)


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Hostile()}, tmp_path / "hostile.pth")
    with pytest.raises(ModelError, match="eval"):
        read_weights(tmp_path / "hostile.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(ModelError, match="tensors alone"):
        read_weights(tmp_path / "plain.pth")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_damaged_files_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x00" * 50)
    with pytest.raises(ModelError, match=name):
        read_weights(tmp_path / name)
    with pytest.raises(ModelError, match="no weights file"):
        read_weights(tmp_path / "missing.pth")


def test_a_file_without_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "names": ["a"]}, tmp_path / "log.pth")
    with pytest.raises(ModelError, match="no state dict"):
        read_weights(tmp_path / "log.pth")


def test_every_kind_of_mismatch_is_counted() -> None:
    state = dict(network().state_dict())
    state["0.weight"] = torch.zeros(5, 3, 3, 3)
    state["extra"] = torch.zeros(1)
    del state["3.bias"]
    target = network()
    before = digest_weights(target)
    with pytest.raises(ModelError, match=r"1 missing \(3\.bias\).*1 unknown \(extra\).*1 of another shape \(0\.weight"):
        load_strictly(target, state, "here.pth")
    assert digest_weights(target) == before


def test_half_precision_keeps_values_to_eleven_bits(tmp_path: Path) -> None:
    module = network()
    save_weights(module, tmp_path / "half.safetensors", half=True)
    for name, value in read_weights(tmp_path / "half.safetensors").items():
        assert value.dtype == torch.float16
        assert torch.equal(value, module.state_dict()[name].half())


def test_the_digest_sees_every_weight_and_no_memory_format() -> None:
    module = network()
    before = digest_weights(module)
    assert digest_weights(module.to(memory_format=torch.channels_last)) == before
    module.state_dict()["0.weight"][1, 0, 0, 0] += 1e-6
    assert digest_weights(module) != before


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_value_that_is_not_finite_is_refused_and_counted(value: float) -> None:
    module = nn.Sequential(nn.Linear(3, 2))
    module.register_parameter("empty", nn.Parameter(torch.empty(0)))
    refuse_nonfinite_weights(module, "made")
    module.state_dict()["0.weight"][1, 2] = value
    with pytest.raises(ModelError, match=r"0\.weight \(1 of 6\)"):
        refuse_nonfinite_weights(module, "made")
