"""Blocks and Two recordings in a browser: both themes, two widths, no complaint, no other host, axe."""

from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from senet_viz.claims.assess import assess
from tests.e2e.browser import MARKS, PATIENCE, settle, visiting
from tests.support.synthetic import synthetic_recording

pytestmark = MARKS


@pytest.fixture(scope="module")
def pair(runs: Path) -> tuple[Path, Path]:
    """Two assessed recordings of the same images."""
    made = [
        synthetic_recording(runs / name, classes=5, seed=seed, shares={"SE_5_1": 0.2 + 0.6 * seed})
        for seed, name in enumerate(("first", "second"))
    ]
    for recording in made:
        assess(recording)
    return made[0].path, made[1].path


@pytest.mark.parametrize(
    ("page_name", "title", "figures"),
    [("blocks", "Blocks", 5), ("two", "Two recordings", 2)],
)
def test_a_page_draws_without_complaint_or_stranger(
    server: str,
    browser: Browser,
    pair: tuple[Path, Path],
    page_name: str,
    title: str,
    figures: int,
) -> None:
    # Blocks is seen wide and in the light by a walk
    first, second = (quote(str(path), safe="") for path in pair)
    with visiting(browser, server, theme="dark", width=390, then_light=page_name == "two") as page:
        page.goto(f"{server}/{page_name}?recording={first}&second={second}")
        page.get_by_role("heading", name=title, exact=True).wait_for()
        expect(page.locator(".js-plotly-plot")).to_have_count(figures, timeout=PATIENCE)
        settle(page)
