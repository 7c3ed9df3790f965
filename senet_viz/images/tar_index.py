"""Where the images of a WebDataset tar are, and their labels: read once from its headers, nothing is unpacked.

`tarfile` stops without a word at a damaged header and at a missing end; here both are errors, so that no image of a shard is
lost unseen. Its reader of one header (checksum, names, numbers) is used.
"""

import json
import math
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

from senet_viz.errors import SourceError
from senet_viz.images.columns import LABEL_NAMES, Columns, plain_name
from senet_viz.images.decoding import SUFFIXES, describe_error
from senet_viz.images.files import is_hidden
from senet_viz.images.index_cache import ShardIndex
from senet_viz.images.source import list_some, show_path
from senet_viz.images.storage import StoredFile

COLUMNS = ["key", "ending", "start", "size", "label"]
TEXTS = ("cls", "json", "txt")  # what holds a label, the first that does counts
_FIELD = " of .json"
_BROKEN = "a .json"  # no origin of labels: it could not be read
_BLOCK = tarfile.BLOCKSIZE
_HEADER_BYTES = 2**20  # the longest name or set of pax records
_TEXT_BYTES = 2**16
_LABEL_LETTERS = 200  # beyond it, a text is a caption
_NUMBER = re.compile(r"-?\d{1,18}")


class DamagedTarError(Exception):
    """A tar that cannot be read to its end; the text says where and why."""


class Member(NamedTuple):
    """A member of a tar: its name, where its content begins and how long it is, and whether it is an ordinary file."""

    name: str
    start: int
    size: int
    plain: bool


def walk_tar(file: BinaryIO, size: int) -> Iterator[Member]:
    """The members of a tar (ustar, GNU or pax) that are not folders, in order; links, devices and sparse files are not plain.

    Args:
        file: opened at its beginning.
        size: of the file in bytes.

    Raises:
        DamagedTarError: a damaged header, content that would reach beyond the file's end, or a tar without its end.
        OSError: it could not be read.
    """
    at, further = 0, dict[str, str]()
    while True:
        header = _read_at(file, at, _BLOCK)
        if not any(header) and len(header) == _BLOCK:
            return
        if len(header) < _BLOCK:
            raise DamagedTarError(f"it ends at byte {at:,} without a tar's closing zeros, so it was cut short")
        try:
            info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.TarError as error:
            raise DamagedTarError(f"no header of a tar is at byte {at:,} ({describe_error(error)})") from error
        start, stored = at + _BLOCK, info.size
        if info.type == tarfile.GNUTYPE_SPARSE:
            extended = header[482]
            while extended:
                extended = _read_at(file, start, _BLOCK).ljust(_BLOCK, b"\0")[504]
                start += _BLOCK
        elif not (info.isreg() or info.type not in tarfile.SUPPORTED_TYPES):
            stored = stored if info.type in _FURTHER else 0
        if info.type not in _FURTHER and info.type != tarfile.XGLTYPE and "size" in further and info.isreg():
            stored = _to_size(further["size"], at)
        if not 0 <= stored <= size - start:
            raise DamagedTarError(f"the member at byte {at:,} claims {stored:,} bytes, but {size - start:,} follow")
        at = start + math.ceil(stored / _BLOCK) * _BLOCK
        if info.type in _FURTHER:
            if stored > _HEADER_BYTES:
                raise DamagedTarError(f"the name of the member at byte {start - _BLOCK:,} claims {stored:,} bytes")
            further |= _read_further(info.type, _read_at(file, start, stored), start)
            continue
        if info.type == tarfile.XGLTYPE:
            continue
        plain = info.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
        plain = plain and not any(word.startswith("GNU.sparse") for word in further)
        if not info.isdir():
            yield Member(further.get("path", info.name), start, stored, plain)
        further = {}


_FURTHER = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)


def _read_at(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at)
    return file.read(length)


