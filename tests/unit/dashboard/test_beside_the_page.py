"""What large recordings need of pages: nothing is read twice, and what takes long is loaded beside the page."""

from concurrent.futures import Future
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from senet_viz.dashboard import waiting
from senet_viz.errors import ModelError
from senet_viz.recording.moments import Moments
from senet_viz.recording.reader import Recording
from tests.support.synthetic import synthetic_recording

ROOT = Path(__file__).parents[3]


def open_page(page: str, recording: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("SENET_VIZ_RECORDINGS", str(recording))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.query_params["recording"] = str(recording)
    return app.switch_page(f"senet_viz/dashboard/pages/{page}.py").run()


@pytest.mark.slow
def test_class_means_of_a_block_are_read_once_for_all_parts_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = synthetic_recording(tmp_path / "run", classes=5, per_class=6, blocks={"SE_2_1": 4, "SE_3_1": 8}, keep="none")
    read: list[str] = []
    moments = Recording.moments

    def counting(self: Recording, name: str, quantity: str = "gate", *, ranges: bool = True) -> Moments:
        read.append(f"{quantity} {name} {ranges}")
        return moments(self, name, quantity, ranges=ranges)  # type: ignore[arg-type]

    monkeypatch.setattr(Recording, "moments", counting)
    app = open_page("classes", made.path, monkeypatch)
    assert not app.exception
    assert len([what for what in read if what.startswith("gate")]) == len(made.blocks)
    assert not any(what.endswith("True") for what in read), "lowest and highest gates are not for class means"
    read.clear()
    app.selectbox(key="map_block").set_value("SE_2_1").run()
    assert not app.exception
    assert read == [], "all that the page needs of another block was read before"


def test_the_reading_part_does_not_wait_for_what_runs_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ModelError("There is no network here.")

    made = synthetic_recording(tmp_path / "run", classes=5, per_class=6, blocks={"SE_2_1": 4, "SE_3_1": 8})
    loading: Future[None] = Future()
    monkeypatch.setattr(waiting, "load_network", refuse)
    monkeypatch.setattr(waiting, "LARGE", 59)
    monkeypatch.setattr(waiting, "networks_loaded", loading.done)
    monkeypatch.setattr(waiting, "load_networks", lambda: loading)
    app = open_page("how", made.path, monkeypatch)
    assert not app.exception
    assert [info.icon for info in app.info] == [":material/hourglass:"]
    assert any("What the paper shows" in header.value for header in app.header)
    assert not app.warning
    loading.set_result(None)
    app.run()
    assert not app.exception
    assert not app.info
    assert ["There is no network here." in warning.value for warning in app.warning] == [True]


def test_networks_are_loaded_once_for_all_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_loading", waiting._Loading())
    monkeypatch.setattr(waiting, "_HEAVY", ("a module that is not there",))
    monkeypatch.setattr(waiting, "_NEEDED", ("senet_viz.errors",))
    assert not waiting.networks_loaded()
    first, again = waiting.load_networks(), waiting.load_networks()
    assert first is again
    first.result(timeout=60)
    assert waiting.networks_loaded()
