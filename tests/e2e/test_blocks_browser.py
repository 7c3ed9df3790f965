"""Blocks and Two recordings in a browser: both themes, two widths, no complaint, no other host, axe."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from benchmarks.app_server import serving
from senet_viz.assessing import assess
from tests.e2e.browser import MARKS, Ears, serious_problems, settle
from tests.synthetic import synthetic_recording

pytestmark = MARKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two assessed recordings of the same images."""
    made = tmp_path_factory.mktemp("browser") / "runs"
    for seed, name in enumerate(("first", "second")):
        assess(synthetic_recording(made / name, classes=5, seed=seed, shares={"SE_5_1": 0.2 + 0.6 * seed}))
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with serving(folder) as address:
        yield address


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("page_name", "title", "figures"), [("blocks", "Blocks", 5), ("two", "Two recordings", 2)])
def test_a_page_draws_without_complaint_or_stranger(
    server: str, browser: Browser, folder: Path, theme: str, width: int, page_name: str, title: str, figures: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    ears = Ears()
    ears.listen(page)
    first, second = (quote(str(folder / name), safe="") for name in ("first", "second"))
    page.goto(f"{server}/{page_name}?recording={first}&second={second}")
    page.get_by_role("heading", name=title, exact=True).wait_for(timeout=60_000)
    expect(page.locator(".js-plotly-plot")).to_have_count(figures, timeout=60_000)
    settle(page)
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    assert serious_problems(page) == []
    assert ears.complaints == []
    assert ears.hosts == {server.removeprefix("http://")}
    context.close()
