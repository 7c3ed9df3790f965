"""Text of a recording is shown as it is: on every page, in figures, reports and files."""

import io
import re
from pathlib import Path

import pandas as pd
import pytest

from senet_viz.claims.assess import assess
from senet_viz.dashboard.links import escape, escape_option
from senet_viz.dashboard.parts import write_csv
from senet_viz.figures.theme import plain
from senet_viz.report.writing import write_report
from senet_viz.text import undo_defuse
from tests.support.markup import MARKUP, find_fooled
from tests.support.markup_recording import markup_recording
from tests.support.pages import page_opener, said

PAGES = ("claim", "distributions", "blocks", "classes", "pair", "compare", "lab", "how", "record", "export")


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recording = markup_recording(tmp_path_factory.mktemp("marked") / "r")
    assess(recording)
    return recording.path


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_no_page_interprets_what_a_recording_says(page: str, marked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = page_opener(monkeypatch)(page, marked, model=None, second="bundled", images="Samples")
    assert not app.exception
    assert find_fooled(app) == []
    if page not in ("record", "compare", "lab", "how"):
        assert MARKUP.split("[")[0] in said(app) or MARKUP in str(app.get("plotly_chart"))


@pytest.mark.slow
def test_a_report_shows_it_as_it_is(marked: Path, tmp_path: Path) -> None:
    from senet_viz.recording.reader import open_recording

    text = write_report(open_recording(marked), tmp_path / "r.html") and (tmp_path / "r.html").read_text("utf-8")
    words = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert "<img src=x" not in words
    assert "<b>z</b>" not in words
    assert "&lt;img src=x onerror=1&gt;" in words


def test_names_are_neither_markdown_nor_links_nor_templates() -> None:
    assert escape("a@b.c") == r"a\@b.c"
    assert escape("www.a.b &lt; http://c") == r"www\.a.b \&lt; http\://c"
    assert escape_option("polar bear, SE_4_6 (n-1)") == "polar bear, SE_4_6 (n-1)"
    assert escape_option("_x_ *y*") == r"\_x\_ \*y\*"
    assert plain("<b>&amp; %{x}") == "&lt;b&gt;&amp;amp; %&#123;x}"


def test_a_table_is_no_formula_in_a_spreadsheet() -> None:
    table = pd.DataFrame(
        {"=name": ["=1+1", "\t+x", "cat", None], "n": [-1, 2, 3, 4], "mean": [-0.5, 1.0, float("nan"), 0.0]}
    )
    back = pd.read_csv(io.BytesIO(write_csv(table)))
    assert list(back.columns) == ["'=name", "n", "mean"]
    assert back["'=name"].tolist()[:3] == ["'=1+1", "'\t+x", "cat"]
    assert [undo_defuse(cell) for cell in back["'=name"].tolist()[:3]] == ["=1+1", "\t+x", "cat"]
    assert back["n"].tolist() == [-1, 2, 3, 4]
    assert back["mean"].tolist()[:2] == [-0.5, 1.0]
