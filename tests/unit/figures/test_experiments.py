"""Figures of experiments draw the numbers of their result, light and dark, wide and narrow."""

import numpy as np
import pytest

from senet_viz.figures.experiments import draw_accuracies, draw_class_shares, draw_differences
from senet_viz.figures.theme import DARK, LIGHT, Look
from tests.support.experimented import drawn_result

LOOKS = pytest.mark.parametrize(("look", "narrow"), [(LIGHT, False), (DARK, True)])


@LOOKS
def test_accuracies_have_a_mean_with_its_interval_and_a_mark_a_seed(look: Look, narrow: bool) -> None:
    result = drawn_result({"r16": 0.6, "none": 0.5})
    figure = draw_accuracies(result, look, narrow=narrow)
    strokes, mean = figure.data[0], figure.data[1]
    found = (result.accuracies or {})["r16"]
    assert sorted(strokes.x) == sorted(100 * result.correct(c).mean() for c in result.cells_of("r16").values())
    assert mean.x[0] == pytest.approx(100 * found.value)
    assert mean.x[0] + mean.error_x.array[0] == pytest.approx(100 * found.both[1])
    assert mean.x[0] - mean.error_x.arrayminus[0] == pytest.approx(100 * found.both[0])
    assert len(figure.data) == 4, "what is not trained has no row"
    assert "n = 2,000" in figure.layout.title.text


@LOOKS
def test_differences_stand_against_the_declared_band(look: Look, narrow: bool) -> None:
    result = drawn_result({"r16": 0.6, "none": 0.5})
    figure = draw_differences(result, look, narrow=narrow)
    assert len(figure.data) == 1, "a question without networks has no row"
    difference = result.answers[0].difference
    assert difference is not None
    assert figure.data[0].x[0] == pytest.approx(100 * difference.value)
    band = figure.layout.shapes[0]
    assert (band.x0, band.x1) == (-1, 1)
    assert "±1 point" in figure.layout.title.text


def test_one_seed_is_drawn_with_its_interval_over_images() -> None:
    result = drawn_result({"r16": 0.6, "none": 0.5}, seeds=1)
    difference = result.answers[0].difference
    assert difference is not None
    drawn = draw_differences(result, LIGHT).data[0]
    assert drawn.x[0] + drawn.error_x.array[0] == pytest.approx(100 * difference.images[1])


@LOOKS
def test_class_shares_are_means_over_seeds_within_their_range(look: Look, narrow: bool) -> None:
    result = drawn_result({"r16": 0.6, "none": 0.5, "per_conv": 0.6})
    figure = draw_class_shares(result, look, narrow=narrow)
    lines = [trace for trace in figure.data if trace.mode == "lines+markers"]
    assert [line.name for line in lines] == ["SE, r = 16", "one SE per convolution"], "no SE has no gates"
    shares = np.array([[b.omega_squared for b in c.blocks] for c in result.cells_of("r16").values()])
    assert np.allclose(lines[0].y, shares.mean(axis=0), atol=1e-6)
    assert list(lines[0].x) == [2.5, 3.5, 4.5, 5.5]
    band = next(trace for trace in figure.data if trace.fill == "toself")
    assert np.allclose(band.y[:4], shares.max(axis=0), atol=1e-6)
