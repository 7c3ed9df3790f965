"""The paper's ablations: sizes against what it prints, intervals against scipy."""

import math

import pytest
from scipy import stats

from senet_viz.analysis.costs.ablations import GROUP_WORDS, describe_ablations, list_ablations
from senet_viz.analysis.costs.design import cost_design

ABLATIONS = list_ablations()


def test_counted_sizes_are_the_printed_ones_to_a_tenth_of_a_million() -> None:
    rows = ABLATIONS.of("reduction")
    assert [row.variant for row in rows] == ["no SE", "r = 2", "r = 4", "r = 8", "r = 16", "r = 32"]
    for row in rows:
        assert row.printed is not None
        assert row.counted is not None
        assert row.counted / 1e6 == pytest.approx(row.printed, abs=0.12)  # the paper's are larger by .02 to .11
    no_bias = cost_design("se_resnet50", reduction=2, bias=False)
    assert rows[1].counted == no_bias.architecture.parameters + no_bias.total.weights


def test_intervals_are_those_of_a_share_of_50_000_images() -> None:
    row = ABLATIONS.of("reduction")[4]
    low, high = stats.norm.interval(0.95, loc=0.2228, scale=math.sqrt(0.2228 * 0.7772 / 50_000))
    assert (row.low, row.high) == pytest.approx((100 * low, 100 * high), abs=1e-9)


def test_every_group_holds_the_papers_own_design_once() -> None:
    for group in GROUP_WORDS:
        assert sum((row.top1, row.top5) == (22.28, 6.03) for row in ABLATIONS.of(group)) == 1, group
    assert len(ABLATIONS.table()) == len(ABLATIONS.rows) == 21


def test_the_answer_names_what_can_not_be_told() -> None:
    answer = describe_ablations(ABLATIONS)
    assert "1.02 points less top-1 error than no SE" in answer
    assert "within 0.04 points" in answer
    assert "± 0.37 points" in answer
