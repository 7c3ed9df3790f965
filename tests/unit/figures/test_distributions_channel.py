"""One channel per class: violins, cumulative shares, boxes."""

from pathlib import Path

import numpy as np
import pytest

from senet_viz.analysis.distributions.channel import ChannelDistribution, distribute_channel
from senet_viz.figures.distributions import DISTRIBUTION_VIEWS, DistributionView, draw_distribution
from senet_viz.figures.theme import DARK, LIGHT, Look, colour_classes
from senet_viz.recording.reader import Recording
from tests.support.synthetic import synthetic_recording

CLASSES = (1, 3)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("r") / "r", blocks={"SE_5_1": 8}, classes=4)


@pytest.fixture(scope="module")
def spread(recording: Recording) -> ChannelDistribution:
    found = distribute_channel(recording, recording.blocks[0], 5, CLASSES)
    assert found is not None
    return found


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("view", "kind"), list(zip(DISTRIBUTION_VIEWS, ["violin", "scatter", "box"])))
def test_the_whole_set_comes_first_in_ink_then_the_classes_in_their_colours(
    spread: ChannelDistribution, look: Look, view: DistributionView, kind: str
) -> None:
    colours = colour_classes(CLASSES)
    figure = draw_distribution(spread, colours, look, view=view)
    assert [trace.type for trace in figure.data] == [kind] * 3
    assert [trace.line.color for trace in figure.data] == [look.ink, colours[1], colours[3]]
    names = [trace.name.replace("<br>", " ") for trace in figure.data]
    assert names == ["all images (n = 80)", "class 1 (n = 20)", "class 3 (n = 20)"]
    assert figure.layout.title.text == "<b>SE_5_1</b> · gate of channel 5"
    assert figure.layout.xaxis.title.text == "gate s"
    assert figure.layout.xaxis.range == (-0.02, 1.02)
    assert figure.layout.paper_bgcolor == look.paper


def test_violins_hold_the_gates(spread: ChannelDistribution) -> None:
    figure = draw_distribution(spread, {}, LIGHT)
    for trace, part in zip(figure.data, spread.spreads):
        np.testing.assert_allclose(trace.x, part.values, rtol=1e-6)
        assert trace.orientation == "h"
        assert trace.spanmode == "hard", "no density beyond the data"


def test_cumulative_shares_rise_from_one_image_to_all(spread: ChannelDistribution) -> None:
    figure = draw_distribution(spread, {}, LIGHT, view="ecdf")
    line = figure.data[1]
    np.testing.assert_allclose(line.x, spread.spreads[1].values, rtol=1e-6)
    np.testing.assert_allclose(line.y, np.arange(1, 21) / 20, rtol=1e-6)
    assert line.line.shape == "hv"
    assert (figure.layout.showlegend, figure.layout.yaxis.range) == (True, (-0.02, 1.02))


def test_boxes_reach_from_5_to_95_percent(spread: ChannelDistribution) -> None:
    box = draw_distribution(spread, {}, LIGHT, view="box").data[0]
    five = (box.lowerfence[0], box.q1[0], box.median[0], box.q3[0], box.upperfence[0])
    assert five == spread.spreads[0].quantiles


def test_a_part_of_the_images_is_told_as_a_part_and_no_image_as_no_row(tmp_path: Path) -> None:
    part = synthetic_recording(tmp_path / "r", blocks=[4], classes=3, per_class=10, keep="2")
    spread = distribute_channel(part, part.blocks[0], 0, (0,))
    assert spread is not None
    names = [trace.name for trace in draw_distribution(spread, {}, LIGHT).data]
    assert names == ["all images<br>(n = 6 of 30)", "class 0<br>(n = 2 of 10)"]
    empty = synthetic_recording(tmp_path / "e", blocks=[4], classes=2, per_class=1, unreadable=(0,))
    both = distribute_channel(empty, empty.blocks[0], 0, (0, 1))
    assert both is not None
    assert len(draw_distribution(both, {}, LIGHT).data) == 2


def test_a_narrow_figure_leaves_more_rows_for_its_legend(tmp_path: Path) -> None:
    many = synthetic_recording(tmp_path / "r", blocks=[4], classes=7, per_class=3)
    spread = distribute_channel(many, many.blocks[0], 0, tuple(range(7)))
    assert spread is not None
    wide, narrow = (draw_distribution(spread, {}, LIGHT, view="ecdf", narrow=flag).layout for flag in (False, True))
    assert narrow.margin.t > wide.margin.t
    assert narrow.height - narrow.margin.t == wide.height - wide.margin.t
