"""The page Claim without a browser: assessed, not assessed, stale, slim, unfinished."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from senet_viz.claims.assess import assess
from senet_viz.recording.slim import slim_recording
from tests.support.edited import edit_json
from tests.support.pages import APP, said
from tests.support.synthetic import synthetic_recording, unlabelled_recording

Opener = Callable[[Path], AppTest]


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Opener:
    """Opens the first page on a recording that its picker knows."""

    def opened(recording: Path) -> AppTest:
        monkeypatch.setenv("SENET_VIZ_RECORDINGS", str(recording))
        app = AppTest.from_file(APP, default_timeout=120)
        app.query_params["recording"] = str(recording)
        return app.run()

    return opened


@pytest.mark.slow
def test_an_assessed_recording_shows_readings_curves_and_a_card_a_claim(open_page: Opener, tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", classes=6)
    report = assess(recording)
    app = open_page(recording.path)
    assert not app.exception
    text = said(app)
    assert "On the relative reading" in text
    assert len(app.get("plotly_chart")) == 1
    for claim in report.claims:
        assert f"**{claim.id}** · {claim.statement}" in text
    badges = [str(b.proto) for b in app.get("badge")] or text
    assert any("causal: not applicable" in b for b in badges) or "causal: not applicable" in text


@pytest.mark.slow
def test_a_recording_is_assessed_at_a_click(open_page: Opener, tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", classes=4)
    app = open_page(recording.path)
    assert not app.exception
    assert "has not been assessed yet" in said(app)
    app.button(key="assess_now").click().run()
    assert not app.exception
    assert "On the relative reading" in said(app)
    assert (recording.path / "assessment.json").is_file()


def test_what_can_not_be_assessed_says_why(open_page: Opener, tmp_path: Path) -> None:
    one_class = synthetic_recording(tmp_path / "one", classes=1)
    for poor in (one_class, unlabelled_recording(tmp_path / "none")):
        app = open_page(poor.path)
        assert not app.exception
        assert "fewer than two classes, so there is nothing to assess" in said(app)
        assert "has not been assessed yet" not in said(app)
        assert "assess_now" not in [button.key for button in app.button], "what must fail is not offered"
    slim = slim_recording(synthetic_recording(tmp_path / "full"), tmp_path / "slim")
    app = open_page(slim.path)
    assert not app.exception
    assert "--into" in said(app)


def test_a_stale_assessment_is_told_and_can_be_made_again(open_page: Opener, tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run")
    assess(recording)
    path = recording.path / "assessment.json"
    edit_json(path, recording_id="another")
    app = open_page(recording.path)
    assert not app.exception
    assert "assess it again" in said(app)
    assert app.button(key="assess_now")
    path.write_text("{", "utf-8")
    app = open_page(recording.path)
    assert not app.exception
    assert "could not be read" in said(app)
