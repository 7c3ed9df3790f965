"""The page Compare images without a browser: what it says for good, bad and strange input."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

import senet_viz as sv
from senet_viz.analysis.attribution import PixelAttribution
from senet_viz.analysis.comparison.placement import Placement
from senet_viz.dashboard.comparison import results
from senet_viz.errors import RecordingError
from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.zoo import Model
from senet_viz.recording.options import RecordOptions
from senet_viz.workflows import attribution
from senet_viz.workflows.record import record
from tests.support.pages import Opener, page_opener, said
from tests.support.tiny import tiny_png, write_tiny_parquet


@pytest.fixture(scope="module")
def tiny_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
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
    return partial(page_opener(monkeypatch), "compare")


def upload(app: AppTest, files: list[tuple[str, bytes]]) -> AppTest:
    for name, data in files:
        app.file_uploader(key="upload_files").upload(name, data, "image/png")
    return app.run()


def test_before_there_is_an_image_the_page_says_what_it_does(open_page: Opener) -> None:
    app = open_page()
    assert not app.exception
    assert "Upload 1 to 16 images" in said(app)


@pytest.mark.slow
def test_samples_show_everything_and_a_gradient_is_drawn(open_page: Opener) -> None:
    app = open_page(images="Samples")
    assert not app.exception
    assert not app.error
    text = said(app)
    for heading in ("What the network saw", "Gates, block by block", "How far apart", "When does the class emerge?"):
        assert heading in text
    assert "goldfish" in app.get("plotly_chart")[2].proto.alt
    figures = len(app.get("plotly_chart"))
    app.button(key="why_compute").click().run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == figures + 1
    assert "SE_5_3 is open: go to it](#one-block)" in text.replace("\\", "")
    app.selectbox(key="compare_block").set_value("SE_4_6").run()
    assert "SE_4_6 is open: go to it](#one-block)" in said(app).replace("\\", "")
    assert "SE_4_6" in app.get("plotly_chart")[-1].proto.alt


def test_many_gates_are_read_beside_the_page_which_says_what_it_shows_meanwhile(
    open_page: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "AT_ONCE", 0)
    reading: Future[Placement] = Future()

    class Late:
        def ask(self, _key: object, read: Callable[[], Placement]) -> "Future[Placement]":
            self.read = read
            return reading

    late = Late()
    monkeypatch.setattr(results, "_reader", lambda: late)
    app = open_page(images="Samples")
    assert not app.exception
    assert "Reading the gates of SE_5_3" in said(app).replace("\\", "")
    assert "gates of single images were not read" in said(app)
    assert {str(cell).split()[0] for cell in places(app)} == {"between"}
    reading.set_result(late.read())
    app.run()
    assert not app.exception
    assert "Reading the gates" not in said(app)
    assert "were not read" not in said(app)
    assert not any("between" in str(cell) for cell in places(app))


def places(app: AppTest) -> list[object]:
    """Percentiles of the images' distances."""
    return next(list(table.value["percentile"]) for table in app.dataframe if "percentile" in table.value)