def _to_size(text: str, at: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise DamagedTarError(f"the member at byte {at:,} has the size {text[:20]!r}")
    return int(text)


def _read_further(kind: bytes, data: bytes, at: int) -> dict[str, str]:
    """What a member of this kind says of the one after it: its path, its size, that it is sparse."""
    if kind == tarfile.GNUTYPE_LONGLINK:
        return {}
    if kind == tarfile.GNUTYPE_LONGNAME:
        return {"path": data.partition(b"\0")[0].decode("utf-8", "surrogateescape")}
    found: dict[str, str] = {}
    while data.strip(b"\0"):  # "LENGTH KEY=VALUE\n", the length of all of it
        length, _, _ = data.partition(b" ")
        count = int(length) if length.isdigit() and len(length) < 9 else 0
        word, mark, value = data[len(length) + 1 : count].partition(b"=")
        if not mark or count > len(data) or not value.endswith(b"\n"):
            raise DamagedTarError(f"the pax header at byte {at:,} is damaged")
        found[word.decode("utf-8", "replace")] = value[:-1].decode("utf-8", "surrogateescape")
        data = data[count:]
    return found


@dataclass(slots=True)
class _Sample:
    """What a shard holds under one key: (ending, start, size) of files, and values by what they are read from."""

    files: list[tuple[str, int, int]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)


def index_tar(shard: StoredFile, file: BinaryIO, columns: Columns) -> ShardIndex:
    """A row per image: key, ending, start, size and label (int64 or string; of type null where no image has one).

    A member "dir/key.ending" belongs to the key up to the first dot of its last part, wherever it is in the shard. The image
    is the one member with an image's ending, or with the one that `columns.image` names. Its label is from `columns.label` (an
    ending, or a field of the JSON), else `.cls`, else the field of `.json` that is called like a label, else `.txt`; whole
    numbers index classes, "-1" and empty ones are none.

    Args:
        shard: for messages.
        file: the shard, opened at its beginning.
        columns: what a person named.

    Returns:
        The table; about: "from" (what labels are from, "" for none), "left_out" and "bare" (counts and examples of members
        that are no ordinary files, and of keys without an image).

    Raises:
        SourceError: a damaged tar, a member twice, two images of a key, or labels that are none.
    """
    samples: dict[str, _Sample] = {}
    left_out: list[str] = []
    asked = (columns.label or "").casefold().lstrip(".")
    try:
        for member in walk_tar(file, shard.size):
            path = show_path(member.name).removeprefix("./")
            place, mark, last = path.rpartition("/")
            if any(is_hidden(part) for part in path.split("/") if part):
                continue
            if not member.plain:
                left_out.append(path)
                continue
            stem, _, ending = last.partition(".")
            ending = ending.casefold()
            sample = samples.setdefault(f"{place}{mark}{stem}", _Sample())
            if any(ending == known for known, _, _ in sample.files):
                raise SourceError(f"{shard} holds {path!r} twice: write every member once.")
            sample.files.append((ending, member.start, member.size))
            if not columns.unlabelled and ending in (*TEXTS, asked):
                text = _read_at(file, member.start, min(member.size, _TEXT_BYTES + 1))
                sample.values |= _read_values(text, ending, path, columns, shard)
    except (DamagedTarError, OSError) as error:
        raise SourceError(
            f"{shard} could not be read as a tar ({describe_error(error)}): fetch or write it again."
        ) from error
    rows, bare = _choose_images(samples, columns, shard)
    origin = _choose_origin(samples, columns, shard)
    values = [samples[key].values.get(origin) for key, *_ in rows]
    table = pa.table([*_transpose(rows), _to_labels(values, origin, shard)], names=COLUMNS)
    about = {"from": origin, "left_out": [len(left_out), left_out[:3]], "bare": [len(bare), bare[:3]]}
    return ShardIndex(table, about)


def _transpose(rows: list[tuple[str, str, int, int]]) -> list[pa.Array]:
    kinds = (pa.string(), pa.string(), pa.int64(), pa.int64())
    return [pa.array([row[at] for row in rows], kind) for at, kind in enumerate(kinds)]


def _choose_images(
    samples: Mapping[str, _Sample], columns: Columns, shard: StoredFile
) -> tuple[list[tuple[str, str, int, int]], list[str]]:
    """(key, ending, start, size) of every image in the tar's order, and the keys that have none."""
    asked = columns.image.casefold().lstrip(".") if columns.image is not None else None
    rows: list[tuple[str, str, int, int]] = []
    bare: list[str] = []
    for key, sample in samples.items():
        if asked is not None:
            found = [each for each in sample.files if each[0] == asked]
        else:
            found = [each for each in sample.files if f".{each[0]}" in SUFFIXES]
            found = found or [each for each in sample.files if f".{each[0].rpartition('.')[2]}" in SUFFIXES]
        if len(found) > 1:
            endings = list_some([f".{ending}" for ending, _, _ in found])
            raise SourceError(
                f"{shard} holds several images under the key {key!r} ({endings}): name the ending with --image-column; a key "
                "ends at the first dot of a file's name."
            )
        if found:
            rows.append((key, *found[0]))
        else:
            bare.append(key)
    return sorted(rows, key=lambda row: row[2]), bare


def _read_values(data: bytes, ending: str, path: str, columns: Columns, shard: StoredFile) -> dict[str, Any]:
    """What a text member may label its key with, by where it is from: ".cls", or "label of .json".

    What cannot be read is a SourceError in its place: it is raised if labels are from there.
    """
    where = f"{path} in {shard}"
    if ending == "json":
        try:
            return {f"{name}{_FIELD}": value for name, value in _read_fields(data, where, columns).items()}
        except SourceError as error:
            return {_BROKEN: error}
    if len(data) > _TEXT_BYTES:
        return {f".{ending}": data.decode("utf-8", "replace")}  # longer than any label
    try:
        return {f".{ending}": data.decode("utf-8-sig").strip()}
    except UnicodeDecodeError:
        sentence = f"{where} is no text in UTF-8: write the class's name or number into it, or say --label-column none."
        return {f".{ending}": SourceError(sentence)}


def _read_fields(data: bytes, where: str, columns: Columns) -> dict[str, Any]:
    if len(data) > _TEXT_BYTES:
        raise SourceError(
            f"{where} has over {_TEXT_BYTES // 1024} KiB, more than describes an image: name other labels with --label-column, or "
            "say --label-column none."
        )
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where} could not be read as JSON ({describe_error(error)}): correct it.") from error
    wanted = LABEL_NAMES if columns.label is None else (plain_name(columns.label),)
    fields = tree.items() if isinstance(tree, dict) else ()
    return {name: value for name, value in fields if plain_name(name) in wanted}


