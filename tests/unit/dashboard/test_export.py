"""The page Export without a browser: what it states before, what it hands over, and poor recordings."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from senet_viz.cli.options import app as command_line
from senet_viz.dashboard import writing
from senet_viz.recording.reader import Recording
from tests.support.exported import read_exported
from tests.support.synthetic import synthetic_recording, unlabelled_recording

ROOT = Path(__file__).parents[3]
PAGE = "senet_viz/dashboard/pages/export.py"
FORMATS = ("Parquet", "CSV", "JSON", "NPZ")
BLOCKS = {"SE_2_3": 4, "SE_5_1": 6}
NAMES = {
    "Fig. 6": "gates-fig6-{}-SE_2_3-SE_5_1",
    "Fig. 7": "gates-fig7-{}-SE_2_3-SE_5_1",
    "Class × channel map": "class-map-{}-SE_5_1-difference-top-64",
    "One channel": "gate-{}-SE_5_1-channel-0-violin",
}


Opener = Callable[..., AppTest]


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Opener:
    """Opens the page on a recording that its picker knows, with what a link says."""

    def opened(recording: Path, **query: str | list[str]) -> AppTest:
        monkeypatch.setenv("SENET_VIZ_RECORDINGS", str(recording))
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        app.query_params["recording"] = str(recording)
        for key, value in query.items():
            app.query_params[key] = value
        return app.switch_page(PAGE).run()

    return opened


def said(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.success, *app.title]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")  # names are escaped


def jobs(app: AppTest) -> list[writing.WritingJob]:
    return list(app.session_state["writing_room"]._jobs.values())


def prepare(app: AppTest) -> Path:
    app.button(key="prepare").click().run()
    job = jobs(app)[-1]
    job.wait(60)
    app.run()
    assert not app.exception
    assert job.error is None
    return job.path


def labels(app: AppTest) -> list[str]:
    return [button.proto.label for button in app.get("download_button")]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """One class has a single image and one has none: std and all statistics can be empty."""
    return synthetic_recording(
        tmp_path_factory.mktemp("r") / "r", blocks=BLOCKS, classes=4, per_class=1, unlabelled=3, unreadable=(1,)
    )


def test_rows_and_size_are_stated_before_anything_is_written(open_page: Opener, recording: Recording) -> None:
    app = open_page(recording.path)
    assert app.title[0].value == "Export"
    assert "**50 rows × 17 columns, about " in said(app)
    assert "as Parquet**: a row for every channel of 2 blocks, for 4 classes and all images" in said(app)
    assert "writing_room" not in app.session_state or not jobs(app)
    assert [b.label for b in app.button] == ["Prepare Parquet file"]


@pytest.mark.parametrize("name", FORMATS)
def test_the_file_is_the_one_that_the_command_writes(
    open_page: Opener, recording: Recording, tmp_path: Path, name: str
) -> None:
    app = open_page(recording.path, format=name)
    path = prepare(app)
    words = shlex.split(app.code[0].value)
    assert words[words.index("--out") + 1] == path.name
    words[words.index("--out") + 1] = str(tmp_path / path.name)
    assert CliRunner().invoke(command_line, words[1:]).exit_code == 0
    assert path.read_bytes() == (tmp_path / path.name).read_bytes() or name == "NPZ"
    pd.testing.assert_frame_equal(read_exported(path), read_exported(tmp_path / path.name))
    assert recording.id in path.with_name(path.name + ".manifest.json").read_text("utf-8")
    assert labels(app)[0].startswith(f"Download {path.name} (")
    assert "prepare" not in [b.key for b in app.button]


@pytest.mark.slow
def test_all_formats_hold_the_same_values_and_the_same_gaps(open_page: Opener, recording: Recording) -> None:
    app = open_page(recording.path)
    tables = {}
    for name in FORMATS:
        app.segmented_control(key="format").set_value(name).run()
        tables[name] = read_exported(prepare(app))
    reference = tables.pop("Parquet")
    assert reference["std"].isna().sum() == 4 * 10, "one image a class or none: no standard deviation"
    assert reference["mean"].isna().sum() == 10
    for table in tables.values():
        pd.testing.assert_frame_equal(table, reference, check_dtype=False, rtol=1e-7)


def test_a_written_file_is_made_again_only_for_other_choices(open_page: Opener, recording: Recording) -> None:
    app = open_page(recording.path)
    first = prepare(app)
    app.multiselect(key="export_block").set_value(["SE_5_1"]).run()
    assert [b.label for b in app.button] == ["Prepare Parquet file"]
    assert "30 rows" in said(app)
    second = prepare(app)
    assert read_exported(second)["label"].unique().tolist() == ["SE_5_1"]
    assert (first.name, second.name) == (
        f"statistics-{recording.id[:8]}.parquet",
        f"statistics-{recording.id[:8]}-SE_5_1.parquet",
    )
    app.multiselect(key="export_block").set_value([]).run()
    assert labels(app)[0].startswith("Download")
    assert len(jobs(app)) == 2
    assert len(read_exported(first)) == 50


def test_chosen_classes_are_in_the_sentence_the_command_and_the_file(open_page: Opener, recording: Recording) -> None:
    app = open_page(recording.path, export_class=["all images (class −1)", "class 2"], format="CSV")
    assert "for 1 class and all images" in said(app)
    assert shlex.split(app.code[0].value)[-2:] == ["--classes", "all;class 2"]
    assert sorted(read_exported(prepare(app))["class_id"].unique()) == [-1, 2]


@pytest.mark.slow
def test_a_large_file_goes_into_a_folder(
    open_page: Opener, recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_DOWNLOAD", 100)
    app = open_page(recording.path, format="CSV")
    assert "is not sent through the browser" in said(app)
    app.button(key="prepare").click().run()
    assert "Name the folder" in said(app)
    app.text_input(key="export_folder").set_value(str(tmp_path / "nowhere")).run()
    app.button(key="prepare").click().run()
    assert "is no folder: name one that exists" in said(app)
    app.text_input(key="export_folder").set_value(str(tmp_path)).run()
    path = prepare(app)
    assert path.parent == tmp_path
    assert len(read_exported(path)) == 50
    assert str(path) in [code.value for code in app.code]
    assert f"--out {path}" in app.code[-1].value
    assert not any(label.startswith("Download") for label in labels(app))
    text = path.read_text("utf-8")
    later = open_page(recording.path, format="CSV")  # another session, which knows nothing of the file
    later.text_input(key="export_folder").set_value(str(tmp_path)).run()
    assert f"--out {path.with_stem(path.stem + '-2')}" in later.code[-1].value
    assert prepare(later) == path.with_stem(path.stem + "-2")
    assert path.read_text("utf-8") == text
    assert len(list(tmp_path.iterdir())) == 4, "two files, each with its side file"


def test_columns_are_explained_where_the_fold_is_open(open_page: Opener, recording: Recording, tmp_path: Path) -> None:
    app = open_page(recording.path)
    app.session_state["fold_columns"] = True
    app.run()
    table = app.table[0].value
    assert list(table["column"])[-1] == "`q95`"
    assert "divisor is n − 1" in " ".join(table["what it says"])
    part = open_page(synthetic_recording(tmp_path / "p", blocks=[2], classes=2, keep="1").path)
    part.session_state["fold_columns"] = True
    part.run()
    assert "There are no quantiles" in said(part)


@pytest.mark.parametrize("figure", ["Fig. 6", "Fig. 7", "Class × channel map", "One channel"])
def test_each_figure_is_drawn_and_can_be_taken_along(open_page: Opener, recording: Recording, figure: str) -> None:
    app = open_page(recording.path, figure=figure, camera="SVG")
    assert not app.exception
    (chart,) = app.get("plotly_chart")
    config = json.loads(chart.proto.config)
    assert config["toImageButtonOptions"]["format"] == "svg"
    assert config["toImageButtonOptions"]["filename"] == f"{NAMES[figure].format(recording.id[:8])}-class-0-1-3"
    assert labels(app) == ["Figure (HTML)", "Table (CSV)"]


def test_the_cameras_format_holds_on_the_other_pages(open_page: Opener, recording: Recording) -> None:
    app = open_page(recording.path)
    app.segmented_control(key="camera").set_value("SVG").run()
    app.switch_page("senet_viz/dashboard/pages/distributions.py").run()
    formats = {json.loads(c.proto.config)["toImageButtonOptions"]["format"] for c in app.get("plotly_chart")}
    assert formats == {"svg"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classes": 1}, "for 1 class and all images"),
        ({"classes": 3, "keep": "none"}, "× 12 columns"),
        ({"classes": 60, "per_class": 2}, "for 60 classes and all images"),
        ({"classes": 3, "per_class": 1}, "for 3 classes and all images"),
    ],
    ids=["one class", "no kept gates", "many classes", "one image a class"],
)
@pytest.mark.parametrize("figure", ["Fig. 6", "Class × channel map", "One channel"])
def test_poor_recordings_are_told_and_exported(
    open_page: Opener, tmp_path: Path, options: dict[str, object], words: str, figure: str
) -> None:
    app = open_page(synthetic_recording(tmp_path / "run", blocks=BLOCKS, **options).path, figure=figure)
    assert not app.exception
    assert not app.error
    assert words in said(app)
    if options.get("keep") == "none" and figure == "One channel":
        assert "kept no gates of single images" in said(app)
    elif options["classes"] == 1 and figure == "Class × channel map":
        assert "needs at least two classes" in said(app)
    else:
        assert len(app.get("plotly_chart")) == 1
    assert prepare(app).is_file()


@pytest.mark.parametrize("figure", ["Fig. 6", "Fig. 7", "Class × channel map", "One channel"])
def test_an_unlabelled_recording_has_the_rows_of_all_images(open_page: Opener, tmp_path: Path, figure: str) -> None:
    app = open_page(unlabelled_recording(tmp_path / "run").path, figure=figure)
    assert not app.exception
    assert not app.error
    assert "**3 rows × 17 columns" in said(app)
    assert "of 1 block, for all images" in said(app)
    assert len(read_exported(prepare(app))) == 3


def test_an_unfinished_recording_says_so_and_is_exported_as_it_is(open_page: Opener, tmp_path: Path) -> None:
    from senet_viz.recording.files import replace_json

    made = synthetic_recording(tmp_path / "run", blocks=BLOCKS, classes=2)
    tree = made.manifest.to_json()
    tree["complete"] = False
    replace_json(made.path, "manifest.json", tree)
    app = open_page(made.path)
    assert not app.exception
    assert "not finished" in said(app)
    side = prepare(app).with_suffix(".parquet.manifest.json")
    assert json.loads(side.read_text("utf-8"))["complete"] is False


def test_what_a_link_names_in_vain_is_told(open_page: Opener, recording: Recording) -> None:
    app = open_page(recording.path, export_block="SE_9_9", figure="Fig. 99", format="XLSX")
    assert not app.exception
    assert "'SE_9_9' is no" in said(app)
    assert "'Fig. 99' is no" in said(app)
    assert "'XLSX' is no" in said(app)
    assert "as Parquet**" in said(app)
