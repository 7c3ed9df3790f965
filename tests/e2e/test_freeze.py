"""`senet-viz freeze` as a person runs it."""

import json
from pathlib import Path

import pytest

from senet_viz import open_recording
from senet_viz.analysis.freezing_files import open_freezing, read_freezing
from tests.e2e.command import expect_refusal, run
from tests.support.frozen import draw_coins
from tests.support.known_gates import write_colours

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    colours, labels = draw_coins(400)
    return write_colours(tmp_path_factory.mktemp("data") / "coins.parquet", colours, labels)


def arguments(data: Path, out: Path, *more: str) -> list[str]:
    return [
        "freeze", "--model", "tests.support.frozen:chain_gates", "--data", str(data), "--out", str(out), "--device", "cpu",
        "--label-map", "outputs", *more,
    ]  # fmt: skip


def test_the_advice_in_words_and_in_numbers(data: Path, tmp_path: Path) -> None:
    done = run(*arguments(data, tmp_path / "out", "--loss", "5"))
    assert done.returncode == 0, done.stderr
    assert "4 blocks, chosen one by one on 200 images and confirmed on 200: 3,800 forwards" in done.stderr
    assert done.stdout.startswith(
        "2 of 4 gates (SE_1_3, SE_1_4) can be frozen to their means within 5 points of top-1."
    )
    again = run(*arguments(data, tmp_path / "out", "--loss", "15", "--json"))
    assert again.returncode == 0, again.stderr
    summary = json.loads(again.stdout)
    assert set(summary) == {
        "freezing", "id", "images", "clean", "loss", "size", "blocks", "verdict", "confirmed_size", "confirmed_blocks",
        "parameters", "parameters_saved", "time_saved", "timing", "steps", "notes",
    }  # fmt: skip
    assert (summary["size"], summary["verdict"], summary["loss"]) == (3, "confirmed", 15)
    assert summary["id"] == open_freezing(tmp_path / "out").id
    beside = read_freezing(open_recording(tmp_path / "out" / "clean"))
    assert beside is not None
    assert beside.id == summary["id"]


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (("--loss", "0"), 2, "leaves no room for any change"),
        (("--limit", "0"), 2, "limit is 0"),
        (("--baselines-from", "nowhere"), 1, "nowhere is no folder"),
    ],
)
def test_exit_codes(data: Path, tmp_path: Path, more: tuple[str, ...], code: int, message: str) -> None:
    expect_refusal(run(*arguments(data, tmp_path / "out", *more)), code, message, tmp_path / "out")
