"""Gates that no module returns, from images to every page: recorded, assessed, moved, frozen, exported, shown."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import senet_viz as sv
from senet_viz.recording.options import RecordOptions
from senet_viz.workflows.freezing.request import FreezeOptions
from senet_viz.workflows.interventions.request import InterventionOptions
from tests.support.pages import figures, page_opener

pytestmark = pytest.mark.slow
FACTORY = "tests.support.odd:odd_network"
GATES = ["inline:sigmoid", "shared@1", "shared@2", "unbounded:relu", "added:sigmoid"]
IMAGES = 60


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> sv.Recording:
    """With everything that a page can show beside it."""
    folder, model = tmp_path_factory.mktemp("odd"), sv.load_model(FACTORY)
    label_map = folder / "map.csv"
    label_map.write_text("class,output\n" + "".join(f"{k},{k}\n" for k in range(10)), "utf-8")
    made = sv.record(model, "digits", folder / "run", options=RecordOptions(limit=IMAGES, label_map=label_map))
    asked = InterventionOptions(targets=("blocks", "all"), baselines=("one", "mean"), repeats=1, limit=IMAGES)
    sv.intervene(model, "digits", folder / "moved", baselines_from=made, options=asked)
    sv.advise_freezing(
        model, "digits", folder / "frozen", loss=0.5, baselines_from=made, options=FreezeOptions(limit=IMAGES)
    )
    sv.assess(made, interventions=folder / "moved")
    return sv.open_recording(made.path)


def test_every_gate_is_recorded_judged_moved_and_exported(recording: sv.Recording, tmp_path: Path) -> None:
    assert [block.name for block in recording.blocks] == GATES
    assert recording.samples["confidence"].to_numpy().max() < 1
    exported = pq.read_table(sv.export_statistics(recording, tmp_path / "classes.parquet"))
    assert set(exported["block"].to_pylist()) == set(GATES)
    assert np.isfinite(exported["mean"].to_numpy()).all()
    assessment = sv.read_assessment(recording)
    assert assessment is not None
    moved = sv.open_outcomes(recording.path.parent / "moved")
    assert len(moved.manifest.variants) == 2 * (len(GATES) + 1)


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("claim", {}),
        ("distributions", {"map_block": "SE_1_2", "channel": "3"}),
        ("blocks", {}),
        ("classes", {}),
        ("compare", {"images": "Samples"}),
        ("lab", {"images": "Samples", "try_block": "SE_1_3", "try_to": "zero"}),
        ("how", {"images": "Samples", "how_block": "SE_1_3"}),
        ("export", {}),
        ("pair", {}),
    ],
)
def test_every_page_shows_it(
    page: str, query: dict[str, str], recording: sv.Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = page_opener(monkeypatch)(page, recording.path, model=FACTORY, **query)
    assert not app.exception
    assert [error.value for error in app.error] == []
    assert page in ("export", "pair") or figures(app) > 0
