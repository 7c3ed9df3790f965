"""Shards by pattern, here or behind a URL: `*`, `?` and `[…]` find files, `{a,b}` and `{000..099}` name them.

What a pattern finds is listed anew each time: only a listing tells which shards there are and whether they changed.
"""

import glob
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from senet_viz.errors import SourceError
from senet_viz.images.source import list_some
from senet_viz.images.storage import (
    StoredFile,
    connect,
    find_local,
    find_remote,
    hide_credentials,
    is_web,
    unreachable,
)  # fmt: skip

SHARDS = (".parquet", ".tar")
MOST_NAMED = 100_000
AT_ONCE = 8  # requests for the sizes of remote shards
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(-?\d{1,18})\.\.(-?\d{1,18})(?:\.\.(-?\d{1,18}))?")


def is_pattern(text: str) -> bool:
    """Whether a path is a pattern: wildcards, or braces with a comma or a range."""
    return glob.has_magic(text) or _find_braces(text) is not None


def _find_braces(text: str) -> re.Match[str] | None:
    return next((m for m in _BRACES.finditer(text) if "," in m[1] or _RANGE.fullmatch(m[1])), None)


def expand_braces(pattern: str) -> list[str]:
    """The names that a pattern stands for, as in a shell: `{a,b}`, `{000..099}`, `{0..8..2}`, several and nested ones.

    Raises:
        SourceError: more than 100,000 names.
    """
    found = _find_braces(pattern)
    if found is None:
        return [pattern]
    before, after = pattern[: found.start()], pattern[found.end() :]
    names: list[str] = []
    for word in _list_words(found[1], pattern):
        names += expand_braces(f"{before}{word}{after}")
        _refuse_many(len(names), pattern)
    return list(dict.fromkeys(names))


def _list_words(inner: str, pattern: str) -> list[str]:
    spans = _RANGE.fullmatch(inner)
    if spans is None:
        return inner.split(",")
    first, last = int(spans[1]), int(spans[2])
    step = abs(int(spans[3] or 1)) or 1
    _refuse_many(abs(last - first) // step, pattern)
    padded = any(len(end.lstrip("-")) > 1 and end.lstrip("-").startswith("0") for end in spans.group(1, 2))
    width = max(len(spans[1]), len(spans[2])) if padded else 0
    numbers = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    return [f"{number:0{width}d}" for number in numbers]


def _refuse_many(count: int, pattern: str) -> None:
    if count > MOST_NAMED:
        raise SourceError(
            f"{hide_credentials(pattern)} names over {MOST_NAMED:,} shards: use a wildcard (*) or a smaller range."
        )


def is_shard(name: str) -> bool:
    """Whether a file's ending is that of Parquet or a tar, and it is not hidden."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return not last.startswith(".") and last.casefold().endswith(SHARDS)


def find_shards(pattern: Path, name: str) -> list[StoredFile]:
    """The shards on this machine that a pattern stands for, sorted by their names below its first folder without wildcards.

    Raises:
        SourceError: nothing fits, a file that is named is not there or is no shard.
    """
    root = pattern.parent
    while is_pattern(str(root)):
        root = root.parent
    found: list[Path] = []
    for text in expand_braces(str(pattern)):
        if glob.has_magic(text):
            matching = glob.glob(text, recursive=True)  # noqa: PTH207 (takes absolute patterns)
            found += [Path(file) for file in matching if is_shard(file) and Path(file).is_file()]
        elif Path(text).is_file():
            found.append(Path(text))
        else:
            raise _missing(text, name)
    return sort_shards((_look(file, root) for file in found), name)


def _look(file: Path, root: Path) -> StoredFile:
    try:
        return find_local(file, root)
    except OSError as error:
        raise SourceError(
            f"{file} could not be opened ({error.strerror}): check the file and its permissions."
        ) from error


def _missing(text: str, name: str) -> SourceError:
    if text == name or not is_pattern(name):
        return SourceError(f"{name} does not exist: correct the URL.")
    return SourceError(f"{text}, which {name} names, does not exist: correct the pattern, or put the shard back.")


def sort_shards(found: Iterable[StoredFile], name: str) -> list[StoredFile]:
    """Shards in the order of their names, each once.

    Raises:
        SourceError: there is none, one is neither Parquet nor tar, or there are both.
    """
    shards = sorted({file.place: file for file in found}.values(), key=lambda file: file.name)
    if not shards:
        raise SourceError(f"No .parquet or .tar file matches {name}: quote the glob and check the folder.")
    others = [file.shown for file in shards if file.suffix.casefold() not in SHARDS]
    if others:
        raise SourceError(f"{list_some(others)} of {name} is neither .parquet nor .tar (compressed tars are not read).")
    if len({file.suffix.casefold() for file in shards}) > 1:
        raise SourceError(f"{name} finds Parquet and tars: give a pattern that finds one of them, such as *.tar.")
    return shards


def find_remote_shards(url: str, name: str) -> list[StoredFile]:
    """The shards behind a URL: of one file, a folder that holds shards, or a pattern.

    Args:
        url: with its credentials.
        name: without them, for messages.

    Raises:
        SourceError: as `find_shards`, or it cannot be reached.
    """
    base, mark, query = url.partition("?") if is_web(url) else (url, "", "")
    files, _ = connect(base + mark + query)
    files.invalidate_cache()  # a page that stays open must see what is there now
    try:
        places: dict[str, dict[str, object]] = {}
        for text in expand_braces(base):
            place = str(connect(text)[1])
            if glob.has_magic(text):
                listed = files.glob(place, detail=True)
                places |= {p + mark + query: about for p, about in listed.items() if is_shard(p)}
            elif is_shard(text):
                places[place + mark + query] = {}
            else:
                listed = files.ls(place, detail=True)
                shards = {str(about["name"]) + mark + query: about for about in listed if is_shard(str(about["name"]))}
                if not shards:
                    raise SourceError(
                        f"{hide_credentials(text)} is no .parquet or .tar file and no folder that holds such: give a file or a "
                        "pattern, such as hf://datasets/ORG/NAME/data/test-*.parquet."
                    )
                places |= shards
        root = _find_root(base)

        def look(item: tuple[str, dict[str, object]]) -> StoredFile:
            try:
                return find_remote(url, item[0], root, {} if is_web(url) else item[1])
            except FileNotFoundError as error:
                raise _missing(hide_credentials(str(files.unstrip_protocol(item[0]))), name) from error

        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(look, places.items()))
    except SourceError:
        raise
    except FileNotFoundError as error:
        raise SourceError(f"{name} does not exist: correct the URL.") from error
    except Exception as error:  # whatever a protocol's package raises
        raise unreachable(name, error, url) from error
    return sort_shards(found, name)


def _find_root(base: str) -> str:
    """What names are relative to, as the file system calls it: the folder itself, or that of a file or of a pattern's fixed part."""
    braces = _find_braces(base)
    wildcard = next((at for at, letter in enumerate(base) if letter in "*?["), len(base))
    if not is_pattern(base) and not is_shard(base):
        return str(connect(base)[1]).rstrip("/")
    fixed = base[: min(wildcard, braces.start())] if braces else base[:wildcard]
    return str(connect(f"{fixed}x")[1]).rpartition("/")[0]  # "x": a trailing "/" would be dropped
