"""Figures of a comparison: what is drawn, not how it looks."""

from pathlib import Path

import numpy as np
import pytest

from senet_viz.analysis.comparison.blocks import MOST_STRIPES
from senet_viz.analysis.comparison.result import Comparison
from senet_viz.figures.comparison import draw_distances, draw_emergence, draw_predictions
from senet_viz.figures.comparison_gates import draw_block_gates, draw_differing_channels, draw_gate_grid
from senet_viz.figures.theme import DARK, GREY, LIGHT, colour_images
from senet_viz.recording.reader import Recording
from tests.support.compared import synthetic_comparison
from tests.support.synthetic import PAPER_BLOCKS, synthetic_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("r") / "r")


@pytest.fixture(scope="module")
def comparison(recording: Recording) -> Comparison:
    return synthetic_comparison(recording, 3)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("unit", ["s", "sd"])
def test_the_grid_has_a_cell_and_a_marker_for_each_image_and_block(
    comparison: Comparison, narrow: bool, unit: str
) -> None:
    figure = draw_gate_grid(comparison, LIGHT, unit=unit, chosen=comparison.blocks[1].block.name, narrow=narrow)
    heat, markers = figure.data
    rows, columns = (6, 3) if narrow else (3, 6)
    values = np.array(heat.z, dtype=float)
    assert values.shape == (rows, columns * MOST_STRIPES + (columns - 1) * 3)
    assert heat.zmin == -heat.zmax == -np.nanmax(np.abs(values))
    assert sorted(set(map(tuple, markers.customdata))) == [(i, b) for i in range(3) for b in range(6)]
    for (image, depth), x, y in zip(markers.customdata, markers.x, markers.y):
        assert y == (depth if narrow else image)
        assert not np.isnan(values[int(y), int(x)])
    assert len(figure.layout.shapes) == 1
    assert ("units of s" if unit == "s" else "recorded SDs") in figure.layout.title.text


