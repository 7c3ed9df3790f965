"""The dashboard's paths, walked on three recordings: the bundled one, digits by its network, MobileNetV3 with random weights.

Only the bundled one has outputs for its classes and interventions, and only its images are elsewhere.
"""

from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

import senet_viz as sv
from senet_viz.images.builtin import sample_images
from senet_viz.recording.options import RecordOptions
from tests.e2e.browser import MARKS, expect_nothing_wrong, serious_problems, settle, visiting, wait_until
from tests.e2e.walking import Walk, arrive, click_point, drawn, follow, go_back_to, pick, said

pytestmark = MARKS
_ROW = 35  # px of a table's header and of each row
CLASS_POINT = """() => {
  const plot = document.querySelector('.st-key-figure_plane .js-plotly-plot'), layout = plot._fullLayout
  const trace = plot._fullData[0], box = plot.getBoundingClientRect()
  return {x: box.left + layout.xaxis._offset + layout.xaxis.d2p(trace.x[0]),
          y: box.top + layout.yaxis._offset + layout.yaxis.d2p(trace.y[0]), name: trace.customdata[0][0].split(/<\\/?b>/)[1]}
}"""
WALKS = (
    Walk("bundled", 9, "SE_4_3", 1280, "light", at_hand=False, judged=True),
    Walk("digits", 12, "SE_4_6", 390, "dark"),
    Walk("mobilenet", 7, "SE_3_2", 1280, "dark"),
)


def on_each_recording(first: str = "") -> pytest.MarkDecorator:
    """The walk on all three: on the first with all other tests, on the others on request (`-m walk`)."""
    return pytest.mark.parametrize(
        "walk", [pytest.param(w, id=w.name, marks=[] if w.name == first else pytest.mark.walk) for w in WALKS]
    )


@pytest.fixture
def recording(walk: Walk, runs: Path) -> str:
    """What an address says of it; of a few digits, and not assessed, unless it is the bundled one."""
    folder = runs / f"{walk.name} walked"
    if walk.name != "bundled" and not folder.exists():
        model = (
            sv.load_model("bundled")
            if walk.name == "digits"
            else sv.load_model("timm:mobilenetv3_small_050", weights="random")
        )
        sv.record(model, "digits", folder, options=RecordOptions(limit=30))
    return "bundled" if walk.name == "bundled" else quote(str(folder), safe="")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    name, data = sample_images()[0]
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


@on_each_recording("bundled")
def test_from_a_depth_curve_to_one_image_and_what_its_gates_do(
    server: str, browser: Browser, recording: str, walk: Walk
) -> None:
    with visiting(browser, server, theme=walk.theme, width=walk.width, axe=False) as page:
        page.goto(f"{server}/?recording={recording}")
        if walk.name != "bundled":
            page.get_by_role("button", name="Assess now").click()
        stops = [open_curve(page)]
        open_block(page, walk)
        stops.append(open_channel(page))
        expect_extremes(page, walk)
        if walk.judged:
            look_at_measures(page, walk, stops[-1])
        open_image(page, walk)
        stops.append(page.url)
        page.get_by_role("link", name=f"Move the gates of {walk.block}").click()
        expect_moved(page, walk)
        assert serious_problems(page) == []
        page.reload()  # a new session, which has the address alone
        expect_moved(page, walk)
        for stop, mark in zip(reversed(stops), ("Why this gate?", "One channel: all images", "Claim by claim")):
            go_back_to(page, stop)
            arrive(page, mark)


def open_curve(page: Page) -> str:
    page.wait_for_selector(".js-plotly-plot .main-svg", state="attached")
    arrive(page, "Claim by claim")
    assert serious_problems(page) == []
    return page.url


def open_block(page: Page, walk: Walk) -> None:
    names = page.evaluate("document.querySelector('.js-plotly-plot').calcdata.map(t => t[0].trace.name)")
    click_point(page, ".js-plotly-plot", names.index("gate s"), walk.depth, "yaxis")
    arrive(page, "Distributions")
    assert said(page, "map_block") == [walk.block]
    expect(page.locator("#one-block")).to_be_in_viewport(timeout=10_000)


