"""The report: everything in it, nothing fetched, nothing of the data taken as markup."""

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from senet_viz.claims.assess import assess
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.layout import ASSESSMENT
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.report.markup import paragraph, say_float, table
from senet_viz.report.writing import make_report, write_report
from tests.support.synthetic import synthetic_recording, unlabelled_recording
from tests.support.synthetic_outcomes import write_outcomes_of

HOSTILE = "<script>alert('x')</script>&\"'"
_VOID = {"meta", "link", "br", "img", "input", "hr"}


class Reader(HTMLParser):
    """Tags with their attributes, headings, and whether every tag is closed in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    made = synthetic_recording(
        tmp_path_factory.mktemp("report") / "run", classes=5, per_class=12, model={"name": HOSTILE}
    )
    assess(made)
    return open_recording(made.path)


@pytest.fixture(scope="module")
def html(recording: Recording) -> str:
    return make_report(recording, command=f"report '{HOSTILE}'")


@pytest.mark.slow
def test_all_its_parts_are_there(html: str) -> None:
    tags = read(html).tags
    anchors = {attributes["href"] for tag, attributes in tags if tag == "a"}
    ids = [attributes["id"] for tag, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert anchors == {f"#{i}" for i in ids if i in (
        "claims", "depth", "profiles", "map", "health", "measures", "decoding", "cka", "superclasses", "outcomes", "recorded",
        "methods", "made",
    )}  # fmt: skip
    assert len(anchors) == 13
    assert sum(tag == "article" for tag, _ in tags) == 12
    assert sum(tag == "figure" for tag, _ in tags) == 3
    assert len(re.findall(r"</figure>\s*<details>", html)) == 3
    assert ("html", {"lang": "en"}) in tags


def test_nothing_is_fetched_and_plotly_is_there_once(html: str) -> None:
    for tag, attributes in read(html).tags:
        for name in ("src", "href", "srcset", "poster", "data", "action"):
            assert not (attributes.get(name) or "").startswith(("http", "//")), (tag, attributes)
    style = html.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert html.count("* plotly.js v") == 1
    assert len(html) < 8_000_000


def test_words_of_the_data_stay_words(html: str) -> None:
    assert HOSTILE not in html
    assert "<h1>Gates of &lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;&quot;&#x27; on synthetic</h1>" in html


def test_verdicts_are_words(recording: Recording, html: str) -> None:
    tree = json.loads((recording.path / ASSESSMENT).read_text("utf-8"))
    for claim in tree["claims"]["claims"]:
        card = html.split(f'id="claim-{claim["id"]}"')[1].split("</article>")[0]
        for name, evidence in claim["readings"].items():
            assert f"</span> {name}: {evidence['verdict']}</span>" in card


def test_tables_have_scopes_and_can_be_reached(html: str) -> None:
    tags = read(html).tags
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in tags if tag == "th")
    regions = [attributes for _, attributes in tags if attributes.get("role") == "region"]
    assert len(regions) == sum(tag == "table" for tag, _ in tags)
    assert all(attributes["tabindex"] == "0" and attributes["aria-label"] for attributes in regions)


def test_without_an_assessment_it_says_so_and_shows_the_rest(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", classes=3, keep="none")
    made = make_report(recording)
    assert "This recording has not been assessed: run senet-viz assess" in made
    assert sum(tag == "figure" for tag, _ in read(made).tags) == 2


@pytest.mark.slow
def test_what_interventions_did_is_told(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", classes=5, per_class=40)
    costs = {("SE_5_1", "mean"): 9.0, ("SE_5_1", "within"): 2.0, ("SE_5_1", "between"): 30.0, ("stage 5", "one"): 20.0}
    assess(recording, interventions=write_outcomes_of(recording, tmp_path / "outcomes", costs))
    made = make_report(recording)
    tags = read(made).tags
    assert ("a", {"href": "#effects"}) in tags
    part = made.split('id="effects"')[1].split("</section>")[0]
    assert "<strong>Class effect</strong> (between − within): lowest at SE_5_1 with −" in part
    assert "no proof of what the untouched network uses" in part
    for caption in ("What moving the gates does", "Dynamic, instance and class effect", "Losers and winners"):
        assert f"<caption>{caption}</caption>" in part
    card = made.split('id="claim-C8"')[1].split("</article>")[0]
    assert "post hoc, without retraining" in card
    assert "accuracy lost by SE_5_1 alone not defined" in card
    assert "not retrained as the paper" in card


def test_a_stale_assessment_is_named(recording: Recording, tmp_path: Path) -> None:
    other = synthetic_recording(tmp_path / "run", seed=7)
    (other.path / ASSESSMENT).write_bytes((recording.path / ASSESSMENT).read_bytes())
    assert "does not speak of this one: assess it again." in make_report(other)


def test_of_images_without_labels_there_is_gate_health(tmp_path: Path) -> None:
    made = make_report(unlabelled_recording(tmp_path / "run"))
    assert "Gate health of every block" in made
    assert 'id="map"' not in made


@pytest.mark.slow
def test_what_can_not_be_written_is_refused(recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"must end in \.html"):
        write_report(recording, tmp_path / "report.txt")
    with pytest.raises(RecordingError, match="can be written"):
        write_report(recording, tmp_path / "nowhere" / "report.html")
    (tmp_path / "a.html").write_text("old", encoding="utf-8")
    assert write_report(recording, tmp_path / "a.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


def test_an_unfinished_recording_is_refused(recording: Recording) -> None:
    unfinished = dataclasses.replace(recording.manifest, complete=False)
    half = Recording(recording.path, unfinished)
    with pytest.raises(RecordingError, match="is not finished"):
        make_report(half)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1.0, "1.000"), (0.12345, "0.123"), (-0.5, "−0.500"), (0.00012, "1.2e−04"), (12000.0, "12,000")],
)
def test_numbers(value: float, text: str) -> None:
    assert say_float(value) == text


def test_cells_and_bold() -> None:
    frame = pd.DataFrame({"a": ["<b>"], "n": [1234], "x": [np.nan], "y": [True]})
    made = table(frame, "<c>")
    assert '<th scope="row">&lt;b&gt;</th><td class="number">1,234</td><td class="number">–</td><td>yes</td>' in made
    assert "<caption>&lt;c&gt;</caption>" in made
    assert paragraph("**a** < b") == "<p><strong>a</strong> &lt; b</p>"
