"""An assessment's curves are those of the rooms that it calls."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from senet_viz.claims.assess_blocks import assess_blocks
from senet_viz.claims.assessment import Assessment
from senet_viz.claims.assessment_claims import judge_assessment
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.reader import Recording
from senet_viz.recording.slim import slim_recording
from senet_viz.stats.estimates import resample_classes
from senet_viz.stats.health import gate_health
from senet_viz.stats.permutation import draw_per_class, permute_labels
from senet_viz.stats.resampling import assign_groups, resample_block
from senet_viz.stats.shares import STATISTICS, block_statistics, mean_share, sums_of_squares
from tests.support.synthetic import synthetic_recording, unlabelled_recording

BLOCKS = {"SE_2_1": 8, "SE_2_2": 12, "SE_3_1": 16}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(
        tmp_path_factory.mktemp("assess") / "run", classes=20, per_class=10, blocks=BLOCKS, shares={"SE_3_1": 0.8}
    )


@pytest.fixture(scope="module")
def assessment(recording: Recording) -> Assessment:
    return assess_blocks(recording, controls=[recording], seed=3)


def test_curves_and_intervals_are_those_of_resampling(recording: Recording, assessment: Assessment) -> None:
    group = assign_groups(recording.kept_samples["label"].to_numpy())
    assert (assessment.images, assessment.classes, assessment.smallest_class, assessment.groups) == (200, 20, 10, 10)
    for at, gate in enumerate(recording.blocks):
        direct = resample_block(recording, gate.name, group, seed=3)
        for name in (statistic.name for statistic in STATISTICS):
            expected = direct.estimate(name)
            assert assessment.curve(name)[at] == expected.value
            low, high = assessment.band(name)
            assert (low[at], high[at]) == (expected.interval().low, expected.interval().high)
        assert assessment.blocks[at].random_direction == direct.random_direction


def test_estimates_agree_with_the_moments_of_all_images(recording: Recording, assessment: Assessment) -> None:
    for block in assessment.blocks:
        moments = recording.moments(block.block.name)
        sums = sums_of_squares(moments)
        plain = block_statistics(sums)
        # kept gates are rounded to half precision, moments are not
        assert block.gate["omega_squared"].value == pytest.approx(plain.omega_squared, abs=2e-4)
        assert block.gate["between_sd"].value == pytest.approx(plain.between_sd, abs=2e-4)
        assert block.omega_squared_mean == mean_share(sums)[0]
        histogram = gate_health(moments, block.block.range)
        assert block.health.near_one == block.gate["near_one"].value, "counted, since all gates are kept"
        assert (
            dataclasses.replace(block.health, near_one=histogram.near_one, near_zero=histogram.near_zero) == histogram
        )
        assert block.health.near_one == pytest.approx(histogram.near_one, abs=0.01)


def test_the_planted_share_is_found(assessment: Assessment) -> None:
    found = assessment.curve("omega_squared")
    assert found[2] == pytest.approx(0.8, abs=0.06)
    assert found[:2] == pytest.approx([0.3, 0.3], abs=0.1)


def test_the_null_is_that_of_permuted_labels(recording: Recording, assessment: Assessment) -> None:
    labels = recording.kept_samples["label"].to_numpy()
    rows = draw_per_class(labels, seed=3)
    for block in assessment.blocks:
        direct = permute_labels(recording.gates(block.block.name)[rows], labels[rows], seed=3)
        assert block.null is not None
        assert (block.null.value, block.null.p, block.null.images) == (direct.value, direct.p, 200)
        assert [block.null.low, block.null.high] == np.quantile(direct.null, (0.025, 0.975)).tolist()


def test_squeeze_control_and_classes_like_these_are_of_the_moments(
    recording: Recording, assessment: Assessment
) -> None:
    for at, block in enumerate(assessment.blocks):
        name = block.block.name
        assert block.squeeze is not None
        squeeze = block_statistics(sums_of_squares(recording.moments(name, "squeeze")))
        assert block.squeeze.omega_squared == squeeze.omega_squared
        own = block_statistics(sums_of_squares(recording.moments(name)))
        assert assessment.controls[0].blocks[at].omega_squared == own.omega_squared
        assert block.classes is not None
        assert block.classes.value == resample_classes(recording.moments(name)).value


def test_the_table_has_a_row_a_block(assessment: Assessment) -> None:
    table = assessment.table()
    assert list(table["block"]) == list(BLOCKS)
    assert (table["omega_squared low"] < table["omega_squared"]).all()
    assert "omega_squared of control 1" in table


def test_without_kept_gates_there_are_points_alone(tmp_path: Path) -> None:
    found = assess_blocks(synthetic_recording(tmp_path / "run", classes=6, per_class=10, blocks=BLOCKS, keep="none"))
    assert found.groups == 0
    assert "not all kept" in found.reason
    assert np.isfinite(found.curve("omega_squared")).all()
    assert np.isnan(found.band("omega_squared")).all()
    assert np.isnan(found.curve("direction_share")).all()
    assert all(block.null is None and block.classes is None for block in found.blocks)
    for claim in judge_assessment(found, precision="fp32").claims:
        for evidence in claim.readings.values():
            assert evidence.verdict in ("inconclusive", "not applicable")
            assert evidence.reason


def test_a_slim_recording_is_refused_with_what_to_do(recording: Recording, tmp_path: Path) -> None:
    slim = slim_recording(recording, tmp_path / "slim", per_class=2)
    with pytest.raises(RecordingError, match="slim recording: assess the complete full recording"):
        assess_blocks(slim)


def test_a_control_of_other_images_or_blocks_is_refused(recording: Recording, tmp_path: Path) -> None:
    images = synthetic_recording(tmp_path / "images", classes=20, per_class=9, blocks=BLOCKS)
    blocks = synthetic_recording(tmp_path / "blocks", classes=20, per_class=10, blocks={"SE_2_1": 8})
    for control in (images, blocks):
        with pytest.raises(ArgumentError, match="other images or blocks"):
            assess_blocks(recording, controls=[control])


def test_fewer_than_two_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="fewer than two classes"):
        assess_blocks(unlabelled_recording(tmp_path / "none"))
    with pytest.raises(RecordingError, match="fewer than two classes"):
        assess_blocks(synthetic_recording(tmp_path / "one", classes=1, blocks=BLOCKS))


def test_a_control_and_z_are_split_along_their_mean_where_single_images_are_kept(tmp_path: Path) -> None:
    shape = {"classes": 20, "per_class": 10, "blocks": BLOCKS}
    full = synthetic_recording(tmp_path / "full", **shape, keep_squeeze=True)
    bare = synthetic_recording(tmp_path / "bare", **shape, keep="none")
    found = assess_blocks(full, controls=[full, bare])
    group = assign_groups(full.kept_samples["label"].to_numpy())
    for at, block in enumerate(found.blocks):
        own, other = (control.blocks[at] for control in found.controls)
        for name, direct in (("gate", own), ("squeeze", block.squeeze)):
            expected = resample_block(full, block.block.name, group, quantity=name).full
            assert direct.direction_share == pytest.approx(expected.direction_share, abs=2e-3)
            assert direct.residual_variance == pytest.approx(expected.residual_variance, rel=2e-2)
        assert own.near_one == gate_health(full.moments(block.block.name), block.block.range).near_one
        assert np.isnan(block.squeeze.near_one), "z is no share"
        assert np.isnan([other.direction_share, other.residual_variance]).all()
        assert np.isfinite([other.near_one, other.within_variance]).all()


@pytest.mark.slow
def test_every_reading_has_its_control_and_its_z_or_says_why_not(tmp_path: Path) -> None:
    shape = {"classes": 20, "per_class": 10}
    full = synthetic_recording(tmp_path / "full", **shape, keep_squeeze=True)
    bare = synthetic_recording(tmp_path / "bare", **shape, keep="none")
    for control, kept in ((full, True), (bare, False)):
        report = judge_assessment(assess_blocks(full, controls=[control]), precision="fp32")
        for claim in report.claims:
            for name, evidence in claim.readings.items():
                for part in evidence.parts if name != "causal" else ():
                    shown = {b.kind: b for b in part.beside}
                    unknown = claim.id == "C12" or (claim.id == "C6" and not kept)
                    assert np.isnan(shown["random weights"].value) == unknown, (claim.id, name)
                    assert shown["random weights"].spread
                    assert ("squeeze" in shown) == (name == "relative")
    c6 = report.claim("C6").readings["relative"].parts[0]
    told = {b.kind: b.spread for b in c6.beside}
    assert told["random weights"].endswith("it needs the gates of its single images (--keep all)")
    assert np.isfinite({b.kind: b.value for b in c6.beside}["squeeze"])
