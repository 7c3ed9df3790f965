"""Walking through the dashboard: a recording and a screen, and what a person does on every page."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page

from tests.e2e.browser import Theme, expect_nothing_wrong, settle

_POINT = """([figure, trace, at, axis]) => {
  const drawn = document.querySelector(figure), layout = drawn._fullLayout
  const place = drawn.calcdata[trace][at], where = drawn.getBoundingClientRect(), y = layout[axis]
  return [where.left + layout.xaxis._offset + layout.xaxis.l2p(place.x), where.top + y._offset + y.l2p(place.y)]
}"""


@dataclass(frozen=True)
class Walk:
    """A recording to walk through, and on what screen.

    Attributes:
        name: "bundled", or of a folder under the server's recordings.
        depth, block: position and label of a block.
        at_hand: whether the recorded images are.
        judged: whether the network has outputs for the classes, and interventions are stored.
    """

    name: str
    depth: int
    block: str
    width: int
    theme: Theme
    at_hand: bool = True
    judged: bool = False


def said(page: Page, key: str) -> list[str]:
    """What the address says of a control."""
    return parse_qs(urlsplit(page.url).query).get(key, [])


def click_point(page: Page, figure: str, trace: int, at: int, axis: str) -> None:
    page.locator(figure).first.evaluate("drawn => drawn.scrollIntoView({block: 'center', behavior: 'instant'})")
    page.wait_for_timeout(200)
    x, y = page.evaluate(_POINT, [figure, trace, at, axis])
    page.mouse.move(x - 3, y - 3)
    page.mouse.move(x, y, steps=3)
    page.wait_for_timeout(300)
    page.mouse.click(x, y)


def drawn(page: Page, key: str) -> None:
    """Waits for a figure."""
    page.locator(f".st-key-figure_{key} .js-plotly-plot .main-svg").first.wait_for(state="attached")


def pick(page: Page, box: str, option: str) -> None:
    page.get_by_role("combobox", name=box, exact=True).first.click()
    page.get_by_role("option", name=option, exact=True).click()


def arrive(page: Page, title: str) -> None:
    page.get_by_role("heading", name=title, exact=True).wait_for()
    settle(page)
    expect_nothing_wrong(page)


def go_back_to(page: Page, stop: str, *, most: int = 4) -> None:
    """The browser's button, as often as choices on a page left a trace."""
    passed = [page.url]
    for _ in range(most):
        page.go_back()
        settle(page)
        passed.append(page.url)
        if _read_address(page.url) == _read_address(stop):
            return
    raise AssertionError(f"the button never came to {stop}; it went by {passed}")


def _read_address(address: str) -> tuple[str, dict[str, list[str]]]:
    """Page and choices; a space is written in two ways."""
    parts = urlsplit(address)
    return parts.path, parse_qs(parts.query)


def follow(page: Page, title: str) -> None:
    """The navigation, which a narrow screen hides, and which covers it while it is open."""
    narrow = page.viewport_size is not None and page.viewport_size["width"] < 700
    if narrow:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_test_id("stSidebarNavLink").filter(has_text=title).click()
    if narrow:
        page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    arrive(page, title)
