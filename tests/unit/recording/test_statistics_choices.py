import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from senet_viz.cli.options import app
from senet_viz.errors import ArgumentError
from senet_viz.recording.export import export_statistics
from senet_viz.recording.files import replace_json
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.statistics import name_export_command
from tests.support.synthetic import synthetic_recording

NAMES = ["7", "goldfish, Carassius", "crane", "crane", "semi;colon", "all"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Names that are numbers, that two classes share, that hold the separator, that are a word of ours."""
    made = synthetic_recording(tmp_path_factory.mktemp("a folder") / "r", classes=6, blocks={"SE_2_3": 2, "SE_5_1": 3})
    tree = made.manifest.to_json()
    tree["classes"]["names"] = NAMES
    replace_json(made.path, "manifest.json", tree)
    return open_recording(made.path)


@pytest.mark.parametrize(
    ("blocks", "classes"),
    [(None, None), (["SE_5_1"], None), (None, [-1]), (["layer4.0.se", "SE_2_3"], [5, 0, 2]), (None, [1, 3, 4])],
)
def test_the_command_writes_the_same_file(
    recording: Recording, tmp_path: Path, blocks: list[str] | None, classes: list[int] | None
) -> None:
    out = tmp_path / "its own name.parquet"
    words = shlex.split(name_export_command(recording, out, blocks=blocks, classes=classes))
    assert words[:2] == ["senet-viz", "export"]
    done = CliRunner().invoke(app, words[1:])
    assert done.exit_code == 0, done.output
    export_statistics(recording, tmp_path / "direct.parquet", blocks=blocks, classes=classes)
    pd.testing.assert_frame_equal(pd.read_parquet(out), pd.read_parquet(tmp_path / "direct.parquet"))
    assert out.with_name(out.name + ".manifest.json").is_file()


def test_it_names_classes_as_a_person_would(recording: Recording) -> None:
    command = name_export_command(recording, "x.csv", blocks=["layer4.0.se"], classes=[-1, 0, 1, 2, 4, 5])
    assert command.endswith("--out x.csv --blocks SE_5_1 --classes 'all;7;goldfish;n00000002;n00000004;n00000005'")


def test_a_class_that_no_text_names_and_unknown_ones_are_refused(recording: Recording, tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "r", classes=3, blocks=[1])
    tree = made.manifest.to_json()
    tree["classes"] = {"names": ["twin", "twin", "0"], "wnids": []}
    replace_json(made.path, "manifest.json", tree)
    with pytest.raises(ArgumentError, match="No text names class 0 alone"):
        name_export_command(open_recording(made.path), "x.csv", classes=[0])
    with pytest.raises(ArgumentError, match="There is no class 9"):
        name_export_command(recording, "x.csv", classes=[9])
