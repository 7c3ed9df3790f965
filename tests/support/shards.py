"""Writes WebDataset tars, and serves folders over HTTP with and without range requests."""

import contextlib
import functools
import http.server
import io
import re
import tarfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support import image_files as draw


def build_tar(members: Sequence[tuple[str, bytes]], *, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of files in order."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, data in members:
            about = tarfile.TarInfo(name)
            about.size = len(data)
            tar.addfile(about, io.BytesIO(data))
    return out.getvalue()


def label_images(images: Sequence[bytes], labels: Sequence[object], *, first: int = 0) -> list[tuple[str, bytes]]:
    """Members `00000.png`, `00000.cls`, …; no `.cls` for a label None."""
    members: list[tuple[str, bytes]] = []
    for number, (image, label) in enumerate(zip(images, labels, strict=True), start=first):
        members.append((f"{number:05}.png", image))
        if label is not None:
            members.append((f"{number:05}.cls", str(label).encode()))
    return members


def write_tar(path: Path, members: Sequence[tuple[str, bytes]]) -> Path:
    """A tar in a file."""
    return draw.write_file(path, build_tar(members))


class _Plain(http.server.SimpleHTTPRequestHandler):
    """Whole files only, as `python -m http.server`."""

    def log_message(self, *_: object) -> None:
        pass


class _Ranged(_Plain):
    """Serves `Range: bytes=a-b` too."""

    def do_HEAD(self) -> None:
        if not self._fail():
            super().do_HEAD()

    def _fail(self) -> bool:
        """Replies "busy" as often as was asked for."""
        failures = self.server.failures  # type: ignore[attr-defined]
        if failures:
            self.send_error(failures.pop())
            return True
        return False

    def do_GET(self) -> None:
        if self._fail():
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        file = Path(self.translate_path(self.path))
        if asked is None or not file.is_file():
            super().do_GET()
            return
        data, first = file.read_bytes(), int(asked[1])
        part = data[first : int(asked[2]) + 1]
        self.server.parts.append(len(part))  # type: ignore[attr-defined]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that has read enough closes early: nothing to print."""


@contextlib.contextmanager
def serve(folder: Path, *, ranges: bool) -> Iterator[tuple[str, list[int], list[int]]]:
    """URL of a folder, the sizes of the parts that were served so far, and codes with which the next requests fail."""
    handler = functools.partial(_Ranged if ranges else _Plain, directory=str(folder))
    with _Server(("127.0.0.1", 0), handler) as server:
        server.parts, server.failures = [], []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", server.parts, server.failures  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()
