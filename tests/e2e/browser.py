"""A server of the app, a browser, and ears for what a page must not say."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).parents[2]
PATIENCE = 60_000  # ms
_OFTEN = 250  # ms
CHROMIUM = shutil.which("chromium")
_STILL = """() => !document.querySelector('[data-testid=stStatusWidget], [data-stale=true]')
  && document.getAnimations().every(
    a => a.playState !== 'running' || a.effect?.getComputedTiming().iterations === Infinity)"""
_BROKEN = "() => [...document.images].some(image => image.complete && !image.naturalWidth)"
Theme = Literal["light", "dark"]
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: install Debian's 'chromium'"),
]


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    """Debian's chromium. Its first context is that of all visits, with a profile on disk, and its pages share a process: what the
    server sends every page is fetched, and compiled, once."""
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        kept = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-background-networking",
                "--process-per-site",
                "--renderer-process-limit=1",
            ],
            reduced_motion="reduce",
        )
        assert kept.browser is not None
        yield kept.browser
        kept.close()


def new_page(browser: Browser, *, theme: Theme = "light", width: int = 1280, offline: bool = False) -> Page:
    """A page of a session of its own, for someone who wants nothing to move: drawing what moves takes a quarter of the work.

    What the server sent before is in its cache, and compiled, unless it is `offline` and has nothing but its file.
    """
    context = browser.new_context(reduced_motion="reduce", offline=True) if offline else browser.contexts[0]
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme)
    page.set_default_timeout(PATIENCE)
    return page


@contextlib.contextmanager
def visiting(
    browser: Browser,
    server: str,
    *,
    theme: Theme = "light",
    width: int = 1280,
    axe: bool = True,
    then_light: bool = False,
) -> Iterator[Page]:
    """A page of the app, of which nothing is wrong when it is left: see `expect_nothing_wrong`.

    With `then_light` its person goes on in the light, in a window 1280 px wide: nothing is wrong then either.
    """
    page, ears = new_page(browser, theme=theme, width=width), Ears()
    ears.listen(page)
    yield page
    expect_nothing_wrong(page, axe=axe)
    if then_light:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
        settle(page)
        expect_nothing_wrong(page, axe=axe)
    assert not ears.complaints, ears.complaints
    assert ears.hosts == {server.removeprefix("http://")}, ears.hosts
    page.close()


def expect_nothing_wrong(page: Page, *, axe: bool = False) -> None:
    """What holds wherever one stands."""
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.get_by_text("Traceback").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    assert not page.evaluate(_BROKEN), "a picture does not show"
    problems = serious_problems(page) if axe else []
    assert not problems, problems


def serious_problems(page: Page) -> list[str]:
    """What axe finds on a page that keeps somebody from using it, one line a rule; on the whole of it, not just in view.

    What fades in, or is drawn anew, is pale meanwhile: what is wrong is still so a second later, with the page at rest.
    """
    size = page.viewport_size or {"width": 1280, "height": 900}
    height = page.evaluate("() => document.querySelector('[data-testid=stMain]')?.scrollHeight ?? 0")
    page.set_viewport_size({"width": size["width"], "height": max(size["height"], int(height))})
    serious: list[str] = []
    for pause in (500, 1000, 2000):
        page.wait_for_timeout(pause)
        wait_until(page, _STILL)
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [
            f"{rule['id']}: {rule['nodes']}"[:1000] for rule in found if rule["impact"] in ("serious", "critical")
        ]
        if not serious:
            break
    page.set_viewport_size(size)
    return serious


def settle(page: Page) -> None:
    """Wait until the page has been run and drawn."""
    page.wait_for_timeout(600)
    wait_until(page, "() => !document.querySelector('[data-testid=stStatusWidget]')")
    page.wait_for_timeout(600)


def wait_until(page: Page, holds: str, arg: object = None) -> None:
    """Until a function in JavaScript says so. Playwright's own way asks at every frame, which takes a whole core."""
    page.wait_for_function(holds, arg=arg, polling=_OFTEN, timeout=1.5 * PATIENCE)


@dataclass
class Ears:
    """What a page complained of, and the hosts that it asked."""

    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def listen(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._note(request.url))

    def _hear(self, message: ConsoleMessage) -> None:
        """A picture that is asked for when its page has just been drawn anew is gone: see `expect_nothing_wrong`."""
        gone = "/media/" in message.location["url"] or "Image source error" in message.text
        if message.type == "error" and not gone:
            self.complaints.append(message.text)

    def _note(self, url: str) -> None:
        if url.startswith("http"):
            self.hosts.add(url.split("/")[2])
