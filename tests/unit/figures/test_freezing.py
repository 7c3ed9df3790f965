"""The figure of freeze advice: marks of both halves with their intervals, the accepted loss, what is proposed."""

import numpy as np
import pytest

from senet_viz.figures.freezing import draw_freezing
from senet_viz.figures.theme import DARK, LIGHT
from tests.support.frozen import make_cost, make_path

CHOOSING = [make_cost(c, 0.2) for c in (0.1, -0.2, -0.7, -40.0)]
CONFIRMING = [make_cost(c, 0.4) for c in (0.0, -0.3, -0.9, -41.0)]


@pytest.mark.parametrize("narrow", [False, True])
def test_both_halves_stand_side_by_side(narrow: bool) -> None:
    figure = draw_freezing(make_path(CHOOSING, CONFIRMING).advise(1.0), DARK if narrow else LIGHT, narrow=narrow)
    first, second = figure.data
    np.testing.assert_allclose(first.y, [0.1, -0.2, -0.7, -40.0])
    np.testing.assert_allclose(second.y, [0.0, -0.3, -0.9, -41.0])
    np.testing.assert_allclose(first.error_y.array, 0.2)
    np.testing.assert_allclose(second.error_y.array, 0.4)
    assert np.all(np.asarray(first.x) < np.asarray(second.x))
    assert "2 frozen, the last SE_5_2: −0.30 [−0.70, 0.10] points" in second.text
    assert list(figure.layout.xaxis.ticktext) == ["+ SE_5_3", "+ SE_5_2", "+ SE_5_1", "+ SE_4_6"]
    assert "n = 100,000 images that chose" in figure.layout.title.text


def test_the_accepted_loss_is_marked_and_stays_in_sight() -> None:
    path = make_path(CHOOSING, CONFIRMING)
    for loss, proposed in ((0.05, None), (0.5, 2.5), (1.0, 3.5), (50.0, 4.5)):
        figure = draw_freezing(path.advise(loss), LIGHT)
        lines = [shape.y0 for shape in figure.layout.shapes if shape.type == "line"]
        assert -loss in lines
        low, high = figure.layout.yaxis.range
        assert low < -loss < high
        assert low >= -7 * loss - 1
        boxes = [shape.x1 for shape in figure.layout.shapes if shape.type == "rect"]
        assert boxes == ([] if proposed is None else [proposed])


def test_without_intervals_there_are_no_whiskers() -> None:
    bare = [make_cost(c, float("nan"), images=8) for c in (0.0, -0.5)]
    figure = draw_freezing(make_path(bare, bare).advise(1.0), LIGHT)
    assert not np.any(figure.data[0].error_y.array)
    assert np.isfinite(figure.layout.yaxis.range).all()