def open_channel(page: Page) -> str:
    """By a triangle above the map."""
    drawn(page, "map")
    click_point(page, ".st-key-figure_map .js-plotly-plot", 1, 5, "yaxis2")
    wait_until(page, "() => document.location.search.includes('channel=')")
    settle(page)
    expect(page.locator("#one-channel")).to_be_in_viewport(timeout=10_000)
    return page.url


def expect_extremes(page: Page, walk: Walk) -> None:
    channel = said(page, "channel")[0]
    for key in ("channel", "extreme_classes"):
        drawn(page, key)
    titles = page.evaluate("[...document.querySelectorAll('.js-plotly-plot')].map(p => p.layout.title.text)")
    assert f"<b>{walk.block}</b> · gate of channel {channel}" in titles
    expect(page.locator("[data-testid=stImage] img")).to_have_count(12 if walk.at_hand else 0)
    expect(page.get_by_role("textbox", name="Where are the recorded images?")).to_have_count(0 if walk.at_hand else 1)
    settle(page)
    assert serious_problems(page) == []


def look_at_measures(page: Page, walk: Walk, here: str) -> None:
    """On the page Blocks, and back."""
    page.get_by_role("link", name=f"All measures of {walk.block}").click()
    arrive(page, "Blocks")
    assert (said(page, "map_block"), said(page, "at")) == ([walk.block], ["one-block"])
    assert serious_problems(page) == []
    page.go_back()
    arrive(page, "One channel: all images")
    assert page.url == here


def open_image(page: Page, walk: Walk) -> None:
    """An extreme image's gates and attribution; of a sample where the recorded images are elsewhere."""
    image = page.locator("a[href*='sample=']:visible").first
    wanted = parse_qs(urlsplit(image.get_attribute("href") or "").query)["sample"]
    image.click()
    arrive(page, "Compare images")
    if not walk.at_hand:
        page.get_by_text("The recording names its images").wait_for()
        page.get_by_role("radio", name="Samples").click()
    page.get_by_role("heading", name="Why this gate?").wait_for()
    settle(page)
    assert said(page, "sample") == wanted
    assert said(page, "compare_block") == [walk.block]
    figures = page.locator(".js-plotly-plot").count()
    page.get_by_role("button", name="Compute").click()
    wait_until(page, f"() => document.querySelectorAll('.js-plotly-plot').length > {figures}")
    expect(page.get_by_text("pixels that drive").first).to_be_attached()
    expect_nothing_wrong(page)


def expect_moved(page: Page, walk: Walk) -> None:
    arrive(page, "Gate lab")
    page.get_by_text(f"With the gates of {walk.block} moved").first.wait_for(state="attached")
    expect(page.get_by_role("heading", name="Losers and winners")).to_have_count(1 if walk.judged else 0)
    expect(page.get_by_text("No interventions on this network's gates")).to_have_count(0 if walk.judged else 1)


@on_each_recording("mobilenet")
def test_classes_are_searched_sorted_compared_and_mapped(
    server: str, browser: Browser, recording: str, walk: Walk
) -> None:
    with visiting(browser, server, theme=walk.theme, width=walk.width, axe=False) as page:
        page.goto(f"{server}/classes?recording={recording}&map_block={walk.block}")
        drawn(page, "plane")
        arrive(page, "Classes")
        search_and_sort(page, walk)
        compare_eight(page)
        expect_confusable(page, walk)
        name = open_neighbours(page)
        assert serious_problems(page) == []
        chosen = said(page, "class")
        page.reload()
        page.get_by_role("heading", name=f"Nearest to {name}", exact=True).wait_for()
        assert said(page, "class") == chosen


