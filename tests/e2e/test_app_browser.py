"""The app as a person opens it: a real browser, both themes, two widths, no word in the console, no other host."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.synthetic import synthetic_recording

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: install Debian's 'chromium'"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("browser")
    synthetic_recording(folder / "runs" / "planted", classes=6)
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(port),
               "--server.headless", "true"]  # fmt: skip
    environment = {**os.environ, "SENET_VIZ_RECORDINGS": str(folder / "runs")}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=2).close()
                    break
                except OSError:
                    time.sleep(0.2)
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield opened
        opened.close()


def draw(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".js-plotly-plot .main-svg", timeout=60_000, state="attached")
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')", timeout=60_000)
    page.wait_for_timeout(500)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_draws_without_complaint_or_stranger(server: str, browser: Browser, theme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    complaints: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]) if request.url.startswith("http") else None)
    draw(page, server)
    assert page.get_by_role("heading", name="Distributions", exact=True).is_visible()
    assert page.locator(".js-plotly-plot").count() == 3
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    assert complaints == []
    assert hosts == {server.removeprefix("http://")}
    context.close()


def traces(page: Page) -> list[list[str]]:
    """Name and fill of every trace of the first figure: bands are filled."""
    return page.evaluate("document.querySelector('.js-plotly-plot').data.map(t => [t.name || '', t.fill || ''])")


def test_a_deep_link_shows_the_same_selection_in_a_new_session(server: str, browser: Browser) -> None:
    first = browser.new_context().new_page()
    draw(first, server)
    means = traces(first)
    first.get_by_text("Mean ± SD (Fig. 7)", exact=True).first.click()
    first.wait_for_function("() => document.location.search.includes('view=')", timeout=20_000)
    first.wait_for_timeout(3000)
    second = browser.new_context().new_page()
    draw(second, first.url)
    assert second.url == first.url
    assert traces(second) == traces(first) != means
