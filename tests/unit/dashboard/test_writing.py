"""Files written in the background: kept, stopped, refused, and gone with their room."""

import gc
import shutil
from pathlib import Path

import pandas as pd
import pytest

from senet_viz.dashboard.writing import Wanted, WritingJob, WritingRoom
from senet_viz.errors import RecordingError
from senet_viz.recording.export import export_statistics
from senet_viz.recording.reader import Recording
from tests.support.synthetic import synthetic_recording

EVERYTHING = "everything"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("r") / "r", blocks=[3, 4, 5], classes=3)


def begin(
    room: WritingRoom, wanted: Wanted, *, key: str = EVERYTHING, name: str = "out.csv", folder: Path | None = None
) -> WritingJob:
    job = room.start(key, wanted, name, bytes_needed=1, folder=folder)
    job.wait(60)
    return job


def test_a_file_is_written_as_export_writes_it_and_found_again(recording: Recording, tmp_path: Path) -> None:
    room = WritingRoom()
    wanted = Wanted(recording.path, (recording.blocks[1].name,), (-1, 2))
    job = begin(room, wanted)
    assert (job.ready, job.running, job.error, job.done, job.total) == (True, False, None, 1, 1)
    direct = export_statistics(recording, tmp_path / "out.csv", blocks=wanted.blocks, classes=wanted.classes)
    assert job.path.read_bytes() == direct.read_bytes()
    assert job.size == direct.stat().st_size
    assert recording.id in job.side.read_text("utf-8")
    assert room.find(EVERYTHING) is job
    assert room.find("something else") is None


def test_the_temporary_folder_goes_with_its_room(recording: Recording) -> None:
    room = WritingRoom()
    folder = begin(room, Wanted(recording.path, None, None)).path.parent.parent
    assert folder.is_dir()
    del room
    gc.collect()
    assert not folder.exists()


def test_a_readers_folder_is_left_alone(recording: Recording, tmp_path: Path) -> None:
    room = WritingRoom()
    for number in range(6):
        begin(room, Wanted(recording.path, None, None), key=str(number), name=f"{number}.parquet", folder=tmp_path)
    assert room.find("0") is None, "only the latest are remembered"
    del room
    gc.collect()
    assert len(list(tmp_path.glob("*.parquet"))) == 6


def test_only_the_latest_temporary_files_are_kept(recording: Recording) -> None:
    room = WritingRoom()
    jobs = [begin(room, Wanted(recording.path, None, None), key=str(number)) for number in range(6)]
    assert [job.path.exists() for job in jobs] == [False, False, True, True, True, True]
    assert [room.find(str(number)) is not None for number in range(6)] == [False, False, True, True, True, True]


def test_a_stopped_job_leaves_nothing(recording: Recording, tmp_path: Path) -> None:
    job = WritingJob(Wanted(recording.path, None, None), tmp_path / "out.csv")
    job.stop()
    job.start()
    job.wait(60)
    assert (job.stopped, job.ready, job.error) == (True, False, None)
    assert list(tmp_path.iterdir()) == []


def test_what_goes_wrong_is_told_in_a_sentence(tmp_path: Path) -> None:
    broken = synthetic_recording(tmp_path / "r", blocks=[3], classes=2)
    room = WritingRoom()
    shutil.rmtree(broken.path)
    job = begin(room, Wanted(broken.path, None, None))
    assert not job.ready
    assert job.error is not None
    assert "is no folder" in job.error


def test_a_folder_that_is_none_or_full_is_refused(recording: Recording, tmp_path: Path) -> None:
    room = WritingRoom()
    wanted = Wanted(recording.path, None, None)
    with pytest.raises(RecordingError, match="is no folder: name one that exists"):
        begin(room, wanted, folder=tmp_path / "nowhere")
    with pytest.raises(RecordingError, match=r"free and about 1000000000\.0 GB are needed"):
        room.start(EVERYTHING, wanted, "out.csv", bytes_needed=10**18, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_new_job_stops_the_one_before(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WritingJob, "running", property(lambda job: job.done < 1))
    room = WritingRoom()
    first = room.start("first", Wanted(recording.path, None, None), "a.csv", bytes_needed=1, folder=None)
    first.wait(60)
    first.done = 0
    begin(room, Wanted(recording.path, None, None), key="second")
    assert first.stopped


def test_formats_are_equal_to_each_other(recording: Recording) -> None:
    room = WritingRoom()
    paths = [begin(room, Wanted(recording.path, None, None), key=e, name=f"x{e}").path for e in (".csv", ".parquet")]
    pd.testing.assert_frame_equal(pd.read_csv(paths[0]), pd.read_parquet(paths[1]), check_dtype=False, rtol=1e-7)
