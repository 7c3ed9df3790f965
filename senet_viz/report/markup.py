"""Pieces of HTML and the page around them: everything that comes from data is escaped here."""

import math
import re
from collections.abc import Callable, Iterable
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from senet_viz.figures.theme import LIGHT, Look, chart_config
from senet_viz.text import number_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

STYLE = """\
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #111827; --soft: #4b5563; --line: #d1d5db; --card: #f8fafc; --link: #0f6e84;
  --supported: #166534; --refuted: #991b1b; --inconclusive: #854d0e; --none: #4b5563;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f141b; --ink: #f3f4f6; --soft: #b6bfcc; --line: #374151; --card: #171e28; --link: #5cc4da;
    --supported: #86efac; --refuted: #fca5a5; --inconclusive: #fcd34d; --none: #b6bfcc;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1100px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 8px; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; margin: 40px 0 8px; padding-top: 12px; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 0 0 8px; }
p, li, dd { max-width: 78ch; overflow-wrap: anywhere; }
a { color: var(--link); }
code { font: 0.9em ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.soft, figcaption, caption { color: var(--soft); }
.answer { font-size: 1.05rem; }
.contents { display: flex; flex-wrap: wrap; gap: 4px 16px; padding: 0; list-style: none; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; margin: 8px 0; }
dt { color: var(--soft); }
dd { margin: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(310px, 1fr)); gap: 16px; align-items: start; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; background: var(--card); }
.card p { margin: 6px 0; }
.card .numbers { font-size: 0.875rem; color: var(--soft); }
.verdict { font-weight: 600; }
.supported { color: var(--supported); } .refuted { color: var(--refuted); }
.inconclusive { color: var(--inconclusive); } .not-applicable { color: var(--none); }
figure { margin: 16px 0 8px; }
.chart { background: #ffffff; border: 1px solid var(--line); border-radius: 8px; padding: 8px; overflow: hidden; }
.narrow { display: none; }
figcaption { font-size: 0.9rem; margin-top: 6px; max-width: 90ch; }
details { margin: 8px 0; }
summary { cursor: pointer; color: var(--link); width: fit-content; }
.scroll { overflow: auto; max-height: 640px; margin: 8px 0; border: 1px solid var(--line); border-radius: 6px; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 6px 8px; font-size: 0.85rem; }
th, td { padding: 3px 10px; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { min-width: 5.5em; vertical-align: bottom; }
tbody th { white-space: nowrap; max-width: 24em; overflow: hidden; text-overflow: ellipsis; }
td.number { text-align: right; white-space: nowrap; }
@media (max-width: 700px) {
  .wide { display: none; }
  .narrow { display: block; }
  main { padding: 16px 12px 48px; }
  .chart { padding: 4px 0; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 6px; }
  .cards { grid-template-columns: 1fr; }
}
@media print {
  .scroll { max-height: none; overflow: visible; }
}
"""

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
    charts = ""
    for kind in ("wide", "narrow"):
        chart = draw(LIGHT, kind == "narrow").to_html(
            include_plotlyjs=False, full_html=False, config=chart_config(name), default_width="100%"
        )
        charts += f'<div class="chart {kind}" role="group" aria-label="{escape(alt)}">{chart}</div>'
    return f"<figure>{charts}<figcaption>{escape(caption)}</figcaption></figure>\n" + fold(
        "The numbers of this figure", table(numbers, f"Numbers of the figure: {alt}", digits=digits)
    )


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
    return number_text(value, ".1e" if abs(value) < 10**-digits else f",.{digits}f")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def page(title: str, body: str, script: str) -> str:
    """A whole HTML page.

    Args:
        title: of the page, plain text.
        body: HTML.
        script: plotly.js, inlined once.
    """
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>\n'
        f"<style>\n{STYLE}</style>\n<script>{script}</script>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def contents(sections: list[tuple[str, str]]) -> str:
    """Links to the sections.

    Args:
        sections: heading and anchor of each.
    """
    links = "".join(f'<li><a href="#{anchor}">{escape(heading)}</a></li>' for heading, anchor in sections)
    return f'<nav aria-label="Contents"><ul class="contents">{links}</ul></nav>'
