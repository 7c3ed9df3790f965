"""The formulas against hand-counted units and the paper's own numbers."""

import pytest

from senet_viz.analysis.costs.design import compare_with_note
from senet_viz.analysis.costs.formulas import cost_of_unit, eq5_weights, sum_costs
from senet_viz.errors import ArgumentError
from senet_viz.schema import hidden_width

RESNET50 = [(2, 256)] * 3 + [(3, 512)] * 4 + [(4, 1024)] * 6 + [(5, 2048)] * 3
CHANNELS = [c for _, c in RESNET50]


def test_a_unit_is_counted_layer_by_layer() -> None:
    cost = cost_of_unit(8, 2, positions=9, depth=4)
    assert cost.weights == 8 * 2 + 2 * 2 + 2 * 2 + 2 * 8
    assert cost.biases == 2 + 2 + 2 + 8
    assert (cost.squeeze_macs, cost.excitation_macs, cost.scale_macs) == (72, cost.weights, 72)
    assert cost.parameters == cost.weights + cost.biases
    assert cost.macs == 72 + cost.weights + 72
    assert cost_of_unit(8, 2, positions=9, depth=4, bias=False).biases == 0
    assert sum_costs([cost, cost]).macs == 2 * cost.macs
    assert sum_costs([]).parameters == 0


def test_eq_5_gives_the_papers_2_5_million() -> None:
    assert eq5_weights(CHANNELS, 16) == 2_514_944
    assert eq5_weights(CHANNELS, 2) == 20_119_552
    assert eq5_weights(CHANNELS, 16, depth=3) == 2_514_944 + sum(c * c for c in CHANNELS) / 256


def test_hidden_layers_are_rounded_down_and_never_empty() -> None:
    assert [hidden_width(c, 16) for c in (64, 1056, 40, 8)] == [4, 66, 2, 1]
    with pytest.raises(ArgumentError, match="both are at least 1"):
        hidden_width(0, 16)
    with pytest.raises(ArgumentError, match="at least 2"):
        cost_of_unit(8, 2, positions=1, depth=1)


def test_the_notes_formula_is_one_excitation_of_n_layers_a_stage() -> None:
    stages, channels = zip(*RESNET50)
    found = compare_with_note(stages, channels, 16, depth=3)
    assert found is not None
    by_hand = sum((n - 2) * c**2 / 256 + 2 * c**2 / 16 for n, c in ((3, 256), (4, 512), (6, 1024), (3, 2048)))
    assert found.note == by_hand == 731_392
    one_deep = sum(
        cost_of_unit(c, c // 16, positions=1, depth=n).weights for n, c in ((3, 256), (4, 512), (6, 1024), (3, 2048))
    )
    assert found.note == one_deep, "L = N layers, once a stage"
    twice = sum(
        cost_of_unit(c, c // 16, positions=1, depth=2 * n).weights
        for n, c in ((3, 256), (4, 512), (6, 1024), (3, 2048))
    )
    assert found.one_of_2n == twice
    assert found.per_unit == eq5_weights(channels, 16, depth=3)
    table = found.table()
    assert list(table["stage"]) == ["2", "3", "4", "5", "all"]
    assert table.iloc[-1, 3] == by_hand


def test_the_note_says_nothing_of_stages_of_several_widths() -> None:
    assert compare_with_note([3, 3], [256, 320], 16) is None
    assert compare_with_note([3, 3, 4], [256, 256, 512], 16) is None, "an excitation of one layer can not reduce"
