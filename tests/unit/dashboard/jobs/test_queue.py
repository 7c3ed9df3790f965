"""Recordings of visitors: one after the other, confined, told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from senet_viz.dashboard.jobs import queue as queue_module
from senet_viz.dashboard.jobs.queue import JobQueue, WaitingJob
from senet_viz.dashboard.jobs.request import RecordRequest
from senet_viz.dashboard.mode import PublicOptions
from senet_viz.errors import ArgumentError, RecordingError


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Jobs by name, without a process."""
    jobs: dict[str, Any] = {}

    def start(root: Path, name: str, request: RecordRequest, label_map: object) -> None:
        if request.model == "refused":
            raise RecordingError("no room")
        moment = datetime.now(UTC).isoformat()
        jobs[name] = SimpleNamespace(name=name, process=SimpleNamespace(lives=lambda: name in jobs, started=moment))

    monkeypatch.setattr(queue_module, "start_job", start)
    monkeypatch.setattr(queue_module, "find_jobs", lambda root: tuple(jobs.values()))
    monkeypatch.setattr(queue_module, "cancel_job", lambda job: jobs.pop(job.name))
    return jobs


def wanted(name: str, visitor: str, model: str = "bundled") -> WaitingJob:
    return WaitingJob(name, RecordRequest(model, "digits"), None, visitor)


def test_as_many_run_as_may_and_the_others_wait_in_order(tmp_path: Path, running: dict[str, Any]) -> None:
    queue = JobQueue(tmp_path, PublicOptions(running=1, queued=2))
    assert [queue.submit(wanted(name, name)) for name in "abc"] == [0, 1, 2]
    assert list(running) == ["a"]
    with pytest.raises(RecordingError, match="2 recordings wait"):
        queue.submit(wanted("d", "d"))
    running.clear()
    queue.go_on()
    assert list(running) == ["b"]
    assert queue.find_place("c") == 1
    queue.withdraw("c")
    assert queue.waiting() == ()


def test_a_visitor_has_one_at_a_time_and_names_are_their_own(tmp_path: Path, running: dict[str, Any]) -> None:
    queue = JobQueue(tmp_path, PublicOptions(running=2))
    queue.submit(wanted("a", "me"))
    with pytest.raises(RecordingError, match="Your last recording is not done"):
        queue.submit(wanted("b", "me"))
    (tmp_path / "taken").mkdir()
    with pytest.raises(RecordingError, match="taken exists already"):
        queue.submit(wanted("taken", "you"))
    with pytest.raises(ArgumentError):
        queue.submit(wanted("../up", "you"))
    assert queue.belongs_to("a", "me")
    assert not queue.belongs_to("a", "you")


def test_what_takes_too_long_is_ended_and_what_can_not_start_is_told(tmp_path: Path, running: dict[str, Any]) -> None:
    queue = JobQueue(tmp_path, PublicOptions(job_minutes=1))
    queue.submit(wanted("a", "a"))
    running["a"].process.started = (datetime.now(UTC) - timedelta(minutes=2)).isoformat()
    queue.go_on()
    assert running == {}
    with pytest.raises(RecordingError, match="no room"):
        queue.submit(wanted("b", "b", model="refused"))
    assert queue.refused == {}


def test_a_full_folder_takes_no_more(tmp_path: Path, running: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "list_recordings", lambda root: (1, 2))
    with pytest.raises(RecordingError, match="keeps 2 recordings"):
        JobQueue(tmp_path, PublicOptions(kept=2)).submit(wanted("a", "a"))
