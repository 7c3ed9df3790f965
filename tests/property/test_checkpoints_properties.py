"""What must hold of any checkpoint: the right weights, or one sentence."""

import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from senet_viz.errors import ModelError
from senet_viz.models.checkpoints import read_checkpoint
from senet_viz.models.fitting import fit_weights
from senet_viz.models.weights import digest_weights, load_strictly

WRAPPERS = ("state_dict", "model", "checkpoint", "network", "weights", "model_state", "ema", "anything")
PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "net.0.")


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


STATE = dict(network(0).state_dict())
RIGHT = digest_weights(network(0))


def load(path: Path) -> str:
    """Digest of the network with the weights of a file, or the sentence that refuses it."""
    target = network(1)
    try:
        fit = fit_weights(target, read_checkpoint(path), path.name)
        load_strictly(target, fit.weights, path.name, fit.advice)
    except ModelError as error:
        return f"refused: {error}"
    return digest_weights(target)


def is_sentence(answer: str) -> bool:
    return answer.startswith("refused: ") and "\n" not in answer


def load_content(content: bytes, name: str = "w.pth") -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return load(path)


def saved(tree: object, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(tree, buffer, **options)
    return buffer.getvalue()


ZIP = saved({"model": STATE})
OLD = saved({"model": STATE}, _use_new_zipfile_serialization=False)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(PREFIXES), max_size=3),
    st.lists(st.sampled_from(WRAPPERS), max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_wrappers_in_any_order_are_taken_off(
    prefixes: list[str], wrappers: list[str], beside: bool, nested: bool
) -> None:
    tree: Any = {"".join(prefixes) + name: value for name, value in STATE.items()}
    if nested:
        split: dict[str, Any] = {}
        for name, value in tree.items():
            place, _, last = name.rpartition(".")
            split.setdefault(place, {})[last] = value
        tree = split
    for wrapper in wrappers:
        tree = {wrapper: tree, **({"epoch": 1, "optimizer": {"state": [torch.ones(2)]}} if beside else {})}
    assert load_content(saved(tree)) == RIGHT


trees = st.recursive(
    st.sampled_from([torch.ones(2), torch.zeros(2, 3), torch.tensor(1.0), 3, "text", None, *STATE.values()]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.tuples(inner, inner),
        st.dictionaries(st.sampled_from(["0", "1", "weight", "bias", "a.b", "", ".", "0.weight", "running_mean"]), inner, max_size=4),
    ),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(trees)
def test_any_tree_of_tensors_gives_weights_or_a_sentence(tree: object) -> None:
    answer = load_content(saved(tree))
    assert answer == RIGHT or is_sentence(answer)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(ZIP) - 1), st.integers(0, 7).map(lambda bit: 1 << bit) | st.integers(1, 255))
def test_any_byte_of_a_zip_may_flip(at: int, flip: int) -> None:
    content = bytearray(ZIP)
    content[at] ^= flip
    answer = load_content(bytes(content))
    assert answer == RIGHT or is_sentence(answer)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(OLD)), st.sampled_from(["w.pth", "w.safetensors"]))
def test_any_bytes_give_weights_or_a_sentence(content: bytes, kept: int, name: str) -> None:
    """Older files have no checksums: a sentence or some weights, never another error."""
    load_content(OLD[:kept] + content, name)
    assert is_sentence(load_content(content, name))
