"""kill -9 at random moments, then the same command: the same bits as a run that nobody disturbed."""

import json
import os
import random
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from senet_viz import open_recording, verify_recording
from senet_viz.recording.folder import read_lock
from tests.e2e.command import invoke, server
from tests.support.tiny import write_tiny_parquet

IMAGES, KILLS = 10_000, 20


def arguments(data: Path, out: Path) -> list[str]:
    return [
        "record", "--model", "tests.support.tiny:tiny_se", "--data", str(data), "--out", str(out), "--device", "cpu",
        "--batch-size", "96", "--shard-size", "1700", "--commit-every", "0.1",
    ]  # fmt: skip


def manifest(folder: Path) -> dict[str, object]:
    path = folder / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@pytest.mark.slow
def test_twenty_kills_change_no_bit(tmp_path: Path) -> None:
    data = write_tiny_parquet(tmp_path / "tiny.parquet", IMAGES)
    whole = server().Process(target=invoke, args=(arguments(data, tmp_path / "whole"),))
    whole.start()
    wait_for_work(whole, tmp_path / "whole")
    began = time.monotonic()
    whole.join()
    assert whole.exitcode == 0
    undisturbed = time.monotonic() - began

    chance = random.Random(20)
    killed_at = []
    torn = tmp_path / "torn"
    for _ in range(KILLS):
        attempt = server().Process(target=invoke, args=(arguments(data, torn),))
        attempt.start()
        if chance.random() < 0.9:  # the others die before or while the recording is taken up
            wait_for_work(attempt, torn)
        attempt.join(timeout=chance.uniform(0, 1.6 * undisturbed / KILLS + 0.2))
        if attempt.exitcode is None:
            assert attempt.pid is not None
            os.kill(attempt.pid, signal.SIGKILL)
            attempt.join()
            killed_at.append(manifest(torn).get("progress"))
        if manifest(torn).get("complete"):
            tidy = server().Process(
                target=invoke, args=(arguments(data, torn),)
            )  # it may have been killed while it tidied up
            tidy.start()
            tidy.join()
            torn.rename(tmp_path / f"done-{len(killed_at)}")
            same_bits(tmp_path / f"done-{len(killed_at)}", tmp_path / "whole")
    last = server().Process(target=invoke, args=(arguments(data, torn),))
    last.start()
    last.join()
    assert last.exitcode == 0
    assert len(killed_at) >= KILLS * 3 // 4, "too few attempts were killed while they worked"
    assert len({str(progress) for progress in killed_at}) > 3, "the kills fell on too few moments"
    same_bits(torn, tmp_path / "whole")


def wait_for_work(process: BaseProcess, folder: Path) -> None:
    """Until the process holds the folder's lock: how long it needs to start depends on the machine."""
    deadline = time.monotonic() + 60
    while process.exitcode is None and time.monotonic() < deadline:
        holder = read_lock(folder)
        if holder is not None and holder.pid == process.pid:
            return
        time.sleep(0.002)


def same_bits(torn: Path, whole: Path) -> None:
    assert verify_recording(torn).ok
    ours, theirs = open_recording(torn), open_recording(whole)
    assert ours.complete
    ids = ours.samples["sample_id"].to_pylist()
    assert len(ids) == len(set(ids)) == IMAGES
    bits = {(f.name.split(".")[0].split("-")[0], f.rows, f.sha256) for f in ours.manifest.files}
    assert bits == {(f.name.split(".")[0].split("-")[0], f.rows, f.sha256) for f in theirs.manifest.files}
    for name in sorted(path.name for path in whole.glob("*.parquet")):
        assert (torn / name).read_bytes() == (whole / name).read_bytes(), name
        assert pq.read_table(torn / name).equals(pq.read_table(whole / name))
    left_over = {path.name for path in torn.iterdir()} - {path.name for path in whole.iterdir()}
    assert not [name for name in left_over if not name.startswith("moments")], left_over
