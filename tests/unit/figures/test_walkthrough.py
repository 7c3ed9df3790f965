"""Figures of the steps of a block and of stability: what is drawn is what was computed."""

import dataclasses

import numpy as np
import pytest

from senet_viz.analysis.comparison.result import Prediction
from senet_viz.analysis.comparison.stability import ClassSpread, Stability, Variation, VariedGates
from senet_viz.figures.comparison import draw_stability
from senet_viz.figures.theme import DARK, LIGHT, Look
from senet_viz.figures.walkthrough import draw_all_channels, draw_steps
from tests.support.synthetic import make_gates
from tests.unit.analysis.test_walkthrough import planted_steps


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("narrow", [False, True])
def test_rows_hold_the_maps_the_gate_and_its_mean(look: Look, narrow: bool) -> None:
    steps = planted_steps()
    figure = draw_steps(steps, look, channel=5, narrow=narrow)
    maps = [trace for trace in figure.data if trace.type == "heatmap"]
    assert len(maps) == 4
    np.testing.assert_array_equal(maps[0].z, steps.before[0])
    np.testing.assert_array_equal(maps[1].z, steps.after[0])
    assert (maps[0].zmin, maps[0].zmax) == (maps[1].zmin, maps[1].zmax)
    bars = [trace.x[0] for trace in figure.data if trace.type == "bar" and len(trace.x) == 1]
    assert bars == pytest.approx([steps.squeeze[5], 0.8, steps.squeeze[2], 0.3])
    texts = [a.text for a in figure.layout.annotations]
    assert "<b>channel 5</b>" in texts
    assert any("s = 0.800" in text for text in texts)
    assert any("1.60 × its mean" in text for text in texts)
    assert "n = 1,234" in figure.layout.title.text
    assert any("sigmoid(1.39)" in text for text in texts) is not narrow


def test_all_channels_reach_from_the_mean_to_the_gate() -> None:
    steps = planted_steps()
    figure = draw_all_channels(steps, LIGHT)
    louder, quieter = (trace for trace in figure.data if trace.name and trace.name[0] in "▲▼")
    assert louder.name == "▲ louder: 1"
    assert louder.base[0] + louder.y[0] == pytest.approx(0.8)
    assert quieter.base[0] + quieter.y[0] == pytest.approx(0.3)
    poor = dataclasses.replace(steps, squeeze=None, hidden=None, hidden_missing="none", logits=None)
    assert len(draw_all_channels(poor, DARK, narrow=True).data) == len(figure.data) - 1
    assert draw_steps(poor, DARK, channel=2).data


def test_stability_draws_a_line_a_change_and_the_line_at_one() -> None:
    gates = make_gates([3, 3, 3])
    said = Prediction(0, "cat", 0.9)
    varied = VariedGates(
        "r", "a.png", 0, gates, (Variation("crop", 1, "crop to 70% of the area", 0), Variation("crop", 1, "crop to 70% of the area", 1)),
        np.array([[0.1, 0.2, 0.3], [0.3, 0.4, 0.5]]), said, 0, (said, Prediction(1, "dog", 0.5)), (np.zeros((2, 2, 3), np.uint8),) * 2,
    )  # fmt: skip
    figure = draw_stability(Stability(varied, ClassSpread("cat", 50, 49, np.full(3, 0.2))), LIGHT)
    assert len(figure.data) == 1
    np.testing.assert_allclose(figure.data[0].y, [1, 1.5, 2], rtol=1e-6)
    np.testing.assert_allclose(figure.data[0].error_y.array, [0.5] * 3, rtol=1e-6)
    assert figure.data[0].name == "crop to 70% of the area (1/2 kept)"
    lines = [shape for shape in figure.layout.shapes if shape.type == "line"]
    assert [(line.y0, line.y1) for line in lines] == [(1, 1)]
    assert "n = 50" in figure.layout.title.text
    unknown = Stability(varied, ClassSpread("cat", 1, 0, np.full(3, np.nan), "too few"))
    figure = draw_stability(unknown, DARK, narrow=True)
    np.testing.assert_allclose(figure.data[0].y, [0.2, 0.3, 0.4], rtol=1e-6)
    assert not [shape for shape in figure.layout.shapes if shape.type == "line"]