def search_and_sort(page: Page, walk: Walk) -> None:
    """By every order that the recording has; those of accuracy and loss only where they are known."""
    field = page.get_by_role("textbox", name="Search")
    field.fill("7" if walk.at_hand else "cat")
    field.press("Enter")
    page.get_by_text("1 of 10 classes." if walk.at_hand else "2 of 200 classes.").wait_for()
    field.fill("")
    field.press("Enter")
    page.get_by_text("10 of 10 classes." if walk.at_hand else "200 of 200 classes.").wait_for()
    orders = page.get_by_role("combobox", name="Order", exact=True)
    orders.click()
    options = page.get_by_role("option").all_inner_texts()
    assert ("Accuracy" in " ".join(options)) == walk.judged, options
    page.keyboard.press("Escape")
    for order in options[1:]:
        pick(page, "Order", order)
        wait_until(
            page, "order => new URLSearchParams(document.location.search).get('class_sort') === order", arg=order
        )
    settle(page)


def compare_eight(page: Page) -> None:
    """All rows ticked in the table's head: the first eight of them are taken."""
    table = page.locator("[data-testid=stDataFrame]").first
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + _ROW / 2, box["y"] + _ROW / 2)
    page.get_by_role("button", name="Compare these 8").click()
    wait_until(page, "() => new URLSearchParams(document.location.search).getAll('class').length === 8")
    for key in ("distinctness", "distances", "matrix"):
        drawn(page, key)
    settle(page)


def expect_confusable(page: Page, walk: Walk) -> None:
    """Pairs where classes have outputs, else why there are none."""
    if walk.judged:
        page.locator("[class*=st-key-figure_classes-confusable] .js-plotly-plot .main-svg").first.wait_for(
            state="attached"
        )
        page.get_by_role("heading", name=f"Pairs of classes in {walk.block}").wait_for()
    else:
        page.get_by_text("classes have no output of their own").wait_for()


def open_neighbours(page: Page) -> str:
    """Of a class that is clicked on the map."""
    page.locator(".st-key-figure_plane").scroll_into_view_if_needed()
    settle(page)
    place = page.evaluate(CLASS_POINT)
    page.mouse.move(place["x"], place["y"])
    page.wait_for_timeout(200)
    page.mouse.click(place["x"], place["y"])
    page.get_by_role("heading", name=f"Nearest to {place['name']}", exact=True).wait_for()
    settle(page)
    assert said(page, "class")[-1] == place["name"]
    return str(place["name"])


@on_each_recording("digits")
def test_a_photo_of_ones_own_step_by_step_and_how_stable_its_gates_are(
    server: str, browser: Browser, recording: str, walk: Walk, photo: Path
) -> None:
    with visiting(browser, server, theme=walk.theme, width=walk.width, axe=False) as page:
        page.goto(f"{server}/how?recording={recording}")
        page.locator("input[type=file]").first.set_input_files(photo)
        page.get_by_text(f"{photo.name}, as the network saw it").wait_for()
        settle(page)
        pick(page, "Block", walk.block)
        page.get_by_text(f"In {walk.block} this image makes").wait_for()
        settle(page)
        assert said(page, "how_block") == [walk.block]
        page.get_by_role("combobox", name="Channels", exact=True).fill("3")
        page.get_by_role("option", name="3", exact=True).click()
        page.keyboard.press("Escape")
        arrive(page, "The five steps, with the numbers of channel 3")
        assert said(page, "how_block") == [walk.block]
        assert said(page, f"how_channels_{walk.depth}") == ["3"]
        steps = page.url
        follow(page, "Compare images")
        page.locator(".st-key-stable_compute button").click()
        page.get_by_text("changed copies.").wait_for()
        page.get_by_role("radio", name="Strong").click()
        drawn(page, "stability")
        settle(page)
        assert said(page, "stable_level") == ["Strong"]
        expect_nothing_wrong(page)
        go_back_to(page, steps)
        arrive(page, "The five steps, with the numbers of channel 3")
