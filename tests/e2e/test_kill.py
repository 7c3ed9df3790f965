"""kill -9 at random moments, then the same command: the same bits as a run that nobody disturbed."""

import json
import multiprocessing
import os
import random
import signal
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from senet_viz import open_recording, verify_recording
from tests.tiny import write_tiny_parquet

IMAGES, KILLS = 10_000, 20


def invoke(arguments: list[str]) -> None:
    """The command line in a forked process that has torch loaded already."""
    from senet_viz.cli import main

    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    sys.argv = ["senet-viz", *arguments]
    main()


@pytest.fixture(scope="module")
def server() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["senet_viz.pipeline", "senet_viz.cli", "tests.tiny"])
    return context


def arguments(data: Path, out: Path) -> list[str]:
    return [
        "record", "--model", "tests.tiny:tiny_se", "--data", str(data), "--out", str(out), "--device", "cpu",
        "--batch-size", "96", "--shard-size", "1700", "--commit-every", "0.1",
    ]  # fmt: skip


def manifest(folder: Path) -> dict[str, object]:
    path = folder / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@pytest.mark.slow
def test_twenty_kills_change_no_bit(server: multiprocessing.context.ForkServerContext, tmp_path: Path) -> None:
    data = write_tiny_parquet(tmp_path / "tiny.parquet", IMAGES)
    whole = server.Process(target=invoke, args=(arguments(data, tmp_path / "whole"),))
    whole.start()
    began = time.monotonic()
    whole.join()
    assert whole.exitcode == 0
    undisturbed = time.monotonic() - began

    chance = random.Random(20)
    killed_at = []
    torn = tmp_path / "torn"
    for _ in range(KILLS):
        attempt = server.Process(target=invoke, args=(arguments(data, torn),))
        attempt.start()
        attempt.join(timeout=chance.uniform(0.3, 0.2 + 1.6 * undisturbed / KILLS + 0.6))
        if attempt.exitcode is None:
            assert attempt.pid is not None
            os.kill(attempt.pid, signal.SIGKILL)
            attempt.join()
            killed_at.append(manifest(torn).get("progress"))
        if manifest(torn).get("complete"):
            tidy = server.Process(
                target=invoke, args=(arguments(data, torn),)
            )  # it may have been killed while it tidied up
            tidy.start()
            tidy.join()
            torn.rename(tmp_path / f"done-{len(killed_at)}")
            same_bits(tmp_path / f"done-{len(killed_at)}", tmp_path / "whole")
    last = server.Process(target=invoke, args=(arguments(data, torn),))
    last.start()
    last.join()
    assert last.exitcode == 0
    assert len(killed_at) >= KILLS * 3 // 4, "too few attempts were killed while they worked"
    assert len({str(progress) for progress in killed_at}) > 3, "the kills fell on too few moments"
    same_bits(torn, tmp_path / "whole")


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
