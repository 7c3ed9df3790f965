"""Files of a source, here or behind a URL: where they are, how large, what changes when they change, and how to reach them.

URLs go through fsspec: what `s3fs`, `gcsfs`, `huggingface_hub` and the like make reachable is reachable, with the credentials
that these packages find (environment, their own files) or that stand in the URL. A URL's user, password, query and
fragment are needed to open it and appear nowhere else: messages, names, digests and keys of caches use `hide_credentials`.
"""

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import unquote

from senet_viz.errors import SourceError
from senet_viz.images.decoding import describe_error

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")  # two letters at least: "C:" is a drive
_USER = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+://)[^/\s'\"<>]*@")
_QUERY = re.compile(  # elsewhere than in HTTP "?" may be a wildcard
    r"(https?://[^\s?#'\"<>]*)[?#][^\s'\"<>]*|([a-z][a-z0-9+.-]+://[^\s?#'\"<>]*)[?#](?=[^\s'\"<>]*=)[^\s'\"<>]*",
    re.IGNORECASE,
)
_WEB = ("http", "https")
_PACKAGES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "http": "aiohttp", "https": "aiohttp", "hf": "huggingface_hub",
    "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs", "adl": "adlfs", "oci": "ocifs", "oss": "ossfs", "sftp": "paramiko",
    "ssh": "paramiko", "webdav": "webdav4", "smb": "smbprotocol", "dropbox": "dropboxdrivefs", "gdrive": "gdrivefs",
}  # fmt: skip
PAUSES = (1.0,)  # seconds before a file is asked about again while a source is opened
_T = TypeVar("_T")
_CONTENT = ("ETag", "etag", "md5Hash", "blob_id", "checksum")  # the same in a listing and where one file is asked for
_STAMPS = (
    *_CONTENT, "Last-Modified", "LastModified", "last_modified", "updated", "mtime",
    "modify", "created",
)  # fmt: skip


def is_url(spec: object) -> bool:
    """Whether this names something by a protocol: "s3://bucket/x.tar"."""
    return isinstance(spec, str) and _URL.match(spec) is not None


def is_web(url: str) -> bool:
    """Whether a URL is of HTTP, where "?" begins a query and is no wildcard."""
    return url.partition("://")[0].casefold() in _WEB


def hide_credentials(text: str) -> str:
    """A text whose URLs have no user, password, query or fragment; what is no URL stays as it is."""
    if not _URL.search(text):
        return text
    return _QUERY.sub(lambda found: found[1] or found[2], _USER.sub(r"\1", text))


def describe_failure(error: BaseException, url: str = "") -> str:
    """An exception as one line without memory addresses and without what `url`, or any URL in it, keeps secret."""
    text = str(error) or type(error).__name__
    for secret in sorted(_list_secrets(url), key=len, reverse=True):
        text = text.replace(secret, "…")
    return describe_error(OSError(hide_credentials(text)))


