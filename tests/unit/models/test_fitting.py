"""A network's weights are found in a checkpoint by its own names, and what does not fit is told apart."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from senet_viz.errors import ModelError
from senet_viz.models.checkpoints import Checkpoint
from senet_viz.models.fitting import Fit, fit_weights
from senet_viz.models.weights import digest_weights, load_strictly

State = dict[str, Tensor]


class Network(nn.Module):
    def __init__(self, outputs: int = 4) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.layer = nn.Conv2d(4, 5, 1)
        self.fc = nn.Linear(5, outputs)


def network(seed: int = 0, outputs: int = 4) -> Network:
    torch.manual_seed(seed)
    return Network(outputs)


def state(seed: int = 0, outputs: int = 4) -> State:
    return dict(network(seed, outputs).state_dict())


def under(prefix: str, tensors: State) -> State:
    return {prefix + name: value for name, value in tensors.items()}


def fit(tensors: State, key: str | None = None, said: str = "", where: str = "w.pth") -> Fit:
    return fit_weights(network(9), Checkpoint(tensors, said), where, key)


def load(found: Fit) -> str:
    target = network(9)
    load_strictly(target, found.weights, "w.pth", found.advice)
    return digest_weights(target)


def expect(tensors: State, *words: str, without: str = "\n") -> None:
    with pytest.raises(ModelError) as caught:
        load(fit(tensors))
    for word in words:
        assert word in str(caught.value)
    assert without not in str(caught.value)


@pytest.mark.parametrize(
    "prefix",
    [
        "", "module.", "_orig_mod.", "model.", "state_dict.model._orig_mod.", "checkpoint.model.", "module._orig_mod.module.",
        "network.", "weights.", "state_dict.backbone.", "anything.at.all.", "0.",
    ],
)  # fmt: skip
def test_any_prefix_of_all_names_is_found(prefix: str) -> None:
    found = fit(under(prefix, state()))
    assert load(found) == digest_weights(network())
    assert found.notes == ()


def test_what_compilers_put_inside_of_names_is_seen_through() -> None:
    inner = {name.replace("stem.", "stem._orig_mod."): value for name, value in state().items()}
    assert load(fit(inner)) == digest_weights(network())
    parallel = {name.replace("stem.", "stem.module."): value for name, value in under("module.", state()).items()}
    assert load(fit(parallel)) == digest_weights(network())


def test_what_belongs_to_a_wrapper_is_left_out_and_named() -> None:
    averaged = dict(AveragedModel(network()).state_dict())
    found = fit(averaged)
    assert load(found) == digest_weights(network())
    assert found.notes == ("Left out of w.pth: n_averaged.",)
    lightning = {**under("state_dict.model.", state()), "state_dict.loss_fn.weight": torch.ones(4)}
    optimizer = {f"optimizer_states.0.state.{i}.exp_avg": torch.ones(1) for i in range(3)}
    found = fit({**lightning, **optimizer})
    assert load(found) == digest_weights(network())
    assert found.notes == ("Left out of w.pth: state_dict.loss_fn.weight, optimizer_states (3 tensors).",)
    counted = {**state(), "total_ops": torch.ones(1), "layer.total_ops": torch.ones(1), "loss_fn.weight": torch.ones(4)}
    found = fit(counted)
    assert load(found) == digest_weights(network())
    assert found.notes == ("Left out of w.pth: total_ops (2 tensors), loss_fn.weight.",)


def test_strangers_among_the_networks_own_names_are_never_dropped() -> None:
    expect({**under("model.", state()), "model.extra.weight": torch.ones(1)}, "1 unknown (extra.weight)")


@pytest.mark.parametrize("averaged", ["state_dict_ema.", "ema.module.", "model_ema.", "ema_model.", "swa_model."])
def test_of_raw_and_averaged_weights_the_raw_ones_are_read_and_the_note_says_so(averaged: str) -> None:
    both = {**under(averaged, state(1)), **under("state_dict.", state(0))}
    found = fit(both)
    assert load(found) == digest_weights(network(0))
    assert found.notes == (
        f"Weights were read from 'state_dict' of w.pth, not from '{averaged.rstrip('.')}' (--weights-key).",
    )
    assert load(fit(both, averaged.rstrip("."))) == digest_weights(network(1))
    assert load(fit({**under(averaged, state(1)), **state(0)})) == digest_weights(network(0))
    alone = fit(under(averaged, state(1)))
    assert load(alone) == digest_weights(network(1))
    assert "moving average" in alone.notes[0]


def test_two_sets_that_fit_must_be_chosen_from() -> None:
    both = {**under("student.", state(0)), **under("teacher.", state(1))}
    expect(both, "several sets of weights that fit: 'student', 'teacher'", "--weights-key")
    assert load(fit(both, "teacher.")) == digest_weights(network(1))
    same = {**under("student.", state(0)), **under("teacher.", state(0))}
    assert load(fit(same)) == digest_weights(network(0))
    assert load(fit({**under("best.", state(1)), **under("model.", state(0))})) == digest_weights(network(0))
    with pytest.raises(ModelError, match="no entry 'ema': it holds student, teacher"):
        fit(both, "ema")


def test_a_head_may_have_a_prefix_of_its_own() -> None:
    parts = {
        f"state_dict.{'head.' if name.startswith('fc') else 'backbone.'}{name}": value
        for name, value in state().items()
    }
    assert load(fit(parts)) == digest_weights(network())


def test_another_number_of_classes_a_backbone_and_another_network_are_told_apart() -> None:
    found = fit(under("model.", state(outputs=7)))
    assert found.outputs == 7
    expect(state(outputs=7), "Only the head differs, which has 7 outputs", without="Check --arch")
    headless = {name: value for name, value in state().items() if not name.startswith("fc")}
    expect(
        headless, "2 missing (fc.bias, fc.weight)", "a backbone without the network's head (fc)", without="Check --arch"
    )
    expect({**headless, "classifier.weight": torch.ones(3)}, "the head (fc) does not", "classifier.weight")
    expect({f"blocks.{i}.weight": torch.ones(1) for i in range(9)}, "blocks.0.weight", "stem.0.weight", "Check --arch.")
    with pytest.raises(ModelError, match=r"says that it is of 'resnet18'\. Check --arch"):
        fit({"a": torch.ones(1)}, said="resnet18")
    wide = {**state(), "layer.weight": torch.ones(5, 6, 1, 1)}
    expect(wide, "1 of another shape (layer.weight (5, 6, 1, 1) for (5, 4, 1, 1))", "Check --arch.")
    expect({"optimizer.state.0.exp_avg": torch.ones(1)}, "the state of a training (optimizer)", without="Check --arch")


def test_one_of_several_shards_says_so() -> None:
    part = {name: value for name, value in state().items() if name != "layer.weight"}
    assert re.search("index.json", fit(part, where="model-00001-of-00002.safetensors").advice)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.to_sparse(), "sparse"),
        (lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8), "quantised"),
        (lambda t: t.to(torch.int8), "int8"),
        (lambda t: t.to(torch.complex64), "complex"),
        (lambda t: t.to("meta"), "meta device"),
    ],
)
def test_tensors_that_are_no_dense_numbers_are_named(
    change: Callable[[Tensor], Tensor], words: str, tmp_path: Path
) -> None:
    expect({**state(), "layer.weight": change(state()["layer.weight"])}, "layer.weight in w.pth", words)
