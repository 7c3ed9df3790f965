"""The public table: full, slim, squeeze, odd recordings."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import senet_viz as sv
from senet_viz.errors import ArgumentError
from senet_viz.recording.reader import Recording
from senet_viz.stats.channels import ChannelMeasures, measure_channels
from tests.support.synthetic import synthetic_recording, unlabelled_recording

BLOCKS = {"SE_2_3": 12, "SE_5_1": 20}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("measures") / "run"
    return synthetic_recording(
        folder,
        classes=8,
        per_class=30,
        blocks=BLOCKS,
        shares={"SE_2_3": 0.0, "SE_5_1": 0.6},
        keep_squeeze=True,
        unlabelled=3,
    )


def test_a_row_per_block_and_channel(recording: Recording) -> None:
    frame = sv.measure_selectivity(recording)
    assert frame.groupby("label", sort=False).size().to_dict() == BLOCKS
    assert {field.name for field in dataclasses.fields(ChannelMeasures)} < set(frame.columns)
    assert set(frame["images"]) == {240}
    assert frame.loc[frame["label"] == "SE_5_1", "omega_squared"].mean() == pytest.approx(0.6, abs=0.03)
    assert frame.loc[frame["label"] == "SE_2_3", "omega_squared"].mean() == pytest.approx(0, abs=0.03)
    assert not frame.isna().any(axis=None)
    best = frame["best_class"]
    assert [recording.classes.names[k] for k in best] == frame["best_class_name"].tolist()


def test_a_row_per_block(recording: Recording) -> None:
    frame = sv.measure_selectivity(recording, per="block")
    assert frame["label"].tolist() == list(BLOCKS)
    assert frame["defined_channels"].tolist() == frame["channels"].tolist() == list(BLOCKS.values())
    channels = sv.measure_selectivity(recording).groupby("label", sort=False)
    np.testing.assert_allclose(frame["omega_squared_mean"], channels["omega_squared"].mean())
    np.testing.assert_allclose(frame["within_sd"], channels["within_sd"].agg(lambda x: np.sqrt((x**2).mean())))
    assert frame["gate_rank_images"].tolist() == [243, 243]
    assert not frame.isna().any(axis=None)


def test_the_squeeze_is_measured_likewise_without_saturation(recording: Recording) -> None:
    """z is four times the gate here: every share is the same, every SD four times as large."""
    gate, squeeze = (sv.measure_selectivity(recording, per="block", quantity=q) for q in ("gate", "squeeze"))
    np.testing.assert_allclose(squeeze["omega_squared"], gate["omega_squared"], rtol=1e-5)
    np.testing.assert_allclose(squeeze["within_sd"], 4 * gate["within_sd"], rtol=1e-5)
    assert squeeze[["near_one", "near_zero", "at_lower", "at_upper"]].isna().all(axis=None)
    np.testing.assert_allclose(
        sv.measure_selectivity(recording, quantity="squeeze")["auc"],
        sv.measure_selectivity(recording)["auc"],
        atol=2e-3,
    )


def test_a_slim_recording_gives_what_its_numbers_allow(recording: Recording, tmp_path: Path) -> None:
    slim = sv.slim_recording(recording, tmp_path / "slim")
    full_rows, rows = sv.measure_selectivity(recording), sv.measure_selectivity(slim)
    for column in ("omega_squared", "icc", "between_sd", "d_prime", "selectivity_index"):
        np.testing.assert_allclose(rows[column], full_rows[column], rtol=1e-4, atol=1e-5)
    assert rows[["auc", "information"]].isna().all(axis=None)
    assert set(rows["auc_class"]) == {-1}
    squeeze = sv.measure_selectivity(slim, quantity="squeeze")
    assert squeeze["d_prime"].isna().all()
    whole = sv.measure_selectivity(recording, quantity="squeeze")
    np.testing.assert_allclose(squeeze["omega_squared"], whole["omega_squared"], atol=2e-3)


def test_a_control_is_measured_by_the_same_functions(recording: Recording, tmp_path: Path) -> None:
    control = synthetic_recording(tmp_path / "control", classes=8, per_class=30, blocks=BLOCKS, seed=9, unlabelled=3)
    slim = sv.slim_recording(recording, tmp_path / "slim", controls=[control])
    found = measure_channels(slim.controls[0].moments(recording.blocks[0].name))
    np.testing.assert_allclose(
        found.omega_squared, measure_channels(control.moments(recording.blocks[0].name)).omega_squared, atol=2e-3
    )


def test_unlabelled_images_alone_leave_nan_and_counts(tmp_path: Path) -> None:
    recording = unlabelled_recording(tmp_path / "run")
    rows, block = sv.measure_selectivity(recording), sv.measure_selectivity(recording, per="block")
    assert rows["omega_squared"].isna().all()
    assert block.loc[0, ["images", "classes", "defined_channels"]].tolist() == [0, 0, 0]
    assert block.loc[0, "gate_rank_images"] == 12


def test_classes_of_one_image_are_counted(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "one", classes=5, per_class=1, blocks=[6])
    block = sv.measure_selectivity(recording, per="block").iloc[0]
    assert (block["classes"], block["single_classes"]) == (5, 5)
    assert np.isnan(block["omega_squared"])


def test_another_per_or_quantity_is_refused(recording: Recording) -> None:
    with pytest.raises(ArgumentError, match="'image'"):
        sv.measure_selectivity(recording, per="image")
    with pytest.raises(ArgumentError, match="'logit'"):
        sv.measure_selectivity(recording, quantity="logit")
