"""The pages Blocks and Two recordings without a browser: assessed or not, one class, nothing kept, three stages, stale."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from senet_viz.claims.assess import assess
from tests.support.edited import edit_json
from tests.support.pages import APP, figures, said
from tests.support.synthetic import synthetic_recording, unlabelled_recording

Opener = Callable[..., AppTest]


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Opener:
    """Opens a page on recordings that its picker knows; the first is the sidebar's."""

    def opened(page: str, *recordings: Path) -> AppTest:
        monkeypatch.setenv("SENET_VIZ_RECORDINGS", os.pathsep.join(map(str, recordings)))
        app = AppTest.from_file(APP, default_timeout=120)
        app.query_params["recording"] = str(recordings[0])
        app.run()
        app.switch_page(f"senet_viz/dashboard/pages/{page}.py")
        for key, path in zip(("recording", "second"), recordings):
            app.query_params[key] = str(path)
        return app.run()

    return opened


@pytest.mark.slow
def test_an_assessed_recording_shows_everything(open_page: Opener, tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", classes=5)
    assess(recording)
    app = open_page("blocks", recording.path)
    assert not app.exception
    text = said(app)
    assert "No block is near 1" in text
    assert "has not been assessed" not in text
    assert "Most alike are" in text
    assert figures(app) == 5, "health, measures, CKA, correlations, scatter"
    options = app.selectbox(key="measure_x").options
    assert "AUC" in options
    app.selectbox(key="measure_x").set_value("AUC").run()
    assert not app.exception
    app.selectbox(key="map_block").set_value("SE_2_3").run()
    assert not app.exception
    assert app.selectbox(key="measure_x").value == "AUC"


def test_a_recording_of_moments_alone_shows_what_these_tell(open_page: Opener, tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", classes=5, keep="none")
    app = open_page("blocks", recording.path)
    assert not app.exception
    text = said(app)
    assert f"senet-viz assess {recording.path}" in text
    assert "An assessment would add to this page" in text
    assert figures(app) == 4, "no CKA"
    assert "AUC" not in app.selectbox(key="measure_x").options


@pytest.mark.parametrize("labelled", [True, False])
def test_without_two_classes_there_is_health_only(open_page: Opener, tmp_path: Path, labelled: bool) -> None:
    make = synthetic_recording if labelled else unlabelled_recording
    recording = make(tmp_path / "run", **({"classes": 1} if labelled else {}))
    app = open_page("blocks", recording.path)
    assert not app.exception
    text = said(app)
    assert "Class shares need at least two classes" in text
    assert "that takes two classes" in text
    assert figures(app) == 1


@pytest.mark.slow
def test_three_stages_and_a_stale_assessment(open_page: Opener, tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", blocks={"SE_2_1": 4, "SE_3_1": 6, "SE_4_1": 8})
    assess(recording)
    app = open_page("blocks", recording.path)
    assert not app.exception
    assert figures(app) == 5
    path = recording.path / "assessment.json"
    edit_json(path, recording_id="another")
    app = open_page("blocks", recording.path)
    assert not app.exception
    assert "assess it again" in said(app)
    assert figures(app) == 4


@pytest.mark.slow
def test_saturated_gates_warn_of_the_selectivity_index(open_page: Opener, tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", blocks=[6])
    assess(recording)
    path = recording.path / "assessment.json"
    tree = json.loads(path.read_text("utf-8"))
    tree["blocks"][0]["health"]["near_one"] = 0.9
    edit_json(path, blocks=tree["blocks"])
    app = open_page("blocks", recording.path)
    assert not app.exception
    assert "The selectivity index was made for ReLUs" in said(app)


@pytest.mark.slow
def test_two_assessed_recordings_are_compared_with_their_verdicts(open_page: Opener, tmp_path: Path) -> None:
    first = synthetic_recording(tmp_path / "first", classes=5)
    second = synthetic_recording(tmp_path / "second", classes=5, shares={"SE_5_1": 0.9}, seed=1)
    assess(first)
    assess(second)
    app = open_page("pair", first.path, second.path)
    assert not app.exception
    text = said(app)
    assert "differs most in SE_5_1" in text
    assert "intervals are paired" in text
    assert "matched by their labels" in text
    assert "verdicts differ" in text
    assert figures(app) == 2


@pytest.mark.slow
def test_other_blocks_and_no_assessment_are_told(open_page: Opener, tmp_path: Path) -> None:
    first = synthetic_recording(tmp_path / "first", classes=5)
    assess(first)
    second = synthetic_recording(tmp_path / "second", classes=4, blocks=[4, 4, 4], keep="none")
    app = open_page("pair", first.path, second.path)
    assert not app.exception
    text = said(app)
    assert "relative depth" in text
    assert "the second recording has no replicates" in text
    assert f"senet-viz assess {second.path}" in text
    assert "Verdicts of both need an assessment of both" in text


def test_a_second_recording_that_is_damaged_is_told(open_page: Opener, tmp_path: Path) -> None:
    first = synthetic_recording(tmp_path / "first", blocks=[4])
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "manifest.json").write_text("{}", "utf-8")
    app = open_page("pair", first.path, damaged)
    app.selectbox(key="second").set_value(str(damaged)).run()
    assert not app.exception
    assert app.error
    text = said(app)
    assert "Choose another recording in the sidebar" in text
    assert f"senet-viz verify {damaged}" in text
    assert figures(app) == 0
