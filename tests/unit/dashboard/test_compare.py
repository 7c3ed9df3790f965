"""The page Compare images without a browser: what it says for good, bad and strange input."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import senet_viz as sv
from senet_viz.pipeline import record
from senet_viz.planning import RecordOptions
from senet_viz.recording import open_recording
from tests.tiny import tiny_png, write_tiny_parquet

APP = str(Path(__file__).parents[3] / "app.py")
Opener = Callable[..., AppTest]
PAGE = "senet_viz/dashboard/pages/compare.py"


@pytest.fixture(scope="module")
def tiny_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    data = write_tiny_parquet(folder / "tiny.parquet", 60)
    record(sv.load_model("tests.tiny:tiny_se", device="cpu"), data, folder / "run", options=RecordOptions(keep="none"))
    return folder / "run"


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Opener:
    """Opens the page on a recording that its picker knows (the bundled one without), with what a link says."""

    def opened(recording: Path | None = None, *, model: str = "", **query: str) -> AppTest:
        monkeypatch.setenv("SENET_VIZ_RECORDINGS", str(recording or ""))
        app = AppTest.from_file(APP, default_timeout=120)
        app.query_params["recording"] = str(recording or "bundled")
        for key, value in query.items():
            app.query_params[key] = value
        if recording is not None:
            sha256 = open_recording(recording).manifest.model["sha256"]
            app.session_state[f"network_model_{sha256[:16]}"] = model
        return app.switch_page(PAGE).run()

    return opened


def upload(app: AppTest, files: list[tuple[str, bytes]]) -> AppTest:
    for name, data in files:
        app.file_uploader(key="upload_files").upload(name, data, "image/png")
    return app.run()


def said(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.title, *app.header]
    return "\n".join(str(part.value) for part in parts)


def test_before_there_is_an_image_the_page_says_what_it_does(open_page: Opener) -> None:
    app = open_page()
    assert not app.exception
    assert "Upload 1 to 16 images" in said(app)


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


def test_a_rough_integral_is_told_beside_its_figure(open_page: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(images="Samples")
    app.segmented_control(key="why_method").set_value("Integrated gradients").run()
    app.selectbox(key="why_steps").set_value(16).run()
    app.button(key="why_compute").click().run()
    assert not app.exception
    assert "so the map is rough: take more than 16 steps." in said(app).replace("\\", "")
    monkeypatch.setattr("senet_viz.attribution_results.LARGEST_RESIDUAL", 1.0)
    app.run()
    assert "so the map is rough" not in said(app)


def test_uploads_of_a_factorys_network_need_its_name(open_page: Opener, tiny_recording: Path) -> None:
    app = upload(open_page(tiny_recording), [("a.png", tiny_png(1))])
    assert not app.exception
    assert "which is code" in said(app)
    app.text_input[0].set_value("tests.tiny:tiny_se").run()
    assert not app.exception
    assert "What the network saw and said" in said(app)


def test_hostile_files_get_a_sentence_beside_the_good_ones(open_page: Opener, tiny_recording: Path) -> None:
    good = [(f"good {i}.png", tiny_png(i)) for i in range(3)]
    bad = [("cut.png", tiny_png(7)[:60]), ("text.jpg", b"no image at all")]
    app = upload(open_page(tiny_recording, model="tests.tiny:tiny_se"), [good[0], bad[0], good[1], bad[1], good[2]])
    assert not app.exception
    warnings = " ".join(str(w.value) for w in app.warning)
    assert "cut.png" in warnings
    assert "text.jpg" in warnings
    text = said(app)
    assert all(f"{i + 1}. good {i}" in text.replace("\\", "") for i in range(3))


def test_only_bad_files_leave_their_sentences(open_page: Opener, tiny_recording: Path) -> None:
    app = upload(open_page(tiny_recording, model="tests.tiny:tiny_se"), [("text.jpg", b"no image at all")])
    assert not app.exception
    assert len(app.warning) == 1
    assert not app.get("plotly_chart")


def test_of_too_many_images_the_first_sixteen_are_shown(open_page: Opener, tiny_recording: Path) -> None:
    files = [(f"{i}.png", tiny_png(i)) for i in range(18)]
    app = upload(open_page(tiny_recording, model="tests.tiny:tiny_se"), files)
    assert not app.exception
    assert "18 images were given" in said(app)
    assert "16. 15" in said(app).replace("\\", "")


def test_images_stay_when_the_page_is_left_and_opened_again(open_page: Opener, tiny_recording: Path) -> None:
    app = upload(open_page(tiny_recording, model="tests.tiny:tiny_se"), [("kept.png", tiny_png(3))])
    app.switch_page("senet_viz/dashboard/pages/export.py").run()
    app.switch_page(PAGE).run()
    assert not app.exception
    assert "1 image from before: kept.png" in said(app)
    assert "What the network saw and said" in said(app)


def test_another_network_than_the_recorded_one_is_refused(open_page: Opener, tiny_recording: Path) -> None:
    app = upload(open_page(tiny_recording, model="tests.tiny:TinySE"), [("a.png", tiny_png(1))])
    assert not app.exception
    assert "was made with" in said(app)
