"""Every page opens on a recording of a network without class outputs, and says what it cannot say."""

from functools import partial
from pathlib import Path

import pytest

import senet_viz as sv
from tests.support.pages import page_opener, said
from tests.support.tiny import tiny_png, write_tiny_parquet

BACKBONE = "tests.support.tiny:tiny_backbone"


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    data = write_tiny_parquet(folder / "tiny.parquet", 120)
    recording = sv.record(sv.load_model(BACKBONE, device="cpu"), data, folder / "run")
    sv.assess(recording)
    return recording.path


@pytest.mark.slow
@pytest.mark.parametrize("page", ["claim", "distributions", "classes", "blocks", "export", "pair"])
def test_a_page_of_gates_shows_them(page: str, backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = page_opener(monkeypatch)(page, backbone)
    assert not app.exception
    assert not app.error
    assert len(said(app)) > 100


def test_gate_lab_says_that_nothing_can_be_measured(backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = page_opener(monkeypatch)("lab", backbone)
    assert not app.exception
    assert "This network returns no class outputs" in said(app)
    assert "senet-viz intervene" not in said(app)


@pytest.mark.parametrize("page", ["compare", "how"])
def test_an_upload_is_shown_without_a_prediction(page: str, backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = partial(page_opener(monkeypatch), page)(backbone, model=BACKBONE)
    for index in range(2):
        app.file_uploader(key="upload_files").upload(f"{index}.png", tiny_png(index), "image/png")
    app.run()
    assert not app.exception
    assert not app.error
    assert app.get("plotly_chart")
    text = said(app)
    assert "it says" not in text
    if page == "compare":
        assert "the network saw" in text.lower()
        assert "nothing is predicted" in text
        app.button(key="stable_compute").click().run()
        assert not app.exception
        assert "no prediction that could change" in said(app)
