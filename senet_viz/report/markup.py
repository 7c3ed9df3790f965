"""Pieces of HTML: everything that comes from data is escaped here."""

import math
import re
from collections.abc import Callable, Iterable
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from senet_viz.figures import LIGHT, Look, chart_config

if TYPE_CHECKING:
    import plotly.graph_objects as go

NOT_DEFINED = "–"
_BOLD = re.compile(r"\*\*(.+?)\*\*")


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text, in which `**` marks what is bold."""
    marked = _BOLD.sub(r"<strong>\1</strong>", escape(text))
    return f"<p{_class(kind)}>{marked}</p>"


def section(heading: str, anchor: str, *parts: str) -> str:
    """A part of the page under a heading of the second level."""
    return (
        f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{escape(heading)}</h2>\n'
        + "\n".join(parts)
        + "\n</section>"
    )


def fold(summary: str, *parts: str) -> str:
    """What opens at a click or with the keyboard."""
    return f"<details><summary>{escape(summary)}</summary>\n" + "\n".join(parts) + "\n</details>"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names with their values; those without a value are left out."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs if value)
    return f"<dl>{rows}</dl>"


def table(frame: pd.DataFrame, caption: str, *, digits: int = 3) -> str:
    """A table whose first column names its rows; it scrolls in a region of its own that the keyboard reaches.

    Args:
        frame: what to show, NaN as a dash.
        caption: what it is, also the name of its region.
        digits: after the point; numbers under .001 have two significant ones.
    """
    head = "".join(f'<th scope="col">{escape(str(column))}</th>' for column in frame.columns)
    rows = "".join(
        f'<tr><th scope="row">{_cell(row[0], digits)}</th>'
        + "".join(
            f"<td{_class('number' if _is_number(value) else '')}>{_cell(value, digits)}</td>" for value in row[1:]
        )
        + "</tr>\n"
        for row in frame.itertuples(index=False, name=None)
    )
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}"><table><caption>{escape(caption)}'
        f"</caption><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></div>"
    )


def figure(
    draw: Callable[[Look, bool], "go.Figure"],
    name: str,
    alt: str,
    caption: str,
    numbers: pd.DataFrame,
    *,
    digits: int = 3,
) -> str:
    """A figure on a white card, once for wide and once for narrow screens, with its numbers as a table under it.

    Args:
        draw: from inks, and whether for a narrow screen.
        name: of the picture that its camera saves; letters, digits and dashes.
        alt: what a person who does not see it hears.
        caption: under it.
        numbers: what it shows.
        digits: of the table.
    """
    charts = "".join(
        f'<div class="chart {kind}" role="group" aria-label="{escape(alt)}">{_chart(draw(LIGHT, kind == "narrow"), name)}</div>'
        for kind in ("wide", "narrow")
    )
    return f"<figure>{charts}<figcaption>{escape(caption)}</figcaption></figure>\n" + fold(
        "The numbers of this figure", table(numbers, f"Numbers of the figure: {alt}", digits=digits)
    )


def _chart(made: "go.Figure", name: str) -> str:
    html: str = made.to_html(include_plotlyjs=False, full_html=False, config=chart_config(name), default_width="100%")
    return html


def _cell(value: Any, digits: int) -> str:
    if value is None or (_is_number(value) and math.isnan(value)):
        return NOT_DEFINED
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return say_float(float(value), digits)
    return escape(str(value))


def say_float(value: float, digits: int = 3) -> str:
    """A number with so many digits after the point; whole ones without, tiny ones with two significant digits."""
    if value == 0 or (value.is_integer() and abs(value) >= 10):
        return f"{value:,.0f}"
    text = f"{value:.1e}" if abs(value) < 10**-digits else f"{value:,.{digits}f}"
    return text.replace("-", "−")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