def test_a_stripe_of_the_grid_is_the_difference_of_its_channel(comparison: Comparison) -> None:
    values = np.array(draw_gate_grid(comparison, DARK).data[0].z, dtype=float)
    block = comparison.blocks[0]  # eight channels, six columns each
    expected = block.differences[:, block.order].repeat(MOST_STRIPES // 8, axis=1)
    assert np.allclose(values[:, :MOST_STRIPES], expected, atol=1e-6)
    assert np.isnan(values[:, MOST_STRIPES : MOST_STRIPES + 3]).all()


def test_distances_have_a_line_a_pair_with_their_values(comparison: Comparison) -> None:
    figure = draw_distances(comparison, LIGHT)
    assert len(figure.data) == 3
    for trace, (i, j) in zip(figure.data, [(0, 1), (0, 2), (1, 2)]):
        assert trace.name.startswith(f"{i + 1}. ")
        assert np.allclose(trace.y, [block.rms[i, j] for block in comparison.blocks], atol=1e-6)
    assert "RMS" in figure.layout.title.text
    first, second, third = (trace.line for trace in figure.data)
    assert first.color == second.color != third.color, "a pair has the colour of its first image"
    assert first.dash != second.dash
    one = draw_distances(comparison, LIGHT, distance="cosine", image=0)
    assert len(one.data) == 2
    assert np.allclose(one.data[1].y, [block.cosine[0, 2] for block in comparison.blocks], atol=1e-6)
    mean = draw_distances(comparison, LIGHT, distance="from mean", narrow=True)
    assert [t.line.color for t in mean.data] == [first.color, one.data[0].line.color, one.data[1].line.color]
    assert np.allclose(mean.data[2].y, [block.from_mean[2] for block in comparison.blocks], atol=1e-6)


def test_many_pairs_are_grey_and_without_a_legend(recording: Recording) -> None:
    figure = draw_distances(synthetic_comparison(recording, 6), LIGHT)
    assert len(figure.data) == 15
    assert {trace.line.color for trace in figure.data} == {GREY}
    assert figure.layout.showlegend is False


@pytest.mark.parametrize("narrow", [False, True])
def test_emergence_shows_ranks_and_frames_what_is_settled(comparison: Comparison, narrow: bool) -> None:
    figure = draw_emergence(comparison, LIGHT, narrow=narrow)
    ranks = np.array([block.rank for block in comparison.blocks])  # block, image
    shown = np.array(figure.data[0].z, dtype=float)
    assert np.allclose(10 ** (shown if narrow else shown.T), ranks, atol=1e-5)
    assert len(figure.layout.shapes) == sum(e.settled is not None for e in comparison.emergence())
    assert "among 4" in figure.layout.title.text
    assert figure.data[0].showscale is True


def test_an_unknown_prediction_leaves_its_cells_pale_and_names_the_nearest_class(recording: Recording) -> None:
    comparison = synthetic_comparison(recording, 2, known=False)
    figure = draw_emergence(comparison, DARK)
    assert np.allclose(np.array(figure.data[0].z, dtype=float), np.log10(4), atol=1e-6)
    assert figure.data[0].showscale is False
    near = comparison.class_labels[comparison.blocks[0].nearest[0, 0]]
    assert near in figure.data[0].text[0][0]
    assert "no class of the recording" in figure.layout.title.text
    assert "no class of the recording" in figure.data[0].customdata[0][0]


def test_a_block_shows_every_gate_over_the_recorded_mean(comparison: Comparison) -> None:
    block = comparison.blocks[3]
    figure = draw_block_gates(block, comparison.names, LIGHT)
    assert [trace.mode for trace in figure.data] == ["lines", "markers", "markers", "markers", "lines"]
    for trace, gates in zip(figure.data[1:4], block.gates):
        assert np.allclose(trace.y, gates[block.order])
        assert list(trace.customdata) == list(block.order)
    assert np.allclose(figure.data[-1].y, np.sort(block.mean), atol=1e-6)
    assert f"all {PAPER_BLOCKS['SE_5_1']} channels" in figure.layout.title.text


def test_differing_channels_have_a_row_each(comparison: Comparison) -> None:
    differing = comparison.channels_that_differ("SE_5_1", 5)
    figure = draw_differing_channels(differing, LIGHT, narrow=True)
    assert list(figure.layout.yaxis.ticktext) == [f"channel {c}" for c in differing.channels]
    assert np.allclose(figure.data[0].x, differing.mean, atol=1e-6)
    for trace, gates in zip(figure.data[1:], differing.gates):
        assert np.allclose(trace.x, gates)


def test_predictions_are_bars_with_name_and_probability(comparison: Comparison) -> None:
    figure = draw_predictions(comparison.images[1], "#0072B2", LIGHT)
    assert list(figure.data[0].x) == [0.75, 0.25]
    texts = [annotation.text for annotation in figure.layout.annotations]
    assert texts == ["class 1", "75.0%", "other", "25.0%"]


def test_sixteen_images_have_different_inks() -> None:
    assert len(set(colour_images(16))) == 16


def test_the_depth_axis_marks_the_papers_blocks_and_every_other_stage(tmp_path: Path) -> None:
    blocks = {"SE_2_1": 4, "SE_2_2": 4, "SE_3_1": 4, "SE_4_1": 4, "SE_4_2": 4}
    comparison = synthetic_comparison(synthetic_recording(tmp_path / "run", blocks=blocks), 2)
    figure = draw_distances(comparison, LIGHT)
    assert list(figure.layout.xaxis.ticktext) == [
        "SE_2_1",
        "<b>SE_2_2</b>",
        "<b>SE_3_1</b>",
        "<b>SE_4_1</b>",
        "<b>SE_4_2</b>",
    ]
    (band,) = figure.layout.shapes
    assert (band.x0, band.x1) == (1.5, 2.5)
