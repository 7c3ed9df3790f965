"""The page without a browser: what it says for ordinary, poor and damaged recordings."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from senet_viz.recording.writer import RecordingWriter
from tests.support.synthetic import make_gates, make_manifest, synthetic_recording

APP = str(Path(__file__).parents[3] / "app.py")


def open_app(recording: Path | str | None = None, **query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    if recording is not None:
        app.query_params["recording"] = str(recording)
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page("senet_viz/dashboard/pages/distributions.py").run()


def said(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.title, *app.subheader]
    return "\n".join(str(part.value) for part in parts)


def test_an_ordinary_recording_is_shown_with_its_figures_and_their_tables(tmp_path: Path) -> None:
    app = open_app(synthetic_recording(tmp_path / "run", classes=5).path)
    assert not app.exception
    assert not app.error
    assert len(app.get("plotly_chart")) == 4
    assert len(app.expander) >= 5
    assert app.title[0].value == "Distributions"


@pytest.mark.parametrize(
    "options",
    [
        {"classes": 1},
        {"classes": 4, "keep": "none"},
        {"classes": 60, "per_class": 2},
        {"classes": 3, "blocks": {"SE_1_1": 16, "SE_2_1": 16, "SE_3_1": 32}},
        {"classes": 3, "per_class": 1},
        {"classes": 4, "unlabelled": 9},
    ],
    ids=["one class", "no kept gates", "many classes", "three stages", "one image a class", "some unlabelled"],
)
def test_poor_recordings_are_shown_without_an_exception(tmp_path: Path, options: dict[str, object]) -> None:
    app = open_app(synthetic_recording(tmp_path / "run", **options).path)
    assert not app.exception
    assert app.get("plotly_chart")
    if options.get("keep") == "none":
        assert "kept no gates of single images" in said(app)


def test_a_recording_that_went_away_or_is_damaged_gets_a_sentence(tmp_path: Path) -> None:
    gone = open_app(tmp_path / "nowhere")
    assert not gone.exception
    assert "nowhere" in said(gone)
    damaged = synthetic_recording(tmp_path / "run").path
    shutil.copytree(damaged, tmp_path / "copy")
    (tmp_path / "copy" / "manifest.json").write_text("{", encoding="utf-8")
    app = open_app(tmp_path / "copy")
    assert not app.exception
    assert app.error or app.warning


def test_a_recording_without_an_image_yet_says_so(tmp_path: Path) -> None:
    gates = make_gates([8])
    with RecordingWriter(tmp_path / "run", make_manifest(gates, n_classes=2, images=10)):
        app = open_app(tmp_path / "run")
    assert not app.exception
    assert "No image has been recorded yet" in said(app)


def test_an_unknown_view_in_a_link_leaves_the_rest_working(tmp_path: Path) -> None:
    app = open_app(synthetic_recording(tmp_path / "run", classes=4).path, view="unicorn")
    assert not app.exception
    assert app.get("plotly_chart")
    assert "unicorn" in said(app)
