"""The page How SE works and the section on stability without a browser: good, poor and strange input."""

from functools import partial
from pathlib import Path

import pytest

import senet_viz as sv
from senet_viz.recording.options import RecordOptions
from senet_viz.workflows.record import record
from tests.support.pages import Opener, figures, page_opener, said
from tests.support.synthetic import synthetic_recording, unlabelled_recording
from tests.support.tiny import tiny_png, write_tiny_parquet


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of a real network, without an assessment and without kept gates."""
    folder = tmp_path_factory.mktemp("tiny")
    data = write_tiny_parquet(folder / "tiny.parquet", 60)
    record(
        sv.load_model("tests.support.tiny:tiny_se", device="cpu"),
        data,
        folder / "run",
        options=RecordOptions(keep="none"),
    )
    return folder / "run"


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Opener:
    return partial(page_opener(monkeypatch), model="tests.support.tiny:tiny_se")


def test_a_newcomer_sees_every_step_without_having_done_anything(open_page: Opener, tiny: Path) -> None:
    app = open_page("how", tiny)
    assert not app.exception
    assert not app.error
    text = said(app)
    assert "a sample is shown meanwhile" in text
    assert "drawn fish.png, as the network saw it" in text
    assert "The block's output equals s·U to 1e-6" in text
    for words in ("1. Feature maps U", "2. Squeeze z", "3. Hidden layer h", "4. Gate s", "5. Scaled maps x̃"):
        assert words in text
    assert "What the paper shows" in text
    assert "(2/r) · Σ N·C²" in text
    assert "after every convolution" in text
    assert figures(app) == 3


def test_block_channels_and_numbers_are_chosen_and_linked(open_page: Opener, tiny: Path) -> None:
    app = open_page("how", tiny, how_block="SE_2_1", images="Samples", how_image="1. flower photo.jpg")
    assert "flower photo.jpg, as the network saw it" in said(app)
    assert app.selectbox(key="how_block").value == "SE_2_1"
    app.multiselect(key="how_channels_1").set_value(["7", "20"]).run()
    assert not app.exception
    shown = app.segmented_control(key="how_numbers_1").options
    assert sorted(shown) == ["20", "7"]
    app.segmented_control(key="how_numbers_1").set_value("20").run()
    assert "with the numbers of channel 20" in said(app)
    app.selectbox(key="how_block").set_value("SE_1_1").run()
    assert not app.exception
    assert len(app.segmented_control(key="how_numbers_0").options) == 6
    strange = open_page("how", tiny, how_block="SE_9_9")
    assert not strange.exception
    assert "link's block 'SE_9_9'" in said(strange)


def test_a_file_that_is_no_image_is_told_and_the_rest_stays(open_page: Opener, tiny: Path) -> None:
    app = open_page("how", tiny)
    app.file_uploader(key="upload_files").upload("text.png", b"no image at all", "image/png")
    app.run()
    assert not app.exception
    assert "text" in " ".join(str(w.value) for w in app.warning)
    assert "What the paper shows" in said(app)


@pytest.mark.parametrize("kind", ["one class", "no labels", "one image a class"])
def test_recordings_without_their_network_still_show_the_papers_panels(
    open_page: Opener, tmp_path: Path, kind: str
) -> None:
    made = (
        unlabelled_recording(tmp_path / "run")
        if kind == "no labels"
        else synthetic_recording(tmp_path / "run", classes=1 if kind == "one class" else 3, per_class=1 if kind[-5:] == "class" and kind != "one class" else 4)
    )  # fmt: skip
    app = open_page("how", made.path, model="")
    assert not app.exception
    text = said(app)
    assert "The network that made this recording is needed here" in text
    assert "What the paper shows" in text
    assert "What it costs" not in text
    assert figures(app) == 1


def test_stability_is_computed_on_demand_and_measured_by_a_chosen_class(open_page: Opener, tiny: Path) -> None:
    app = open_page("compare", tiny)
    app.file_uploader(key="upload_files").upload("a.png", tiny_png(1), "image/png")
    app.run()
    assert not app.exception
    assert "35 copies of the image" in said(app)
    before = figures(app)
    app.button(key="stable_compute").click().run()
    assert not app.exception
    assert not app.error
    assert figures(app) == before + 1
    assert "times as far as two images of one class, all pooled" in said(app)  # the factory's outputs are no class
    app.selectbox(key="stable_class").set_value("class 3").run()
    app.segmented_control(key="stable_level").set_value("Strong").run()
    assert not app.exception
    assert "times as far as two images of class 3" in said(app)
    assert "crop to 50%" in said(app)
    assert figures(app) == before + 1
