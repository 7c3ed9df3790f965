"""Classes in a browser: rows ticked and compared, a link onwards and back, a phone in the dark; no complaint, axe."""

from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from senet_viz.claims.assess import assess
from tests.e2e.browser import MARKS, PATIENCE, settle, visiting
from tests.support.synthetic import PAPER_BLOCKS, synthetic_recording
from tests.support.synthetic_outcomes import PAPER_COSTS, write_outcomes_of

pytestmark = MARKS
_ROW = 35  # px of the table's header and of each row


@pytest.fixture(scope="module")
def recording(runs: Path) -> Path:
    """With interventions."""
    made = synthetic_recording(runs / "classes", classes=20, per_class=20, blocks=PAPER_BLOCKS)
    assess(made, interventions=write_outcomes_of(made, runs.parent / "classes outcomes", PAPER_COSTS))
    return made.path


def open_page(page: Page, server: str, recording: Path, more: str = "") -> None:
    page.goto(f"{server}/classes?recording={quote(str(recording), safe='')}{more}")
    page.get_by_role("heading", name="Classes", exact=True).wait_for()
    expect(page.locator(".js-plotly-plot")).to_have_count(5, timeout=60_000)
    settle(page)


def tick_rows(page: Page, *rows: int) -> None:
    """Rows of the table of all classes, which is drawn and has no elements."""
    box = page.locator("[data-testid=stDataFrame]").first.bounding_box()
    assert box is not None
    for row in rows:
        page.mouse.click(box["x"] + _ROW / 2, box["y"] + _ROW * (row + 1.5))
        settle(page)


def click_class(page: Page, index: int) -> None:
    """A grey point of the map."""
    page.locator(".st-key-figure_plane").scroll_into_view_if_needed()
    settle(page)
    place = page.evaluate(
        """index => {
            const plot = document.querySelector('.st-key-figure_plane .js-plotly-plot')
            const trace = plot._fullData[0], at = trace.customdata.findIndex(d => d[1] === index)
            const box = plot.getBoundingClientRect(), layout = plot._fullLayout
            return [box.left + layout.xaxis._offset + layout.xaxis.d2p(trace.x[at]),
                    box.top + layout.yaxis._offset + layout.yaxis.d2p(trace.y[at])]
        }""",
        index,
    )
    page.mouse.move(*place)
    page.wait_for_timeout(200)
    page.mouse.click(*place)


def chosen(page: Page) -> list[str]:
    return parse_qs(urlsplit(page.url).query).get("class", [])


def test_rows_are_ticked_compared_passed_on_and_found_again(server: str, browser: Browser, recording: Path) -> None:
    with visiting(browser, server) as page:
        open_page(page, server, recording, "&class_sort=Name&map_block=SE_5_1")
        tick_rows(page, 1, 3)
        page.get_by_role("button", name="Compare these 2").click()
        page.wait_for_url("**class=class+1&class=class+11**")
        expect(page.get_by_role("heading", name="Nearest to class 1", exact=True)).to_be_attached(timeout=PATIENCE)
        settle(page)
        page.get_by_role("link", name="class 1: distributions").click()
        page.get_by_role("heading", name="Distributions", exact=True).wait_for()
        settle(page)
        assert chosen(page) == ["class 1"]
        page.go_back()
        page.get_by_role("heading", name="Classes", exact=True).wait_for()
        settle(page)
        assert chosen(page) == ["class 1", "class 11"]


def test_a_phone_in_the_dark_shows_a_link_s_choice(server: str, browser: Browser, recording: Path) -> None:
    with visiting(browser, server, theme="dark", width=390) as page:
        open_page(
            page, server, recording, "&class=class+4&class=class+9&class_from=class+9&class_unit=Within-class+SDs"
        )
        expect(page.get_by_role("heading", name="Nearest to class 9", exact=True)).to_be_attached()
        titles = page.evaluate("[...document.querySelectorAll('.js-plotly-plot')].map(p => p.layout.title.text)")
        assert any("Distance from class 9" in title for title in titles)
        click_class(page, 13)
        page.wait_for_url("**class=class+13**")
        expect(page.get_by_role("heading", name="Nearest to class 13", exact=True)).to_be_attached(timeout=PATIENCE)
        assert chosen(page) == ["class 4", "class 9", "class 13"]
        settle(page)
