"""What the decoder makes of images that somebody has tampered with, in memory and time: pixels, or one sentence.

    python benchmarks/hostile_images.py                                            # 3,000 cases, the crafted ones left out
    python benchmarks/hostile_images.py --cases 1000000 --crafted --out benchmarks/results/hostile_images.json

Small images of every format that Pillow writes here (and, where SENET_VIZ_TINY_IMAGENET is set, real photographs) are changed, one
seeded change a case: bytes flipped, the end cut off, two files spliced, a number of the header or a length replaced, a part
deleted, doubled or moved; PNG checksums are mended in every other case. Each is decoded in a worker process, every fourth
twice; AVIF too without the further process that `decode_image` gives it, so that its memory is seen. With `--crafted`, files follow that are made to be costly: bombs, endless headers, the largest images that are still read.

Counted are decoded images, refusals in one sentence, other exceptions, crashes, cases above the bound of memory (300 MB above the
file and 4 bytes for each pixel of the result) or of time (2 s, 0.15 s for each million pixels and 0.1 s for each MB of the file, of the
processor), and cases that end differently the second time; all but the first two must be none. With `--out` the counts are kept there every 2,000 cases and the same
command continues. Needs Linux, which tells a process's largest memory.
"""

import argparse
import ctypes
import io
import json
import multiprocessing
import os
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, features

from senet_viz.errors import ImageError
from senet_viz.images.bounds import ROOM, allowed_seconds
from senet_viz.images.decoding import DECODER, decode_here

OUTCOMES = (
    "decoded", "refused in a sentence", "other exception", "crash", "above the memory bound", "above the time bound",
    "other the second time",
)  # fmt: skip
SEED, TWICE, HANG, KEEP = 2026, 4, 120.0, 2_000
ALLOCATOR = 16 * 2**20  # what the allocator keeps of earlier cases
PHOTOS = 24
Bases = list[tuple[str, bytes]]
_CONTEXT = multiprocessing.get_context("spawn")
_LIBC = ctypes.CDLL(None)


class Case(NamedTuple):
    """What became of one file."""

    outcome: str
    said: str
    seconds: float
    extra: int  # bytes above the file and the result
    pixels: int


def make_bases() -> Bases:
    """Small images by format, the same on every run."""
    colours = np.random.default_rng(SEED).integers(0, 256, (6, 8, 4), dtype=np.uint8)
    rgba = Image.fromarray(colours).resize((48, 36), Image.Resampling.BICUBIC)
    rgb, grey = rgba.convert("RGB"), rgba.convert("L")
    palette, sixteen = rgb.quantize(16), Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x112], exif[0x010E] = 6, "a picture"
    frames = [rgb.rotate(90 * turn) for turn in range(1, 3)]
    several: dict[str, Any] = {"save_all": True, "append_images": frames}
    asked: list[tuple[str, Image.Image, dict[str, Any]]] = [
        ("JPEG", rgb, {"exif": exif}), ("JPEG", rgb, {"progressive": True, "icc_profile": b"profile" * 40}),
        ("JPEG", grey, {"comment": b"said"}), ("JPEG", rgb.convert("CMYK"), {"subsampling": 0}), ("JPEG", rgb, {"restart_marker_rows": 1}),
        ("MPO", rgb, several), ("PNG", rgb, {"exif": exif}), ("PNG", rgba, {"dpi": (72, 72)}), ("PNG", palette, {"transparency": b"\0\x80"}),
        ("PNG", sixteen, {}), ("PNG", grey.convert("1"), {}), ("PNG", rgba.convert("LA"), {}), ("PNG", rgb, several),
        ("GIF", palette, {"transparency": 3, "comment": b"said"}), ("GIF", rgb, several), ("GIF", grey, {"interlace": True}),
        ("BMP", rgb, {}), ("BMP", palette, {}), ("BMP", grey.convert("1"), {}), ("DIB", rgba, {}),
        ("PPM", rgb, {}), ("PPM", grey, {}), ("PPM", sixteen, {}), ("PPM", grey.convert("1"), {}),
        ("TIFF", rgb, {"exif": exif}), ("TIFF", sixteen, {}), ("TIFF", rgba, {"compression": "tiff_lzw"}), ("TIFF", rgb, several),
        ("TIFF", palette, {"compression": "packbits"}), ("TIFF", rgb, {"compression": "tiff_adobe_deflate", "tiffinfo": {317: 2, 278: 5}}),
        ("TIFF", rgb, {"compression": "jpeg"}), ("TIFF", grey.convert("1"), {"compression": "group4"}), ("TIFF", rgb, {"big_tiff": True}),
        ("TIFF", rgb.convert("YCbCr"), {}), ("TIFF", rgb.convert("CMYK"), {"compression": "tiff_deflate"}),
        ("ICO", rgba, {"sizes": [(16, 16), (32, 32)]}), ("ICO", rgba, {"sizes": [(16, 16)], "bitmap_format": "bmp"}),
        ("TGA", rgba, {"compression": "tga_rle"}), ("TGA", palette, {}),
        ("WEBP", rgb, {"exif": exif}), ("WEBP", rgba, {"lossless": True}), ("WEBP", rgb, several), ("WEBP", rgb, {"quality": 30}),
    ]  # fmt: skip
    if "jpg_2000" in features.get_supported():
        asked += [
            ("JPEG2000", rgb, {}),
            ("JPEG2000", rgba, {"no_jp2": True}),
            ("JPEG2000", grey, {"tile_size": (16, 16)}),
        ]
    if "avif" in features.get_supported():
        asked += [
            ("AVIF", rgb, {"exif": exif, "speed": 10}),
            ("AVIF", rgba, {"speed": 10}),
            ("AVIF", rgb, {**several, "speed": 10}),
        ]
    bases = []
    for kind, image, options in asked:
        out = io.BytesIO()
        if "append_images" in options:
            options = {**options, "append_images": [frame.copy() for frame in frames]}
        image.copy().save(out, kind, **options)  # a plugin keeps its settings in the image
        bases.append((kind, out.getvalue()))
    return [*bases, *_make_by_hand(), *_read_photos()]


