"""Gate lab in a browser: stored effects and the live panel, both themes, two widths, links, axe."""

from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from senet_viz.claims.assess import assess
from senet_viz.images.builtin import sample_images
from tests.e2e.browser import MARKS, PATIENCE, settle, visiting
from tests.support.synthetic import PAPER_BLOCKS, synthetic_recording
from tests.support.synthetic_outcomes import PAPER_COSTS, write_outcomes_of

pytestmark = MARKS


@pytest.fixture(scope="module")
def recording(runs: Path) -> Path:
    """With interventions."""
    made = synthetic_recording(runs / "lab", classes=20, per_class=20, blocks=PAPER_BLOCKS)
    assess(made, interventions=write_outcomes_of(made, runs.parent / "lab outcomes", PAPER_COSTS))
    return made.path


def test_stored_effects_draw_on_a_phone_without_complaint_or_stranger(
    server: str, browser: Browser, recording: Path
) -> None:  # wide and in the light a walk sees them
    with visiting(browser, server, theme="dark", width=390) as page:
        page.goto(f"{server}/lab?recording={quote(str(recording), safe='')}&lab_target=stage+5&lab_to=one")
        page.get_by_role("heading", name="Gate lab", exact=True).wait_for()
        expect(page.locator(".js-plotly-plot")).to_have_count(3, timeout=PATIENCE)
        settle(page)
        expect(page.get_by_text("stage 5 to one").first).to_be_attached()
        assert "lab_target=stage+5" in page.url


def test_a_photo_is_tried_on_the_bundled_network_at_once(server: str, browser: Browser, tmp_path: Path) -> None:
    name, data = sample_images()[2]
    (tmp_path / name).write_bytes(data)
    with visiting(browser, server, theme="dark", width=390, then_light=True) as page:
        page.goto(f"{server}/lab?recording=bundled&try_block=SE_4_6&try_to=zero&try_dose=true")
        page.locator("input[type=file]").first.wait_for(state="attached")
        page.locator("input[type=file]").first.set_input_files(tmp_path / name)
        moved = page.get_by_text("With the gates of SE_4_6 moved to zero at strength 1").first
        expect(moved).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("probability over the strength").first).to_be_attached(timeout=PATIENCE)
        slider = page.get_by_role("slider", name="Strength")
        slider.focus()
        slider.press("ArrowLeft")
        expect(page.get_by_text("at strength 0.95").first).to_be_visible(timeout=PATIENCE)
        settle(page)
        assert "try_strength=0.95" in page.url
        assert "try_to=zero" in page.url
