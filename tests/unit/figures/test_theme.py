import json

import plotly.graph_objects as go
import pytest
from plotly.subplots import make_subplots

from senet_viz.errors import ArgumentError
from senet_viz.figures.theme import (
    CLASS_COLOURS,
    DARK,
    GREY,
    LIGHT,
    Look,
    Picture,
    change_axes,
    chart_config,
    colour_classes,
    look_of,
    page_of,
    style,
    translucent,
)


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2, of "#rrggbb" or "rgb(r, g, b)"."""
    if colour.startswith("#"):
        parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    else:
        parts = [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in parts)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_text_is_readable_on_its_paper(look: Look) -> None:
    assert contrast(look.ink, look.paper) >= 7
    assert contrast(look.text, look.paper) >= 4.5
    assert min(contrast(colour, look.paper) for colour in CLASS_COLOURS[:4]) >= 2.5


def test_a_theme_has_its_look() -> None:
    assert (look_of("light"), look_of("dark")) == (LIGHT, DARK)


def test_eight_classes_have_eight_colours_and_the_ninth_is_grey() -> None:
    colours = colour_classes(range(9))
    assert [colours[k] for k in range(8)] == list(CLASS_COLOURS)
    assert len(set(CLASS_COLOURS)) == 8
    assert colours[8] == GREY


def test_a_class_keeps_its_colour_while_others_come_and_go() -> None:
    first = colour_classes([3, 5])
    second = colour_classes([9, 5], first)
    assert second[5] == first[5]
    assert second[9] not in (first[5], first[3])
    assert colour_classes([3], second)[3] == first[3]


def test_a_grey_class_gets_a_colour_when_one_is_free() -> None:
    crowd = colour_classes(range(9))
    assert colour_classes([8, 0], crowd)[8] != GREY


@pytest.mark.parametrize(("picture", "scale"), [("png", 2), ("svg", 1)])
def test_the_camera_saves_a_named_picture_of_the_chosen_format(picture: Picture, scale: int) -> None:
    config = chart_config("gates-fig6", picture=picture)
    assert config["toImageButtonOptions"] == {"format": picture, "filename": "gates-fig6", "scale": scale}
    assert (config["displaylogo"], config["showSendToCloud"], config["displayModeBar"]) == (False, False, "hover")


def test_a_camera_in_sight_stands_alone() -> None:
    config = chart_config("x", camera=True)
    assert config["displayModeBar"] is True
    assert {"zoom2d", "pan2d", "resetScale2d"} <= set(config["modeBarButtonsToRemove"])
    assert "toImage" not in config["modeBarButtonsToRemove"]


def test_another_picture_format_is_refused() -> None:
    with pytest.raises(ArgumentError, match="saves no 'gif': use one of png, svg"):
        chart_config("x", picture="gif")


def test_translucent_keeps_the_colour() -> None:
    assert translucent("rgb(1, 2, 3)", 0.25) == "rgba(1, 2, 3, 0.25)"


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_style_puts_the_looks_inks_everywhere(look: Look) -> None:
    figure = style(go.Figure(go.Scatter(y=[1])), look, height=300, title="t", top=40)
    layout = figure.layout
    assert (layout.paper_bgcolor, layout.plot_bgcolor, layout.font.color) == (look.paper, look.panel, look.text)
    assert (layout.legend.font.color, layout.hoverlabel.font.color) == (look.ink, look.ink)
    assert (layout.height, layout.title.text, layout.margin.t) == (300, "t", 40)
    assert (layout.yaxis.gridcolor, layout.xaxis.zeroline) == (look.grid, False)


def test_small_numbers_on_an_axis_are_written_out_and_push_its_title_aside() -> None:
    layout = style(go.Figure(go.Scatter(x=[1e-4], y=[2e-4])), LIGHT, height=300, top=40).layout
    assert (layout.xaxis.exponentformat, layout.yaxis.exponentformat) == ("none", "none")
    assert layout.yaxis.automargin
    assert (layout.yaxis.title.standoff, layout.yaxis.title.font.size) == (8, 12)


def test_axes_are_changed_as_plotly_would() -> None:
    changed, expected = (make_subplots(2, 2, shared_xaxes=True, subplot_titles=("a", "b", "c", "d")) for _ in range(2))
    for figure in (changed, expected):
        figure.update_xaxes(title_text="before", range=[0, 1])
    change_axes(changed, "x", {"title": {"font": {"size": 9}}, "ticks": "outside"})
    change_axes(changed, "y", {"range": [2, 3]}, row=2, col=1)
    expected.update_xaxes(title_font_size=9, ticks="outside")
    expected.update_yaxes(range=[2, 3], row=2, col=1)
    assert json.loads(changed.to_json()) == json.loads(expected.to_json())
    assert changed.layout.xaxis3.title.text == "before"


def test_a_page_holds_its_figure_and_loads_nothing() -> None:
    figure = style(go.Figure(go.Scatter(y=[1, 2.5])), DARK, height=300, title="t", top=40)
    page = page_of(figure, name="<gates> & more", picture="svg").decode()
    assert page.startswith("<!DOCTYPE html>")
    assert "<title>&lt;gates&gt; &amp; more</title>" in page
    assert f"background: {DARK.paper}" in page
    assert "src=" not in page.split("Plotly.newPlot(")[-1]
    assert "<script src" not in page
    assert "<link" not in page
    assert json.dumps(chart_config("x", picture="svg")["toImageButtonOptions"]["format"]) in page.split("newPlot(")[-1]
    assert len(page) > 1_000_000, "plotly.js is not inside"