def _make_by_hand() -> Bases:
    """Forms that Pillow reads and does not write; the second PPM has numbers above its largest and is refused as it is."""
    rows = b"".join(bytes([24, row % 4, 24, 3 - row % 4, 0, 0]) for row in range(36))
    header = struct.pack("<IiiHHIIiiII", 40, 48, 36, 1, 8, 1, len(rows) + 2, 0, 0, 4, 0)
    head = b"BM" + struct.pack("<IHHI", 14 + 40 + 16 + len(rows) + 2, 0, 0, 14 + 40 + 16)
    rle = head + header + bytes(range(16)) + rows + b"\0\1"
    numbers = b" ".join(str(value % 256).encode() for value in range(12 * 9 * 3))
    packed = zlib.compress(bytes((9 + 1) * 9 * 3 * 2))
    interlaced = (
        _chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 2, 0, 0, 1)) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")
    )
    return [
        ("BMP", rle), ("PPM", b"P3 12 9 255\n" + numbers), ("PPM", b"P2 18 18\n# said\n200\n" + numbers), ("PPM", b"P6 12 9 99\n" + bytes(324)),
        ("PPM", b"P1 9 9\n" + b"01 " * 50), ("PNG", b"\x89PNG\r\n\x1a\n" + interlaced),
    ]  # fmt: skip


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _read_photos() -> Bases:
    folder = os.environ.get("SENET_VIZ_TINY_IMAGENET")
    if not folder:
        return []
    import pyarrow.parquet as pq

    shard = next(iter(sorted(Path(folder).rglob("*.parquet"))), None)
    if shard is None:
        return []
    rows = next(pq.ParquetFile(shard).iter_batches(PHOTOS)).to_pylist()
    found = [next((value for value in row.values() if isinstance(value, dict)), {}) for row in rows]
    return [("JPEG", item["bytes"]) for item in found if item.get("bytes")]


def mutate(bases: Bases, case: int) -> tuple[str, str, bytes]:
    """Format, kind of change and bytes of one case; the same for the same number and bases."""
    random = np.random.default_rng((SEED, case))
    kind, data = bases[int(random.integers(len(bases)))]
    change = CHANGES[int(random.integers(len(CHANGES)))]
    other = bases[int(random.integers(len(bases)))][1]
    out = change(random, data, other)
    if kind == "PNG" and case % 2:
        out = mend_checksums(out)
    return kind, change.__name__.strip("_"), out


Random = np.random.Generator


def _flip(random: Random, data: bytes, _other: bytes) -> bytes:
    out = bytearray(data)
    for at in random.integers(len(out), size=int(random.integers(1, 9))):
        out[at] ^= int(random.integers(1, 256))
    return bytes(out)


def _truncate(random: Random, data: bytes, _other: bytes) -> bytes:
    return data[: int(random.integers(len(data)))]


def _splice(random: Random, data: bytes, other: bytes) -> bytes:
    return data[: int(random.integers(len(data)))] + other[int(random.integers(len(other))) :]


