"""The page Experiments without a browser: what is declared, what was found, and what it can not say."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from senet_viz.analysis.experiments.files import write_result
from tests.support.experimented import DRAWN, drawn_result, write_declaration
from tests.support.pages import figures, said

PAGE = str(Path(__file__).parents[3] / "senet_viz" / "dashboard" / "pages" / "experiments.py")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENET_VIZ_EXPERIMENTS", str(tmp_path))
    write_declaration(tmp_path / "drawn", DRAWN)
    return tmp_path / "drawn"


def page(**query: str) -> AppTest:
    app = AppTest.from_file(PAGE, default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def test_answers_figures_and_tables_of_what_was_found(folder: Path) -> None:
    write_result(folder, drawn_result({"r16": 0.6, "none": 0.4, "per_conv": 0.6}))
    app = page()
    assert not app.exception
    text = said(app)
    assert "All 9 networks are trained: 3 conditions × 3 seeds." in text
    assert "Yes, by more than 1 point. SE, r = 16 − no SE: +" in text
    assert "Class share ω² of the gates, one SE per convolution − SE, r = 16: stage 2" in text
    assert "medians of 7 rounds" in text
    assert figures(app) == 3


def test_what_is_half_done_says_how_to_go_on(folder: Path) -> None:
    write_result(folder, drawn_result({"r16": 0.6, "none": 0.4}))
    app = page()
    assert not app.exception
    text = said(app)
    assert "6 of 9 networks are trained" in text
    assert "senet-viz experiment experiments/drawn/experiment.toml" in text
    assert "Not trained yet: no seed has both one SE per convolution and SE, r = 16." in text


def test_what_is_only_declared_shows_its_declaration(folder: Path) -> None:
    app = page()
    assert not app.exception
    text = said(app)
    assert "0 of 9 networks are trained" in text
    assert "network = {name" in text
    assert figures(app) == 0


def test_a_damaged_result_and_an_unknown_experiment_are_told(folder: Path) -> None:
    (folder / "result.json").write_text("{", encoding="utf-8")
    app = page(experiment="elsewhere")
    assert not app.exception
    assert "could not be read" in "\n".join(str(e.value) for e in app.error)
    assert "elsewhere" in "\n".join(str(w.value) for w in app.warning)


def test_no_experiments_at_all_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENET_VIZ_EXPERIMENTS", str(tmp_path))
    app = page()
    assert not app.exception
    assert "There is no experiment in" in "\n".join(str(i.value) for i in app.info)