def _list_secrets(url: str) -> set[str]:
    if not is_url(url):
        return set()
    rest = url.partition("://")[2]
    query = re.split(r"[?#]", rest, maxsplit=1)[1] if _QUERY.search(url) else ""
    user, _, _ = rest.partition("/")[0].rpartition("@")
    words = [query, user, *user.split(":", 1)[1:], *(part.partition("=")[2] for part in query.split("&"))]
    return {form for word in words for form in (word, unquote(word)) if len(form) > 3}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it was when its source was opened; holds no open handle and may be pickled.

    Attributes:
        name: its path below the folder or URL that the source is of, with "/"; part of sample ids.
        shown: what messages call it: the path as it was given, or the URL without credentials.
        place: the absolute path, or what the URL's file system calls the file.
        origin: the URL by which the file system is reached, with its credentials; "" for a file on this machine.
        size: bytes.
        stamp: what is another when the content is: time of change, ETag or the like; "" where the storage tells none.
    """

    name: str
    shown: str
    place: str = field(repr=False)
    origin: str = field(repr=False)
    size: int
    stamp: str

    def __str__(self) -> str:
        return self.shown

    @property
    def suffix(self) -> str:
        """Its ending with the dot."""
        return os.path.splitext(self.name)[1]  # noqa: PTH122 (a name, no path)

    def open(self) -> BinaryIO:
        """A file on this machine, opened for reading; of a URL see `images.reading`. Raises OSError."""
        try:
            return open(self.place, "rb")  # noqa: PTH123 (as the attribute is a text)
        except FileNotFoundError as error:
            raise FileNotFoundError("it is no longer there") from error

    def check(self) -> None:
        """Looks at the file again.

        Raises:
            FileNotFoundError: it is gone.
            ChangedError: it is another than when the source was opened.
            Exception: whatever the file system of a URL raises where it cannot tell.
        """
        try:
            if self.origin:
                files, _ = connect(self.origin)
                files.invalidate_cache(self.place)
                now = _measure(ask(files, self.place))
            else:
                about = os.stat(self.place)  # noqa: PTH116
                now = about.st_size, str(about.st_mtime_ns)
        except FileNotFoundError as error:
            raise FileNotFoundError("it is no longer there") from error
        if now != (self.size, self.stamp):
            raise ChangedError(
                f"it changed while it was in use: it had {self.size:,} bytes and has {now[0]:,}"
                if now[0] != self.size
                else "it was written again while it was in use"
            )


class LastingError(OSError):
    """What another try would not mend."""


class ChangedError(LastingError):
    """A file is not the one that was listed."""


def find_local(path: Path, root: Path) -> StoredFile:
    """A file on this machine, named relative to `root`; raises OSError."""
    about = path.stat()
    name = os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace")
    place = str(path.absolute())
    return StoredFile(name, str(path), place, "", about.st_size, str(about.st_mtime_ns))


def find_remote(origin: str, place: str, root: str, about: Mapping[str, Any] | None = None) -> StoredFile:
    """A file behind a URL.

    Args:
        origin: URL that leads to the file system.
        place: the file as that file system calls it.
        root: what names are relative to, likewise.
        about: what a listing said of it; asked for where that has no size or nothing that is of the content.

    Raises:
        FileNotFoundError, PermissionError: it is not there, or may not be seen.
        SourceError: it could not be reached, or its storage tells no size.
    """
    files, _ = connect(origin)
    shown = hide_credentials(str(files.unstrip_protocol(place)))
    listed = about or {}
    size, stamp = _measure(listed)
    if size < 0 or not any(listed.get(word) for word in _CONTENT):
        try:
            size, stamp = _measure(try_again(lambda: ask(files, place), place, PAUSES))
        except (FileNotFoundError, PermissionError):
            raise
        except Exception as error:  # whatever a protocol's package raises
            raise unreachable(shown, error, origin) from error
    if size < 0:
        raise SourceError(f"{shown} could not be opened: its server does not say how large it is. Download it first.")
    below = place[len(root) :] if root and place.startswith(root) else place.rpartition("/")[2]
    name = (re.split(r"[?#]", below, maxsplit=1)[0] if is_web(origin) else below).lstrip("/")
    return StoredFile(name, shown, place, origin, size, stamp)


def find_beside(file: StoredFile, name: str, *, above: int = 0) -> StoredFile | None:
    """The file of a name in the folder of another, or `above` folders further up; None where there is none.

    Raises:
        SourceError: it could not be asked for.
    """
    if not file.origin:
        folder = Path(file.shown).parent
        folder = folder if not above else folder.absolute().parents[above - 1]
        return find_local(folder / name, folder) if (folder / name).is_file() else None
    base, mark, query = file.place.partition("?") if is_web(file.origin) else (file.place, "", "")
    folders = base.split("/")[: -1 - above]
    if not any(folders) or folders[-1:] in ([""], ["http:"], ["https:"]):
        return None
    place = "/".join([*folders, name]) + mark + query
    try:
        return find_remote(file.origin, place, "")
    except (FileNotFoundError, PermissionError):  # S3 forbids what is not there to those who may not list
        return None


def unreachable(shown: str, error: BaseException, url: str) -> SourceError:
    """What is said where a URL cannot be read."""
    return SourceError(
        f"{shown} could not be reached ({describe_failure(error, url)}): check the URL, the network and the credentials."
    )


def ask(files: Any, place: str) -> Mapping[str, Any]:
    """What a file system says of a file now.

    Raises:
        FileNotFoundError, PermissionError: it is not there, or may not be seen.
        Exception: whatever the file system raises where it cannot tell.
    """
    about: Mapping[str, Any] = try_again(lambda: files.info(place), place, ())
    return about


def try_again(fetch: Callable[[], _T], place: str, pauses: Sequence[float]) -> _T:
    """What `fetch` returns, tried again after each pause (s) where it fails for what may pass; raises what the last try does."""
    for pause in (*pauses, None):
        try:
            return fetch()
        except Exception as error:  # whatever a protocol's package raises
            told = explain_web(error, place)
            if pause is None or isinstance(told, (FileNotFoundError, PermissionError, LastingError, SourceError)):
                if told is error:
                    raise
                raise told from error
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def explain_web(error: Exception, place: str) -> Exception:
    """An exception with the kind that it is of: by HTTP fsspec calls missing whatever it could not ask about."""
    if not is_web(place):
        return error
    cause: BaseException = error
    while isinstance(cause, FileNotFoundError) and cause.__cause__ is not None:
        cause = cause.__cause__
    status = getattr(cause, "status", None)
    if status in (404, 410):
        return FileNotFoundError("it is no longer there")
    if status in (401, 403):
        return PermissionError(f"its server forbids it ({status})")
    return error if cause is error else OSError(str(cause) or type(cause).__name__)


def _measure(about: Mapping[str, Any]) -> tuple[int, str]:
    """Size in bytes (-1 where it is not told) and stamp from what a file system says of a file."""
    size = about.get("size")
    stamp = next((str(about[word]).strip('"') for word in _STAMPS if about.get(word)), "")
    return (int(size) if isinstance(size, int) else -1), stamp


def connect(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, made once per thread, and what it calls the place.

    Raises:
        SourceError: an unknown protocol, or one whose package is not installed, or that cannot be set up.
    """
    shown, protocol = hide_credentials(url), url.partition("://")[0].casefold()
    if "::" in url:
        raise SourceError(f"{shown} chains several protocols, which is not read: give the URL of the files themselves.")
    import fsspec

    try:
        files, place = fsspec.url_to_fs(url)
    except ImportError as error:
        package = _PACKAGES.get(protocol)
        install = f"pip install {package}" if package else describe_failure(error, url)
        raise SourceError(f"{protocol}:// needs a package that is not installed: {install}.") from error
    except ValueError as error:
        if protocol not in fsspec.available_protocols():
            raise SourceError(
                f"{protocol}:// is not known: give a path, or a URL such as s3://, gs://, hf:// or https://."
            ) from error
        raise unreachable(shown, error, url) from error
    except Exception as error:  # whatever a protocol's package raises
        raise unreachable(shown, error, url) from error
    return files, str(place)
