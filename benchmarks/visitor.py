"""A visitor of the app without a browser: it speaks what Streamlit's page speaks with its server."""

import http.client
import socket
import time
import uuid
from contextlib import ExitStack
from typing import Self

from google.protobuf.message import Message
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

PATIENCE = 180.0  # seconds
_NOT_YET = (ForwardMsg.FINISHED_EARLY_FOR_RERUN, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
_XSRF = "_streamlit_xsrf"


class Visitor:
    """One session.

    Attributes:
        errors: exceptions that pages showed.
        received: all bytes that came.
    """

    def __init__(self, port: int, *, host: str | None = None, keep: bool = True) -> None:
        self.port, self._host, self._keep = port, host or f"localhost:{port}", keep
        self._stack = ExitStack()
        self.errors: list[str] = []
        self.received = b""
        self._session = ""
        self._page = ""
        self._query = ""
        self._elements: dict[tuple[int, ...], Message] = {}
        self._files: dict[str, list[tuple[str, str, int]]] = {}  # of uploaders, by their ids
        if host is not None:  # as a page would come whose name was made to lead here
            plain = socket.create_connection(("localhost", port))
            try:
                self._socket = self._stack.enter_context(
                    connect(f"ws://{host}:{port}/_stcore/stream", sock=plain, proxy=None)
                )
            except BaseException:
                plain.close()
                raise
            return
        self._xsrf = self._fetch_xsrf()
        opened = connect(
            f"ws://localhost:{port}/_stcore/stream", subprotocols=[Subprotocol("streamlit"), Subprotocol(self._xsrf)],
            additional_headers={"Cookie": f"{_XSRF}={self._xsrf}"}, origin=Origin(f"http://{self._host}"), max_size=None, proxy=None,
        )  # fmt: skip
        self._socket = self._stack.enter_context(opened)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, page: str, query: str = "") -> float:
        """Opens a page by its address; seconds until it is drawn."""
        self._page, self._query, self._elements = page, query, {}
        return self._run(page_name=page)

    def click(self, key: str) -> float:
        """Presses a button by its key."""
        return self._run(WidgetState(id=self.find(key), trigger_value=True))

    def choose(self, key: str, value: str) -> float:
        """Chooses one of a list by its key."""
        state = WidgetState(id=self.find(key))
        if "segmented" in key or self._kind(key) == "button_group":
            state.string_array_value.data.append(value)
        else:
            state.string_value = value
        return self._run(state)

    def upload(self, name: str, data: bytes) -> tuple[int, str]:
        """Sends one file to the server, as the uploader does before the page runs; status and what it said."""
        asked = BackMsg()
        asked.file_urls_request.request_id = uuid.uuid4().hex
        asked.file_urls_request.file_names.append(name)
        asked.file_urls_request.session_id = self._session
        self._socket.send(asked.SerializeToString())
        answer = self._until("file_urls_response").file_urls_response.file_urls[0]
        border = uuid.uuid4().hex
        head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        body = head.encode() + data + f"\r\n--{border}--\r\n".encode()
        connection = http.client.HTTPConnection("localhost", self.port, timeout=PATIENCE)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={border}",
            "Cookie": f"{_XSRF}={self._xsrf}",
            "X-Xsrftoken": self._xsrf,
        }
        connection.request("PUT", answer.upload_url, body, headers)
        reply = connection.getresponse()
        said = reply.read().decode("utf-8", "replace")
        connection.close()
        self._last = (answer.file_id, name, len(data), answer.upload_url, answer.delete_url)
        return reply.status, said

    def give(self, key: str, name: str, data: bytes) -> float:
        """Uploads a file and lets the uploader of this key hold it, alone."""
        status, said = self.upload(name, data)
        if status >= 300:
            raise RuntimeError(f"{name} was refused: {status} {said}")
        file_id, _, size, upload_url, delete_url = self._last
        state = WidgetState(id=self.find(key))
        told = state.file_uploader_state_value.uploaded_file_info.add()
        told.file_id, told.name, told.size = file_id, name, size
        told.file_urls.file_id, told.file_urls.upload_url, told.file_urls.delete_url = file_id, upload_url, delete_url
        return self._run(state)

    def find(self, key: str) -> str:
        """The id of the element with a key.

        Raises:
            LookupError: the page has none.
        """
        for element in self._elements.values():
            if (found := _find_id(element, key)) is not None:
                return found
        raise LookupError(f"{self._page} has no element with the key {key!r}.")

    def has(self, key: str) -> bool:
        """Whether the page has an element with a key."""
        return any(_find_id(element, key) is not None for element in self._elements.values())

    def text(self) -> str:
        """All that the page says."""
        return "\n".join(str(element) for element in self._elements.values()).replace("\\\\", "")

    def wait_for(self, words: str, *, seconds: float) -> None:
        """Reads on, asking fragments to run as the page would, until it says something.

        Raises:
            TimeoutError: it did not.
        """
        deadline = time.monotonic() + seconds
        while words not in self.text():
            if time.monotonic() > deadline:
                raise TimeoutError(f"The page did not say {words!r} within {seconds:.0f} s.")
            time.sleep(0.5)
            self._run(page_name=self._page)

    def close(self) -> None:
        """Leaves."""
        self._stack.close()

    def _run(self, *states: WidgetState, page_name: str | None = None) -> float:
        asked = BackMsg()
        client = asked.rerun_script
        client.query_string = self._query
        client.page_name = self._page if page_name is None else page_name
        client.context_info.url = f"http://{self._host}/{self._page}"
        client.context_info.timezone = "UTC"
        client.widget_states.widgets.extend(states)
        began = time.monotonic()
        self._socket.send(asked.SerializeToString())
        self._until("script_finished")
        return time.monotonic() - began

    def _until(self, kind: str) -> ForwardMsg:
        deadline = time.monotonic() + PATIENCE
        while True:
            payload = self._socket.recv(timeout=max(0.1, deadline - time.monotonic()))
            assert isinstance(payload, bytes)
            self.received += payload if self._keep else b""
            message = ForwardMsg()
            message.ParseFromString(payload)
            self._take(message)
            if message.WhichOneof("type") == kind and not (
                kind == "script_finished" and message.script_finished in _NOT_YET
            ):
                return message

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._session = message.new_session.initialize.session_id or self._session
            if not message.metadata.run.fragment_ids:
                self._elements = {}
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            self._elements[tuple(message.metadata.delta_path)] = element
            if element.WhichOneof("type") == "exception":
                self.errors.append(f"{self._page}: {element.exception.type} {element.exception.message}")
        elif kind == "session_event" and message.session_event.WhichOneof("type") == "script_compilation_exception":
            self.errors.append(f"{self._page}: {message.session_event.script_compilation_exception.message}")

    def _kind(self, key: str) -> str:
        for element in self._elements.values():
            if _find_id(element, key) is not None:
                return str(element.WhichOneof("type"))
        return ""

    def _fetch_xsrf(self) -> str:
        connection = http.client.HTTPConnection("localhost", self.port, timeout=PATIENCE)
        connection.request("GET", "/_stcore/health")
        reply = connection.getresponse()
        cookie = reply.getheader("set-cookie") or ""
        reply.read()
        connection.close()
        return cookie.partition(f"{_XSRF}=")[2].partition(";")[0]


def _find_id(message: Message, key: str) -> str | None:
    for field, value in message.ListFields():
        if field.name == "id" and isinstance(value, str) and value.endswith(f"-{key}"):
            return value
        if isinstance(value, Message) and (found := _find_id(value, key)) is not None:
            return found
    return None
