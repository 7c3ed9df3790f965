"""What stands before the server: asked as a browser asks, without one."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit import config, runtime
from streamlit.proto.BackMsg_pb2 import BackMsg

from senet_viz.dashboard import guard, visitors
from senet_viz.dashboard.guard import KnownHosts, LimitedUploads, NoCommands, NoPaths, SafeHeaders, say_policy
from senet_viz.dashboard.mode import PUBLIC, PublicOptions
from senet_viz.dashboard.visitors import FULL, Door

HOSTS = ["localhost", "127.0.0.1", "::1", "*.lab.example"]


def ask(
    middleware: Any,
    *,
    host: str | None = "localhost",
    path: str = "/",
    method: str = "GET",
    body: bytes = b"ok",
    seconds: float = 0,
    **headers: str,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what comes back; behind it an app answers with `body`."""
    sent: list[Any] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(seconds)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def send(message: Any) -> None:
        sent.append(message)

    named = {**({} if host is None else {"host": host}), **{k.replace("_", "-"): v for k, v in headers.items()}}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(k.encode(), v.encode()) for k, v in named.items()],
    }
    with ThreadPoolExecutor(1) as pool:  # a browser of other tests has an event loop in this thread
        pool.submit(lambda: asyncio.run(middleware(behind)(scope, None, send))).result()
    got = {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], got, b"".join(message.get("body", b"") for message in sent)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:8501", 200), ("127.0.0.1:1", 200), ("[::1]:8501", 200), ("LOCALHOST.", 200), ("a.lab.example", 200),
        ("evil.example", 403), ("localhost.evil.example", 403), ("localhost:80@evil.example", 403), ("lab.example", 403), ("", 403), (None, 403),
        ("0.0.0.0:8501", 403), ("127.0.0.1.nip.io", 403),
    ],
)  # fmt: skip
def test_only_known_names_are_answered(host: str | None, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    known = config.get_option
    monkeypatch.setattr(config, "get_option", lambda name: HOSTS if name == "server.allowedHosts" else known(name))
    found, _, body = ask(KnownHosts, host=host)
    assert found == status
    assert status == 200 or b"server.allowedHosts" in body


def test_every_answer_has_safe_headers() -> None:
    _, headers, _ = ask(SafeHeaders)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert "content-security-policy" not in headers
    _, headers, _ = ask(SafeHeaders, path="/media/a.html")
    assert "sandbox" in headers["content-security-policy"]


def test_a_policy_allows_the_page_s_own_scripts_alone() -> None:
    policy = say_policy(b"<head><script>alert(1)</script><script src='x'></script></head>", "localhost:1")
    assert "script-src 'self' blob: 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=';" in policy
    assert "unsafe-eval" not in policy
    assert policy.count("sha256-") == 1
    assert "frame-ancestors 'self'" in policy


def test_metrics_are_the_owner_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PUBLIC, raising=False)
    assert ask(SafeHeaders, path="/_stcore/metrics")[0] == 200
    monkeypatch.setenv(PUBLIC, "1")
    assert ask(SafeHeaders, path="/_stcore/metrics")[0] == 404