def _choose_origin(samples: Mapping[str, _Sample], columns: Columns, shard: StoredFile) -> str:
    """What the labels of a shard are from; "" where there are none."""
    origin = "" if columns.unlabelled else _find_origin(samples, columns, shard)
    broken = next((sample.values[_BROKEN] for sample in samples.values() if _BROKEN in sample.values), None)
    if broken is not None and (origin in ("", ".txt") or origin.endswith(_FIELD)):
        raise broken
    return origin


def _find_origin(samples: Mapping[str, _Sample], columns: Columns, shard: StoredFile) -> str:
    there = list(dict.fromkeys(origin for sample in samples.values() for origin in sample.values))
    fields = [origin for origin in there if origin.endswith(_FIELD)]
    if columns.label is not None:
        ending = f".{columns.label.casefold().lstrip('.')}"
        exact = f"{columns.label}{_FIELD}"
        found = [origin for origin in (ending, exact, *fields) if origin in there]
        if not found:
            endings = dict.fromkeys(f".{ending}" for sample in samples.values() for ending, _, _ in sample.files)
            raise SourceError(
                f"{shard} has neither members {ending} nor a field {columns.label!r} in its .json: it has {', '.join(endings)}."
            )
        return found[0]
    by_name = sorted(fields, key=lambda origin: LABEL_NAMES.index(plain_name(origin.removesuffix(_FIELD))))
    return next((origin for origin in (".cls", *by_name, ".txt") if origin in there), "")


def _to_labels(values: list[Any], origin: str, shard: StoredFile) -> pa.Array:
    """Labels as int64 or string; of type null where there are none."""
    found = [_to_label(value, origin, shard) for value in values]
    if origin.startswith("."):  # texts: numbers where all are
        numbers = [each for each in found if isinstance(each, str) and _NUMBER.fullmatch(each)]
        given = [each for each in found if each is not None]
        if numbers and len(numbers) == len(given):
            found = [None if each is None else int(each) for each in found]
        elif numbers:
            other = next(each for each in given if each not in numbers)
            raise _mixed(shard, origin, numbers[0], other)
    kinds = {type(each): each for each in found if each is not None}
    if len(kinds) > 1:
        raise _mixed(shard, origin, *kinds.values())
    return pa.array(found, {int: pa.int64(), str: pa.string()}[next(iter(kinds))] if kinds else pa.null())


def _mixed(shard: StoredFile, origin: str, first: object, second: object) -> SourceError:
    return SourceError(
        f"{shard} labels some images by number and some by name ({first!r}, {second!r} in {origin}): use one of them, or "
        "name other labels with --label-column."
    )


def _to_label(value: Any, origin: str, shard: StoredFile) -> int | str | None:
    if isinstance(value, SourceError):
        raise value
    if isinstance(value, (list, dict)):
        raise SourceError(
            f"{shard} gives an image several labels ({origin}): multi-label data is not supported, give every image one."
        )
    if isinstance(value, bool):
        return str(value).casefold()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, float):
        raise SourceError(f"{shard} has the label {value} ({origin}): labels are whole numbers or names.")
    if isinstance(value, int) and abs(value) >= 10**18:
        raise SourceError(f"A label of {shard} is beyond 64 bits ({origin}): labels number classes from 0.")
    if isinstance(value, str) and (len(value) > _LABEL_LETTERS or "\n" in value):
        raise SourceError(
            f"{shard} has texts in {origin} that are captions, not classes ({value[:30]!r} …): name the labels with "
            "--label-column, or say --label-column none."
        )
    return value if value != "" else None
