"""What a visitor of the app may do: all that its owner may, or, in public, what was named when it was started."""

import functools
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from senet_viz.errors import ArgumentError
from senet_viz.paths import expand_home, repository
from senet_viz.schema import from_tree

PUBLIC = "SENET_VIZ_PUBLIC"
"""The one setting: unset for the owner's own app, "1" or a JSON object of `PublicOptions` for a public one."""
RECORDINGS = "SENET_VIZ_RECORDINGS"
_ROUTES = (
    "/media",
    "/static",
    "/component",
    "/_stcore",
)  # Streamlit's own: folders of these names are left as they are


def _option(default: Any, text: str, name: str = "") -> Any:
    return field(default=default, metadata={"help": text, "name": name})


@dataclass(frozen=True)
class PublicOptions:
    """What a public app allows; each field is an option of `senet-viz app --public`.

    Attributes:
        jobs: folder that visitors may record into; "" for none: then nothing is recorded.
        images: folder of folders (or files) of images that visitors may record beside scikit-learn's digits, by their names.
        sessions: visitors at once; who comes later waits in a queue.
        waiting: visitors in that queue; who comes then is asked to come again.
        idle_minutes: minutes without a click after which a visitor's place goes to one who waits.
        uploads: images of a visitor that the server holds at once.
        upload_megabytes: of one image (10⁶ bytes); all of a visitor's have four times that.
        upload_pixels: of one image.
        upload_seconds: that one upload may take.
        export_megabytes: of one file of statistics.
        running: recordings at once; later ones wait in a queue.
        queued: recordings in that queue.
        job_images: images of one recording.
        job_minutes: that one recording may take.
        kept: recordings in the folder of jobs.

    Raises:
        ArgumentError: a limit below 1; the message names it.
    """

    jobs: str = _option("", "Public: folder that visitors may record into; none by default.")
    images: str = _option("", "Public: folder of the folders of images that visitors may record; digits always.")
    sessions: int = _option(20, "Public: visitors at once; others wait in a queue.")
    waiting: int = _option(200, "Public: visitors in the queue.")
    idle_minutes: int = _option(15, "Public: minutes without a click after which a place goes to one who waits.")
    uploads: int = _option(32, "Public: images of a visitor that the server holds at once.")
    upload_megabytes: int = _option(16, "Public: megabytes of one image; four times that for all of a visitor.")
    upload_pixels: int = _option(50_000_000, "Public: pixels of one image.")
    upload_seconds: int = _option(60, "Public: seconds that one upload may take.")
    export_megabytes: int = _option(50, "Public: megabytes of one export.")
    running: int = _option(1, "Public: recordings at once; others wait in a queue.")
    queued: int = _option(10, "Public: recordings in the queue.")
    job_images: int = _option(2000, "Public: images of one recording.")
    job_minutes: int = _option(30, "Public: minutes that one recording may take.")
    kept: int = _option(100, "Public: recordings in the folder of jobs.")

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, int) and value < 1:
                raise ArgumentError(f"{each.name} is {value}; it is at least 1.")

    def to_setting(self) -> str:
        """The value of `SENET_VIZ_PUBLIC` that says this."""
        return json.dumps(asdict(self))


def read_public(environment: Mapping[str, str] = os.environ) -> PublicOptions | None:
    """What a public app allows; None for the owner's own app, which allows everything.

    Raises:
        ArgumentError: the setting is neither "1" nor such an object: nothing is opened by mistake.
    """
    return _read(environment.get(PUBLIC, "").strip())


@functools.cache
def _read(setting: str) -> PublicOptions | None:
    if setting in ("", "0"):
        return None
    advice = f"set {PUBLIC} to 1, or to a JSON object of limits"
    try:
        tree = {} if setting == "1" else json.loads(setting)
    except ValueError as error:
        raise ArgumentError(f"{PUBLIC} is {setting[:40]!r}, which is not JSON ({error}): {advice}.") from error
    if isinstance(tree, dict):
        tree = asdict(PublicOptions()) | tree
    return from_tree(PublicOptions, tree, PUBLIC, advice, error=ArgumentError)


def named_folders(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The folders that `SENET_VIZ_RECORDINGS` names, each a recording or a folder of recordings."""
    return tuple(expand_home(name) for name in environment.get(RECORDINGS, "").split(os.pathsep) if name)


def hide_paths(text: str) -> str:
    """In public, a text without this machine's folders: "/srv/gates/a/manifest.json" becomes "a/manifest.json"."""
    if read_public() is None:
        return text
    return _pattern(*_roots()).sub(lambda found: "" if found[0].endswith("/") else Path(found[0]).name, text)


def mask_paths(payload: bytes) -> bytes:
    """The same for what is on its way to a browser, in as many bytes, so that lengths within still hold."""
    return _bytes_pattern(*_roots()).sub(lambda found: b"." * len(found[0]), payload)


_LINKS_STAY = 5  # seconds
_SETTINGS = (PUBLIC, RECORDINGS, "SENET_VIZ_CHECKPOINTS", "SENET_VIZ_EXPERIMENTS", "TMPDIR", "HOME")


def _roots() -> tuple[str, ...]:
    """The folders of this machine that a text may name; a place in one of them is told from there."""
    return _roots_of(int(time.monotonic() // _LINKS_STAY), str(Path.cwd()), *map(os.environ.get, _SETTINGS))


@functools.lru_cache(8)
def _roots_of(_now: int, *_settings: str | None) -> tuple[str, ...]:
    """Asked at every text: links are resolved once in some seconds."""
    return tuple(sorted({str(path) for path in _places() if len(path.parts) > 1 and str(path) not in _ROUTES}, key=len))


def _places() -> Iterator[Path]:
    options = read_public() or PublicOptions()
    folders = [options.jobs, options.images, *map(os.environ.get, ("SENET_VIZ_CHECKPOINTS", "SENET_VIZ_EXPERIMENTS"))]
    fixed = (sys.prefix, sys.base_prefix, tempfile.gettempdir(), "~")
    named = [*named_folders(), *(expand_home(folder) for folder in (*folders, *fixed) if folder)]
    for path in (*named, Path.cwd(), repository()):
        yield path.absolute()
        yield path.resolve()


@functools.lru_cache(8)
def _pattern(*roots: str) -> re.Pattern[str]:
    return re.compile(_expression(roots))


@functools.lru_cache(8)
def _bytes_pattern(*roots: str) -> re.Pattern[bytes]:
    return re.compile(_expression(roots).encode("utf-8", "surrogateescape"))


def _expression(roots: tuple[str, ...]) -> str:
    """The longest root first, and only where a path begins and a name ends."""
    return r"(?<![\w.])(?:" + "|".join(map(re.escape, reversed(roots))) + r")(?:/|(?![\w.-]))"
