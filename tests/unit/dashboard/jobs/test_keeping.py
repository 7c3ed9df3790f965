"""A folder of recordings kept in order, and nothing else in it touched."""

import shutil
from pathlib import Path

import pytest

from senet_viz.dashboard.jobs.keeping import delete_recording, list_contents, list_recordings, rename_recording
from senet_viz.dashboard.jobs.running import find_jobs
from senet_viz.dashboard.recordings import find_recordings
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.folder import FolderLock
from senet_viz.recording.outcomes import open_outcomes
from senet_viz.recording.reader import open_recording
from tests.support.synthetic import PAPER_BLOCKS, synthetic_recording
from tests.support.synthetic_outcomes import write_outcomes_of


def test_a_recording_is_listed_with_what_one_wants_to_know(tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "one", classes=3, per_class=5, unreadable=[2])
    (tmp_path / "no recording").mkdir()
    (tmp_path / "link").symlink_to(made.path)
    shutil.copytree(made.path, tmp_path / "broken")
    (tmp_path / "broken" / "manifest.json").write_text("{", encoding="utf-8")
    shutil.copytree(made.path, tmp_path / "torn")
    torn = next((tmp_path / "torn").glob("moments-*"))
    torn.unlink()
    rows = {row.name: row for row in list_recordings(tmp_path)}
    assert set(rows) == {"one", "broken", "torn"}
    assert rows["torn"].state == "damaged"
    assert f"{torn.name} is missing" in rows["torn"].problem
    assert (rows["one"].state, rows["one"].images, rows["one"].total) == ("complete", 14, 15)
    assert rows["one"].bytes == sum(path.stat().st_size for path in made.path.iterdir())
    assert rows["broken"].state == "damaged"
    assert "manifest.json" in rows["broken"].problem
    assert list_recordings(tmp_path / "nowhere") == ()


def test_deleting_removes_a_recording_and_only_that(tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "one")
    for derived in ("assessment.json", "measures.parquet", "effects.parquet", "freezing.json"):
        (made.path / derived).write_text("{}", encoding="utf-8")
    synthetic_recording(tmp_path / "other")
    names = {path.name for path in made.path.iterdir()}
    contents = delete_recording(tmp_path, "one")
    assert set(contents.names) == names
    assert not made.path.exists()
    assert open_recording(tmp_path / "other").complete


@pytest.mark.parametrize("intruder", ["thesis.txt", "folder", "link", "samples-00000.parquet.bak"])
def test_a_folder_that_holds_something_else_is_left_as_it_is(tmp_path: Path, intruder: str) -> None:
    made = synthetic_recording(tmp_path / "one")
    if intruder == "folder":
        (made.path / intruder).mkdir()
    elif intruder == "link":
        (made.path / "samples-00009.parquet").symlink_to(tmp_path)
    else:
        (made.path / intruder).write_text("mine", encoding="utf-8")
    before = sorted(path.name for path in made.path.iterdir())
    with pytest.raises(RecordingError, match="nothing was deleted"):
        delete_recording(tmp_path, "one")
    assert sorted(path.name for path in made.path.iterdir()) == before


@pytest.mark.parametrize("name", ["", ".", "..", "../one", "one/..", "nowhere", "plain", "link"])
def test_what_is_no_recording_of_the_folder_is_not_deleted(tmp_path: Path, name: str) -> None:
    made = synthetic_recording(tmp_path / "one")
    root = tmp_path / "root"
    (root / "plain").mkdir(parents=True)
    (root / "link").symlink_to(made.path)
    for act in (list_contents, delete_recording):
        with pytest.raises((ArgumentError, RecordingError)):
            act(root, name)
    assert open_recording(made.path).complete


def test_what_is_being_written_is_neither_renamed_nor_deleted(tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "one")
    lock = FolderLock(made.path)
    lock.acquire()
    assert list_recordings(tmp_path)[0].state == "being written"
    for act in (lambda: delete_recording(tmp_path, "one"), lambda: rename_recording(tmp_path, "one", "two")):
        with pytest.raises(RecordingError, match="is being written by process"):
            act()
    lock.release()
    assert open_recording(made.path).complete


def test_renaming_takes_the_job_along(tmp_path: Path) -> None:
    from tests.unit.dashboard.jobs.test_plan import leave_job

    synthetic_recording(tmp_path / "one")
    leave_job(tmp_path, "one")
    assert rename_recording(tmp_path, "one", " two ") == tmp_path / "two"
    assert open_recording(tmp_path / "two").complete
    job = find_jobs(tmp_path)[0]
    assert (job.name, job.out) == ("two", tmp_path / "two")
    assert str(tmp_path / "two") in job.arguments
    synthetic_recording(tmp_path / "three")
    with pytest.raises(RecordingError, match="exists already"):
        rename_recording(tmp_path, "three", "two")
    with pytest.raises(ArgumentError):
        rename_recording(tmp_path, "three", "a/b")
    delete_recording(tmp_path, "two")
    assert find_jobs(tmp_path) == ()


def test_interventions_beside_a_recording_are_no_damaged_recording(tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "one", classes=20, per_class=10, blocks=PAPER_BLOCKS)
    outcomes = write_outcomes_of(made, tmp_path / "one-interventions", {("SE_5_2", "mean"): 1.0})
    assert [kept.name for kept in list_recordings(tmp_path)] == ["one"]
    picked = find_recordings({"SENET_VIZ_RECORDINGS": str(tmp_path)})
    assert [path for path in picked.values() if path.is_relative_to(tmp_path)] == [made.path]
    with pytest.raises(
        RecordingError, match=r"one-interventions holds interventions, not a recording: give a recording's"
    ):
        open_recording(outcomes.path)
    with pytest.raises(RecordingError, match="holds interventions, not a recording"):
        delete_recording(tmp_path, "one-interventions")
    assert open_outcomes(outcomes.path).complete
