"""The figure of extreme classes: dots, whiskers, colours."""

import dataclasses

import numpy as np
import pytest

from senet_viz.analysis.distributions.extremes import ExtremeClasses, find_extreme_classes
from senet_viz.figures.distributions import draw_extreme_classes
from senet_viz.figures.theme import DARK, GREY, LIGHT, Look
from tests.support.synthetic import synthetic_recording


@pytest.fixture(scope="module")
def extremes(tmp_path_factory: pytest.TempPathFactory) -> ExtremeClasses:
    recording = synthetic_recording(tmp_path_factory.mktemp("r") / "r", classes=20, blocks={"SE_5_1": 4})
    found = find_extreme_classes(recording, recording.blocks[0], 2, how_many=3)
    assert found is not None
    return found


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_a_dot_and_a_whisker_a_class_from_the_highest_on(extremes: ExtremeClasses, look: Look, narrow: bool) -> None:
    chosen = extremes.highest[1].index
    figure = draw_extreme_classes(extremes, {chosen: "rgb(1, 2, 3)"}, look, narrow=narrow)
    whiskers, dots = figure.data
    assert list(dots.x) == [row.mean for row in extremes.ordered]
    assert list(dots.y) == [0, 1, 2, 4, 5, 6], "a row is free where classes are left out"
    assert [c != GREY for c in dots.marker.color] == [row.index == chosen for row in extremes.ordered]
    assert whiskers.x[:3] == (*extremes.ordered[0].interval, None)
    assert figure.layout.yaxis.ticktext == tuple(row.label for row in extremes.ordered)
    assert figure.layout.shapes[0].x0 == extremes.overall
    assert "6 of 20 classes" in figure.layout.title.text
    assert "n = 20 images a class" in figure.layout.title.text
    assert figure.layout.paper_bgcolor == look.paper
    low, high = figure.layout.xaxis.range
    assert low <= 0 < 1 <= high, "the gate's whole range"


def test_a_class_of_one_image_has_no_whisker(extremes: ExtremeClasses) -> None:
    alone = dataclasses.replace(extremes.highest[0], images=1, interval=(np.nan, np.nan))
    figure = draw_extreme_classes(dataclasses.replace(extremes, highest=(alone,), lowest=(), classes=1), {}, LIGHT)
    assert figure.data[0].x == ()
    assert "95 %" not in figure.data[1].text[0]
