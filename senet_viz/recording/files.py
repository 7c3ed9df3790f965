"""Files that are either whole or absent: temporary name, fsync, rename; hashed while they are written."""

import contextlib
import hashlib
import io
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors import SafetensorError

from senet_viz.errors import RecordingError, SenetVizError
from senet_viz.recording.checked import CheckedFile, plain_size, read_plain
from senet_viz.schema import FileEntry, Manifest, T, from_tree, to_tree

TEMPORARY_SUFFIX = ".tmp"
SEAL = "checksum"
MOST_JSON = 64_000_000  # bytes: a manifest that lists 100,000 files has a fifth
ROW_GROUP = 1024
_ROLES = ("samples", "gates", "errors", "moments", "histograms", "control", "outcomes", "assessment")
SAFETENSORS_TYPES: dict[np.dtype[Any], str] = {
    np.dtype(np.float64): "F64",
    np.dtype(np.float32): "F32",
    np.dtype(np.float16): "F16",
    np.dtype(np.int64): "I64",
    np.dtype(np.int32): "I32",
}


class HashingFile(io.RawIOBase):
    """A sink that counts and hashes what passes through to the file behind it."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._sha256 = hashlib.sha256()
        self.count = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        self._file.write(view)
        self._sha256.update(view)
        self.count += len(view)
        return len(view)

    def tell(self) -> int:
        return self.count

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


@contextlib.contextmanager
def as_recording_errors(doing: str, advice: str) -> Iterator[None]:
    """Turn the operating system's refusal (disk full, no permission, disk gone) into one sentence."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecordingError(f"{doing} failed: {reason}. {advice}") from error


@contextlib.contextmanager
def replacing(path: Path, *, temporary: Path | None = None, durable: bool = True) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when the `with` ends well, and is gone when it does not.

    Args:
        path: to be written.
        temporary: where it is until then; the path with `.tmp` at its end by default.
        durable: what was written also survives a loss of power.
    """
    temporary = temporary or path.with_name(path.name + TEMPORARY_SUFFIX)
    try:
        with temporary.open("wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_file(folder: Path, name: str, role: str, rows: int, fill: Callable[[HashingFile], Any]) -> FileEntry:
    """Write one file, hashed on the way.

    Returns:
        Its entry for the manifest; until a manifest lists it the file does not count.
    """
    with replacing(folder / name) as file:
        sink = HashingFile(file)
        fill(sink)
    return FileEntry(name=name, role=role, rows=rows, bytes=sink.count, sha256=sink.hexdigest())


def write_table(folder: Path, name: str, role: str, table: pa.Table, *, level: int = 1) -> FileEntry:
    """A Parquet file: zstd of the given level, page checksums, dictionary and statistics on scalar columns only."""
    scalars = [f.name for f in table.schema if not pa.types.is_fixed_size_list(f.type)]

    def fill(sink: HashingFile) -> None:
        pq.write_table(
            table,
            sink,
            row_group_size=ROW_GROUP,
            compression="zstd",
            compression_level=level,
            use_dictionary=scalars,
            write_statistics=scalars,
            write_page_checksum=True,
            store_schema=True,
        )

    return write_file(folder, name, role, table.num_rows, fill)


def read_table(
    path: Path,
    sha256: str,
    columns: list[str] | None = None,
    *,
    advice: str | None = None,
    held: CheckedFile | None = None,
) -> pa.Table:
    """Read a Parquet file, or some of its columns.

    Args:
        path: of the file.
        sha256: of its bytes, as listed.
        columns: their names; all where None.
        advice: what to do where it has other bytes.
        held: the file, where it is open already.

    Raises:
        RecordingError: missing, damaged, or not what is listed.
    """
    with _opened(path, sha256, held, advice) as checked, checked.believed() as file:
        return _parquet(file).read(columns=columns)


def read_row_groups(
    path: Path, sha256: str, columns: list[str], *, held: CheckedFile | None = None
) -> Iterator[pa.Table]:
    """The same, a row group after the other: of a wide column half the time and a fifth of the memory.

    Raises:
        RecordingError: missing, damaged, or not what is listed.
    """
    with _opened(path, sha256, held) as checked:
        with checked.believed() as file:
            parquet = _parquet(file)
        for group in range(parquet.num_row_groups):
            with checked.believed():
                table = parquet.read_row_group(group, columns=columns, use_threads=False)
            yield table


def _parquet(file: IO[bytes]) -> pq.ParquetFile:
    return pq.ParquetFile(file, page_checksum_verification=True)


@contextlib.contextmanager
def _opened(
    path: Path, sha256: str, held: CheckedFile | None = None, advice: str | None = None
) -> Iterator[CheckedFile]:
    """A file, closed at the end where it was opened here."""
    with reading(path):
        if held is not None:
            yield held
        else:
            with CheckedFile(path, sha256, advice) as checked:
                yield checked


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what a missing or damaged file raises into a sentence that says what to do."""
    try:
        yield
    except (OSError, ValueError, pa.ArrowException, SafetensorError) as error:
        raise RecordingError(
            f"{path} could not be read ({error}): copy the recording again or record again."
        ) from error


