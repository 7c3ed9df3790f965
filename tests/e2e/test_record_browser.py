"""A recording made on the page: checked, mapped, started, cancelled, resumed, opened, renamed, deleted."""

import contextlib
import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, TimeoutError

from benchmarks.app_server import serving
from senet_viz import open_recording, verify_recording
from senet_viz.dashboard.jobs.running import find_jobs, read_status
from tests.e2e.browser import MARKS, Ears, new_page
from tests.e2e.slow_network import HURRY

pytestmark = [*MARKS, pytest.mark.slow]
NETWORK = "tests.e2e.slow_network:slow_se"
PATIENCE = 120_000


def go_to_record(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("link", name="Record", exact=True).click(timeout=PATIENCE)
    page.get_by_role("heading", name="Record", exact=True).wait_for(timeout=PATIENCE)


def fill(page: Page, label: str, text: str, *, role: Literal["textbox", "spinbutton"] = "textbox") -> None:
    field = page.get_by_role(role, name=label, exact=True)
    field.fill(text)
    field.press("Enter")


def start_slow_recording(page: Page, name: str) -> None:
    """Fills the form in, checks, maps the classes in their order and starts."""
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name="Python factory").click()
    fill(page, "package.module:factory", NETWORK)
    fill(page, "Name of the recording", name)
    page.get_by_text("Options", exact=True).click()
    fill(page, "Batch size", "32", role="spinbutton")
    page.get_by_text("Options", exact=True).click()
    page.wait_for_timeout(1000)
    page.get_by_role("button", name="Check", exact=True).click()
    page.get_by_text("0 of 10 classes have an output of the model").wait_for(timeout=PATIENCE)
    page.get_by_text("Same order", exact=True).click()
    page.get_by_text("Only you can know that").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Start", exact=True).click()


def wait_until_recording(page: Page) -> None:
    page.get_by_text("images/s").first.wait_for(timeout=PATIENCE)


def wait_for_state(page: Page, state: str) -> None:
    page.get_by_text(re.compile(rf"\b{state}\b")).first.wait_for(timeout=PATIENCE)  # "unfinished" is another


@pytest.mark.timeout(600)  # two servers and three starts of a job, on a busy machine
def test_a_recording_is_cancelled_resumed_outlives_its_server_and_is_opened(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, ears, hurry = tmp_path / "runs", Ears(), tmp_path / "hurry"
    monkeypatch.setenv(HURRY, str(hurry))
    with serving(root) as address:
        page = new_page(browser)
        ears.listen(page)
        go_to_record(page, address)
        start_slow_recording(page, "my run")
        wait_until_recording(page)
        other = new_page(browser, theme="dark", width=390)
        ears.listen(other)
        other.goto(f"{address}/record")
        wait_until_recording(other)
        assert other.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it scrolls sideways"
        page.get_by_role("button", name="Cancel").click()
        for seen in (page, other):
            wait_for_state(seen, "cancelled")
        stopped = open_recording(root / "my run")
        assert 0 < stopped.samples.num_rows < 1797
        page.reload()
        page.get_by_role("button", name="Resume").click(timeout=PATIENCE)
        wait_until_recording(page)
        expect_silence(ears, address)
    assert read_status(find_jobs(root)[0]).state == "running"
    for seen in (page, other):  # they would look for their server in vain
        seen.close()
    with serving(root) as address:
        page, ears = new_page(browser), Ears()
        ears.listen(page)
        go_to_record(page, address)
        wait_until_recording(page)
        page.get_by_role("button", name="Cancel").click()
        wait_for_state(page, "cancelled")
        assert read_status(find_jobs(root)[0]).state == "cancelled"
        assert open_recording(root / "my run").samples.num_rows < 1797
        hurry.touch()
        page.reload()
        page.get_by_role("button", name="Resume").click(timeout=PATIENCE)
        wait_for_state(page, "finished")
        made = open_recording(root / "my run")
        assert (made.complete, made.id, made.manifest.mapping.method) == (True, stopped.id, "label map")
        assert verify_recording(made.path).ok
        assert made.samples.num_rows == 1797
        page.locator("[class*=st-key-job_open]").get_by_role("button").click()
        page.wait_for_selector(".js-plotly-plot .main-svg", timeout=PATIENCE, state="attached")
        assert "my+run" in page.url or "my%20run" in page.url
        assert page.get_by_role("heading", name="Distributions", exact=True).is_visible()
        rename_and_delete(page, root)
        assert page.locator("[data-testid=stException]").count() == 0
        expect_silence(ears, address)


def expect_silence(ears: Ears, address: str) -> None:
    """Nobody complained, and only the server was asked."""
    assert ears.complaints == []
    assert ears.hosts == {address.removeprefix("http://")}


def rename_and_delete(page: Page, root: Path) -> None:
    page.get_by_role("link", name="Record", exact=True).click()
    page.get_by_role("button", name="Rename").click(timeout=PATIENCE)
    fill(page, "New name", "its name")
    page.get_by_role("button", name="Rename it").click()
    page.get_by_role("dialog").wait_for(state="hidden", timeout=PATIENCE)
    page.get_by_text("its name").first.wait_for(timeout=PATIENCE)
    assert [path.name for path in root.iterdir() if not path.name.startswith(".")] == ["its name"]
    ask_to_delete(page)
    page.get_by_role("button", name="Keep it").click(timeout=PATIENCE)
    page.get_by_role("dialog").wait_for(state="hidden", timeout=PATIENCE)
    assert open_recording(root / "its name").complete
    ask_to_delete(page)
    page.get_by_role("button", name="Delete it").click(timeout=PATIENCE)
    page.get_by_text("There is none yet").wait_for(timeout=PATIENCE)
    assert [path.name for path in root.iterdir()] == [".jobs"]
    assert find_jobs(root) == ()


def ask_to_delete(page: Page) -> None:
    """Opens the dialog; a click that falls on a row which is just being drawn anew is made again, as a person would."""
    asked = page.get_by_role("button", name="Keep it")
    for _ in range(4):
        with contextlib.suppress(TimeoutError):  # nothing behind an open dialog can be clicked
            page.get_by_role("button", name="Delete", exact=True).click(timeout=PATIENCE / 4)
            asked.wait_for(timeout=PATIENCE / 4)
        if asked.is_visible():
            return
        page.keyboard.press("Escape")
    raise AssertionError(f"the dialog does not open: {page.locator('body').inner_text()}")
