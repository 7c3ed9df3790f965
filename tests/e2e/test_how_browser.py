"""How SE works and the stability of a photo's gates in a browser: bundled network, both themes, two widths, axe."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.app_server import serving
from tests.e2e.browser import MARKS, Ears, serious_problems, settle

pytestmark = MARKS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("none") / "runs") as address:
        yield address


def expect_no_complaint(page: Page, ears: Ears, server: str) -> None:
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    assert serious_problems(page) == []
    assert ears.complaints == []
    assert ears.hosts == {server.removeprefix("http://")}


def test_a_newcomer_reads_every_step_on_a_phone_in_the_dark(server: str, browser: Browser) -> None:
    page, ears = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark").new_page(), Ears()
    ears.listen(page)
    page.goto(f"{server}/how?recording=bundled")
    page.get_by_text("What it costs").wait_for(timeout=60_000)
    settle(page)
    expect(page.get_by_text("equals s·U to 1e-6").first).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    expect_no_complaint(page, ears, server)
    page.context.close()


def test_a_link_opens_a_block_and_a_photos_stability_is_computed(server: str, browser: Browser, tmp_path: Path) -> None:
    page, ears = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light").new_page(), Ears()
    ears.listen(page)
    page.goto(f"{server}/how?recording=bundled&images=Samples&how_block=SE_4_6&how_channels_12=3")
    expect(page.get_by_text("with the numbers of channel 3", exact=False).first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("In SE_4_6 this image makes").first).to_be_visible()
    settle(page)
    expect_no_complaint(page, ears, server)
    page.goto(f"{server}/compare?recording=bundled&images=Samples&stable_level=Strong")
    page.locator(".st-key-stable_compute button").click(timeout=60_000)
    expect(page.get_by_text("changed copies.").first).to_be_visible(timeout=60_000)
    settle(page)
    expect(page.locator(".st-key-figure_stability .js-plotly-plot")).to_have_count(1)
    expect_no_complaint(page, ears, server)
    page.context.close()
