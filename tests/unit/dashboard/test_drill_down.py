"""From a block to a channel, its classes and its images, without a browser."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from senet_viz.dashboard import waiting
from senet_viz.errors import ModelError
from tests.support.image_files import write_class_folders
from tests.support.pages import Opener, page_opener, said
from tests.support.recorded_digits import digits_recording
from tests.support.synthetic import synthetic_recording

ROOT = Path(__file__).parents[3]


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Opener:
    """No network is loaded."""

    def refuse(*_: object) -> None:
        raise ModelError("There is no network here.")

    monkeypatch.setattr(waiting, "load_network", refuse)
    return page_opener(monkeypatch)


def images_shown(app: AppTest) -> int:
    return len(app.get("image"))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return digits_recording(tmp_path_factory.mktemp("digits") / "run").path


def test_images_of_a_source_at_hand_are_shown_with_links_to_their_own_gates(open_page: Opener, digits: Path) -> None:
    app = open_page("distributions", digits, map_block="SE_4_6", channel="3")
    assert not app.exception
    assert images_shown(app) == 12
    assert "Among all 60 images" in said(app)
    links = [link.proto.page for link in app.get("page_link")]
    assert any("compare" in page for page in links)
    assert any("lab" in page for page in links)


def test_a_source_elsewhere_is_asked_for_and_only_the_recorded_one_is_taken(open_page: Opener, tmp_path: Path) -> None:
    elsewhere = digits_recording(tmp_path / "run", data={"name": "my digits", "kind": "folder"}).path
    app = open_page("distributions", elsewhere)
    assert not app.exception
    assert images_shown(app) == 0
    assert "“my digits”" in said(app)
    field = next(box for box in app.text_input if box.label == "Where are the recorded images?")
    field.set_value(str(write_class_folders(tmp_path / "other", ["0", "1"]))).run()
    assert not app.exception
    assert images_shown(app) == 0
    assert "is not the data set that was recorded" in said(app)
    app.text_input(key=field.key).set_value("digits").run()
    assert not app.exception
    assert images_shown(app) == 12


def test_a_chosen_image_of_the_recording_is_brought_without_an_upload(open_page: Opener, digits: Path) -> None:
    app = open_page("compare", digits, images="Recording", sample="digits#7")
    assert not app.exception
    assert app.multiselect(key="sample").value == ["digits#7"]
    assert "There is no network here" in said(app)
    app.multiselect(key="sample").set_value(["digits#7", "digits#999999"]).run()
    assert not app.exception
    assert "The recording has no image" in said(app)
    app.multiselect(key="sample").set_value([]).run()
    assert "Choose an image of the recording" in said(app)


def test_many_gates_are_read_beside_the_page(
    open_page: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "AT_ONCE", 0)
    recording = synthetic_recording(tmp_path / "run", classes=4)
    app = open_page("distributions", recording.path)
    for _ in range(20):
        assert not app.exception
        if "Reading the gates of channel" not in said(app):
            break
        app.run()
    assert len(app.get("plotly_chart")) == 4


def test_what_failed_to_be_read_is_tried_again() -> None:
    reader, answers = waiting.GateLoader(), [OSError("gone"), None]

    def read() -> waiting.Gates:
        if error := answers.pop(0):
            raise error
        return np.zeros(3, dtype=np.float16)

    first = reader.ask(("stamp", "block", 0), read)
    assert isinstance(first.exception(), OSError)
    again = reader.ask(("stamp", "block", 0), read)
    assert len(again.result()) == 3
    assert reader.ask(("stamp", "block", 0), read) is again, "what was read is kept"
