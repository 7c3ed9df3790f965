"""Advice in sentences and in plain numbers."""

import dataclasses
import json

import pytest

from senet_viz.analysis.freezing import FreezePath
from senet_viz.analysis.freezing_files import answer_freezing, describe_freezing, summarize_freezing
from tests.support.frozen import make_cost, make_path

NAN = float("nan")


def path(confirming: list[float], *, reach: float = 0.3, images: int = 100_000) -> FreezePath:
    return make_path(
        [make_cost(c, reach, images=images) for c in (-0.1, -0.2, -0.3)],
        [make_cost(c, reach, images=images) for c in confirming],
    )


@pytest.mark.parametrize(
    ("confirming", "sentences"),
    [
        (
            [-0.1, -0.2, -0.3],
            [
                "**3 of 6 gates** (SE_5_1, SE_5_2, SE_5_3) can be frozen to their means within 1 point of top-1.",
                "**Confirmed**: Δ top-1 is −0.30 [−0.60, 0.00] points on 100,000 images that they were not chosen on.",
            ],
        ),
        (
            [-0.1, -0.2, -0.9],
            ["**Not confirmed**", "reaches beyond that loss", "Confirmed in their turn are the first 2 of the path (SE_5_2, SE_5_3)."],
        ),
        ([-5.0, -5.0, -5.0], ["**Refuted**: Δ top-1 is −5.00 [−5.30, −4.70]", "No smaller set of the path is confirmed"]),
    ],
)  # fmt: skip
def test_what_is_said_of_a_set(confirming: list[float], sentences: list[str]) -> None:
    text = answer_freezing(path(confirming).advise(1.0))
    for sentence in sentences:
        assert sentence in text
    assert (
        "**6.0% of a forward's time** (median of 3 rounds of 16 images, quartiles 4.5% to 9.0%, a processor, 2 threads)"
        in text
    )
    assert "parameters** (" in text


def test_nothing_and_too_few_images() -> None:
    text = answer_freezing(path([0, 0, 0]).advise(0.1))
    assert text.startswith("**No gate** can be frozen to its mean within 0.1 points")
    assert "the cheapest, SE_5_3, changes it by −0.10 [−0.40, 0.20] points" in text
    assert "take more of them" not in text
    assert "40 images can not tell less than 7.22 points" in answer_freezing(path([0, 0, 0], images=40).advise(1.0))
    assert "too few for an interval" in answer_freezing(path([0, 0, 0], reach=NAN, images=8).advise(1.0))


def test_time_that_was_not_saved_or_not_measured() -> None:
    import dataclasses

    import numpy as np

    found = path([-0.1, -0.2, -0.3])
    assert found.timing is not None
    slower = dataclasses.replace(found, timing=dataclasses.replace(found.timing, ratios=np.full((3, 3), 1.02)))
    assert "no time: a forward takes 2.0% longer" in answer_freezing(slower.advise(1.0))
    unknown = dataclasses.replace(found, timing=None)
    assert "was not measured" in answer_freezing(unknown.advise(1.0))
    assert summarize_freezing(unknown.advise(1.0), "x")["time_saved"] is None
    assert describe_freezing(unknown.advise(1.0))


def test_numbers_and_a_table_for_a_terminal() -> None:
    advice = path([-0.1, -0.2, -0.9]).advise(1.0)
    summary = summarize_freezing(advice, "runs/f")
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["blocks"] == ["SE_5_1", "SE_5_2", "SE_5_3"]
    assert summary["confirmed_blocks"] == ["SE_5_2", "SE_5_3"]
    assert (summary["size"], summary["verdict"], summary["confirmed_size"]) == (3, "inconclusive", 2)
    assert [step["block"] for step in summary["steps"]] == ["SE_5_3", "SE_5_2", "SE_5_1"]
    assert summary["steps"][2]["confirming"]["low"] == pytest.approx(-1.2)
    lines = describe_freezing(advice).splitlines()
    assert not any("**" in line for line in lines)
    assert [line.split()[1] for line in lines[-3:]] == ["SE_5_3", "SE_5_2", "SE_5_1"]


def test_a_block_whose_unit_is_called_elsewhere_too_saves_nothing() -> None:
    costs = [make_cost(-0.1, 0.3), make_cost(-5.0, 0.3)]
    alone = make_path(costs, costs)
    last, before = alone.order
    gates = tuple(dataclasses.replace(gate, parameters=100) for gate in alone.gates)
    found = make_path(costs, costs, gates=gates, shared=((before, last),), timing=None)
    assert found.parameters_saved(1) == -16
    assert found.parameters_saved(2) == 100 - 2 * 16
    assert "Freezing it adds **16 parameters** (0.2% of the network's)" in answer_freezing(found.advise(1.0))
    assert "+16" in describe_freezing(found.advise(1.0))
