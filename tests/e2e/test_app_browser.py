"""The app as a person opens it: a real browser, both themes, two widths, no word in the console, no other host."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.browser import MARKS, Ears, browsing, serving
from tests.synthetic import synthetic_recording

pytestmark = MARKS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("browser")
    synthetic_recording(folder / "runs" / "planted", classes=6)
    with serving(folder / "runs") as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as opened:
        yield opened


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
    draw(page, server)
    assert page.get_by_role("heading", name="Distributions", exact=True).is_visible()
    assert page.locator(".js-plotly-plot").count() == 3
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    assert ears.complaints == []
    assert ears.hosts == {server.removeprefix("http://")}
    context.close()


def traces(page: Page) -> list[list[str]]:
    """Name and fill of every trace of the first figure: bands are filled."""
    return page.evaluate("document.querySelector('.js-plotly-plot').data.map(t => [t.name || '', t.fill || ''])")


def test_a_deep_link_shows_the_same_selection_in_a_new_session(server: str, browser: Browser) -> None:
    first = browser.new_context().new_page()
    draw(first, server)
    means = traces(first)
    first.get_by_text("Mean ± SD (Fig. 7)", exact=True).first.click()
    first.wait_for_function("() => document.location.search.includes('view=')", timeout=20_000)
    first.wait_for_timeout(3000)
    second = browser.new_context().new_page()
    draw(second, first.url)
    assert second.url == first.url
    assert traces(second) == traces(first) != means