def _edit_number(random: Random, data: bytes, _other: bytes) -> bytes:
    """A number of the header: 1, 2 or 4 bytes of either order."""
    size = int(random.choice([1, 2, 4]))
    most = 2 ** (8 * size) - 1
    values = (0, 1, 2, most, most // 2, most // 2 + 1, min(most, 9_472), int(random.integers(most + 1)))
    value = int(values[int(random.integers(len(values)))])
    at = int(random.integers(max(1, min(len(data) - size, 96))))
    return data[:at] + value.to_bytes(size, "little" if random.integers(2) else "big") + data[at + size :]


def _edit_size(random: Random, data: bytes, _other: bytes) -> bytes:
    """Two numbers that follow each other, as width and height do: up to the most pixels that are read, and beyond."""
    size = int(random.choice([2, 4]))
    side = (int(random.choice([1, 300, 900, 20_000] * 5 + [3_000, 9_459]))).to_bytes(
        size, "little" if random.integers(2) else "big"
    )
    at = int(random.integers(max(1, min(len(data) - 2 * size, 64))))
    return data[:at] + side + side + data[at + 2 * size :]


def _edit_anywhere(random: Random, data: bytes, other: bytes) -> bytes:
    at = int(random.integers(len(data)))
    return data[:at] + _edit_number(random, data[at:], other)


def _move_part(random: Random, data: bytes, other: bytes) -> bytes:
    """A part deleted, doubled, moved, zeroed or taken from another file."""
    first, second = sorted(int(at) for at in random.integers(len(data), size=2))
    part, rest = data[first:second], data[:first] + data[second:]
    at = int(random.integers(len(rest) + 1))
    away = int(random.integers(len(other)))
    choices = (
        rest, data[:second] + part + data[second:], rest[:at] + part + rest[at:], data[:first] + bytes(len(part)) + data[second:],
        data[:first] + other[away : away + len(part)] + data[second:], data[:first] + part * 40 + data[second:],
    )  # fmt: skip
    return choices[int(random.integers(len(choices)))]


CHANGES: tuple[Callable[[Random, bytes, bytes], bytes], ...] = (
    _flip, _flip, _truncate, _splice, _edit_number, _edit_number, _edit_size, _edit_anywhere, _move_part,
)  # fmt: skip


def mend_checksums(data: bytes) -> bytes:
    """A PNG whose chunks have the checksums of what they hold, so that changes are looked at."""
    out, at = bytearray(data), 8
    while at + 12 <= len(out):
        end = at + 8 + int.from_bytes(out[at : at + 4], "big")
        if end + 4 > len(out):
            break
        out[end : end + 4] = zlib.crc32(out[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(out)


def try_one(data: bytes, *, twice: bool = False, name: str = "x.img") -> Case:
    """Decode and measure, in this process."""
    if _memory("VmRSS") > 2**28:
        _LIBC.malloc_trim(0)  # what the allocator kept of a large image would hide what the next one takes
    base = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the largest memory begins anew
    started = time.process_time()
    outcome, said, image = _decode(data, name)
    seconds, most = time.process_time() - started, _memory("VmHWM")
    pixels = image.width * image.height if image is not None else 0
    extra = most - base - 4 * pixels
    if twice and pixels < 2**22:
        again = _decode(data, name)
        same = (outcome, said) == again[:2] and (
            image is None or again[2] is None or image.tobytes() == again[2].tobytes()
        )
        outcome = outcome if same else "other the second time"
    if outcome in OUTCOMES[:2] and extra > ROOM + ALLOCATOR:
        outcome = "above the memory bound"
    if outcome in OUTCOMES[:2] and seconds > allowed_seconds(pixels, len(data)):
        outcome = "above the time bound"
    return Case(outcome, said, seconds, extra, pixels)


def _decode(data: bytes, name: str) -> tuple[str, str, Image.Image | None]:
    try:
        image = decode_here(data, name)
    except ImageError as error:
        said = str(error)
        return ("refused in a sentence" if "\n" not in said and len(said) < 600 else "other exception"), said, None
    except BaseException as error:  # what is looked for
        return "other exception", f"{type(error).__name__}: {str(error)[:300]}", None
    return "decoded", "", image


def _memory(what: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(what + ":")[1].split(None, 1)[0]) * 1024


def _work(pipe: Connection, first: int, last: int) -> None:
    """Cases `first` to `last`, told one by one."""
    bases = make_bases()
    try_one(bases[0][1])
    for case in range(first, last):
        kind, change, data = mutate(bases, case)
        pipe.send((case, kind, change, try_one(data, twice=case % TWICE == 0, name=f"x.{kind.lower()}")))


def _make(at: int, path: Path) -> None:
    from hostile_images_crafted import crafted

    path.write_bytes(list(crafted())[at][1]())


def _try_file(pipe: Connection, at: int, path: Path) -> None:
    try_one(make_bases()[0][1])
    pipe.send((at, "crafted", path.name, try_one(path.read_bytes(), name=path.name)))


def run(first: int, last: int) -> Iterator[tuple[int, str, str, Case]]:
    """Cases in order; a worker that dies or hangs is replaced, and its case counted."""
    while first < last:
        for found in _listen(_work, first, last):
            yield found
            first = found[0] + 1


def run_crafted(names: list[str]) -> Iterator[tuple[int, str, str, Case]]:
    """Each crafted file, made in one process and decoded in another, so that what making left is not counted."""
    from hostile_images_crafted import crafted

    with tempfile.TemporaryDirectory() as folder:
        for at, (name, _) in enumerate(crafted()):
            if names and name not in names:
                continue
            path = Path(folder) / name
            maker = _CONTEXT.Process(target=_make, args=(at, path))
            maker.start()
            maker.join()
            yield from _listen(_try_file, at, path)
            path.unlink()


def _listen(target: Callable[..., None], first: int, *rest: object) -> Iterator[tuple[int, str, str, Case]]:
    """What a worker tells, until it ends; of one that dies or hangs, the case at which it did so."""
    here, there = _CONTEXT.Pipe(duplex=False)
    worker = _CONTEXT.Process(target=target, args=(there, first, *rest), daemon=True)
    worker.start()
    there.close()
    try:
        while here.poll(HANG):
            found = here.recv()
            yield found
            first = found[0] + 1
        yield first, "?", "?", Case("above the time bound", f"no answer in {HANG:.0f} s", HANG, 0, 0)
    except EOFError:
        worker.join()
        if worker.exitcode:
            yield first, "?", "?", Case("crash", f"exit code {worker.exitcode}", 0, 0, 0)
    finally:
        worker.kill()
        worker.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=3_000)
    parser.add_argument(
        "--crafted", nargs="*", metavar="FILE", help="costly files too, all or those named, some minutes"
    )
    parser.add_argument("--out", type=Path, help="where results are kept and taken up again")
    arguments = parser.parse_args()
    kept = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out and arguments.out.exists() else {}
    if kept and (kept["seed"], kept["decoder"]) != (SEED, DECODER):
        sys.exit(f"{arguments.out} was made with another seed or decoder: give another file.")
    state: dict[str, Any] = kept or {
        "benchmark": "hostile_images", "seed": SEED, "decoder": DECODER, "bases": len(make_bases()), "cases": 0, "outcomes": dict.fromkeys(OUTCOMES, 0),
        "by format": {}, "longest_s": 0.0, "most_extra_mb": 0.0, "seconds": 0.0, "wrong": [], "crafted": [],
    }  # fmt: skip
    formats = {kind: Counter(counts) for kind, counts in state["by format"].items()}
    last = time.monotonic()

    def keep() -> None:
        nonlocal last
        state["by format"] = {kind: dict(counts) for kind, counts in sorted(formats.items())}
        state["seconds"], last = round(state["seconds"] + time.monotonic() - last, 1), time.monotonic()
        if arguments.out:
            new = arguments.out.with_suffix(".new")
            new.write_text(json.dumps(state, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            new.replace(arguments.out)

    for case, kind, change, found in run(state["cases"], arguments.cases):
        state["cases"] = case + 1
        state["outcomes"][found.outcome] += 1
        formats.setdefault(kind, Counter())[found.outcome] += 1
        state["longest_s"] = max(state["longest_s"], round(found.seconds, 2))
        state["most_extra_mb"] = max(state["most_extra_mb"], round(found.extra / 2**20, 1))
        if found.outcome not in OUTCOMES[:2] and len(state["wrong"]) < 100:
            state["wrong"].append({"case": case, "format": kind, "change": change, **found._asdict()})
        if state["cases"] % KEEP == 0:
            keep()
            print(f"{state['cases']:,} cases, {state['outcomes']}", end="\r", file=sys.stderr)
    if arguments.crafted is not None:
        for _, _, name, found in run_crafted(arguments.crafted):
            state["crafted"] = [row for row in state["crafted"] if row["file"] != name]
            state["crafted"].append({
                "file": name, "outcome": found.outcome, "cpu_s": round(found.seconds, 2), "extra_mb": round(found.extra / 2**20),
                "mpixels": round(found.pixels / 10**6, 1), "said": found.said,
            })  # fmt: skip
            print(json.dumps(state["crafted"][-1], ensure_ascii=False), file=sys.stderr)
    keep()
    print(json.dumps(state, indent=1, ensure_ascii=False))
    wrong = sum(state["outcomes"][outcome] for outcome in OUTCOMES[2:])
    sys.exit(1 if wrong or any(row["outcome"] in OUTCOMES[2:] for row in state["crafted"]) else 0)


if __name__ == "__main__":
    main()
