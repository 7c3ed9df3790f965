"""What the server does around the pages: modules loaded before the first session, and scripts in every page's head."""

import importlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse

from senet_viz.dashboard.guard import apply_limits, base_path, say_policy
from senet_viz.dashboard.writing import close_rooms

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from streamlit.starlette import App


PRELOADED = (
    "senet_viz.claims.declarations",
    "senet_viz.dashboard.assessments",
    "senet_viz.dashboard.controls",
    "senet_viz.dashboard.frame",
    "senet_viz.dashboard.parts",
    "senet_viz.dashboard.screen",
    "senet_viz.dashboard.visitors",
    "senet_viz.figures.claims",
    "senet_viz.stats.effect_parts",
    "plotly.io",
)
_HEAD = b"<head>"
# Streamlit writes one history entry when a page is left (its selections go), one for the next page's path and one for the
# selections that the page takes over: three steps back for one click. Here only the first after a press of a key or of the
# pointer is an entry, the others replace it.
_ONE_STEP = """<script>(() => {
  const push = history.pushState.bind(history)
  let pressed = false
  for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, () => { pressed = true }, true)
  history.pushState = (...step) => {
    if (pressed) push(...step)
    else history.replaceState(...step)
    pressed = false
  }
})()</script>"""


def preload() -> None:
    """Import what the first page needs, so that the first session does not wait for it."""
    for name in PRELOADED:
        importlib.import_module(name)


def run_app(script: Path, flags: list[str]) -> None:
    """Serves the app until a signal ends it, as `streamlit run` does."""
    from streamlit.web import cli

    cli.main(["run", str(script), *flags], prog_name="senet-viz app", standalone_mode=False)


@asynccontextmanager
async def lifespan(_app: "App") -> AsyncIterator[None]:
    """For `st.App`: the server takes sessions only after the modules are there, and leaves no files when it ends."""
    apply_limits()
    preload()
    yield
    close_rooms()


class ServerAddress:
    """Tells every page where its server is, and that one click is one step of the browser's history.

    Streamlit's page looks for its server itself: opened at an address of its own (/record), it asks below that address
    first, and the 404 stands in the browser's console. Told by `window.__streamlit`, it does not ask.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not _may_be_page(scope["path"]):
            await self.app(scope, receive, send)
            return
        plain = {**scope, "headers": [(k, v) for k, v in scope["headers"] if k not in _CHANGED_WITH_THE_BODY]}
        host = Headers(scope=scope).get("host", "")
        await self.app(plain, receive, _Insertion(send, host).send)


class FirstPage:
    """The first page by its name: it lies at the app's root, and Streamlit knows no other address of it."""

    def __init__(self, app: "ASGIApp", *, name: str) -> None:
        self.app, self._name = app, name

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        asked = scope["path"] if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else ""
        if asked.rstrip("/") != f"{base_path().rstrip('/')}/{self._name}":
            await self.app(scope, receive, send)
            return
        query = scope.get("query_string", b"").decode("latin-1")
        root = "../" if asked.endswith("/") else "./"  # relative, since a proxy may have other addresses
        await RedirectResponse(root + (f"?{query}" if query else ""))(scope, receive, send)


_CHANGED_WITH_THE_BODY = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")


class _Insertion:
    """Holds a page's head back until its body is there, and puts the script into it; anything else passes as it is."""

    def __init__(self, send: "Send", host: str) -> None:
        self._send = send
        self._host = host
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: "Message") -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)
        else:
            await self._send(message)

    async def _finish(self, start: "Message") -> None:
        body = self._body.replace(_HEAD, _HEAD + head_scripts().encode(), 1)
        headers = [(k, v) for k, v in start["headers"] if k not in (b"content-length", b"etag", b"last-modified")]
        headers += [
            (b"content-length", str(len(body)).encode()),
            (b"content-security-policy", say_policy(body, self._host).encode("latin-1", "replace")),
        ]
        await self._send({**start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def head_scripts() -> str:
    """What a page's head gets: where the server is, and one step back for one click."""
    return address_script() + _ONE_STEP


def address_script() -> str:
    """The script that says where the server is: the page's own host, and the base path where one is set."""
    path = json.dumps(base_path()).replace("<", "\\u003c")
    return f"<script>window.__streamlit={{BACKEND_BASE_URL:window.location.origin+{path}}}</script>"


def _may_be_page(path: str) -> bool:
    """Not a file of Streamlit's or of the app's."""
    return "/_stcore/" not in path and "." not in path.rsplit("/", 1)[-1]


def _is_page(start: "Message") -> bool:
    kinds = [value for name, value in start["headers"] if name.lower() == b"content-type"]
    return start["status"] == 200 and any(kind.startswith(b"text/html") for kind in kinds)
