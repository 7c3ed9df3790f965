"""The class × channel map: values, rows, colours."""

from pathlib import Path

import numpy as np
import pytest

from senet_viz.analysis.distributions.class_map import ClassChannelMap, map_classes
from senet_viz.figures.distributions import draw_class_map
from senet_viz.figures.theme import DARK, LIGHT, Look
from senet_viz.recording.reader import Recording
from tests.support.synthetic import synthetic_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("r") / "r", blocks={"SE_5_1": 16}, classes=6)


@pytest.fixture(scope="module")
def classes(recording: Recording) -> ClassChannelMap:
    return map_classes(recording, recording.blocks[0], top=10)


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_differences_are_red_and_blue_around_zero(classes: ClassChannelMap, look: Look) -> None:
    figure = draw_class_map(classes, look)
    (heat,) = figure.data
    assert heat.type == "heatmap"
    np.testing.assert_allclose(heat.z, classes.means - classes.overall, rtol=1e-5, atol=1e-7)
    assert heat.x == tuple(str(channel) for channel in classes.channels)
    assert heat.y == classes.labels, "the pointer names every row, also where the axis does not"
    assert (heat.zmid, heat.zmin) == (0, -heat.zmax)
    assert heat.zmax == pytest.approx(np.abs(heat.z).max())
    assert heat.colorscale[0][1] == "rgb(5,48,97)", "low is blue"
    assert heat.colorbar.title.text == "difference from the all-class mean, in s"
    assert figure.layout.paper_bgcolor == look.paper


def test_gates_are_shown_over_their_whole_range(classes: ClassChannelMap) -> None:
    heat = draw_class_map(classes, LIGHT, view="gate").data[0]
    np.testing.assert_allclose(heat.z, classes.means, rtol=1e-6)
    assert (heat.zmin, heat.zmax, heat.colorbar.title.text) == (0, 1, "mean gate s")


def test_rows_are_named_in_the_order_of_the_clusters(classes: ClassChannelMap) -> None:
    axis = draw_class_map(classes, LIGHT).layout.yaxis
    assert axis.ticktext == classes.labels
    assert axis.tickvals == tuple(range(6))
    assert tuple(axis.range) == (5.5, -0.5), "the first row is above"


@pytest.mark.parametrize(("view", "what"), [("gate", "Mean gate"), ("difference", "Mean gate − all-class mean")])
def test_the_title_tells_block_channels_and_classes(classes: ClassChannelMap, view: str, what: str) -> None:
    wide = draw_class_map(classes, LIGHT, view=view).layout.title.text
    assert wide == f"<b>SE_5_1</b> · {what} · 10 of 16 channels · 6 classes, similar ones together"
    narrow = draw_class_map(classes, LIGHT, view=view, narrow=True)
    assert narrow.layout.title.text == wide.replace(f"{what} · ", f"{what}<br>")
    assert narrow.data[0].colorbar.orientation == "h"


def test_a_mark_a_channel_hands_its_number_on_and_the_opened_one_stands_out(classes: ClassChannelMap) -> None:
    opened = int(classes.channels[3])
    heat, marks = draw_class_map(classes, LIGHT, marks=True, opened=opened).data
    assert marks.customdata == tuple(classes.channels.tolist())
    assert marks.x == heat.x
    assert [at for at, size in enumerate(marks.marker.size) if size > min(marks.marker.size)] == [3]
    wide = ClassChannelMap(
        **{
            **vars(classes),
            "channels": np.arange(300),
            "share": np.zeros(300),
            "means": np.zeros((6, 300)),
            "overall": np.zeros(300),
        }
    )
    assert len(draw_class_map(wide, LIGHT, marks=True).data) == 1, "of too many none is hit"


def test_all_channels_are_told_as_all(recording: Recording) -> None:
    figure = draw_class_map(map_classes(recording, recording.blocks[0], top=None), LIGHT)
    assert "all 16 channels" in figure.layout.title.text


def test_of_many_classes_only_the_chosen_rows_are_named(tmp_path: Path) -> None:
    many = synthetic_recording(tmp_path / "r", blocks=[4], classes=61, per_class=2)
    classes = map_classes(many, many.blocks[0])
    axis = draw_class_map(classes, LIGHT, chosen=(5, 60)).layout.yaxis
    assert sorted(axis.ticktext) == ["class 5", "class 60"]
    rows = [int(np.flatnonzero(classes.classes == k)[0]) for k in (5, 60)]
    assert sorted(axis.tickvals) == sorted(rows)
    assert draw_class_map(classes, LIGHT).layout.yaxis.ticktext == ()


def test_equal_classes_have_a_scale_all_the_same(tmp_path: Path) -> None:
    flat = synthetic_recording(tmp_path / "r", blocks=[4], classes=2, per_class=1)
    classes = map_classes(flat, flat.blocks[0])
    still = ClassChannelMap(**{**vars(classes), "means": np.broadcast_to(classes.overall, classes.means.shape)})
    assert draw_class_map(still, LIGHT).data[0].zmax > 0
