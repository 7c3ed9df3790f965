"""Gate lab in a browser: stored effects and the live panel, both themes, two widths, links, axe."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.app_server import serving
from senet_viz.assessing import assess
from senet_viz.images.samples import sample_images
from tests.e2e.browser import MARKS, Ears, serious_problems, settle
from tests.synthetic import PAPER_BLOCKS, synthetic_recording
from tests.synthetic_outcomes import PAPER_COSTS, write_outcomes_of

pytestmark = MARKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a recording with interventions."""
    made = tmp_path_factory.mktemp("lab") / "runs"
    recording = synthetic_recording(made / "run", classes=20, per_class=20, blocks=PAPER_BLOCKS)
    assess(recording, interventions=write_outcomes_of(recording, made.parent / "outcomes", PAPER_COSTS))
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with serving(folder) as address:
        yield address


def expect_no_complaint(page: Page, ears: Ears, server: str) -> None:
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    assert serious_problems(page) == []
    assert ears.complaints == []
    assert ears.hosts == {server.removeprefix("http://")}


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_stored_effects_draw_without_complaint_or_stranger(
    server: str, browser: Browser, folder: Path, theme: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page, ears = context.new_page(), Ears()
    ears.listen(page)
    page.goto(f"{server}/lab?recording={quote(str(folder / 'run'), safe='')}&lab_target=stage+5&lab_to=one")
    page.get_by_role("heading", name="Gate lab", exact=True).wait_for(timeout=60_000)
    expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=60_000)
    settle(page)
    expect(page.get_by_text("stage 5 to one").first).to_be_attached()
    assert "lab_target=stage+5" in page.url
    expect_no_complaint(page, ears, server)
    context.close()


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_a_photo_is_tried_on_the_bundled_network_at_once(
    server: str, browser: Browser, tmp_path: Path, width: int, theme: str
) -> None:
    name, data = sample_images()[2]
    (tmp_path / name).write_bytes(data)
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page, ears = context.new_page(), Ears()
    ears.listen(page)
    page.goto(f"{server}/lab?recording=bundled&try_block=SE_4_6&try_to=zero&try_dose=true")
    page.locator("input[type=file]").first.wait_for(state="attached", timeout=60_000)
    page.locator("input[type=file]").first.set_input_files(tmp_path / name)
    expect(page.get_by_text("With the gates of SE_4_6 moved to zero at strength 1").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("probability over the strength").first).to_be_attached(timeout=60_000)
    slider = page.get_by_role("slider", name="Strength")
    slider.focus()
    slider.press("ArrowLeft")
    expect(page.get_by_text("at strength 0.95").first).to_be_visible(timeout=30_000)
    settle(page)
    assert "try_strength=0.95" in page.url
    assert "try_to=zero" in page.url
    expect_no_complaint(page, ears, server)
    context.close()
