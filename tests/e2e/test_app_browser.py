"""The app as a person opens it: a real browser, no word in the console, no other host.

Wide and in the light its pages are seen by the walks.
"""

from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from senet_viz.claims.assess import assess
from tests.e2e.browser import (
    MARKS,
    expect_nothing_wrong,
    new_page,
    serious_problems,
    settle,
    visiting,
    wait_until,
)
from tests.support.synthetic import synthetic_recording

pytestmark = MARKS


@pytest.fixture(scope="module")
def planted(runs: Path) -> str:
    """The folder of an assessed recording, as an address says it."""
    recording = synthetic_recording(runs / "planted", classes=6)
    assess(recording)
    return quote(str(recording.path), safe="")


def draw(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".js-plotly-plot .main-svg", timeout=60_000, state="attached")
    wait_until(page, "() => !document.querySelector('[data-testid=stStatusWidget]')")
    page.wait_for_timeout(500)


def test_the_page_draws_on_a_phone_without_complaint_or_stranger(server: str, browser: Browser, planted: str) -> None:
    with visiting(browser, server, theme="dark", width=390) as page:
        draw(page, f"{server}/distributions?recording={planted}")
        assert page.get_by_role("heading", name="Distributions", exact=True).is_visible()
        expect(page.locator(".js-plotly-plot")).to_have_count(4)  # a narrow screen is known only after a first run


def test_the_first_page_is_claim(server: str, browser: Browser, planted: str) -> None:
    with visiting(browser, server, theme="dark", width=390, axe=False) as page:
        draw(page, f"{server}/claim?recording={planted}")
        assert page.get_by_role("heading", name="Claim", exact=True).is_visible()
        assert page.get_by_role("dialog").count() == 0, "Streamlit knows the first page by no name"
        expect(page).to_have_title("Claim · senet_viz")
        assert page.get_by_text("On the relative reading").is_visible()
        assert page.get_by_text("C12").first.is_visible()
        settle(page)
        expect_nothing_wrong(page)
        assert serious_problems(page) == []
        page.get_by_role("link", name="Show me").first.click()
        page.get_by_role("heading", name="Distributions", exact=True).wait_for()
        expect(page).to_have_title("Distributions · senet_viz")
        assert "block=SE_2_3" in page.url


def traces(page: Page) -> list[list[str]]:
    """Name and fill of every trace of the first figure: bands are filled."""
    return page.evaluate("document.querySelector('.js-plotly-plot').data.map(t => [t.name || '', t.fill || ''])")


def test_a_deep_link_shows_the_same_selection_in_a_new_session(server: str, browser: Browser, planted: str) -> None:
    first = new_page(browser)
    draw(first, f"{server}/distributions?recording={planted}")
    means = traces(first)
    first.get_by_text("Mean ± SD (Fig. 7)", exact=True).first.click()
    wait_until(first, "() => document.location.search.includes('view=')")
    first.wait_for_timeout(3000)
    second = new_page(browser)
    draw(second, first.url)
    assert second.url == first.url
    assert traces(second) == traces(first) != means
