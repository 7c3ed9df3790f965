"""What browser tests share: one browser and one server a process, which has loaded what it needs after the first."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from benchmarks.app_server import serving
from tests.e2e.browser import browsing


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with browsing() as opened:
        yield opened


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """A page that a test leaves open would run on beside the next one's."""
    yield chromium
    first, *others = chromium.contexts
    for page in first.pages:
        page.close()
    for context in others:
        context.close()


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shared server looks for recordings: a test opens its own by its path."""
    folder = tmp_path_factory.mktemp("shared") / "runs"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def server(runs: Path) -> Iterator[str]:
    """Its address. The experiments that it shows lie in the folder "experiments" beside its recordings."""
    with serving(runs, runs.parent / "experiments") as address:
        yield address
