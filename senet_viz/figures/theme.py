"""What all figures share: the colours of pages, classes and images, the frame, the mode bar, a figure as a web page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import plotly.graph_objects as go
from plotly.colors import qualitative
from plotly.offline import get_plotlyjs

from senet_viz.errors import ArgumentError

Theme = Literal["light", "dark"]
Picture = Literal["png", "svg"]
PICTURES: tuple[Picture, ...] = ("png", "svg")
Axis = Literal["x", "y"]
AXES: tuple[Axis, ...] = ("x", "y")
FONT = "'Source Sans', 'Source Sans Pro', system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
# Eight of plotly's colour-blind-safe set, those first that are readable on white and on black.
CLASS_COLOURS = tuple(qualitative.Safe[i] for i in (6, 1, 5, 7, 0, 3, 8, 2))
GREY = "rgb(136, 136, 136)"


@dataclass(frozen=True)
class Look:
    """Colours of a figure on the light or the dark page.

    Attributes:
        ink: the all-class mean and headings.
        text: axes and labels.
        grid: grid lines.
        paper: behind everything.
        panel: behind the plots.
    """

    ink: str
    text: str
    grid: str
    paper: str
    panel: str


LIGHT = Look(ink="#111827", text="#4b5563", grid="#e5e7eb", paper="#ffffff", panel="#ffffff")
DARK = Look(ink="#f9fafb", text="#b6bfcc", grid="#2b3442", paper="#0f141b", panel="#0f141b")


def look_of(theme: Theme) -> Look:
    """Colours for a light or a dark page."""
    return DARK if theme == "dark" else LIGHT


def colour_classes(classes: Sequence[int], kept: Mapping[int, str] | None = None) -> dict[int, str]:
    """A colour for each class; those that have one keep it, more than eight are grey.

    Args:
        classes: indices, in the order in which they were chosen.
        kept: colours given before, also to classes that are not shown now.

    Returns:
        Colours of `classes`, then those of `kept` that no shown class needs.
    """
    before = dict(kept or {})
    result = {k: before[k] for k in classes if before.get(k, GREY) != GREY}
    idle = [c for k, c in before.items() if k not in result and c != GREY]
    fresh = [c for c in CLASS_COLOURS if c not in result.values()]
    fresh.sort(key=lambda colour: colour in idle)
    for k in classes:
        if k not in result:
            result[k] = fresh.pop(0) if fresh else GREY
    taken = set(result.values())
    return result | {k: c for k, c in before.items() if k not in result and c not in taken}


def translucent(colour: str, alpha: float) -> str:
    """An `rgb(…)` or `#rrggbb` colour with an opacity."""
    if colour.startswith("#"):
        colour = f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"
    return colour.replace("rgb(", "rgba(").replace(")", f", {alpha})")


def chart_config(name: str, *, picture: Picture = "png", camera: bool = False) -> dict[str, Any]:
    """The mode bar: a picture named after what it shows, no logo, nothing sent anywhere.

    Args:
        name: of the picture that the camera saves, without its ending.
        picture: its format: "png" in double resolution, or "svg".
        camera: whether the camera is always in sight, alone; else the mode bar comes with the pointer.

    Raises:
        ArgumentError: another format.
    """
    if picture not in PICTURES:
        raise ArgumentError(f"The camera saves no {picture!r}: use one of {', '.join(PICTURES)}.")
    removed = ["select2d", "lasso2d", "autoScale2d"]
    if camera:
        removed += ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]
    return {
        "displaylogo": False,
        "showSendToCloud": False,
        "responsive": True,
        "displayModeBar": True if camera else "hover",
        "modeBarButtonsToRemove": removed,
        "toImageButtonOptions": {"format": picture, "filename": name, "scale": 2 if picture == "png" else 1},
    }


def style(
    figure: go.Figure,
    look: Look,
    *,
    height: int,
    top: int,
    title: str = "",
    legend: int | bool = False,
    upright: bool = False,
    margin: Mapping[str, int] | None = None,
    axes: bool = True,
) -> go.Figure:
    """The frame that all figures have: fonts, paper, hover, a left-aligned title over the plot, legend, margins, axes.

    Args:
        figure: whose panels exist.
        look: colours of the page.
        height: px.
        top: px above the plot.
        title: each `<br>` gives it one more line.
        legend: px from the figure's top down to the legend; True for just under the title.
        upright: the legend has one entry per row.
        margin: px at "l", "r", "b" where they are not the usual ones.
        axes: whether axes are styled too.
    """
    below = 26 + 20 * title.count("<br>") if legend is True else legend
    figure.update_layout(
        {
            "template": "none",
            "height": height,
            "paper_bgcolor": look.paper,
            "plot_bgcolor": look.panel,
            "font": {"family": FONT, "size": 12, "color": look.text},
            "title": {"text": title, "x": 0, "xref": "container", "xanchor": "left", "y": 1, "yref": "container",
                      "yanchor": "top", "pad": {"t": 18 if "<br>" in title else 6, "l": 2}, "font": {"size": 13, "color": look.text}},
            "margin": {"l": 52, "r": 10, "t": top, "b": 46, **(margin or {})},
            "hoverlabel": {"bgcolor": look.paper, "bordercolor": look.grid, "font": {"family": FONT, "color": look.ink}},
            "legend": {"orientation": "v" if upright else "h", "x": 0, "xanchor": "left", "y": 1 - below / height if below else 1,
                       "yref": "container", "yanchor": "top", "font": {"color": look.ink}, "bgcolor": "rgba(0,0,0,0)"},
        },
        overwrite=True,  # plotly merges a property at a time, which takes five times as long
    )  # fmt: skip
    if axes:
        for kind in AXES:
            change_axes(figure, kind, axis_style(look, kind))
    return figure


def legend_room(entries: int, per_row: int) -> int:
    """Height of a legend, px."""
    return 22 * -(-entries // per_row)


def join_title(*parts: str, narrow: bool) -> str:
    """A title in one line; on a narrow screen one line per part."""
    return ("<br>" if narrow else " · ").join(parts)


def axis_style(look: Look, kind: Axis) -> dict[str, Any]:
    """What `style` sets on an axis: thin grid, no zero line, ticks in the text's colour."""
    shared = {"gridcolor": look.grid, "zeroline": False, "linecolor": look.grid, "tickcolor": look.grid,
              "showline": True, "ticks": "outside", "ticklen": 3, "exponentformat": "none"}  # fmt: skip
    if kind == "x":
        return {"showgrid": False, "title": {"font": {"size": 12}}, **shared}
    beside = {"font": {"size": 12}, "standoff": 8}  # behind long numbers, not on them
    return {"showgrid": True, "automargin": True, "title": beside, **shared}


