"""No figure sends more than 3 MB unasked: 1,000 classes, 2,048 channels."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from senet_viz.figures.comparison import draw_emergence
from senet_viz.figures.comparison_gates import draw_block_gates, draw_differing_channels, draw_gate_grid
from senet_viz.figures.theme import LIGHT
from senet_viz.recording.reader import Recording
from tests.support.compared import synthetic_comparison
from tests.support.synthetic import synthetic_recording

ROOT = Path(__file__).parents[3]
MOST_BYTES = 3_000_000
FIGURES = {"distributions": 4, "blocks": 4, "classes": 1, "export": 1}


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("wide") / "run"
    return synthetic_recording(folder, classes=1000, per_class=2, blocks={"SE_2_3": 32, "SE_5_3": 2048})


@pytest.mark.slow
@pytest.mark.parametrize(("page", "least"), FIGURES.items())
def test_no_figure_of_a_page_is_large(wide: Recording, page: str, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENET_VIZ_RECORDINGS", str(wide.path))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params["recording"] = str(wide.path)
    if page == "export":
        app.query_params["figure"] = "Class × channel map"
    app.switch_page(f"senet_viz/dashboard/pages/{page}.py").run()
    assert not app.exception
    sizes = {figure.key: len(figure.proto.spec.encode()) for figure in app.get("plotly_chart")}
    assert len(sizes) >= least
    assert max(sizes.values()) <= MOST_BYTES, sizes


def test_no_figure_of_sixteen_images_is_large(wide: Recording) -> None:
    comparison = synthetic_comparison(wide, 16)
    name = comparison.blocks[-1].block.name
    figures = {
        "grid": draw_gate_grid(comparison, LIGHT),
        "gates": draw_block_gates(comparison.block(name), comparison.names, LIGHT),
        "channels": draw_differing_channels(comparison.channels_that_differ(name, 12), LIGHT),
        "emergence": draw_emergence(comparison, LIGHT),
    }
    sizes = {key: len(figure.to_json().encode()) for key, figure in figures.items()}
    assert max(sizes.values()) <= MOST_BYTES, sizes