def write_tensors(
    folder: Path, name: str, role: str, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> FileEntry:
    """A safetensors file, streamed from the arrays without a copy of them all."""
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    start = 0
    for key, array in tensors.items():
        kind = SAFETENSORS_TYPES[array.dtype]
        header[key] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [start, start + array.nbytes]}
        start += array.nbytes
    text = json.dumps(header, ensure_ascii=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)

    def fill(sink: HashingFile) -> None:
        sink.write(len(text).to_bytes(8, "little") + text)
        for array in tensors.values():
            if array.nbytes:
                sink.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8))

    return write_file(folder, name, role, 0, fill)


def write_lines(folder: Path, name: str, role: str, rows: list[dict[str, str]]) -> FileEntry:
    """A JSON lines file."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return write_file(folder, name, role, len(rows), lambda sink: sink.write(text.encode("utf-8", "surrogatepass")))


def read_lines(path: Path, sha256: str, *, held: CheckedFile | None = None) -> list[dict[str, str]]:
    """The rows of a JSON lines file with this sha256.

    Raises:
        RecordingError: missing, damaged, or not what is listed.
    """
    with _opened(path, sha256, held) as checked, checked.believed() as file:
        text = file.read().decode("utf-8", "surrogatepass")
        rows = [json.loads(line) for line in text.split("\n") if line]
    return from_tree(list[dict[str, str]], rows, str(path), "record again")


def read_json(path: Path, advice: str, *, error: type[SenetVizError] = RecordingError) -> dict[str, Any] | None:
    """The object in a JSON file; None where there is no file. `advice` says what to do about a damaged one.

    Raises:
        SenetVizError: as `error`; the file can not be read, holds no object, or was sealed and is of other content.
    """
    try:
        tree = json.loads(read_plain(path, MOST_JSON))
        broken = isinstance(tree, dict) and SEAL in tree and tree.pop(SEAL) != _seal(tree)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as problem:
        reason = (isinstance(problem, OSError) and problem.strerror) or problem
        raise error(f"{path} could not be read ({reason}): {advice}.") from problem
    if not isinstance(tree, dict):
        raise error(f"{path} could not be read (it holds no JSON object): {advice}.")
    if broken:
        raise error(
            f"{path} is not as it was written (its checksum is of other content): {advice}, or leave out its "
            f'"{SEAL}" if it was changed on purpose.'
        )
    return tree


def _seal(tree: Mapping[str, Any]) -> str:
    """The sha256 of what JSON holds, in hex, however it is laid out."""
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def read_data(path: Path, kind: type[T], advice: str) -> T | None:
    """Frozen data that `replace_json` wrote; None where there is no file.

    Raises:
        RecordingError: as in `read_json`, or a field is missing, unknown or of another type.
    """
    tree = read_json(path, advice)
    return None if tree is None else from_tree(kind, tree, str(path), advice)


def replace_json(folder: Path, name: str, tree: Any, *, durable: bool = True, sealed: bool = False) -> None:
    """Replace a JSON file by plain values or frozen data atomically.

    Args:
        folder: of the file.
        name: of the file.
        tree: what it holds.
        durable: it also survives a loss of power.
        sealed: with a checksum of what it holds, which `read_json` compares.
    """
    plain = to_tree(tree)
    text = json.dumps({SEAL: _seal(plain), **plain} if sealed else plain, indent=1, ensure_ascii=False, allow_nan=False)
    with replacing(folder / name, durable=durable) as file:
        file.write(text.encode("utf-8", "surrogatepass"))
    if durable:
        sync_folder(folder)


def size_problem(folder: Path, entry: FileEntry) -> str | None:
    """What is wrong with a file's presence or size."""
    try:
        size = plain_size(folder / entry.name)
    except OSError as error:
        return f"{entry.name} is missing ({error.strerror or error})"
    if size != entry.bytes:
        return f"{entry.name} has {size} bytes, {entry.bytes} expected"
    return None


def manifest_problems(manifest: Manifest) -> list[str]:
    """Which fields of a manifest do not fit each other; empty where all do."""
    found = [] if manifest.gates else ["gates: there is none"]
    if [gate.depth for gate in manifest.gates] != [*range(len(manifest.gates))]:
        found.append("gates: they do not stand in order of depth, counted from 0")
    for at, gate in enumerate(manifest.gates):
        if not all(map(math.isfinite, gate.extent)):
            found.append(f"gates[{at}]: neither its range nor its histogram has finite ends")
    for where, names in (("gates", [g.name for g in manifest.gates]), ("files", [f.name for f in manifest.files])):
        found += [f"{where}: {name!r} stands there twice" for name, count in Counter(names).items() if count > 1]
    if len(manifest.mapping.outputs) != len(manifest.classes):
        found.append(f"mapping.outputs: {len(manifest.mapping.outputs)} outputs for {len(manifest.classes)} classes")
    for entry in manifest.files:
        if entry.role not in _ROLES:
            found.append(f"files: {entry.name} has the role {entry.role[:40]!r}, which is none of {', '.join(_ROLES)}")
    if manifest.complete:  # interventions list all their images from the start
        found += row_problems(manifest)
    return found


def row_problems(manifest: Manifest) -> list[str]:
    """Where its files have other numbers of rows than it counts of images."""
    found = []
    for role, count in (("samples", "images"), ("errors", "errors"), ("gates", "kept")):
        rows = sum(entry.rows for entry in manifest.files if entry.role == role)
        if rows != (expected := manifest.progress.get(count, 0)):
            found.append(f"the {role} files have {rows} rows, the manifest counts {expected}")
    return found


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a loss of power, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