def change_axes(figure: go.Figure, kind: Axis, changes: Mapping[str, Any], **where: int) -> None:
    """`figure.update_xaxes` or `update_yaxes`, but each axis is set as a whole: plotly checks a part at a time.

    Args:
        figure: whose panels exist.
        kind: which axes.
        changes: to their properties; of `title` the parts that are named.
        where: `row`, `col` of the panels; all where not named.
    """
    axes = figure.select_xaxes(**where) if kind == "x" else figure.select_yaxes(**where)
    for axis in list(axes):
        figure.layout[axis.plotly_name] = _merge(axis.to_plotly_json(), changes)


def _merge(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        k: _merge(before[k], v) for k, v in changes.items() if isinstance(v, dict) and isinstance(before.get(k), dict)
    }
    return {**before, **changes, **both}


def plotly_script() -> str:
    """plotly.js as text, to be inlined once in a page of several figures."""
    script: str = get_plotlyjs()
    return script


def page_of(figure: go.Figure, *, name: str, picture: Picture = "png") -> bytes:
    """Self-contained HTML: plotly.js is inside, nothing is loaded, and the page has the figure's paper.

    Args:
        figure: what to show, over the whole width of the window.
        name: the page's title and the name of the picture that its camera saves.
        picture: format of that picture.
    """
    body: str = figure.to_html(
        include_plotlyjs=True, full_html=False, config=chart_config(name, picture=picture), default_width="100%"
    )
    paper = figure.layout.paper_bgcolor or "white"
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(name)}</title><style>body {{ margin: 16px; background: {escape(paper)} }}</style>"
    )
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>{body}</body>\n</html>\n'.encode()


# Okabe and Ito 2008, told apart with every kind of colour vision; the dashes go on where the colours end.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_SYMBOLS = ("circle", "diamond", "square")
_DASHES = ("solid", "dash", "dot")


def colour_images(count: int) -> list[tuple[str, str]]:
    """Colour and dash of each image by its position."""
    return [(_COLOURS[i % len(_COLOURS)], _DASHES[i // len(_COLOURS) % len(_DASHES)]) for i in range(count)]


def symbol_of(position: int) -> str:
    """Marker of an image: another one where the colours begin again."""
    return _SYMBOLS[position // len(_COLOURS) % len(_SYMBOLS)]


def name_images(names: Sequence[str], *, most: int = 18) -> list[str]:
    """Numbered and shortened names: two images may bear one name; numbers alone where `most` leaves no room."""
    if most < 6:
        return [str(i) for i in range(1, len(names) + 1)]
    return [f"{i}. {shorten(name, most)}" for i, name in enumerate(names, start=1)]


def shorten(name: str, most: int) -> str:
    """A name of at most so many letters, as plain text; of a path its end."""
    return plain(truncate(name.replace("\\", "/").rsplit("/", 1)[-1], most))


def truncate(name: str, most: int) -> str:
    """A name of at most so many letters."""
    return name if len(name) <= most else name[: most - 1] + "…"


def plain(text: str) -> str:
    """Text that figures neither read as HTML nor as a template."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("%{", "%&#123;")


def rank_scale(look: Look) -> list[tuple[float, str]]:
    """Colours from the first rank on: only what is near the first stands out, and words stay readable on all."""
    if look == DARK:
        return [(0.0, "#5cc4da"), (0.3, "#1f6678"), (1.0, "#18202a")]
    return [(0.0, "#0b5a6d"), (0.3, "#a9d3dc"), (1.0, "#f1f4f6")]
