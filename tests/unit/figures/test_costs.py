"""Figures of the page Design draw the numbers of their results, light and dark, wide and narrow."""

import pytest

from senet_viz.analysis.costs.ablations import list_ablations
from senet_viz.analysis.costs.design import cost_design, sweep_reductions
from senet_viz.analysis.costs.formulas import ARCHITECTURES
from senet_viz.figures.costs import draw_error_against_size, draw_reductions, draw_variants
from senet_viz.figures.theme import DARK, LIGHT, Look


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: a.name)
@pytest.mark.parametrize(("look", "narrow"), [(LIGHT, False), (DARK, True)])
def test_bars_add_up_to_what_is_added(architecture, look: Look, narrow: bool) -> None:
    placement = architecture.placements[0]
    sweep = sweep_reductions(architecture.name, placement=placement)
    figure = draw_reductions(sweep, look, chosen=16, narrow=narrow)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [bar.name for bar in bars] == [f"stage {stage}" for stage in sweep.stages]
    total = cost_design(architecture.name, placement=placement).total.parameters
    assert sum(bar.y[sweep.reductions.index(16)] for bar in bars) == total
    labels = next(trace for trace in figure.data if trace.type == "scatter").text
    assert labels[sweep.reductions.index(16)] == f"{total / architecture.parameters:.1%}"
    assert len(figure.layout.shapes) == 1, "a band behind the chosen r"


@pytest.mark.parametrize(("look", "narrow"), [(LIGHT, False), (DARK, True)])
def test_ablations_stand_at_their_errors_and_sizes(look: Look, narrow: bool) -> None:
    ablations = list_ablations()
    size = draw_error_against_size(ablations, look, narrow=narrow)
    line = size.data[0]
    assert list(line.y) == [23.30, 22.72, 22.28, 22.26, 22.25, 22.29], "from the smallest to the largest"
    assert line.x[0] == pytest.approx(25.557, abs=1e-3)
    assert [len(trace.x) for trace in size.data] == [6, 4, 3], "r = 16 stands once"
    assert "n = 50,000" in size.layout.title.text
    variants = draw_variants(ablations, look, narrow=narrow)
    points = variants.data[0]
    assert len(points.x) == 15
    assert list(points.y[1])[:3] == ["average", "maximum", "none (NoSqueeze)"]
    assert list(points.marker.symbol).count("diamond") == 4
    assert points.error_x.array[0] == pytest.approx(0.365, abs=1e-3)
    assert variants.layout.shapes[0].x0 == 23.30
