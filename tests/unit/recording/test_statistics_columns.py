from pathlib import Path

import pytest

from senet_viz.recording.statistics import QUANTILES, statistics_batches, statistics_columns, statistics_schema
from tests.support.synthetic import synthetic_recording


@pytest.mark.parametrize(("keep", "quantiles"), [("all", True), ("2", False)])
def test_every_column_of_the_table_is_explained(tmp_path: Path, keep: str, quantiles: bool) -> None:
    recording = synthetic_recording(tmp_path / "r", blocks=[2], classes=2, keep=keep)
    table = next(statistics_batches(recording))
    assert table.schema == statistics_schema(quantiles=quantiles)
    columns = statistics_columns(quantiles=quantiles)
    assert [c.name for c in columns] == table.column_names
    assert all(c.definition.endswith(".") and c.unit in ("–", "s", "images") for c in columns)


def test_what_people_must_know_stands_in_the_definitions() -> None:
    told = {c.name: c.definition for c in statistics_columns(quantiles=True)}
    assert "n − 1" in told["std"]
    assert "−1" in told["class_id"]
    assert [told[f"q{round(100 * q):02d}"].split(" ")[0] for q in QUANTILES] == ["5", "25", "50", "75", "95"]
