"""The page around the report: one style sheet, plotly.js once, nothing from anywhere else."""

from html import escape

from senet_viz.report.style import STYLE


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
