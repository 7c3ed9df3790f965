"""How fast the app answers on the bundled recording: clicks on the server's side, and the first page of a session.

    python benchmarks/page_speed.py

A click is timed as the whole run of the page's script that it sets off, in the process of the server, without the
browser's drawing. Each is made `--rounds` times with another choice every time, so that no answer comes from the cache of
the round before. The first page is timed in Chromium, from the request of a new session to the first figure drawn, on a
server that has answered nobody yet and on one that has.
"""

import argparse
import json
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from streamlit.testing.v1 import AppTest

from senet_viz.environment import describe_environment

ROOT = Path(__file__).parents[1]
PAGES = "senet_viz/dashboard/pages"
BLOCKS = ("SE_2_1", "SE_3_2", "SE_4_4", "SE_4_6", "SE_5_1", "SE_5_2", "SE_2_3", "SE_3_4")
CLASSES = ("goldfish", "bullfrog", "cliff", "banana", "orange", "koala", "beacon", "pizza")
Act = Callable[[AppTest, int], Any]

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


@contextmanager
def serving() -> Iterator[str]:
    """The app on a free port."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, **quiet) as process:
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=2).close()
                    break
                except OSError:
                    time.sleep(0.2)
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


def time_first_pages(rounds: int) -> dict[str, list[float]]:
    """Seconds from the request of a new session to its first figure.

    "fresh server": its first session, which imports what pages need. "new browser": one that has none of the app's files.
    "returning browser": one that has.
    """
    from playwright.sync_api import sync_playwright

    seconds: dict[str, list[float]] = {"fresh server": [], "new browser": [], "returning browser": []}
    with serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        browser.new_page().close()
        for round_ in range(rounds + 1):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            for again in range(2 if round_ else 1):
                page = context.new_page()
                began = time.perf_counter()
                page.goto(address, wait_until="commit")
                page.wait_for_selector(".js-plotly-plot .main-svg", timeout=60_000, state="attached")
                kind = ("returning browser" if again else "new browser") if round_ else "fresh server"
                seconds[kind].append(time.perf_counter() - began)
                page.wait_for_timeout(2000)  # until it has drawn the rest
                page.close()
            context.close()
        browser.close()
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
    clicks = time_clicks("distributions", DISTRIBUTIONS, rounds)
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
