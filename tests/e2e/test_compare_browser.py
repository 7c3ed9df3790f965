"""Compare images in a real browser: upload, read, open a cell, ask why, pass the link on."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from senet_viz.images.builtin import sample_images
from tests.e2e.browser import MARKS, PATIENCE, new_page, settle, visiting, wait_until
from tests.e2e.command import run

pytestmark = MARKS


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    for name, data in sample_images()[:3]:
        (folder / name).write_bytes(data)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def efficientnet(runs: Path) -> Path:
    """A recording of EfficientNet-B0 with random weights on digits."""
    recording = runs / "efficientnet digits"
    done = run(
        "record", "--model", "timm:efficientnet_b0", "--weights", "random", "--data", "digits", "--limit", 20,
        "--batch-size", 10, "--out", recording, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images"] == 20
    return recording


def upload(page: Page, photos: list[Path]) -> None:
    page.locator("input[type=file]").first.set_input_files(photos)
    page.get_by_text("When does the class emerge?").wait_for(timeout=120_000)
    settle(page)


def open_cell(page: Page, image: int, depth: int) -> None:
    """Click a cell of the grid: its invisible marker tells where it is."""
    page.locator(".st-key-grid_cells").scroll_into_view_if_needed()
    place = page.evaluate(
        """([image, depth]) => {
            const plot = document.querySelector('.st-key-grid_cells .js-plotly-plot')
            const trace = plot.data.find(t => t.mode === 'markers')
            const at = trace.customdata.findIndex(d => d[0] === image && d[1] === depth)
            const box = plot.getBoundingClientRect(), layout = plot._fullLayout
            return [box.left + layout.xaxis._offset + layout.xaxis.d2p(trace.x[at]),
                    box.top + layout.yaxis._offset + layout.yaxis.d2p(trace.y[at])]
        }""",
        [image, depth],
    )
    page.mouse.move(*place)
    page.wait_for_timeout(200)
    page.mouse.click(*place)
    settle(page)


def expect_block_in_view(page: Page) -> None:
    """The opened block's panel begins in the upper half of the window."""
    wait_until(
        page,
        """() => {
            const top = document.getElementById('one-block').getBoundingClientRect().top
            return 0 <= top && top < window.innerHeight / 2
        }""",
    )


def ask_why(page: Page) -> None:
    figures = page.locator(".js-plotly-plot").count()
    page.get_by_role("button", name="Compute").click()
    wait_until(page, f"() => document.querySelectorAll('.js-plotly-plot').length > {figures}")
    settle(page)


def test_three_photos_are_compared_a_cell_opened_and_an_attribution_drawn(
    server: str, browser: Browser, photos: list[Path]
) -> None:
    with visiting(browser, server) as page:
        page.goto(f"{server}/compare?recording=bundled")
        upload(page, photos)
        expect(page.get_by_text("goldfish").first).to_be_attached()
        for path in photos:
            expect(page.get_by_text(path.name).first).to_be_visible()
        open_cell(page, image=1, depth=4)
        page.wait_for_url("**compare_block=SE_3_2**")
        expect(page.get_by_text("SE_3_2 · gate of all 256 channels").first).to_be_attached()
        expect_block_in_view(page)
        settle(page)
        page.locator(".st-key-grid_cells").scroll_into_view_if_needed()
        page.get_by_role("link", name="SE_3_2 is open: go to it").press("Enter")  # without a mouse
        expect_block_in_view(page)
        ask_why(page)
        expect(page.get_by_text("SE_3_2 · pixels that drive").first).to_be_attached()


def test_a_link_to_the_samples_shows_the_same_selection_in_a_new_session(server: str, browser: Browser) -> None:
    first = new_page(browser)
    first.goto(
        f"{server}/compare?recording=bundled&images=Samples&compare_block=SE_4_6&unit=Recorded+SDs&among=goldfish"
    )
    first.get_by_text("Why this gate?").wait_for(timeout=120_000)
    settle(first)
    second = new_page(browser)
    second.goto(first.url)
    second.get_by_text("Why this gate?").wait_for(timeout=120_000)
    settle(second)
    assert second.url == first.url
    titles = "[...document.querySelectorAll('.js-plotly-plot')].map(p => p.layout.title.text)"
    for page in (first, second):  # the last of them is drawn some time after the page is there
        wait_until(page, f"() => {titles}.some(t => (t || '').includes('channels that differ most'))")
        expect(page.locator(".js-plotly-plot")).to_have_count(9, timeout=PATIENCE)  # four predictions and five below
    assert second.evaluate(titles) == first.evaluate(titles)
    assert any("SE_4_6" in title for title in second.evaluate(titles))
    assert any("recorded SDs" in title for title in second.evaluate(titles))


def test_an_efficientnet_with_random_weights_on_a_phone_in_the_dark(
    server: str, browser: Browser, photos: list[Path], efficientnet: Path
) -> None:
    with visiting(browser, server, theme="dark", width=390) as page:
        page.goto(f"{server}/compare?recording={quote(str(efficientnet))}")
        page.locator("input[type=file]").first.wait_for(state="attached")
        upload(page, photos)
        open_cell(page, image=0, depth=2)
        page.wait_for_url("**compare_block=**")
        expect_block_in_view(page)
        ask_why(page)
