"""The steps in words: numbers of the channel that was chosen, and honest words where something is missing."""

import dataclasses

import numpy as np
import pytest

from senet_viz.analysis.walkthrough import (
    BlockSteps,
    HiddenLayer,
    answer_steps,
    choose_channels_to_show,
    describe_amplification,
    describe_steps,
    measure_amplification,
)
from senet_viz.errors import ArgumentError
from tests.support.synthetic import make_gates


def planted_steps() -> BlockSteps:
    """Eight channels, two hidden units; channel 5 is louder by .3, channel 2 quieter by .2."""
    (gate,) = make_gates({"SE_3_1": 8})
    mean = np.full(8, 0.5, np.float32)
    s = mean.copy()
    s[5], s[2] = 0.8, 0.3
    maps = np.arange(32, dtype=np.float32).reshape(2, 4, 4) / 10
    pooled = np.linspace(-1, 2, 8).astype(np.float32)
    hidden = HiddenLayer(
        "ReLU", np.array([-1.0, 2.0], np.float32), np.array([0.0, 2.0], np.float32),
        np.array([[9.0, 0.5], [1.0, -0.25]], np.float32), np.array([0.1, -0.2], np.float32),
    )  # fmt: skip
    return BlockSteps(
        recording_id="r", image="a photo.jpg", prediction="goldfish", probability=0.5,
        block=dataclasses.replace(gate, reduced_channels=2), map_size=(4, 4), shown=np.array([5, 2]), before=maps,
        after=maps * s[[5, 2]][:, None, None], lowest=maps.min((1, 2)), highest=maps.max((1, 2)), pooled=pooled, squeeze=pooled,
        hidden=hidden, hidden_missing="", logits=np.log(s / (1 - s)), gate=s, mean=mean, sd=np.full(8, 0.12, np.float32), images=1234,
        largest_output=3.0, residual=1e-8,
    )  # fmt: skip


def test_every_step_has_the_numbers_of_the_channel() -> None:
    maps, squeeze, hidden, gate, scale = describe_steps(planted_steps(), 5)
    assert maps.numbers == ("u₅: 4 × 4 = 16 values", "from 0 to 1.5")
    assert squeeze.numbers == ("z₅ = mean of u₅", "= 1.14")
    assert squeeze.line == "z₅ = mean of u₅ = 1.14"
    assert hidden.numbers == ("h₁ = ReLU(2)", "= 2", "1 of 2 units are above 0")  # unit 0 is off: 9·0 adds nothing
    assert "all 8 numbers" in hidden.words
    assert "r = 4" in hidden.words
    assert gate.numbers == ("s₅ = sigmoid(1.39)", "= 0.800", "recorded mean 0.500: louder")
    assert "h₁ (+1.00)" in gate.words
    assert "h₀" not in gate.words
    assert "b₂ is +0.10" in gate.words
    assert scale.numbers == ("x̃₅ = s₅ · u₅", "= 0.800 · u₅")


def test_the_answer_counts_and_names_the_extremes() -> None:
    steps = planted_steps()
    assert (steps.amplified, steps.attenuated, steps.far) == (1, 1, 1)
    text = answer_steps(steps)
    assert "1 of 8 channels louder than they are on average over 1,234 recorded images, and 1 quieter" in text
    assert "channel 5 got louder by most (s = 0.800, on average 0.500)" in text
    assert "channel 2 quieter by most (0.300, on average 0.500)" in text
    assert "equals s·U to 1e-6" in text
    assert "differs from s·U by up to 0.1" in answer_steps(dataclasses.replace(steps, residual=0.1))
    unknown = dataclasses.replace(steps, sd=np.full(8, np.nan, np.float32))
    assert unknown.far is None
    assert "SDs" not in answer_steps(unknown)
    assert describe_amplification(steps, 5) == "louder, 1.60 × its mean"
    assert describe_amplification(steps, 0) == "as loud as ever"


def test_what_a_family_lacks_is_said() -> None:
    steps = planted_steps()
    poor = dataclasses.replace(
        steps, squeeze=None, hidden=None, hidden_missing="There is none.", logits=None,
        block=dataclasses.replace(steps.block, squeeze_missing="it sees two vectors"),
    )  # fmt: skip
    _, squeeze, hidden, gate, _ = describe_steps(poor, 2)
    assert "it sees two vectors" in squeeze.line
    assert hidden.words == "There is none."
    assert gate.numbers[0] == "s₂ = 0.300"
    assert poor.table()["squeeze z"].isna().all()
    otherwise = dataclasses.replace(steps, squeeze=steps.pooled + 1)
    assert "which is 1.14" in describe_steps(otherwise, 5)[1].line


def test_a_channel_that_is_not_shown_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"Channel 1 of SE_3_1 is not shown: \[5, 2\]"):
        describe_steps(planted_steps(), 1)


def test_the_table_has_every_channel_and_marks_those_shown() -> None:
    table = planted_steps().table()
    assert len(table) == 8
    assert table.loc[table["shown"], "channel"].tolist() == [2, 5]
    assert table["difference"].to_numpy() == pytest.approx([0, 0, -0.2, 0, 0, 0.3, 0, 0])


@pytest.mark.parametrize(("channels", "expected"), [(3, [2, 1, 0]), (9, [8, 7, 6, 2, 1, 0])])
def test_extremes_come_from_both_ends(channels: int, expected: list[int]) -> None:
    assert choose_channels_to_show(np.arange(channels, dtype=np.float32)).tolist() == expected


def test_gates_below_zero_are_as_loud_as_their_size() -> None:
    gate, mean = np.array([-0.9, 0.2, -0.1, 0.5], np.float32), np.array([0.4, 0.3, -0.5, 0.5 + 5e-7], np.float32)
    assert measure_amplification(gate, mean, (-1.0, 1.0)) == pytest.approx([0.5, -0.1, -0.4, 0.0])
    assert measure_amplification(gate, mean, (0.0, 1.0)) == pytest.approx([-1.3, -0.1, 0.4, 0.0])
    steps = planted_steps()
    turned = dataclasses.replace(
        steps, block=dataclasses.replace(steps.block, range=(-1.0, 1.0)), gate=-steps.gate, mean=steps.mean
    )
    assert (turned.amplified, turned.attenuated) == (1, 1), "signs do not count"
    assert describe_amplification(turned, 5).startswith("louder")
    assert describe_amplification(turned, 0) == "as loud as ever"
