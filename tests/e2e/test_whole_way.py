"""From nothing to a file: EfficientNet-B0 with random weights recorded on digits on the page, looked at, exported."""

from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page

from senet_viz import open_recording
from senet_viz.recording.export import export_statistics
from tests.e2e.browser import MARKS, serious_problems, settle, visiting
from tests.e2e.downloads import prepare
from tests.e2e.test_record_browser import PATIENCE, fill, go_to_record, wait_for_state
from tests.support.exported import read_exported

pytestmark = [*MARKS, pytest.mark.slow]


def record_efficientnet(page: Page, name: str) -> None:
    """Fills the form in, checks, goes on without accuracy and starts."""
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name="timm", exact=True).click()
    fill(page, "Name in timm", "efficientnet_b0")
    page.get_by_text("Random", exact=True).click()
    fill(page, "Name of the recording", name)
    page.get_by_text("Options", exact=True).click()
    fill(page, "At most so many images", "20", role="spinbutton")
    fill(page, "Batch size", "10", role="spinbutton")
    page.get_by_text("Options", exact=True).click()
    settle(page)
    page.get_by_role("button", name="Check", exact=True).click()
    page.get_by_text("0 of 10 classes have an output of the model").wait_for(timeout=PATIENCE)
    assert serious_problems(page) == []
    page.get_by_text("Go on without accuracy").click()
    settle(page)
    page.get_by_role("button", name="Start", exact=True).click()
    wait_for_state(page, "finished")


def test_a_recording_of_another_network_is_made_opened_and_exported(
    server: str, runs: Path, browser: Browser, tmp_path: Path
) -> None:
    with visiting(browser, server, axe=False) as page:
        record_look_and_export(page, server, runs, tmp_path)


def record_look_and_export(page: Page, server: str, runs: Path, tmp_path: Path) -> None:
    go_to_record(page, server)
    record_efficientnet(page, "efficientnet")
    recording = open_recording(runs / "efficientnet")
    assert recording.samples.num_rows == 20
    assert len(recording.blocks) == 16
    page.locator("[class*=st-key-job_open]").get_by_role("button").click()
    page.wait_for_selector(".js-plotly-plot .main-svg", timeout=PATIENCE, state="attached")
    settle(page)
    assert serious_problems(page) == []
    page.get_by_role("link", name="Export").click()
    page.get_by_role("heading", name="Export", exact=True).wait_for(timeout=PATIENCE)
    settle(page)
    assert serious_problems(page) == []
    direct = read_exported(export_statistics(recording, tmp_path / "direct.parquet"))
    path = prepare(page, "Parquet", f"statistics-{recording.id[:8]}", tmp_path)  # all formats: test_export_browser
    pd.testing.assert_frame_equal(read_exported(path), direct)
