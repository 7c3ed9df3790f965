"""C12: agreement of subsets of the classes, its interval, and the subsets themselves."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from senet_viz.claims.agreement import draw_subsets, measure_subsets
from senet_viz.claims.inputs import BlockSeries, ClassSubsets
from senet_viz.claims.judging import judge_claims
from senet_viz.errors import ArgumentError
from senet_viz.recording.moments import Channels, ClassMoments, Moments
from senet_viz.stats.shares import block_statistics, split_variance
from tests.support.claimed import CURVES, make_curves, make_inputs


def subsets_like(share: float) -> ClassSubsets:
    """1,000 subsets of which so many show what all classes show; the others show no dip at SE_5_2."""
    omega = np.tile(np.array(CURVES["omega_squared"]), (1000, 1))
    variance = np.tile(np.array(CURVES["between_variance"]), (1000, 1))
    others = slice(round(share * 1000), None)
    omega[others, 4], variance[others, 4] = omega[others, 3], variance[others, 3]
    return ClassSubsets(4, omega, variance)


@pytest.mark.parametrize(("share", "verdict"), [(0.95, "supported"), (0.9, "inconclusive"), (0.8, "refuted")])
def test_the_share_of_subsets_that_agree_decides(share: float, verdict: str) -> None:
    report = judge_claims(make_inputs(subsets=subsets_like(share)))
    for reading in ("relative", "absolute"):
        found = report.claim("C12").readings[reading]  # type: ignore[index]
        assert found.verdict == verdict
        assert found.effect == pytest.approx(share)
        assert (
            found.parts[0].note
            == f"1,000 random subsets of 4 classes; C1 alone 100.0%, C2 alone 100.0%, C3 alone {share:.1%}"
        )


def test_agreeing_that_a_claim_does_not_hold_is_agreement() -> None:
    flat = subsets_like(0.0)
    report = judge_claims(make_inputs(subsets=flat, gates=_with_rows(flat)))
    assert report.claim("C3").readings["relative"].verdict == "refuted"
    assert report.claim("C12").readings["relative"].verdict == "supported"


def test_undefined_subsets_are_left_out_and_counted() -> None:
    some = subsets_like(1.0)
    some.omega_squared[:10, 3] = np.nan
    found = judge_claims(make_inputs(subsets=some)).claim("C12").readings["relative"]
    assert found.parts[0].note.startswith("990 random subsets")
    some.omega_squared[:] = np.nan
    assert "not defined" in judge_claims(make_inputs(subsets=some)).claim("C12").readings["relative"].reason


def test_subsets_are_seeded_distinct_and_spread_evenly() -> None:
    classes = np.array([2, 3, 5, 7, 11, 13, 17, 19])
    drawn = draw_subsets(classes, subsets=4000, seed=3)
    assert drawn.shape == (4000, 4)
    assert np.array_equal(drawn, draw_subsets(classes, subsets=4000, seed=3))
    assert (np.diff(np.sort(drawn, axis=1)) > 0).all()
    counts = np.array([(drawn == k).sum() for k in classes])
    assert np.abs(counts / 4000 - 0.5).max() < 0.04
    assert draw_subsets(classes[:4]).shape == (0, 4)


def test_subsets_are_measured_as_a_recording_of_their_own() -> None:
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 8)
    gates = (generator.normal(size=(6, 5))[labels] + generator.normal(size=(48, 5))).astype(np.float32)
    omega, variance = measure_subsets(_moments(gates, labels), np.array([[0, 2, 3, 5], [5, 1, 0, 4]]))
    for row, chosen in enumerate(([0, 2, 3, 5], [0, 1, 4, 5])):
        own = [gates[labels == k].astype(np.float64) for k in chosen]
        f = stats.f_oneway(*own).statistic
        within = np.mean([g.var(axis=0, ddof=1) for g in own], axis=0)
        excess, total = 3 * (f - 1) * within, np.concatenate(own).var(axis=0) * 32
        assert omega[row] == pytest.approx(excess.sum() / (total + within).sum(), rel=1e-5)
        assert variance[row] == pytest.approx(((f - 1) * within / 8).mean(), rel=1e-5)


def test_unequal_and_empty_classes_are_measured_as_the_block_would_be() -> None:
    generator = np.random.default_rng(1)
    labels = np.repeat([0, 1, 3, 4, 5], [3, 9, 1, 5, 9])
    gates = (0.5 + generator.normal(size=(6, 7))[labels] + generator.normal(size=(27, 7))).astype(np.float32)
    moments = _moments(gates, labels)
    drawn = draw_subsets(np.flatnonzero(moments.count > 0), subsets=30)
    omega, variance = measure_subsets(moments, drawn)
    assert moments.m2 is not None
    for row, chosen in enumerate(drawn):
        sums = split_variance(moments.count[chosen], moments.mean[chosen], moments.m2[chosen].sum(axis=0))
        block = block_statistics(sums)
        assert (omega[row], variance[row]) == pytest.approx((block.omega_squared, block.between_variance), rel=1e-9)
    single = _moments(gates[[0, 3, 12, 13, 18]], np.array([0, 1, 3, 4, 5]))
    assert np.isnan(measure_subsets(single, drawn)).all(), "one image a class tells nothing of the variance within"


def test_moments_without_sums_per_class_are_refused() -> None:
    moments = _moments(np.ones((4, 2), dtype=np.float32), np.arange(4))
    with pytest.raises(ArgumentError, match="full recording"):
        measure_subsets(dataclasses.replace(moments, m2=None, within=np.zeros(2)), np.zeros((1, 4), dtype=np.int64))


def _moments(gates: np.ndarray, labels: np.ndarray) -> Moments:
    folded = ClassMoments.empty(int(labels.max()) + 1, Channels(("block",), (gates.shape[1],)))
    folded.update(gates, labels)
    return folded.finish()


def _with_rows(subsets: ClassSubsets) -> BlockSeries:
    return make_curves(omega_squared=subsets.omega_squared[0], between_variance=subsets.between_variance[0])


def test_where_c1_to_c3_have_no_verdict_subsets_have_none_to_agree_with() -> None:
    report = judge_claims(make_inputs(gates=make_curves(groups=0), subsets=subsets_like(1.0)))
    for reading in ("relative", "absolute"):
        found = report.claim("C12").readings[reading]  # type: ignore[index]
        assert found.verdict == "not applicable"
        assert "C1 to C3 have no interval" in found.reason


def test_z_and_a_control_are_put_to_the_same_subsets() -> None:
    others = {"squeeze": make_curves(), "squeeze_subsets": subsets_like(0.7)}
    others |= {"controls": (make_curves(groups=0),) * 2, "control_subsets": (subsets_like(0.5), subsets_like(0.6))}
    report = judge_claims(make_inputs(subsets=subsets_like(0.95), **others))
    beside = {b.kind: b for b in report.claim("C12").readings["relative"].parts[0].beside}
    assert beside["squeeze"].value == pytest.approx(0.7)
    assert beside["squeeze"].spread == "95% interval over subsets"
    assert (beside["random weights"].low, beside["random weights"].high) == pytest.approx((0.5, 0.6))
    absolute = report.claim("C12").readings["absolute"].parts[0].beside
    assert {b.kind for b in absolute} == {"random weights", "excess over random weights"}
