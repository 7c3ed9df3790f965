"""Two recordings: blocks matched, differences and their intervals, verdicts."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from senet_viz.analysis.pair import (
    PairSide,
    count_verdict_changes,
    explain_pairing,
    match_blocks,
    pair_recordings,
    subtract_estimates,
    tabulate_verdicts,
)
from senet_viz.claims.assess import assess
from senet_viz.claims.assessment import Assessment, read_assessment
from senet_viz.claims.evidence import ClaimReport
from senet_viz.errors import ArgumentError
from senet_viz.recording.reader import Recording
from senet_viz.stats.estimates import Estimate
from senet_viz.stats.tables import measure_selectivity
from tests.support.synthetic import make_gates, synthetic_recording

Assessed = tuple[Recording, Assessment, ClaimReport]


def make(folder: Path, **options: object) -> Assessed:
    recording = synthetic_recording(folder, classes=5, **options)  # type: ignore[arg-type]
    report = assess(recording)
    found = read_assessment(recording)
    assert found is not None
    return recording, found, report


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Assessed:
    return make(tmp_path_factory.mktemp("first") / "r", shares={"SE_2_3": 0.02, "SE_5_1": 0.6})


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Assessed:
    return make(tmp_path_factory.mktemp("second") / "r", shares={"SE_2_3": 0.6, "SE_5_1": 0.02}, seed=3)


def test_equal_layouts_are_matched_by_label_others_by_relative_depth() -> None:
    same = match_blocks(make_gates([4, 4, 4]), make_gates([8, 8, 8]))
    assert (same.by_label, same.pairs) == (True, ((0, 0), (1, 1), (2, 2)))
    other = match_blocks(make_gates([4] * 5), make_gates([4] * 3))
    assert other.by_label is False
    assert other.pairs == ((0, 0), (1, 0), (2, 1), (3, 1), (4, 2))
    assert "relative depth" in other.sentence
    assert match_blocks(make_gates([4, 4]), make_gates([4])).pairs == ((0, 0), (1, 0))


def noisy(value: float, errors: list[float]) -> Estimate:
    return Estimate(value, value + np.array(errors))


def test_paired_differences_cancel_what_both_have_in_common() -> None:
    errors = [0.1, -0.1, 0.05, -0.05]
    a, b = noisy(0.3, errors), noisy(0.5, errors)
    paired, apart = (subtract_estimates(a, b, paired=p) for p in (True, False))
    assert paired.value == apart.value == pytest.approx(0.2)
    assert paired.interval.high - paired.interval.low == pytest.approx(0, abs=1e-12)
    width = a.interval().high - a.interval().low
    assert apart.interval.high - apart.interval.low == pytest.approx(np.sqrt(2) * width), "variances add"
    assert apart.interval.low == pytest.approx(0.2 - width / np.sqrt(2))


def test_independent_sets_may_have_unequal_groups_paired_ones_not() -> None:
    a, b = noisy(0.3, [0.1, -0.1]), noisy(0.5, [0.1, 0, -0.1])
    assert np.isfinite(subtract_estimates(a, b, paired=False).interval.low)
    with pytest.raises(ArgumentError, match="same groups"):
        subtract_estimates(a, b, paired=True)
    with pytest.raises(ArgumentError, match="scales"):
        subtract_estimates(a, dataclasses.replace(b, scale="square root"), paired=False)


def test_sds_near_zero_keep_their_reach_and_points_have_no_interval() -> None:
    still = Estimate(-1e-5, np.array([-4e-5, 2e-5, -1e-5]), "square root")
    moving = Estimate(4e-4, np.array([3.9e-4, 4.1e-4, 4e-4]), "square root")
    found = subtract_estimates(still, moving, paired=False)
    assert found.value == pytest.approx(0.02)
    assert found.interval.low < found.value < found.interval.high
    bare = subtract_estimates(dataclasses.replace(still, replicates=np.zeros(0)), moving, paired=False)
    assert np.isnan(bare.interval.low)


@pytest.mark.slow
def test_planted_differences_are_found_and_the_others_are_not(first: Assessed, second: Assessed) -> None:
    paired, _ = explain_pairing(first[0], second[0], first[1], second[1])
    sides = PairSide.from_assessment("a", first[1]), PairSide.from_assessment("b", second[1])
    pair = pair_recordings(*sides, paired=paired)
    found = {g.label: d for g, d in zip(pair.first.gates, pair.differences["omega_squared"])}
    assert found["SE_2_3"].interval.low > 0.3
    assert found["SE_5_1"].interval.high < -0.3
    assert found["SE_3_4"].interval.low < 0 < found["SE_3_4"].interval.high
    assert "differs most in SE_" in pair.describe()
    table = pair.table()
    assert table["class share ω²: difference"].tolist() == [d.value for d in found.values()]
    same = pair_recordings(sides[0], sides[0], paired=True)
    assert same.describe() == "**The class share ω² is the same in all blocks** (to .001)."


def test_pairing_is_explained(first: Assessed, second: Assessed, tmp_path: Path) -> None:
    assert explain_pairing(first[0], second[0], first[1], second[1])[0] is True
    other = synthetic_recording(tmp_path / "r", classes=4)
    paired, told = explain_pairing(first[0], other, first[1], first[1])
    assert paired is False
    assert "independent" in told
    paired, told = explain_pairing(first[0], other, first[1], None)
    assert paired is False
    assert "the second recording has no replicates" in told


def test_a_recording_that_was_not_assessed_has_curves_without_intervals(first: Assessed) -> None:
    recording, assessment, _ = first
    side = PairSide.from_table("a", recording.blocks, measure_selectivity(recording, per="block"))
    np.testing.assert_allclose(side.curve("between_sd"), assessment.curve("between_sd"), atol=1e-4)
    assert np.isnan(side.band("omega_squared")[0]).all()
    assert "[" not in pair_recordings(side, PairSide.from_assessment("b", assessment)).describe()


def test_verdicts_stand_side_by_side(first: Assessed, second: Assessed) -> None:
    table = tabulate_verdicts(first[2], second[2])
    row = table[(table["claim"] == "C2") & (table["reading"] == "relative")].iloc[0]
    assert (row["first"], row["second"], bool(row["differs"])) == ("supported", "refuted", True)
    assert "C2 (relative)" in count_verdict_changes(table)
    assert "verdicts are the same" in count_verdict_changes(tabulate_verdicts(first[2], first[2]))
    assert count_verdict_changes(table[:0]) == "Neither recording allows a verdict."


@pytest.mark.parametrize("paired", [True, False])
def test_intervals_cover_the_true_difference(paired: bool) -> None:
    generator = np.random.default_rng(0)
    runs, covered, wide = 600, 0, 0.0
    for _ in range(runs):
        common = generator.normal(size=10) if paired else np.zeros(10)
        left, right = (jackknifed_mean(common + generator.normal(size=10) + shift) for shift in (0, 1))
        interval = subtract_estimates(left, right, paired=paired).interval
        covered += interval.low <= 1 <= interval.high
        wide += (interval.high - interval.low) / runs
    assert 0.93 <= covered / runs <= 0.985
    assert wide == pytest.approx(2 * 2.26 * np.sqrt(2 / 10), rel=0.05), "what is common does not widen it"


def jackknifed_mean(groups: np.ndarray) -> Estimate:
    return Estimate(float(groups.mean()), (groups.sum() - groups) / (len(groups) - 1))
