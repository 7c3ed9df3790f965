"""How SE works and the stability of a photo's gates in a browser: bundled network, both themes, two widths, axe."""

from playwright.sync_api import Browser, expect

from tests.e2e.browser import MARKS, PATIENCE, expect_nothing_wrong, serious_problems, settle, visiting

pytestmark = MARKS


def test_a_newcomer_reads_every_step_on_a_phone_in_the_dark(server: str, browser: Browser) -> None:
    with visiting(browser, server, theme="dark", width=390) as page:
        page.goto(f"{server}/how?recording=bundled")
        page.get_by_text("What it costs").wait_for()
        settle(page)
        expect(page.get_by_text("equals s·U to 1e-6").first).to_be_visible()
        expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=PATIENCE)


def test_a_link_opens_a_block_and_a_photos_stability_is_computed(server: str, browser: Browser) -> None:
    with visiting(browser, server) as page:
        page.goto(f"{server}/how?recording=bundled&images=Samples&how_block=SE_4_6&how_channels_12=3")
        numbers = page.get_by_text("with the numbers of channel 3", exact=False).first
        expect(numbers).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("In SE_4_6 this image makes").first).to_be_visible()
        settle(page)
        expect_nothing_wrong(page)
        assert serious_problems(page) == []
        page.goto(f"{server}/compare?recording=bundled&images=Samples&stable_level=Strong")
        page.locator(".st-key-stable_compute button").click()
        expect(page.get_by_text("changed copies.").first).to_be_visible(timeout=PATIENCE)
        settle(page)
        expect(page.locator(".st-key-figure_stability .js-plotly-plot")).to_have_count(1)
