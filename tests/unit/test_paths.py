"""`~` is the home folder wherever a path is given."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

import senet_viz as sv
from senet_viz.cli.options import app
from senet_viz.dashboard.recordings import find_recordings, recordings_folder, resolve
from senet_viz.errors import RecordingError, SourceError
from senet_viz.models.origins import bundled_folder
from senet_viz.models.weights import save_weights
from senet_viz.paths import expand_home, explain_refusal
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.outcomes import open_outcomes
from senet_viz.recording.reader import open_recording
from senet_viz.recording.slim import slim_recording
from senet_viz.recording.verify import verify_recording
from senet_viz.report.writing import write_report
from senet_viz.schema import ClassTable
from senet_viz.stats.superclasses import read_superclasses
from senet_viz.workflows.comparison import list_images
from senet_viz.workflows.plan import plan_recording
from senet_viz.workflows.record import record
from tests.support.synthetic import synthetic_recording
from tests.support.tiny import tiny_png, write_tiny_parquet

APP = Path(__file__).parents[2] / "app.py"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, and another working directory, where a folder called `~` would be seen."""
    folder, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for place in (folder, elsewhere):
        place.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(elsewhere)
    return folder


def test_an_unknown_home_stays_as_it_is(home: Path) -> None:
    assert expand_home("~/x") == home / "x"
    assert expand_home(Path("~")) == home
    assert expand_home("a/~/x") == Path("a/~/x")
    assert expand_home("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")
    with pytest.raises(SourceError, match="~nobody-of-this-name/x does not exist"):
        sv.open_images("~nobody-of-this-name/x")


def test_recordings_are_opened_verified_slimmed_exported_and_reported(home: Path) -> None:
    synthetic_recording(home / "run", blocks=[2, 3], classes=3)
    recording = open_recording("~/run")
    assert verify_recording("~/run").ok
    assert slim_recording(recording, "~/slim").path == home / "slim"
    assert sv.export_statistics(recording, "~/x.csv") == home / "x.csv"
    assert sv.export_statistics(recording, "~").parent == home
    assert write_report(recording, "~/x.html") == home / "x.html"
    assert list(Path.cwd().iterdir()) == []


def test_models_data_and_label_maps_are_found(home: Path) -> None:
    model = sv.load_model("tests.support.tiny:tiny_se", device="cpu")
    save_weights(model.module, home / "weights.safetensors")
    assert (
        sv.load_model("~/weights.safetensors", arch="tests.support.tiny:tiny_se", device="cpu").sha256 == model.sha256
    )
    write_tiny_parquet(home / "tiny.parquet", 20)
    (home / "map.csv").write_text("class,output\n0,0\n", "utf-8")
    options = RecordOptions(keep="none", label_map=Path("~/map.csv"))
    source = sv.open_images("~/tiny.parquet")
    assert len(sv.open_images("~/tiny*.parquet")) == len(source) == 20
    assert plan_recording(model, source, Path("~/run"), options)["mapping"]["method"] == "label map"
    record(model, "~/tiny.parquet", "~/run", options=options)
    assert (home / "run" / "manifest.json").is_file()
    assert list(Path.cwd().iterdir()) == []


def test_a_models_folder_is_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = sv.load_model("bundled", device="cpu")
    shutil.copytree(bundled_folder(), home / "checkpoints" / bundled_folder().name, ignore=shutil.ignore_patterns("r*"))
    assert sv.load_model(f"~/checkpoints/{bundled_folder().name}", device="cpu").sha256 == bundled.sha256
    monkeypatch.setenv("SENET_VIZ_CHECKPOINTS", "~/checkpoints")
    assert bundled_folder().parent == home / "checkpoints"


