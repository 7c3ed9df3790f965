"""Which block is next, what it costs, and that the half which chose nothing tells the truth."""

import numpy as np
import pytest

from senet_viz.analysis.freezing import Candidate, choose_block, measure_cost, try_block
from senet_viz.errors import ArgumentError
from senet_viz.recording.outcomes import Outcome
from senet_viz.stats.effect_measuring import group_images

NAN = float("nan")


def outcome(correct: np.ndarray, loss: np.ndarray | None = None) -> Outcome:
    losses = np.where(correct, 0.5, 2.0) if loss is None else loss
    return Outcome(correct.astype(np.int32), losses.astype(np.float32), correct, correct)


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([("a", -1.0, 0.0), ("b", -0.5, 9.0)], "b"),
        ([("a", -1.0, 0.2), ("b", -1.0, 0.1)], "b"),
        ([("a", -1.0, 0.1), ("b", -1.0, 0.1)], "a"),
        ([("a", -1.0, NAN), ("b", -1.0, 50.0)], "b"),
        ([("a", 0.5, NAN), ("b", -1.0, 0.0)], "a"),
    ],
)
def test_least_top1_then_least_loss_then_depth(candidates: list[tuple[str, float, float]], chosen: str) -> None:
    assert choose_block([Candidate(*c) for c in candidates]).block == chosen


def test_there_must_be_a_block() -> None:
    with pytest.raises(ArgumentError, match="no block left"):
        choose_block([])


def test_a_cost_is_paired_and_its_replicates_leave_groups_out() -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(400) % 4
    grouping = group_images(labels, 4)
    before, after = generator.random((2, 400)) < 0.7
    cost = measure_cost(outcome(before), outcome(after), grouping)
    differences = 100.0 * (after.astype(int) - before.astype(int))
    assert cost.top1.value == pytest.approx(differences.mean())
    assert cost.loss == pytest.approx(np.mean(np.where(after, 0.5, 2.0) - np.where(before, 0.5, 2.0)))
    without = [differences[grouping.group != g].mean() for g in range(10)]
    np.testing.assert_allclose(cost.top1.replicates, without)
    tried = try_block("a", outcome(before), outcome(after))
    assert (tried.block, tried.top1) == ("a", pytest.approx(cost.top1.value))
    assert tried.loss == cost.loss
    exploded = np.full(400, np.inf)
    assert np.isnan(try_block("a", outcome(before, exploded), outcome(after, exploded)).loss)


def test_what_was_chosen_looks_too_good_and_the_other_half_is_unbiased() -> None:
    """Twelve blocks whose freezing costs one point each in truth, in noise: the best of twelve does not."""
    generator = np.random.default_rng(1)
    labels = np.arange(400) % 4
    grouping = group_images(labels, 4)
    chosen, confirmed, covered = [], [], 0
    for _ in range(150):
        clean = generator.random((2, 400)) < 0.6
        moved = clean[None] & (generator.random((12, 2, 400)) >= 0.1)  # 10 % of what was right is lost …
        moved |= ~clean[None] & (generator.random((12, 2, 400)) < 0.125)  # … and 12.5 % of the rest is won
        tried = [try_block(str(b), outcome(clean[0]), outcome(moved[b, 0])) for b in range(12)]
        best = int(choose_block(tried).block)
        chosen.append(tried[best].top1)
        cost = measure_cost(outcome(clean[1]), outcome(moved[best, 1]), grouping)
        confirmed.append(cost.top1.value)
        covered += cost.interval().low <= -1.0
    error = np.std(confirmed) / np.sqrt(150)
    assert abs(np.mean(confirmed) + 1.0) < 3 * error
    assert np.mean(chosen) > -1.0 + 10 * error
    assert covered / 150 > 0.9, "the lower limit lies below the truth in 95 %"
