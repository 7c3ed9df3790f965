"""Export in a real browser: files downloaded and equal, figures taken along, nothing asked of another host."""

import json
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page

from senet_viz.recording.export import export_statistics
from senet_viz.recording.reader import Recording, open_recording
from tests.e2e.browser import MARKS, Ears, new_page, settle, visiting, wait_until
from tests.e2e.downloads import FORMATS, keep, prepare, take
from tests.support.exported import read_exported
from tests.support.synthetic import synthetic_recording

pytestmark = MARKS


@pytest.fixture(scope="module")
def recording(runs: Path) -> Recording:
    folder = runs / "exported"
    synthetic_recording(folder, classes=6, unreadable=(3,), unlabelled=2)
    return open_recording(folder)


def open_export(page: Page, server: str, recording: Recording, **query: str) -> None:
    choices = "".join(f"&{key}={value}" for key, value in query.items())
    page.goto(f"{server}/export?recording={recording.path}{choices}")
    page.wait_for_selector(".js-plotly-plot .main-svg", timeout=60_000, state="attached")
    settle(page)


def test_the_page_draws_without_complaint_or_stranger(server: str, browser: Browser, recording: Recording) -> None:
    with visiting(browser, server, theme="dark", width=390, then_light=True) as page:
        open_export(page, server, recording)
        assert page.get_by_role("heading", name="Export", exact=True).is_visible()
        page.get_by_text("What the columns say").click()
        page.get_by_text("the divisor is n − 1").wait_for()
        settle(page)


def test_the_four_downloads_are_equal_to_each_other_and_to_exports(
    server: str, browser: Browser, recording: Recording, tmp_path: Path
) -> None:
    with visiting(browser, server, axe=False) as page:
        open_export(page, server, recording)
        for name, ending in FORMATS.items():
            path = prepare(page, name, f"statistics-{recording.id[:8]}", tmp_path)
            direct = export_statistics(recording, tmp_path / f"direct{ending}")
            pd.testing.assert_frame_equal(read_exported(path), read_exported(direct))
            pd.testing.assert_frame_equal(
                read_exported(path), read_exported(tmp_path / "direct.parquet"), check_dtype=False, rtol=1e-7
            )
            side = take(page, "Side file (JSON)", tmp_path)
            assert side.name == f"{path.name}.manifest.json"
            assert json.loads(side.read_text("utf-8"))["id"] == recording.id


TAKES = "form => document.querySelector('.js-plotly-plot')._context?.toImageButtonOptions?.format === form"


def test_a_figure_is_taken_along_as_page_and_pictures(
    server: str, browser: Browser, recording: Recording, tmp_path: Path
) -> None:
    page = new_page(browser)
    open_export(page, server, recording, figure="Fig. 7", paper="Dark")
    names = set()
    camera = page.locator(".js-plotly-plot .modebar-btn").first
    for picture, start in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        page.get_by_role("radio", name=picture, exact=True).click()
        wait_until(page, TAKES, picture.lower())
        with page.expect_download(timeout=60_000) as waiting:
            camera.click()
        file = keep(waiting.value, tmp_path)
        assert file.suffix == f".{picture.lower()}"
        names.add(file.stem)
        assert file.read_bytes().startswith(start)
    alone = take(page, "Figure (HTML)", tmp_path)
    assert alone.suffix == ".html"
    assert names == {alone.stem}
    assert alone.stem.startswith(f"gates-fig7-{recording.id[:8]}-")
    page.close()
    reader = new_page(browser, offline=True)
    ears = Ears()
    ears.listen(reader)
    reader.goto(alone.as_uri())
    reader.wait_for_selector(".js-plotly-plot .main-svg", state="attached", timeout=60_000)
    assert reader.title() == alone.stem
    assert reader.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 20, 27)"
    assert reader.evaluate("document.querySelector('.js-plotly-plot').data.length") > 6
    assert (ears.complaints, ears.hosts) == ([], set())
    reader.context.close()


def test_selections_come_along_from_distributions_and_the_camera_goes_back(
    server: str, browser: Browser, recording: Recording
) -> None:
    page = new_page(browser)
    page.goto(f"{server}/distributions?recording={recording.path}&class=class+4&order=Class+share")
    settle(page)
    page.get_by_role("link", name="Export").click()
    page.get_by_role("heading", name="Export", exact=True).wait_for()
    settle(page)
    assert str(recording.path) in page.get_by_test_id("stCode").first.inner_text()
    names = page.evaluate("document.querySelector('.js-plotly-plot').data.map(t => t.name)")
    assert {name for name in names if name} == {"all 6 classes", "class 4"}
    assert "by class share" in page.evaluate("document.querySelector('.js-plotly-plot').layout.title.text")
    page.get_by_role("radio", name="SVG", exact=True).click()
    wait_until(page, "() => document.location.search.includes('camera=SVG')")
    page.get_by_role("link", name="Distributions").click()
    page.get_by_role("heading", name="Distributions", exact=True).wait_for()
    settle(page)
    formats = page.evaluate(
        "[...document.querySelectorAll('.js-plotly-plot')].map(p => p._context.toImageButtonOptions.format)"
    )
    assert formats == ["svg"] * 4, "two of the page, one of a channel and one of its classes"
    page.close()


def test_a_deep_link_shows_the_same_choices_in_a_new_session(
    server: str, browser: Browser, recording: Recording
) -> None:
    page = new_page(browser)
    open_export(page, server, recording, format="NPZ", export_block="SE_5_1", export_class="class+2")
    main = page.get_by_test_id("stMain")
    assert main.get_by_text("16 rows × 17 columns").is_visible()
    assert "--blocks SE_5_1 --classes 'class 2'" in page.get_by_test_id("stCode").first.inner_text().replace("\n", " ")
    page.close()
