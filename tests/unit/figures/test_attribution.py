"""Attribution maps over the picture, and bars of channels: values, colours, what the title tells."""

import base64
import io

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from senet_viz.analysis.attribution import Completeness
from senet_viz.figures.attribution import draw_attribution, draw_channels, draw_grad_cam
from senet_viz.figures.theme import DARK, LIGHT, Look
from tests.support.attributed import SIDE, draw_cam, draw_channel_values, draw_pixel_values

DONE = Completeness("mean", 0.25, 64, 1.6e-4)


def heat_of(figure: go.Figure) -> go.Heatmap:
    (heat,) = (trace for trace in figure.data if trace.type == "heatmap")
    return heat


def colour_at(heat: go.Heatmap, place: float) -> tuple[float, ...]:
    (colour,) = (colour for at, colour in heat.colorscale if at == pytest.approx(place))
    return tuple(float(part) for part in colour.removeprefix("rgba(").removesuffix(")").split(","))


def pictures_of(figure: go.Figure) -> list[np.ndarray]:
    parts = [image.source.partition("base64,")[2] for image in figure.layout.images]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(part))).convert("RGB")) for part in parts]


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_signed_maps_are_red_and_blue_around_a_clear_zero(look: Look) -> None:
    found = draw_pixel_values()
    figure = draw_attribution(found, look)
    heat = heat_of(figure)
    np.testing.assert_allclose(heat.z, found.map, rtol=1e-6)
    assert (heat.zmin, heat.zmid, heat.zmax) == (-found.limit, 0, found.limit)
    low, zero, high = (colour_at(heat, place) for place in (0, 0.5, 1))
    assert low[2] > low[0], "low is blue"
    assert high[0] > high[2], "high is red"
    assert zero[3] == 0
    assert low[3] == high[3] > 0.8
    assert figure.layout.paper_bgcolor == look.paper


def test_a_map_of_zeros_is_drawn_clear() -> None:
    heat = heat_of(draw_attribution(draw_pixel_values(scale=0), LIGHT))
    assert heat.zmin < 0 < heat.zmax
    assert not np.any(heat.z)


@pytest.mark.parametrize("narrow", [False, True])
def test_the_picture_lies_beside_and_grey_under_the_map(narrow: bool) -> None:
    for found, draw in ((draw_pixel_values(), draw_attribution), (draw_cam(), draw_grad_cam)):
        figure = draw(found, LIGHT, narrow=narrow)
        beside, under = pictures_of(figure)
        assert np.array_equal(beside, found.picture)
        assert np.array_equal(under, np.asarray(Image.fromarray(found.picture).convert("L").convert("RGB")))
        for image in figure.layout.images:  # pixel (0, 0) is centred at (0, 0), rows go down
            assert (image.x, image.y, image.sizex, image.sizey) == (-0.5, -0.5, SIDE, SIDE)
            assert (image.layer, image.sizing) == ("below", "stretch")
        for axis in (figure.layout.yaxis, figure.layout.yaxis2):
            assert axis.range == (SIDE - 0.5, -0.5)
        side_by_side = figure.layout.xaxis2.domain[0] > figure.layout.xaxis.domain[1]
        assert side_by_side == (not narrow)
        assert heat_of(figure).colorbar.orientation == ("h" if narrow else None)
        assert heat_of(figure).xaxis == "x2"


def test_titles_tell_what_was_explained_and_how_well() -> None:
    integrated = draw_attribution(draw_pixel_values(channels=(1, 2), completeness=DONE), LIGHT)
    wide = "<b>SE_4_6</b> · pixels that drive the mean of channels 1 and 2 · integrated gradients, 64 steps, residual +1.6e-04"
    assert integrated.layout.title.text == wide
    assert heat_of(integrated).colorbar.title.text == "share of the gate's change, in s"
    rough = draw_attribution(draw_pixel_values(completeness=Completeness("mean", 0.25, 16, -0.07)), LIGHT)
    assert rough.layout.title.text.endswith("16 steps, residual -7.0e-02 (20% of the change)")
    flat = draw_attribution(draw_pixel_values(completeness=Completeness("mean", 0.6, 16, 1e-9)), LIGHT)
    assert flat.layout.title.text.endswith("16 steps, residual +1.0e-09")
    gradient = draw_attribution(draw_pixel_values(), LIGHT, narrow=True)
    assert gradient.layout.title.text == "<b>SE_4_6</b> · pixels that drive channel 7<br>gradient, summed over colours"
    assert "per SD" in heat_of(gradient).colorbar.title.text
    cam = draw_grad_cam(draw_cam(), LIGHT)
    assert (
        cam.layout.title.text
        == "<b>SE_4_6</b> · Grad-CAM for goldfish · output of layer3.5 (Bottleneck), 3 × 3 positions"
    )


def test_grad_cam_goes_from_clear_to_yellow() -> None:
    found = draw_cam()
    heat = heat_of(draw_grad_cam(found, LIGHT))
    np.testing.assert_allclose(heat.z, found.map, rtol=1e-6)
    assert (heat.zmin, heat.zmax) == (0, found.limit)
    low, high = colour_at(heat, 0), colour_at(heat, 1)
    assert low[3] == 0
    assert high[0] > 200 > 100 > high[2], "Cividis ends in yellow"


def test_bars_are_the_largest_channels_coloured_by_sign() -> None:
    found = draw_channel_values()
    figure = draw_channels(found, LIGHT, most=10)
    (bars,) = figure.data
    channels = found.largest(10)
    assert list(bars.y) == [f"channel {c}" for c in channels]
    np.testing.assert_allclose(bars.x, found.values[channels], rtol=1e-6)
    np.testing.assert_allclose(bars.customdata[:, 0], found.gate[channels], rtol=1e-6)
    np.testing.assert_allclose(bars.customdata[:, 1], found.gradient[channels], rtol=1e-6)
    signs = {(value > 0, colour) for value, colour in zip(bars.x, bars.marker.color)}
    assert len(signs) == len({colour for _, colour in signs}) == 2
    assert figure.layout.yaxis.autorange == "reversed"


def test_the_bars_title_gives_both_numbers() -> None:
    found = draw_channel_values()
    text = draw_channels(found, DARK, most=10).layout.title.text
    sums = f"all sum to {found.total:+.2f}, logit +4.50"
    assert text == f"<b>SE_4_6</b> · for goldfish · 10 of 64 channels, {sums}"
    narrow = draw_channels(found, DARK, most=100, narrow=True).layout.title.text
    assert narrow == f"<b>SE_4_6</b> · for goldfish<br>all 64 channels, {sums}"
