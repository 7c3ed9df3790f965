"""Names of exported files: another choice is another name, and nothing is overwritten."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from senet_viz.cli.options import app
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording import export
from senet_viz.recording.export import (
    export_statistics,
    file_stem,
    free_path,
    name_classes,
    name_several,
    name_statistics,
    side_file,
)
from senet_viz.recording.reader import Recording
from tests.support.synthetic import synthetic_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("r") / "r", blocks=[2, 3, 2, 4, 2], classes=6)


def test_every_choice_has_a_name_of_its_own(recording: Recording) -> None:
    labels = [gate.label for gate in recording.blocks]
    start = f"statistics-{recording.id[:8]}"
    assert name_statistics(recording, ".csv") == f"{start}.csv"
    assert name_statistics(recording, ".csv", blocks=labels, classes=range(-1, 6)) == f"{start}.csv", "all is no choice"
    assert name_statistics(recording, ".npz", blocks=labels[:1]) == f"{start}-{labels[0]}.npz"
    assert name_statistics(recording, ".csv", classes=["all"]) == f"{start}-all.csv"
    assert name_statistics(recording, ".csv", classes=[4, -1]) == f"{start}-class-all-4.csv"
    many = {
        name_statistics(recording, ".csv", blocks=blocks, classes=classes)
        for blocks in (labels[:4], labels[1:], None)
        for classes in ([0, 1, 2, 3], [1, 2, 3, 4], None)
    }
    assert len(many) == 9
    assert name_statistics(recording, ".csv", blocks=labels[:4][::-1]) == name_statistics(
        recording, ".csv", blocks=labels[:4]
    ), "blocks are written in order of depth, however they are named"
    with pytest.raises(ArgumentError):
        name_statistics(recording, ".csv", blocks=["SE_9_9"])


def test_names_hold_nothing_that_a_file_system_refuses() -> None:
    assert file_stem("a figure", "0123456789", "", "class share", "x/../y") == "a_figure-01234567-class_share-x_.._y"
    assert name_several(["a", "a"], "blocks").startswith("2-blocks-"), "names that are not unique do not tell a choice"
    assert name_several([], "blocks") == "no-blocks"
    assert name_classes([]) == "no-classes"


def test_a_free_path_passes_by_files_and_side_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.csv"
    assert free_path(path) == path
    path.touch()
    side_file(tmp_path / "x-2.csv").touch()
    assert free_path(path) == tmp_path / "x-2.csv"
    assert free_path(path, ".manifest.json") == tmp_path / "x-3.csv"
    monkeypatch.setattr(export, "_MOST_TRIED", 1)
    with pytest.raises(RecordingError, match="name another folder"):
        free_path(path)


def test_a_folder_gets_files_that_do_not_disturb_each_other(recording: Recording, tmp_path: Path) -> None:
    label = recording.blocks[0].label
    first = export_statistics(recording, tmp_path)
    content = first.read_bytes()
    part = export_statistics(recording, tmp_path, blocks=[label])
    again = export_statistics(recording, tmp_path)
    stem = f"statistics-{recording.id[:8]}"
    assert [p.name for p in (first, part, again)] == [f"{stem}.parquet", f"{stem}-{label}.parquet", f"{stem}-2.parquet"]
    assert first.read_bytes() == content
    assert all(side_file(path).is_file() for path in (first, part, again))
    assert pd.read_parquet(part)["label"].unique().tolist() == [label]


def test_the_command_says_that_it_replaced_a_file(recording: Recording, tmp_path: Path) -> None:
    command = ["export", str(recording.path), "--out"]
    out = str(tmp_path / "x.csv")
    said = [CliRunner().invoke(app, [*command, out]).stdout for _ in range(2)]
    assert "in place of" not in said[0]
    assert said[1].rstrip().endswith("in place of the file that was there")
    into = [CliRunner().invoke(app, [*command, str(tmp_path)]).stdout for _ in range(2)]
    assert not any("in place of" in text for text in into)
    assert len(list(tmp_path.glob("*.parquet"))) == 2
