"""Pages on a recording of which a file was damaged or edited: what is not touched is shown, else a sentence, never a traceback."""

import json
import shutil
from pathlib import Path

import pytest

from senet_viz.claims.assess import assess
from senet_viz.recording.layout import ASSESSMENT
from senet_viz.recording.reader import Recording
from tests.support.edited import edit_json
from tests.support.pages import Opener, page_opener, said
from tests.support.synthetic import synthetic_recording

pytestmark = pytest.mark.slow


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Opener:
    return page_opener(monkeypatch)


@pytest.fixture(scope="module")
def assessed(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    recording = synthetic_recording(tmp_path_factory.mktemp("damaged") / "run", blocks={"SE_2_1": 4, "SE_3_1": 6})
    assess(recording)
    return recording


@pytest.mark.parametrize("page", ["claim", "blocks", "pair", "how"])
def test_a_bad_assessment_takes_no_page_down(open_page: Opener, assessed: Recording, tmp_path: Path, page: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(assessed.path, copy)
    tree = json.loads((copy / ASSESSMENT).read_text("utf-8"))
    del tree["blocks"][0]["gate"]["between_sd"]
    edit_json(copy / ASSESSMENT, blocks=tree["blocks"])
    app = open_page(page, copy)
    assert not app.exception
    if page != "how":  # shows what it can without an assessment
        assert "blocks[0].gate: it has no between_sd; assess the recording again" in said(app)


@pytest.mark.parametrize("page", ["distributions", "classes"])
def test_a_flipped_byte_of_the_moments_is_a_sentence(
    open_page: Opener, assessed: Recording, tmp_path: Path, page: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(assessed.path, copy)
    moments = next(copy.glob("moments-*"))
    data = bytearray(moments.read_bytes())
    data[len(data) // 2] ^= 1
    moments.write_bytes(data)
    app = open_page(page, copy)
    assert not app.exception
    assert f"{moments.name} is not as it was written" in said(app)
    assert "senet-viz verify" in said(app)