def test_what_could_not_be_read_beside_the_page_is_told_there(
    open_page: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: Future[Placement] = Future()
    failed.set_exception(RecordingError("gates-00000.parquet could not be read."))
    monkeypatch.setattr(results, "find_placement", lambda *_: (None, failed))

    def wait() -> None:
        from senet_viz.dashboard import waiting
        from senet_viz.dashboard.comparison import results

        _, reading = results.find_placement()  # type: ignore[call-arg]
        assert reading is not None
        waiting.wait_for(reading, "Reading…")

    app = AppTest.from_function(wait).run()
    assert not app.exception
    assert [error.value.replace("\\", "") for error in app.error] == ["gates-00000.parquet could not be read."]
    assert not app.info


@pytest.mark.slow
def test_a_rough_integral_is_told_beside_its_figure(open_page: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(images="Samples")
    app.segmented_control(key="why_method").set_value("Integrated gradients").run()
    app.selectbox(key="why_steps").set_value(16).run()
    app.button(key="why_compute").click().run()
    assert not app.exception
    assert "so the map is rough: take more than 16 steps." in said(app).replace("\\", "")
    monkeypatch.setattr("senet_viz.analysis.attribution.LARGEST_RESIDUAL", 1.0)
    app.run()
    assert "so the map is rough" not in said(app)


def test_uploads_of_a_factorys_network_need_its_name(open_page: Opener, tiny_recording: Path) -> None:
    app = upload(open_page(tiny_recording), [("a.png", tiny_png(1))])
    assert not app.exception
    assert "which is code" in said(app)
    app.text_input[0].set_value("tests.support.tiny:tiny_se").run()
    assert not app.exception
    assert "What the network saw and said" in said(app)


@pytest.mark.slow
def test_a_network_of_the_same_weights_and_another_preprocessing_gets_pixels_of_its_own(
    open_page: Opener, tiny_recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explained: list[tuple[int, ...]] = []
    attribute = attribution.attribute_gate

    def remember(model: Model, pixels: torch.Tensor, *args: Any) -> PixelAttribution:
        explained.append(tuple(pixels.shape))
        return attribute(model, pixels, *args)

    monkeypatch.setattr(attribution, "attribute_gate", remember)
    tiny = "tests.support.tiny:tiny_se"
    other = sv.load_model(tiny, device="cpu", preprocessing=Preprocessing(size=20, resize=20))
    record(other, write_tiny_parquet(tmp_path / "tiny.parquet", 60), tmp_path / "run", options=RecordOptions())
    for recording in (tiny_recording, tmp_path / "run"):
        app = upload(open_page(recording, model=tiny), [("a.png", tiny_png(1))])
        app.button(key="why_compute").click().run()
        assert not app.exception
        assert [error.value for error in app.error] == []
    sides = [sv.open_recording(path).manifest.preprocessing["size"] for path in (tiny_recording, tmp_path / "run")]
    assert explained == [(3, side, side) for side in sides]
    assert sides[0] != sides[1] == 20


def test_hostile_files_get_a_sentence_beside_the_good_ones(open_page: Opener, tiny_recording: Path) -> None:
    good = [(f"good {i}.png", tiny_png(i)) for i in range(3)]
    bad = [("cut.png", tiny_png(7)[:60]), ("text.jpg", b"no image at all")]
    app = upload(
        open_page(tiny_recording, model="tests.support.tiny:tiny_se"), [good[0], bad[0], good[1], bad[1], good[2]]
    )
    assert not app.exception
    warnings = " ".join(str(w.value) for w in app.warning)
    assert "cut.png" in warnings
    assert "text.jpg" in warnings
    text = said(app)
    assert all(f"{i + 1}. good {i}" in text.replace("\\", "") for i in range(3))


def test_only_bad_files_leave_their_sentences(open_page: Opener, tiny_recording: Path) -> None:
    app = upload(open_page(tiny_recording, model="tests.support.tiny:tiny_se"), [("text.jpg", b"no image at all")])
    assert not app.exception
    assert len(app.warning) == 1
    assert not app.get("plotly_chart")


def test_of_too_many_images_the_first_sixteen_are_shown(open_page: Opener, tiny_recording: Path) -> None:
    files = [(f"{i}.png", tiny_png(i)) for i in range(18)]
    app = upload(open_page(tiny_recording, model="tests.support.tiny:tiny_se"), files)
    assert not app.exception
    assert "18 images were given" in said(app)
    assert "16. 15" in said(app).replace("\\", "")


def test_images_stay_when_the_page_is_left_and_opened_again(open_page: Opener, tiny_recording: Path) -> None:
    app = upload(open_page(tiny_recording, model="tests.support.tiny:tiny_se"), [("kept.png", tiny_png(3))])
    app.switch_page("senet_viz/dashboard/pages/export.py").run()
    app.switch_page("senet_viz/dashboard/pages/compare.py").run()
    assert not app.exception
    assert "1 image from before: kept.png" in said(app)
    assert "What the network saw and said" in said(app)


def test_another_network_than_the_recorded_one_is_refused(open_page: Opener, tiny_recording: Path) -> None:
    app = upload(open_page(tiny_recording, model="tests.support.tiny:TinySE"), [("a.png", tiny_png(1))])
    assert not app.exception
    assert "was made with" in said(app)
