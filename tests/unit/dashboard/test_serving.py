"""The server's own part: what is loaded before a session, and the script in every page's head."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from senet_viz.dashboard.serving import FirstPage, ServerAddress, address_script, head_scripts

ROOT = Path(__file__).parents[3]
PAGE = b"<html><head><title>a page</title></head></html>"


def ask(
    path: str, *, kind: str = "text/html; charset=utf-8", status: int = 200, method: str = "GET"
) -> tuple[Any, ...]:
    """What the browser gets, and what the app behind was asked for."""
    asked: list[Any] = []
    sent: list[Any] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope)
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(PAGE)).encode()), (b"etag", b"1")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE[:10], "more_body": True})
        await send({"type": "http.response.body", "body": PAGE[10:]})

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"accept-encoding", b"gzip"), (b"if-none-match", b"1"), (b"cookie", b"c")]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    with ThreadPoolExecutor(1) as pool:  # a browser of other tests has an event loop in this thread
        pool.submit(lambda: asyncio.run(ServerAddress(behind)(scope, None, send))).result()  # type: ignore[arg-type]
    body = b"".join(message.get("body", b"") for message in sent)
    return dict(sent[0]["headers"]), body, dict(asked[0]["headers"])


@pytest.mark.parametrize("path", ["/", "/claim", "/base/distributions"])
def test_a_page_is_told_where_its_server_is(path: str) -> None:
    headers, body, asked = ask(path)
    assert body == PAGE.replace(b"<head>", b"<head>" + head_scripts().encode())
    assert headers[b"content-length"] == str(len(body)).encode()
    assert b"etag" not in headers
    assert asked == {b"cookie": b"c"}, "a compressed or an unchanged page can not be told"


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/static/js/index.js", {"kind": "text/javascript"}),
        ("/_stcore/health", {}),
        ("/claim", {"status": 404}),
        ("/claim", {"kind": "application/json"}),
        ("/claim", {"method": "HEAD"}),
    ],
)
def test_anything_else_passes_as_it_is(path: str, more: dict[str, Any]) -> None:
    headers, body, _ = ask(path, **more)
    assert body == PAGE
    assert headers[b"etag"] == b"1"


@pytest.mark.parametrize(
    ("path", "query", "place"),
    [
        ("/claim", b"", "./"),
        ("/claim", b"recording=a%20b&class=3", "./?recording=a%20b&class=3"),
        ("/claim/", b"x=1", "../?x=1"),
        ("/lab/claim", b"", None),
        ("/claims", b"", None),
    ],
)
def test_the_first_page_is_found_by_its_name(path: str, query: bytes, place: str | None) -> None:
    passed: list[str] = []
    sent: list[Any] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["path"])

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": []}
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(FirstPage(behind, name="claim")(scope, None, send))).result()  # type: ignore[arg-type]
    assert passed == ([] if place else [path])
    if place:
        assert (sent[0]["status"], dict(sent[0]["headers"])[b"location"].decode()) == (307, place)


def test_a_base_path_is_part_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 'window.location.origin+"/"}' in address_script()
    monkeypatch.setattr(st, "get_option", lambda name: "/</script>/" if name == "server.baseUrlPath" else None)
    assert 'origin+"/\\u003c/script>"}' in address_script()


def test_only_the_first_step_after_a_press_is_one_of_the_history() -> None:
    script = head_scripts().removeprefix(address_script())
    assert script.startswith("<script>")
    assert script.endswith("</script>")
    assert script.count("<") == 2, "nothing else of it is markup"
    assert "history.pushState = " in script


@pytest.mark.slow
def test_the_first_page_finds_its_modules_loaded() -> None:
    program = (
        "import sys; from streamlit.testing.v1 import AppTest; from senet_viz.dashboard.serving import preload; preload();"
        "before = set(sys.modules); AppTest.from_file('app.py', default_timeout=60).run();"
        "print(*sorted({m for m in set(sys.modules) - before if m.startswith(('senet_viz', 'pandas', 'scipy', 'sklearn', 'torch'))}))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.slow
def test_the_script_is_the_app_and_the_module_is_the_server() -> None:
    assert AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run().title[0].value == "Claim"
    program = "import app; print(type(app.app).__module__, app.app.script_path)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["streamlit.web.server.starlette.starlette_app", str(ROOT / "app.py")]
