"""`senet-viz intervene` as a person runs it, and as the system kills it."""

import json
import signal
from pathlib import Path

import pytest

from senet_viz import open_outcomes
from tests.e2e.command import expect_refusal, run, run_and_kill
from tests.support.tiny import write_tiny_parquet

pytestmark = pytest.mark.slow

IMAGES = 600


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_tiny_parquet(tmp_path_factory.mktemp("data") / "tiny.parquet", IMAGES)
    path.with_name("map.json").write_text(json.dumps({f"class {k}": k for k in range(10)}), "utf-8")
    return path


def arguments(data: Path, out: Path, *more: str) -> list[str]:
    return [
        "intervene", "--model", "tests.support.tiny:tiny_se", "--data", str(data), "--out", str(out), "--device", "cpu",
        "--targets", "blocks,all", "--repeats", "8", "--shard-size", "50", "--batch-size", "25",
        "--label-map", str(data.with_name("map.json")), *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    done = run(*arguments(data, folder, "--json"))
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert set(summary) == {
        "outcomes", "id", "images", "judged", "complete", "clean", "variants", "baselines", "throughput", "notes",
    }  # fmt: skip
    assert summary["images"] == summary["judged"] == IMAGES
    assert len(summary["variants"]) == 3 * (3 + 2 * 8)
    assert summary["baselines"]["donor_count_difference"] == 0
    assert "600 images × 57 interventions = 34,800 forwards" in done.stderr
    return folder


def test_people_read_a_table(whole: Path, data: Path) -> None:
    done = run(*arguments(data, whole))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "600 images, 57 interventions, clean top-1" in lines[0]
    assert lines[1].split() == ["Δ", "top-1,", "points", "one", "mean", "predicted_class_mean", "within", "between"]
    assert [line.split()[0] for line in lines[2:5]] == ["SE_1_1", "SE_2_1", "all"]


def bits(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "terminate"])
def test_a_killed_run_ends_with_the_same_bits(data: Path, whole: Path, tmp_path: Path, sign: signal.Signals) -> None:
    out = tmp_path / "torn"
    run_and_kill(*arguments(data, out), once=out / "outcomes-00001.parquet", sign=sign)
    torn = open_outcomes(out)
    assert not torn.complete
    assert torn.manifest.progress["consumed"] < IMAGES
    done = run(*arguments(data, out))
    assert done.returncode == 0, done.stderr
    assert open_outcomes(out).complete
    assert bits(out) == bits(whole)
    assert not (out / "scratch").exists()


def test_sets_strength_and_a_given_recording(data: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "dose"
    done = run(
        "intervene", "--model", "tests.support.tiny:tiny_se", "--data", data, "--out", out, "--device", "cpu", "--blocks",
        "SE_2_1,SE_1_1", "--blocks", "SE_1_1", "--baselines", "mean", "--strength", "0.5", "--limit", "40",
        "--baselines-from", whole / "clean",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcomes = open_outcomes(out)
    assert [(v.target, v.kind, v.strength) for v in outcomes.variants] == [
        ("SE_1_1 + SE_2_1", "set", 0.5), ("SE_1_1", "block", 0.5),
    ]  # fmt: skip
    assert outcomes.samples.num_rows == 40
    assert not (out / "clean").exists()


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (("--blocks", "SE_9_9"), 2, "There is no block 'SE_9_9'"),
        (("--baselines-from", "nowhere"), 1, "nowhere is no folder"),
    ],
)
def test_exit_codes(data: Path, tmp_path: Path, more: tuple[str, ...], code: int, message: str) -> None:
    expect_refusal(run(*arguments(data, tmp_path / "out", *more)), code, message, tmp_path / "out")