def test_a_folder_in_an_answer_is_masked_in_public(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(guard.__file__).rpartition("/senet_viz/")[0]
    body = f"see {folder}/app.py".encode()
    monkeypatch.delenv(PUBLIC, raising=False)
    assert ask(NoPaths, body=body)[2] == body
    monkeypatch.setenv(PUBLIC, "1")
    masked = ask(NoPaths, body=body)[2]
    assert folder.encode() not in masked
    assert len(masked) == len(body)


@pytest.mark.slow
def test_uploads_are_counted_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    held: dict[str, Any] = {}
    server = SimpleNamespace(uploaded_file_mgr=SimpleNamespace(file_storage={"s": held}))
    monkeypatch.setattr(runtime, "get_instance", lambda: server)
    monkeypatch.setattr(visitors, "_door", door := Door())
    door.ask("s", PublicOptions(), lambda _: True)
    monkeypatch.setenv(PUBLIC, PublicOptions(uploads=3, upload_megabytes=1, upload_seconds=1).to_setting())

    def put(size: str | None, *, seconds: float = 0, session: str = "s") -> int:
        length = {} if size is None else {"content_length": size}
        path = f"/_stcore/upload_file/{session}/f"
        return ask(LimitedUploads, method="PUT", path=path, seconds=seconds, **length)[0]

    assert put("1000000") == 200
    assert put("1100000") == 413
    assert put(None) == 413
    assert put("-1") == 413
    assert put("10", session="who waits") == 403
    assert put("10", seconds=3) == 408
    held |= {"a": SimpleNamespace(data=bytes(3_500_000))}
    assert put("600000") == 413
    assert put("400000") == 200
    held |= {"b": SimpleNamespace(data=b""), "c": SimpleNamespace(data=b"")}
    assert put("1") == 413
    monkeypatch.delenv(PUBLIC)
    assert put("9000000") == 200


def test_visitors_wait_in_order_and_are_let_in_when_one_leaves() -> None:
    now, lives = [0.0], {"a", "b", "c", "d", "e"}
    door, options = Door(lambda: now[0]), PublicOptions(sessions=2, waiting=2, idle_minutes=1)

    def come(who: str, *, clicked: bool = True) -> int:
        return door.ask(who, options, lives.__contains__, clicked=clicked)

    assert [come(who) for who in "abcde"] == [0, 0, 1, 2, FULL]
    assert [come(who, clicked=False) for who in "dc"] == [2, 1]
    lives.discard("a")
    assert [come(who) for who in "dcb"] == [1, 0, 0]
    now[0] = 61.0
    assert come("c") == 0
    assert come("d", clicked=False) == 0, "b has been idle for longer than it may, and d waits"
    assert come("b") == 1


@pytest.mark.slow
def test_a_slow_upload_makes_nobody_else_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    server = SimpleNamespace(uploaded_file_mgr=SimpleNamespace(file_storage={}))
    monkeypatch.setattr(runtime, "get_instance", lambda: server)
    monkeypatch.setattr(visitors, "_door", door := Door())
    monkeypatch.setenv(PUBLIC, PublicOptions(upload_seconds=1).to_setting())
    ended: list[str] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0 if "quick" in scope["path"] else 60)
        await send({"type": "http.response.body", "body": b""})

    async def put(uploads: LimitedUploads, session: str) -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        path = f"/_stcore/upload_file/{session}/f"
        await uploads(
            {"type": "http", "method": "PUT", "path": path, "headers": [(b"content-length", b"1")]}, None, send
        )
        ended.append(session)
        return sent

    async def all_at_once() -> list[list[Any]]:
        uploads = LimitedUploads(behind)
        sessions = [*(f"slow {number}" for number in range(9)), "quick"]
        for session in sessions:
            door.ask(session, PublicOptions(), lambda _: True)
        return await asyncio.gather(*(put(uploads, session) for session in sessions))

    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(lambda: asyncio.run(all_at_once())).result()
    assert ended[0] == "quick"
    begun = [[message["type"] for message in answer] for answer in answers]
    assert begun == [*[["http.response.start"]] * 9, ["http.response.start", "http.response.body"]], "none begins twice"


def test_nobody_is_sent_out_where_nobody_waits() -> None:
    now = [0.0]
    door, options = Door(lambda: now[0]), PublicOptions(sessions=1, idle_minutes=1)
    assert door.ask("a", options, lambda _: True) == 0
    now[0] = 1e6
    assert door.ask("a", options, lambda _: True, clicked=False) == 0


@pytest.mark.slow
def test_a_visitor_s_place_is_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.dashboard.test_public import visit

    door = Door()
    monkeypatch.setattr(visitors, "_door", door)
    monkeypatch.setenv(PUBLIC, PublicOptions(sessions=1, waiting=1).to_setting())
    door.ask("someone", PublicOptions(), lambda _: True)
    app = visit("claim")
    assert app.title[0].value == "Please wait"
    assert "You are number 1 in the queue" in app.info[0].value
    assert not app.selectbox
    full = visit("claim")
    assert full.title[0].value == "Please wait"


def test_a_visitor_clears_nobody_s_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [
        BackMsg(clear_cache=True),
        BackMsg(set_run_on_save=True),
        BackMsg(load_git_info=True),
        BackMsg(stop_script=True),
    ]
    install = BackMsg()
    install.backend_operation_request.install_skills.SetInParent()

    def heard() -> list[bytes]:
        messages = [{"type": "websocket.receive", "bytes": each.SerializeToString()} for each in (install, *asked)]
        messages += [{"type": "websocket.receive", "bytes": b"\xff"}, {"type": "websocket.disconnect"}]
        got: list[bytes] = []

        async def behind(scope: Any, receive: Any, send: Any) -> None:
            while (message := await receive())["type"] != "websocket.disconnect":
                got.append(message["bytes"])

        async def receive() -> Any:
            return messages.pop(0)

        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: asyncio.run(NoCommands(behind)({"type": "websocket"}, receive, None))).result()  # type: ignore[arg-type]
        return got

    monkeypatch.setenv(PUBLIC, "1")
    assert heard() == [asked[-1].SerializeToString(), b"\xff"]
    monkeypatch.delenv(PUBLIC)
    assert len(heard()) == 6
