"""Accuracy against counting by hand, and equal to what a recording says."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import senet_viz as sv
from senet_viz.errors import ModelError, SourceError
from senet_viz.models.zoo import Model
from senet_viz.schema import ClassTable
from senet_viz.workflows.evaluate import evaluate, judge_images
from tests.support.planted import write_marked_parquet
from tests.support.tiny import write_tiny_parquet


@pytest.fixture
def model() -> Model:
    plain = sv.load_model("tests.support.tiny:tiny_se", device="cpu")
    order = np.random.default_rng(1).permutation(10)
    return dataclasses.replace(plain, classes=ClassTable(tuple(f"class {k}" for k in order)))


def test_it_counts_what_a_plain_loop_counts(model: Model, tmp_path: Path) -> None:
    source = sv.open_images(write_tiny_parquet(tmp_path / "t.parquet", 130))
    with torch.no_grad():
        logits = model.module(torch.stack([model.preprocess(source.load(i)) for i in range(130)]))
    outputs = torch.tensor([model.classes.find(f"class {i % 10}") for i in range(130)])
    ranks = (logits > logits.gather(1, outputs[:, None])).sum(1)
    found = evaluate(model, source, batch_size=48)
    assert found == ((ranks == 0).double().mean(), (ranks < 5).double().mean(), 130)
    recorded = sv.record(model, source, tmp_path / "run", keep="none")
    assert np.mean(recorded.samples["correct"].to_pylist()) == found.top1


def test_nothing_to_judge_is_an_error(tmp_path: Path) -> None:
    source = sv.open_images(write_tiny_parquet(tmp_path / "t.parquet", 20))
    with pytest.raises(SourceError, match="has a class among the model's outputs"):
        evaluate(sv.load_model("tests.support.tiny:tiny_se", device="cpu"), source)


@pytest.mark.parametrize("measure", [evaluate, judge_images])
def test_no_accuracy_is_made_of_logits_that_are_not_finite(measure: Callable[..., object], tmp_path: Path) -> None:
    plain = sv.load_model("tests.support.planted:inf_logit", device="cpu")
    model = dataclasses.replace(plain, classes=ClassTable(tuple(f"class {k}" for k in range(10))))
    source = sv.open_images(write_marked_parquet(tmp_path / "t.parquet", 30, [20]))
    with pytest.raises(ModelError, match=r"20\.png\) is not finite"):
        measure(model, source)
