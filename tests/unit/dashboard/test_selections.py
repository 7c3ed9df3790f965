"""What is selected on one page is selected on the next."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.synthetic import synthetic_recording

ROOT = Path(__file__).parents[3]
PAGES = "senet_viz/dashboard/pages"


def test_shared_selections_survive_page_changes_there_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(synthetic_recording(tmp_path / "run", classes=5).path)
    monkeypatch.setenv("SENET_VIZ_RECORDINGS", path)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    app.switch_page(f"{PAGES}/distributions.py").run()
    app.selectbox(key="recording").set_value(path).run()
    app.multiselect(key="class").set_value(["class 3"]).run()
    app.number_input(key="seed").set_value(7).run()
    app.switch_page(f"{PAGES}/export.py").run()
    assert app.selectbox(key="recording").value == path
    assert (app.multiselect(key="class").value, app.number_input(key="seed").value) == (["class 3"], 7)
    app.multiselect(key="class").set_value(["class 1", "class 2"]).run()
    app.switch_page(f"{PAGES}/distributions.py").run()
    assert app.selectbox(key="recording").value == path
    assert (app.multiselect(key="class").value, app.number_input(key="seed").value) == (["class 1", "class 2"], 7)
    app.multiselect(key="class").set_value([]).run()
    assert app.multiselect(key="class").value == []
    assert not app.exception
