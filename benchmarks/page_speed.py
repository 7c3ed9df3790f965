"""How fast the app answers on the bundled recording: clicks on the server's side, and the first page of a session.

    python benchmarks/page_speed.py

A click is timed as the whole run of the page's script that it sets off, in the process of the server, without the
browser's drawing. Each is made `--rounds` times with another choice every time, so that no answer comes from the cache of
the round before. The first page is timed in Chromium, from the request of a new session to the first figure drawn, on a
server that has answered nobody yet and on one that has. The panel of the Gate lab is run with the whole page here.
"""

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from app_server import serving
from streamlit.testing.v1 import AppTest

from senet_viz.models.environment import describe_environment

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[1]
PAGES = "senet_viz/dashboard/pages"
BLOCKS = ("SE_2_1", "SE_3_2", "SE_4_4", "SE_4_6", "SE_5_1", "SE_5_2", "SE_2_3", "SE_3_4")
CLASSES = ("goldfish", "bullfrog", "cliff", "banana", "orange", "koala", "beacon", "pizza")
FRESH_SERVERS = 5
Act = Callable[[AppTest, int], Any]

FOLDS = ("methods", "fold_claim", "paper_C1", "paper_C4", "paper_C6", "paper_C9", "paper_C10", "paper_C12")
MEASURES = ("Top-5", "Loss", "Top-1")
BASELINES = ("one", "mean", "predicted_class_mean", "within", "between")


def _open_fold(app: AppTest, i: int) -> None:
    app.session_state[FOLDS[i]] = True


CLAIM: dict[str, Act] = {"Claim: a fold is opened": _open_fold}
BLOCK_MEASURES: dict[str, Act] = {
    "Blocks: another block": lambda app, i: app.selectbox(key="map_block").set_value(BLOCKS[i]),
    "Blocks: another measure": lambda app, i: app.selectbox(key="measure_y").select_index(2 + i % 4),
}
LAB_EFFECTS: dict[str, Act] = {
    "Gate lab: another measure": lambda app, i: app.segmented_control(key="lab_measure").set_value(MEASURES[i % 3]),
    "Gate lab: another target": lambda app, i: app.selectbox(key="lab_target").set_value(BLOCKS[i]),
    "Gate lab: another baseline": lambda app, i: app.selectbox(key="lab_to").set_value(BASELINES[i % 5]),
}
LAB_LIVE: dict[str, Act] = {  # the whole page, though a browser runs the panel alone
    "Gate lab: other gates moved": lambda app, i: app.multiselect(key="try_block").set_value([BLOCKS[i]]),
    "Gate lab: another strength": lambda app, i: app.slider(key="try_strength").set_value(0.05 + 0.05 * i),
}
DISTRIBUTIONS: dict[str, Act] = {
    "Distributions: another block's map": lambda app, i: app.selectbox(key="map_block").set_value(BLOCKS[i]),
    "Distributions: another seed of the draw": lambda app, i: app.number_input(key="seed").set_value(i + 1),
    "Distributions: other classes": lambda app, i: app.multiselect(key="class").set_value([CLASSES[i], CLASSES[-i]]),
}
COMPARE: dict[str, Act] = {
    "Compare: another block": lambda app, i: app.selectbox(key="compare_block").set_value(BLOCKS[i]),
    "Compare: percentiles among another class": lambda app, i: app.selectbox(key="among").set_value(CLASSES[i]),
}
EXPORT: dict[str, Act] = {
    "Export: another block": lambda app, i: app.multiselect(key="export_block").set_value([BLOCKS[i]]),
}


def time_clicks(page: str, acts: dict[str, Act], rounds: int, **query: str) -> dict[str, list[float]]:
    """Seconds of each click's run."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params["recording"] = "bundled"
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page(f"{PAGES}/{page}.py").run()
    seconds: dict[str, list[float]] = {}
    for name, act in acts.items():
        for i in range(rounds):
            act(app, i)
            began = time.perf_counter()
            app.run()
            seconds.setdefault(name, []).append(time.perf_counter() - began)
            if app.exception:
                raise SystemExit(f"{name} failed: {app.exception[0].value}")
    return seconds


def time_first_pages(rounds: int) -> dict[str, list[float]]:
    """Seconds from the request of a new session to its first figure.

    "fresh server": the first session of each of several servers. "new browser": one that has none of the app's files.
    "returning browser": one that has.
    """
    from playwright.sync_api import sync_playwright

    seconds: dict[str, list[float]] = {"fresh server": [], "new browser": [], "returning browser": []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        browser.new_page().close()
        for server in range(FRESH_SERVERS):
            with serving() as address:
                seconds["fresh server"] += _time_pages(browser, address, 1)
                for _ in range(rounds if server == FRESH_SERVERS - 1 else 0):
                    new, returning = _time_pages(browser, address, 2)
                    seconds["new browser"].append(new)
                    seconds["returning browser"].append(returning)
        browser.close()
    return seconds


def _time_pages(browser: "Browser", address: str, pages: int) -> list[float]:
    """Of pages opened one after the other in a browser that has none of the app's files."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    seconds = []
    for _ in range(pages):
        page = context.new_page()
        began = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.wait_for_selector(".js-plotly-plot .main-svg", timeout=60_000, state="attached")
        seconds.append(time.perf_counter() - began)
        page.wait_for_timeout(2000)  # until it has drawn the rest
        page.close()
    context.close()
    return seconds


def summarize(seconds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Median, largest and number of each."""
    return {
        name: {"median": round(statistics.median(s), 3), "largest": round(max(s), 3), "n": len(s)}
        for name, s in seconds.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=len(BLOCKS))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "page_speed.json")
    arguments = parser.parse_args()
    rounds = min(arguments.rounds, len(BLOCKS))
    first = time_first_pages(5)
    clicks = time_clicks("claim", CLAIM, rounds)
    clicks |= time_clicks("blocks", BLOCK_MEASURES, rounds)
    clicks |= time_clicks("lab", LAB_EFFECTS, rounds)
    clicks |= time_clicks("lab", LAB_LIVE, rounds, images="Samples")
    clicks |= time_clicks("distributions", DISTRIBUTIONS, rounds)
    clicks |= time_clicks("compare", COMPARE, rounds, images="Samples")
    clicks |= time_clicks("export", EXPORT, rounds)
    result = {
        "benchmark": "page_speed",
        "recording": "bundled",
        "environment": describe_environment(torch.device("cpu")),
        "click_seconds": summarize(clicks),
        "first_page_seconds": summarize(first),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: result[key] for key in ("click_seconds", "first_page_seconds")}, indent=1))


if __name__ == "__main__":
    main()
