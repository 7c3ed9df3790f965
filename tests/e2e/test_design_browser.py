"""Design and Experiments in a browser: both themes, two widths, no complaint, no other host, axe; a link brings its choice."""

import os
from collections.abc import Iterator
from unittest import mock

import pytest
from playwright.sync_api import Browser, expect

from benchmarks.app_server import serving
from senet_viz.experiments import write_result
from tests.e2e.browser import MARKS, Ears, serious_problems, settle
from tests.experimented import DRAWN, drawn_result, write_declaration

pytestmark = MARKS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    experiments = tmp_path_factory.mktemp("experiments")
    write_declaration(experiments / "drawn", DRAWN)
    write_result(experiments / "drawn", drawn_result({"r16": 0.6, "none": 0.5, "per_conv": 0.6}))
    with (
        mock.patch.dict(os.environ, {"SENET_VIZ_EXPERIMENTS": str(experiments)}),
        serving(tmp_path_factory.mktemp("design")) as address,
    ):
        yield address


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize(
    ("link", "title", "texts"),
    [
        ("design?design_network=SE-VGG-16&design_r=8", "Design", ("13 SE units add", "senet_viz:se_vgg16,reduction=8")),
        ("experiments?experiment=drawn", "Experiments", ("All 9 networks are trained", "Yes, by more than 1 point")),
    ],
)
def test_the_page_draws_without_complaint_or_stranger(
    server: str, browser: Browser, theme: str, width: int, link: str, title: str, texts: tuple[str, ...]
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    ears = Ears()
    ears.listen(page)
    page.goto(f"{server}/{link}")
    page.get_by_role("heading", name=title, exact=True).wait_for(timeout=60_000)
    expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=60_000)
    for text in texts:
        expect(page.get_by_text(text).first).to_be_visible()
    settle(page)
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    assert serious_problems(page) == []
    assert ears.complaints == []
    assert ears.hosts == {server.removeprefix("http://")}
    context.close()