def test_images_superclasses_and_outcomes_are_found(home: Path) -> None:
    (home / "a.png").write_bytes(tiny_png(1))
    (home / "super.csv").write_text("class,superclass\nx,animal\ny,animal\n", "utf-8")
    assert list_images([Path("~/a.png")]) == list_images([Path("~")]) == (home / "a.png",)
    assert read_superclasses("~/super.csv", ClassTable(("x", "y"))).names == ("animal",)
    with pytest.raises(sv.SenetVizError, match=str(home)):
        open_outcomes("~/none")


def test_the_dashboard_and_the_command_line_know_it(home: Path) -> None:
    made = synthetic_recording(home / "runs" / "mine", blocks=[2, 3], classes=3)
    environment = {"SENET_VIZ_RECORDINGS": "~/runs", "SENET_VIZ_CHECKPOINTS": "~/none"}
    found = find_recordings(environment)
    assert found[str(made.path)] == made.path
    assert recordings_folder(environment) == home / "runs"
    assert resolve("~/runs/mine", {}) == made.path
    done = CliRunner().invoke(app, ["export", "~/runs/mine", "--out=~/x.csv"])
    assert (done.exit_code, (home / "x.csv").is_file()) == (0, True)


def test_a_folder_typed_on_a_page_is_opened(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthetic_recording(home / "mine", blocks=[2, 3], classes=3)
    monkeypatch.setenv("SENET_VIZ_RECORDINGS", "")
    page = AppTest.from_file(str(APP), default_timeout=60)
    page.query_params["recording"] = "~/mine"
    page.switch_page("senet_viz/dashboard/pages/distributions.py").run()
    assert not page.exception
    assert not page.error
    assert any("3 classes · 2 blocks" in str(text.value) for text in page.markdown)


@pytest.mark.parametrize("name", ["x" * 300, "nu\0ll"], ids=["too long", "null character"])
def test_what_the_system_refuses_is_one_sentence(tmp_path: Path, name: str) -> None:
    """Stands for a folder without rights, which a test cannot make where everything is run as root."""
    path = tmp_path / name
    assert explain_refusal(path)
    assert explain_refusal(tmp_path) is None
    assert explain_refusal(tmp_path / "nothing") is None
    for work in (
        lambda: open_recording(path),
        lambda: verify_recording(path),
        lambda: open_outcomes(path),
        lambda: sv.load_model(str(path), device="cpu"),
    ):
        with pytest.raises(sv.SenetVizError, match="could not be"):
            work()
    with pytest.raises(SourceError):
        sv.open_images(path)
    assert list_images([path]) == (path,), "compare_images says why beside the other images"


def test_a_place_that_can_not_be_written_is_told_by_the_plan_and_the_export(tmp_path: Path) -> None:
    model = sv.load_model("tests.support.tiny:tiny_se", device="cpu")
    source = sv.open_images(write_tiny_parquet(tmp_path / "tiny.parquet", 20))
    options = RecordOptions(keep="none")
    assert plan_recording(model, source, tmp_path / "new", options)["problem"] is None
    told = plan_recording(model, source, tmp_path / "tiny.parquet" / "x", options)["problem"]
    assert told == f"{tmp_path / 'tiny.parquet'} is a file: give a folder."
    assert "can not be written" in plan_recording(model, source, tmp_path / ("x" * 300), options)["problem"]
    recording = synthetic_recording(tmp_path / "run", blocks=[2], classes=2)
    for place in (tmp_path / f"{'x' * 300}.csv", tmp_path / "nothing" / "x.csv", tmp_path / "tiny.parquet" / "x.csv"):
        done = CliRunner().invoke(app, ["export", str(recording.path), "--out", str(place)])
        assert isinstance(done.exception, RecordingError), place
        assert "could not be written" in str(done.exception)


def test_a_file_of_a_recording_that_can_not_be_read_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = synthetic_recording(tmp_path / "run", blocks=[2], classes=2)

    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("senet_viz.recording.verify.sha256_of", refuse)
    problems = verify_recording(recording.path).problems
    assert len(problems) == len(recording.manifest.files)
    assert all(problem.endswith("could not be read (Permission denied).") for problem in problems)
