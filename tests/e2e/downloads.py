"""Files that a page hands over."""

from pathlib import Path

from playwright.sync_api import Download, Page

from tests.e2e.browser import settle

FORMATS = {"Parquet": ".parquet", "CSV": ".csv", "JSON": ".json", "NPZ": ".npz"}


def take(page: Page, button: str, folder: Path) -> Path:
    """Clicks what downloads a file, and the file.

    The page is at rest by then: Streamlit forgets what an earlier run of a page offered when it has run anew, and a click in between
    comes to nothing.
    """
    offered = page.get_by_role("button", name=button)
    offered.wait_for()
    settle(page)
    with page.expect_download(timeout=60_000) as waiting:
        offered.click()
    return keep(waiting.value, folder)


def keep(download: Download, folder: Path) -> Path:
    path = folder / download.suggested_filename
    download.save_as(path)
    return path


def prepare(page: Page, name: str, stem: str, folder: Path) -> Path:
    """Chooses a format on the page Export, has the file written and takes it."""
    page.get_by_test_id("stMain").get_by_role("radio", name=name, exact=True).click()
    page.get_by_role("button", name=f"Prepare {name} file").click()
    return take(page, f"Download {stem}{FORMATS[name]}", folder)
