"""From a depth curve to one image and what its gates do, and all the way back by the browser's button."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

import senet_viz as sv
from benchmarks.app_server import serving
from senet_viz.planning import RecordOptions
from tests.e2e.browser import MARKS, Ears, serious_problems, settle

pytestmark = [*MARKS, pytest.mark.walk]
POINT = """([figure, trace, at, axis]) => {
  const drawn = document.querySelectorAll('.js-plotly-plot')[figure], layout = drawn._fullLayout
  const place = drawn.calcdata[trace][at], where = drawn.getBoundingClientRect(), y = layout[axis]
  return [where.left + layout.xaxis._offset + layout.xaxis.l2p(place.x), where.top + y._offset + y.l2p(place.y)]
}"""


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of digits by the bundled network: its images are at hand."""
    folder = tmp_path_factory.mktemp("browser") / "runs" / "digits"
    return sv.record(sv.load_model("bundled"), "digits", folder, options=RecordOptions(limit=40)).path


@pytest.fixture(scope="module")
def server(digits: Path) -> Iterator[str]:
    with serving(digits.parent) as address:
        yield address


def say(page: Page) -> tuple[str, dict[str, list[str]]]:
    """The page and what its address says."""
    parts = urlsplit(page.url)
    return parts.path.strip("/"), parse_qs(parts.query)


def click_point(page: Page, figure: int, trace: int, at: int, axis: str) -> None:
    x, y = page.evaluate(POINT, [figure, trace, at, axis])
    page.mouse.move(x - 3, y - 3)
    page.mouse.move(x, y, steps=3)
    page.wait_for_timeout(300)
    page.mouse.click(x, y)


def wait_for_title(page: Page, title: str) -> None:
    page.get_by_role("heading", name=title, exact=True).wait_for(timeout=60_000)
    settle(page)


def test_from_the_depth_curve_to_a_channel_and_back(server: str, browser: Browser) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    ears = Ears()
    ears.listen(page)
    page.goto(f"{server}/?recording=bundled")
    page.wait_for_selector(".js-plotly-plot .main-svg", timeout=60_000, state="attached")
    settle(page)
    names = page.evaluate("document.querySelector('.js-plotly-plot').calcdata.map(t => t[0].trace.name)")
    click_point(page, 0, names.index("gate s"), 9, "yaxis")
    wait_for_title(page, "Distributions")
    assert say(page) == ("distributions", {"map_block": ["SE_4_3"], "at": ["one-block"]})
    expect(page.locator("#one-block")).to_be_in_viewport(timeout=10_000)
    click_point(page, 1, 1, 5, "yaxis2")
    page.wait_for_function("() => document.location.search.includes('channel=')", timeout=20_000)
    settle(page)
    expect(page.locator("#one-channel")).to_be_in_viewport(timeout=10_000)
    channel = say(page)[1]["channel"]
    page.get_by_role("link", name="All measures of SE_4_3").click()
    wait_for_title(page, "Blocks")
    assert say(page) == ("blocks", {"map_block": ["SE_4_3"], "at": ["one-block"]})
    page.go_back()
    wait_for_title(page, "Distributions")
    assert say(page)[1] == {"map_block": ["SE_4_3"], "at": ["one-block"], "channel": channel}
    page.go_back()
    page.go_back()
    wait_for_title(page, "Claim")
    assert ears.complaints == []
    assert ears.hosts == {server.removeprefix("http://")}
    page.context.close()


def test_from_an_image_to_its_gates_and_what_they_do(server: str, browser: Browser, digits: Path) -> None:
    page = browser.new_context(viewport={"width": 390, "height": 900}, color_scheme="dark").new_page()
    ears = Ears()
    ears.listen(page)
    page.goto(f"{server}/distributions?recording={quote(str(digits), safe='')}&map_block=SE_5_2&at=images")
    image = page.locator("a[href*='sample=']:visible").first
    image.wait_for(timeout=60_000)
    settle(page)
    expect(page.locator("[data-testid=stImage] img")).to_have_count(12)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    assert serious_problems(page) == []
    wanted = parse_qs(urlsplit(image.get_attribute("href") or "").query)
    image.click()
    page.get_by_role("heading", name="What the network saw and said").wait_for(timeout=60_000)
    settle(page)
    where, said = say(page)
    assert where == "compare"
    assert {key: said[key] for key in ("images", "sample", "compare_block")} == {
        "images": ["Recording"], "sample": wanted["sample"], "compare_block": ["SE_5_2"],
    }  # fmt: skip
    page.get_by_role("link", name="Move the gates of SE_5_2").click()
    page.get_by_text("With the gates of SE_5_2 moved").wait_for(timeout=60_000)
    settle(page)
    assert say(page)[1]["sample"] == wanted["sample"]
    page.go_back()
    page.get_by_role("heading", name="What the network saw and said").wait_for(timeout=60_000)
    assert say(page)[1]["sample"] == wanted["sample"]
    page.go_back()
    wait_for_title(page, "Distributions")
    assert page.locator("[data-testid=stException]").count() == 0
    assert ears.complaints == []
    assert ears.hosts == {server.removeprefix("http://")}
    page.context.close()
