"""Design in a browser: both themes, two widths, no complaint, no other host, axe; a link brings its design."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from benchmarks.app_server import serving
from tests.e2e.browser import MARKS, Ears, serious_problems, settle

pytestmark = MARKS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("design")) as address:
        yield address


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_the_page_draws_without_complaint_or_stranger(server: str, browser: Browser, theme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    ears = Ears()
    ears.listen(page)
    page.goto(f"{server}/design?design_network=SE-VGG-16&design_r=8")
    page.get_by_role("heading", name="Design", exact=True).wait_for(timeout=60_000)
    expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=60_000)
    expect(page.get_by_text("13 SE units add")).to_be_visible()
    expect(page.get_by_text("senet_viz:se_vgg16,reduction=8")).to_be_visible()
    settle(page)
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    assert serious_problems(page) == []
    assert ears.complaints == []
    assert ears.hosts == {server.removeprefix("http://")}
    context.close()
