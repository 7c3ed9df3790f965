"""A small version of benchmarks/interval_coverage.py, and its two ways of drawing against each other."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.interval_cells import Cell, all_cells, class_means, exact_draw, image_draw, run_intervals, verdict
from senet_viz.stats.shares import BlockStatistics

SMALL = Cell(0.3, 4, 5, 64, equal=False)


def statistics_of(made: list[BlockStatistics], channels: int) -> list[float]:
    """Full estimate, spread of the replicates, variances."""
    shares = np.array([m.omega_squared for m in made])
    return [
        shares[0],
        shares[1:].std(),
        shares[1],
        made[0].between_variance / channels,
        made[0].within_variance / channels,
    ]


@pytest.mark.slow
def test_drawing_sums_of_squares_equals_drawing_images() -> None:
    """The same class means, 400 runs each: every statistic has the same distribution (KS)."""
    means = class_means(SMALL, np.random.default_rng(0))
    exact, _, _ = exact_draw(SMALL, means)
    images, _, _ = image_draw(SMALL, np.random.default_rng(0))  # the same seed, so the same class means
    left = np.array([statistics_of(*exact(np.random.default_rng([1, i]))) for i in range(400)])
    right = np.array([statistics_of(*images(np.random.default_rng([2, i]))) for i in range(400)])
    right[:, 3:] /= 0.05**2  # noise of variance 1 in the one, .05² in the other
    for column in range(left.shape[1]):
        assert stats.ks_2samp(left[:, column], right[:, column]).pvalue > 0.005


@pytest.mark.parametrize(
    "cell",
    [Cell(0.3, 20, 50, 64), Cell(0.9, 20, 50, 64, equal=False), Cell(0.05, 20, 5, 64), Cell(0.0, 4, 50, 2048)],
    ids=lambda cell: cell.name,
)
def test_intervals_cover(cell: Cell) -> None:
    row = run_intervals(cell, 200, seed=3)
    assert abs(row["bias"]) <= 0.01
    assert row["coverage_95"] >= 0.90, "93 % is asked for with 1,000 runs; 200 have a standard error of 1.8 %"
    assert row["coverage_90"] <= row["coverage_95"]


def test_the_grid_is_the_declared_one() -> None:
    plain = [c for c in all_cells() if c.kind == "plain" and not c.permutations]
    assert len(plain) == 4 * 3 * 2 * 2 * 2
    assert len({c.name for c in all_cells()}) == len(list(all_cells()))
    assert min(int(c.counts.min()) for c in all_cells()) == 5


def test_a_missed_bound_is_named() -> None:
    row = {"bias": 0.0, "coverage_95": 0.99}
    assert verdict(Cell(0.3, 20, 50, 64), row) == "coverage above 98 %"
    assert verdict(Cell(0.3, 20, 5, 64), row) == "ok"
    assert verdict(SMALL, {"bias": 0.02, "coverage_95": 0.9}) == "bias above .01, coverage under 93 %"
