"""What stands before the app's server: known hosts, headers, and in public no folders and limited uploads."""

import asyncio
import base64
import hashlib
import re
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import streamlit as st
from google.protobuf.message import DecodeError
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from streamlit import runtime
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from senet_viz.dashboard.mode import PublicOptions, mask_paths, read_public
from senet_viz.dashboard.visitors import has_place

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "SAMEORIGIN",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_OF_A_FILE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_MULTIPART = 20_000  # bytes that a form adds to the file in it
_COMMANDS = ("clear_cache", "set_run_on_save", "load_git_info", "debug_disconnect_websocket", "debug_shutdown_runtime")
_OPERATIONS = ("install_skills", "dismiss_skills_nudge")


class KnownHosts:
    """Answers only to names that `server.allowedHosts` lists, as Streamlit's WebSocket does.

    Else any web page could have its own name lead to this machine (DNS rebinding) and read what the app shows.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] in ("http", "websocket") and not is_host_allowed(Headers(scope=scope).get("host")):
            await _refuse(
                403, "This server is not known by the name in the address: open it by another, or start it with\n"
                "senet-viz app --host NAME   or   streamlit run app.py --server.allowedHosts NAME\n"
            )(scope, receive, send)  # fmt: skip
            return
        await self.app(scope, receive, send)


class SafeHeaders:
    """Tells browsers not to guess types, to keep addresses, frames and scripts to this server; in public, no metrics."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def add(message: "Message") -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if "/media/" in scope["path"]:
                    headers["Content-Security-Policy"] = _OF_A_FILE
            await send(message)

        if read_public() is not None and scope["path"].rstrip("/").endswith(("/_stcore/metrics", "/st-metrics")):
            await _refuse(404, "Not found")(scope, receive, add)
            return
        await self.app(scope, receive, add)


def say_policy(page: bytes, host: str) -> str:
    """The Content-Security-Policy of a page: scripts of this server and those in the page's own head, nothing else.

    Components and Plotly make workers and modules of their own code (blob:); styles stand in elements.
    """
    scripts = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in _INLINE.findall(page)]
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' blob: " + " ".join(f"'sha256-{digest}'" for digest in scripts),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' blob: data:",
            "font-src 'self' data:",
            f"connect-src 'self' ws://{host} wss://{host}",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        )
    )


class NoPaths:
    """In public, no folder of this machine is in what goes to a browser: what the pages' own words missed is masked."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        textual = True

        async def mask(message: "Message") -> None:
            nonlocal textual
            if message["type"] == "http.response.start":  # in a compressed file such bytes are there by chance
                kind = Headers(raw=message["headers"]).get("content-type", "text/plain")
                textual = kind.startswith("text/") or "json" in kind or "javascript" in kind
            for part in ("bytes", "body"):
                if textual and message.get(part) and message["type"] in ("websocket.send", "http.response.body"):
                    message = {**message, part: mask_paths(bytes(message[part]))}
            await send(message)

        own = scope["type"] == "websocket" or (scope["type"] == "http" and "/static/" not in scope["path"])
        await self.app(scope, receive, mask if own and read_public() is not None else send)


class NoCommands:
    """In public, a browser asks for pages and files alone: Streamlit would clear everybody's caches at any visitor's word."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        async def hear() -> "Message":
            while True:
                message = await receive()
                if not _is_command(message):
                    return message

        await self.app(scope, hear if scope["type"] == "websocket" and read_public() is not None else receive, send)


def _is_command(message: "Message") -> bool:
    asked = BackMsg()
    try:
        asked.ParseFromString(message.get("bytes") or b"")
    except DecodeError:  # Streamlit closes the connection
        return False
    operation = asked.WhichOneof("type") == "backend_operation_request" and asked.backend_operation_request
    return asked.WhichOneof("type") in _COMMANDS or bool(operation and operation.WhichOneof("payload") in _OPERATIONS)


class LimitedUploads:
    """In public, a visitor's uploads are counted before they are read, and read one after the other, each in limited time.

    Only a visitor who has a place may upload, so that there are at most as many at once as places; a slow one makes nobody else wait.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        options = read_public()
        upload = scope["type"] == "http" and scope["method"] == "PUT" and "/_stcore/upload_file/" in scope["path"]
        if options is None or not upload:
            await self.app(scope, receive, send)
            return
        session = scope["path"].rstrip("/").split("/")[-2]
        if not has_place(session):
            await _refuse(403, "This page has no place on the server: load it again.")(scope, receive, send)
            return
        async with self._turns.setdefault(session, asyncio.Lock()):
            if problem := _explain_too_much(scope, session, options):
                await _refuse(413, problem)(scope, receive, send)
                return
            answered = False

            async def answer(message: "Message") -> None:
                nonlocal answered
                answered = True
                await send(message)

            try:
                await asyncio.wait_for(self.app(scope, receive, answer), options.upload_seconds)
            except TimeoutError:
                if not answered:
                    await _refuse(408, f"The upload took over {options.upload_seconds} s.")(scope, receive, send)


def _explain_too_much(scope: "Scope", session: str, options: PublicOptions) -> str:
    """Why an upload is refused; "" where it is not. Its size must be said beforehand, as browsers do."""
    size, most = Headers(scope=scope).get("content-length", ""), options.upload_megabytes * 1_000_000
    if not size.isdecimal() or int(size) > most + _MULTIPART:
        return f"An image has at most {options.upload_megabytes} MB here."
    held = runtime.get_instance().uploaded_file_mgr.file_storage.get(session, {})  # type: ignore[attr-defined]
    if len(held) >= options.uploads or sum(len(file.data) for file in held.values()) + int(size) > 4 * most:
        return (
            f"The server holds at most {options.uploads} images and {4 * most // 1_000_000} MB of yours: remove some."
        )
    return ""


def apply_limits() -> None:
    """In public, Streamlit's own settings: the size of an upload, and errors without their places."""
    if (options := read_public()) is not None:
        from streamlit import config

        config.set_option("server.maxUploadSize", options.upload_megabytes)
        config.set_option("client.showErrorDetails", "none")


def _refuse(status: int, sentence: str) -> PlainTextResponse:
    return PlainTextResponse(sentence, status_code=status, headers={"Cache-Control": "no-store"})


def base_path() -> str:
    """The path below which the app lies, "/" where it has the server to itself."""
    return "/" + str(st.get_option("server.baseUrlPath")).strip("/")
