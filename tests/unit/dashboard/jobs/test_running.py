"""Jobs as processes: what is told of them at every stage, and what a second watcher sees."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from senet_viz.dashboard.jobs.request import RecordRequest
from senet_viz.dashboard.jobs.running import (
    JobStatus,
    RecordingJob,
    cancel_job,
    find_jobs,
    forget_job,
    read_log,
    read_status,
    resume_job,
    start_job,
)
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.folder import FolderLock
from tests.support.synthetic import synthetic_recording

STAND_IN = Path(__file__).with_name("stand_in.py")


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(
        "senet_viz.dashboard.jobs.running.command_line",
        lambda arguments: [sys.executable, "-S", str(STAND_IN), *arguments],
    )
    yield
    for job in find_jobs(tmp_path):
        if job.process.lives():
            os.kill(job.process.pid, signal.SIGKILL)


def start(root: Path, model: str, name: str = "run") -> RecordingJob:
    return start_job(root, name, RecordRequest(model=model, data="digits"))


def wait_for(job: RecordingJob, ready: Callable[[JobStatus], bool]) -> JobStatus:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        status = read_status(job)
        if ready(status):
            return status
        time.sleep(0.02)
    raise AssertionError(f"the job stayed {read_status(job)}")


def ended(status: JobStatus) -> bool:
    return not status.live


def running(status: JobStatus) -> bool:
    return status.state == "running"


def test_a_job_is_seen_by_others_cancelled_and_resumed(tmp_path: Path) -> None:
    job = start(tmp_path, "hang")
    assert wait_for(job, running).share == 0.4
    assert find_jobs(tmp_path) == (job,)  # as a second session reads it
    with pytest.raises(RecordingError, match="is being recorded"):
        start(tmp_path, "hang")
    with pytest.raises(RecordingError, match="already"):
        resume_job(job)
    with pytest.raises(RecordingError, match="cancel that first"):
        forget_job(job)
    asked = cancel_job(find_jobs(tmp_path)[0])
    assert not read_status(asked).can_cancel
    status = wait_for(asked, ended)
    assert (status.state, status.share, status.reason, status.resumable) == ("cancelled", 0.42, "", True)
    again = resume_job(job)
    assert again.process != job.process
    assert wait_for(again, running).can_cancel
    assert read_log(again).count("record --model hang --data digits") == 2


def test_a_killed_job_is_interrupted_not_running(tmp_path: Path) -> None:
    job = start(tmp_path, "hang")
    wait_for(job, running)
    os.kill(job.process.pid, signal.SIGKILL)
    status = wait_for(job, ended)
    assert (status.state, status.share, status.resumable) == ("interrupted", 0.0, True), "nothing was committed"
    assert wait_for(resume_job(job), running).live


def test_old_progress_is_not_taken_for_that_of_a_job_that_loads(tmp_path: Path) -> None:
    job = start(tmp_path, "fail")
    assert wait_for(job, ended).reason == "the disk is full"
    tree = json.loads((job.folder / "command.json").read_text(encoding="utf-8"))
    tree["request"]["model"] = "silent"
    (job.folder / "command.json").write_text(json.dumps(tree), encoding="utf-8")
    again = resume_job(job)
    wait_for(again, lambda _: "silent" in read_log(again))
    assert (read_status(again).state, read_status(again).share) == ("starting", 0.0)
    cancel_job(again)
    assert wait_for(find_jobs(tmp_path)[0], ended).state == "cancelled"


@pytest.mark.parametrize(
    ("model", "reason"),
    [("fail", "the disk is full"), ("refuse", "No model is called 'refuse': give another.")],
)
def test_a_failure_keeps_its_reason_and_the_command_that_repeats_it(tmp_path: Path, model: str, reason: str) -> None:
    job = start(tmp_path, model, "my run")
    status = wait_for(job, ended)
    assert (status.state, status.reason) == ("failed", reason)
    assert job.command.endswith(f"record --model {model} --data digits --out '{tmp_path / 'my run'}'")


def test_a_failed_start_leaves_its_name_free(tmp_path: Path) -> None:
    wait_for(start(tmp_path, "refuse"), ended)
    job = start(tmp_path, "hang")
    assert wait_for(job, running).live
    assert "refuse" not in read_log(job)


def test_a_finished_recording_is_told_from_its_manifest(tmp_path: Path) -> None:
    job = start(tmp_path, "refuse")
    wait_for(job, ended)
    synthetic_recording(tmp_path / "run")
    status = read_status(job)
    assert (status.state, status.share, status.resumable) == ("finished", 1.0, False)
    forget_job(job)
    assert find_jobs(tmp_path) == ()
    assert (tmp_path / "run" / "manifest.json").exists()


def test_a_label_map_lies_beside_the_command(tmp_path: Path) -> None:
    request = RecordRequest(model="hang", data="digits")
    job = start_job(tmp_path, "run", request, {"3": "goldfish", "4": None})
    path = Path(job.arguments[job.arguments.index("--label-map") + 1])
    assert json.loads(path.read_text(encoding="utf-8")) == {"3": "goldfish", "4": None}
    assert path.parent == tmp_path / ".jobs" / "run"


def test_what_stands_in_the_way_is_refused(tmp_path: Path) -> None:
    synthetic_recording(tmp_path / "done")
    with pytest.raises(RecordingError, match="exists already"):
        start(tmp_path, "hang", "done")
    (tmp_path / "held").mkdir()
    lock = FolderLock(tmp_path / "held")
    lock.acquire()
    with pytest.raises(RecordingError, match=f"written by process {os.getpid()}"):
        start(tmp_path, "hang", "held")
    lock.release()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RecordingError, match="exists already"):
        start(tmp_path, "hang", "link")
    with pytest.raises(ArgumentError, match="name"):
        start(tmp_path, "hang", "../out")
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(RecordingError, match="Give a folder that can be written"):
        start(file, "hang")
    with pytest.raises(RecordingError, match="could not be started"):
        start_job(tmp_path, "null", RecordRequest(model="a\0b", data="digits"))
    assert find_jobs(tmp_path) == ()


def test_a_damaged_command_is_left_out(tmp_path: Path) -> None:
    job = start(tmp_path, "refuse")
    wait_for(job, ended)
    (job.folder / "command.json").write_text('{"request": {"model": "x"}}', encoding="utf-8")
    assert find_jobs(tmp_path) == ()
    assert find_jobs(tmp_path / "nowhere") == ()
