"""The grid of panels against plotly's own."""

from plotly.subplots import make_subplots

from senet_viz.figures.walkthrough import Grid

_SPECS = [[{}, {}, {"rowspan": 2}], [{}, {}, None], [{"colspan": 3}, None, None]]


def test_panels_lie_where_plotly_puts_them() -> None:
    widths, heights = (0.2, 0.5, 0.3), (90.0, 90.0, 200.0)
    theirs = make_subplots(
        3, 3, specs=_SPECS, column_widths=list(widths), row_heights=list(heights),
        horizontal_spacing=0.04, vertical_spacing=0.07,
    )  # fmt: skip
    grid = Grid(widths, heights, (0.04, 0.07))
    for row, line in enumerate(_SPECS, start=1):
        for column, spec in enumerate(line, start=1):
            if spec is not None:
                span = (spec.get("rowspan", 1), spec.get("colspan", 1))
                grid.add_panel((row, column), {}, {}, span=span)
    ours = grid.draw()
    for number in ("", "2", "3", "4", "5", "6"):
        for axis in ("xaxis", "yaxis"):
            mine, plotlys = ours.layout[f"{axis}{number}"], theirs.layout[f"{axis}{number}"]
            assert mine.anchor == plotlys.anchor
            assert all(abs(a - b) < 1e-12 for a, b in zip(mine.domain, plotlys.domain))


def test_words_and_traces_stand_in_their_panel() -> None:
    grid = Grid((1.0, 1.0), (1.0,), (0.1, 0.0))
    grid.add_panel((1, 1), {}, {})
    assert grid.next_axis() == "x2"
    grid.add_panel((1, 2), {"nticks": 3}, {"visible": False})
    grid.add_trace((1, 2), {"type": "bar", "x": [1], "y": [2]})
    grid.add_words((1, 2), "above", font={"size": 9})
    grid.add_words((1, 2), "below", below=True)
    figure = grid.draw()
    assert (figure.data[0].xaxis, figure.data[0].yaxis) == ("x2", "y2")
    assert (figure.layout.xaxis2.nticks, figure.layout.yaxis2.visible) == (3, False)
    assert [(w.text, round(w.x, 3), w.y, w.yanchor) for w in figure.layout.annotations] == [
        ("above", 0.55, 1.0, "bottom"), ("below", 0.55, 0, "top"),
    ]  # fmt: skip
