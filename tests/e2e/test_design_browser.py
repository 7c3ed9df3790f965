"""Design and Experiments in a browser: both themes, two widths, no complaint, no other host, axe; a link brings its choice."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from senet_viz.analysis.experiments.files import write_result
from tests.e2e.browser import MARKS, PATIENCE, settle, visiting
from tests.support.experimented import DRAWN, drawn_result, write_declaration

pytestmark = MARKS


@pytest.fixture(scope="module", autouse=True)
def experiment(runs: Path) -> None:
    folder = runs.parent / "experiments" / "drawn"
    write_declaration(folder, DRAWN)
    write_result(folder, drawn_result({"r16": 0.6, "none": 0.5, "per_conv": 0.6}))


@pytest.mark.parametrize(
    ("link", "title", "texts"),
    [
        ("design?design_network=SE-VGG-16&design_r=8", "Design", ("13 SE units add", "senet_viz:se_vgg16,reduction=8")),
        ("experiments?experiment=drawn", "Experiments", ("All 9 networks are trained", "Yes, by more than 1 point")),
    ],
)
def test_the_page_draws_without_complaint_or_stranger(
    server: str, browser: Browser, link: str, title: str, texts: tuple[str, ...]
) -> None:
    with visiting(browser, server, theme="dark", width=390, then_light=True) as page:
        page.goto(f"{server}/{link}")
        page.get_by_role("heading", name=title, exact=True).wait_for()
        expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=PATIENCE)
        for text in texts:
            expect(page.get_by_text(text).first).to_be_visible()
        settle(page)
