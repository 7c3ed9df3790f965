"""The report as a reader opens it: a file, offline, light and dark, wide and narrow."""

import itertools
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.browser import MARKS, ROOT, Ears, Theme, new_page, serious_problems, wait_until
from tests.e2e.command import run

pytestmark = MARKS
BUNDLED = ROOT / "checkpoints" / "seresnet50-w050-64px" / "recording"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    done = run("report", BUNDLED, "--out", path)
    assert done.returncode == 0, done.stderr
    assert path.stat().st_size < 15_000_000
    return path


def open_offline(browser: Browser, report: Path, *, theme: Theme = "light", width: int = 1280) -> tuple[Page, Ears]:
    page, ears = new_page(browser, theme=theme, width=width, offline=True), Ears()
    ears.listen(page)
    page.goto(report.as_uri())
    wait_until(page, "() => document.querySelectorAll('.main-svg').length > 0")
    page.wait_for_timeout(500)
    return page, ears


def test_it_opens_offline_and_asks_nobody(browser: Browser, report: Path) -> None:
    page, ears = open_offline(browser, report, theme="dark", width=390)
    expect_three_charts(page, width=390)
    page.evaluate("document.querySelectorAll('tr:nth-child(n+20)').forEach(row => row.remove())")  # more of the same
    assert serious_problems(page) == []
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_timeout(500)
    expect_three_charts(page, width=1280)
    assert serious_problems(page) == []
    assert (ears.complaints, ears.hosts) == ([], set())
    page.context.close()


def expect_three_charts(page: Page, *, width: int) -> None:
    shown = [chart for chart in page.locator("figure .chart").all() if chart.is_visible()]
    assert len(shown) == 3
    for chart in shown:
        assert chart.locator(".main-svg").first.is_visible()
        assert chart.get_attribute("aria-label")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_is_read_with_the_keyboard_and_in_order(browser: Browser, report: Path) -> None:
    page, _ = open_offline(browser, report)
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("article.card").count() == 12
    fold = page.locator("figure + details").first
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    assert fold.locator("table").is_visible()
    assert page.locator("figure").count() == page.locator("figure + details table").count()
    assert page.locator("th:not([scope])").count() == 0
    page.context.close()
