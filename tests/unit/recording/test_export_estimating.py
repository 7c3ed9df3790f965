from pathlib import Path

import pytest

from senet_viz.errors import ArgumentError
from senet_viz.models.origins import bundled_folder
from senet_viz.recording.export import ENDINGS, estimate_export, export_statistics
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.statistics import statistics_batches
from tests.support.synthetic import synthetic_recording

CHOICES: dict[str, dict[str, list[object]]] = {
    "three blocks": {"blocks": ["SE_2_1", "SE_4_1", "SE_5_3"]},
    "all images only": {"classes": ["all"]},
    "three classes": {"blocks": ["SE_5_2"], "classes": [0, 7, 199]},
}
SLOWEST = ("three blocks", ".json")


@pytest.fixture(scope="module")
def bundled() -> Recording:
    return open_recording(bundled_folder() / "recording")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("choice", "ending"),
    [
        pytest.param(
            choice, ending, id=f"{name}-{ending}", marks=[pytest.mark.slow] if (name, ending) == SLOWEST else []
        )
        for name, choice in CHOICES.items()
        for ending in ENDINGS
    ],
)
def test_the_bundled_recordings_export_has_about_the_estimated_size(
    bundled: Recording, tmp_path: Path, ending: str, choice: dict[str, list[str]]
) -> None:
    estimate = estimate_export(bundled, ending, **choice)
    written = export_statistics(bundled, tmp_path / f"out{ending}", **choice).stat().st_size
    assert written / 1.3 <= estimate.bytes <= 1.3 * written
    assert estimate.rows == sum(t.num_rows for t in statistics_batches(bundled, **choice))


@pytest.mark.parametrize("ending", ENDINGS)
def test_columns_and_size_with_quantiles(tmp_path: Path, ending: str) -> None:
    kept = synthetic_recording(tmp_path / "r", blocks={"SE_2_3": 64, "SE_5_1": 256}, classes=20)
    estimate = estimate_export(kept, ending.upper())
    written = export_statistics(kept, tmp_path / f"out{ending}").stat().st_size
    assert (estimate.rows, estimate.columns) == (320 * 21, 17)
    assert written / 1.3 <= estimate.bytes <= 1.3 * written


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_single_channel_is_told_exactly(tmp_path: Path, ending: str) -> None:
    small = synthetic_recording(tmp_path / "r", blocks=[1], classes=2)
    estimate = estimate_export(small, ending)
    assert estimate.rows == 3
    assert estimate.bytes == export_statistics(small, tmp_path / f"out{ending}").stat().st_size


def test_nothing_chosen_has_no_rows_and_what_is_unknown_is_refused(tmp_path: Path) -> None:
    small = synthetic_recording(tmp_path / "r", blocks=[1], classes=2)
    assert (estimate_export(small, ".csv", blocks=[]).rows, estimate_export(small, ".csv", classes=[]).bytes) == (0, 0)
    with pytest.raises(ArgumentError, match=r"use one of \.csv"):
        estimate_export(small, ".xlsx")
    with pytest.raises(ArgumentError, match="There is no class 2"):
        estimate_export(small, ".csv", classes=[2])
