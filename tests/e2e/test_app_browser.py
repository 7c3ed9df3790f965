"""The app as a person opens it: a real browser, both themes, two widths, no word in the console, no other host."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.app_server import serving
from senet_viz.assessing import assess
from tests.e2e.browser import MARKS, Ears, serious_problems, settle
from tests.synthetic import synthetic_recording

pytestmark = MARKS


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of an assessed recording."""
    recording = synthetic_recording(tmp_path_factory.mktemp("browser") / "runs" / "planted", classes=6)
    assess(recording)
    return str(recording.path)


@pytest.fixture(scope="module")
def server(planted: str) -> Iterator[str]:
    with serving(Path(planted).parent) as address:
        yield address


def draw(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".js-plotly-plot .main-svg", timeout=60_000, state="attached")
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')", timeout=60_000)
    page.wait_for_timeout(500)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_draws_without_complaint_or_stranger(server: str, browser: Browser, theme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    ears = Ears()
    ears.listen(page)
    draw(page, f"{server}/distributions")
    assert page.get_by_role("heading", name="Distributions", exact=True).is_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(4)  # a narrow screen is known only after a first run
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    assert ears.complaints == []
    assert ears.hosts == {server.removeprefix("http://")}
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_first_page_is_claim(server: str, browser: Browser, theme: str, width: int, planted: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    ears = Ears()
    ears.listen(page)
    draw(page, f"{server}/?recording={quote(planted)}")
    assert page.get_by_role("heading", name="Claim", exact=True).is_visible()
    assert page.get_by_text("On the relative reading").is_visible()
    assert page.get_by_text("C12").first.is_visible()
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    assert serious_problems(page) == []
    page.get_by_role("link", name="Show me").first.click()
    page.get_by_role("heading", name="Distributions", exact=True).wait_for(timeout=60_000)
    assert "block=SE_2_3" in page.url
    assert page.locator("[data-testid=stException]").count() == 0
    assert ears.complaints == []
    assert ears.hosts == {server.removeprefix("http://")}
    context.close()


def traces(page: Page) -> list[list[str]]:
    """Name and fill of every trace of the first figure: bands are filled."""
    return page.evaluate("document.querySelector('.js-plotly-plot').data.map(t => [t.name || '', t.fill || ''])")


def test_a_deep_link_shows_the_same_selection_in_a_new_session(server: str, browser: Browser) -> None:
    first = browser.new_context().new_page()
    draw(first, f"{server}/distributions")
    means = traces(first)
    first.get_by_text("Mean ± SD (Fig. 7)", exact=True).first.click()
    first.wait_for_function("() => document.location.search.includes('view=')", timeout=20_000)
    first.wait_for_timeout(3000)
    second = browser.new_context().new_page()
    draw(second, first.url)
    assert second.url == first.url
    assert traces(second) == traces(first) != means
