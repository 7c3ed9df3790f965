"""freezing.json: there and back, beside a recording, and told apart from what it does not speak of."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from senet_viz.analysis.freezing_files import open_freezing, read_freezing, stored_freezing, write_freezing
from senet_viz.errors import RecordingError
from senet_viz.recording.layout import FREEZING, OWN
from senet_viz.recording.reader import Recording
from senet_viz.recording.verify import verify_recording
from tests.support.frozen import make_cost, make_path, path_of
from tests.support.synthetic import PAPER_BLOCKS, synthetic_recording

COSTS = [make_cost(0.1, 0.2), make_cost(-3.0, 0.5, loss=float("nan"))]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("run") / "run", classes=3, per_class=4, blocks=PAPER_BLOCKS)


def test_there_and_back(tmp_path: Path) -> None:
    path = make_path(COSTS, COSTS[::-1], notes=("A note.",))
    write_freezing(tmp_path, path)
    found = open_freezing(tmp_path)
    assert found.order == path.order
    assert found.table().to_csv() == path.table().to_csv()
    assert (found.id, found.notes, found.complete, found.images) == (path.id, path.notes, True, path.images)
    assert found.gates == path.gates
    assert found.timing is not None
    assert path.timing is not None
    assert np.array_equal(found.timing.ratios, path.timing.ratios)


def test_an_unfinished_path_has_no_other_half_yet(tmp_path: Path) -> None:
    path = make_path(COSTS, COSTS)
    steps = tuple(dataclasses.replace(step, confirming=None) for step in path.steps)
    write_freezing(
        tmp_path, dataclasses.replace(path, steps=steps, timing=None, complete=False, clean=(70.0, float("nan")))
    )
    found = open_freezing(tmp_path)
    assert found.steps[0].confirming is None
    assert found.timing is None
    assert np.isnan(found.clean[1])
    assert found.table()["Δ top-1, confirming"].isna().all()


def test_beside_a_recording(recording: Recording) -> None:
    assert read_freezing(recording) is None
    write_freezing(recording.path, path_of(recording, COSTS, COSTS))
    found = read_freezing(recording)
    assert found is not None
    assert found.advise(1.0).size == 1
    assert OWN.fullmatch(FREEZING), "a recording's folder may hold it"
    assert verify_recording(recording.path).ok


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"sha256": "1" * 64}}, "of another network"),
        ({"data": {"digest": "other"}}, "of other images"),
        ({"preprocessing": {}}, "another preprocessing"),
        ({"outputs": [None, 1, 2]}, "other outputs"),
    ],
)
def test_of_something_else(recording: Recording, change: dict[str, object], message: str) -> None:
    path = path_of(recording, COSTS, COSTS)
    write_freezing(recording.path, dataclasses.replace(path, identity={**path.identity, **change}))
    with pytest.raises(RecordingError, match=message):
        read_freezing(recording)


def test_the_interval_of_a_histogram_makes_no_other_network(recording: Recording) -> None:
    path = path_of(recording, COSTS, COSTS)
    write_freezing(
        recording.path,
        dataclasses.replace(path, gates=tuple(dataclasses.replace(g, histogram=(-1.0, 2.0)) for g in path.gates)),
    )
    assert read_freezing(recording) is not None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "could not be read"),
        ("[]", "could not be read"),
        ("{}", "could not be read"),
        ('{"kind": "freezing", "freezing_version": 99}', "could not be read"),
        ('{"kind": "freezing", "freezing_version": 1}', "Object missing required field `id`; copy it again"),
    ],
)
def test_what_can_not_be_read(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / FREEZING).write_text(text, "utf-8")
    with pytest.raises(RecordingError, match=reason):
        stored_freezing(tmp_path)


def test_a_folder_without(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RecordingError, match="that `senet-viz freeze` wrote"):
            open_freezing(folder)
