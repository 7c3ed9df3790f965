"""Batches by threads: order, errors, an early end, bounds."""

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from senet_viz.errors import ArgumentError
from senet_viz.images.builtin import BuiltinSource
from senet_viz.images.decoding import decode_image
from senet_viz.images.loading import Batch, DecodingThreads, load_batches
from senet_viz.images.opening import open_images
from senet_viz.schema import ClassTable
from tests.support import image_files as draw


def to_tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image.resize((4, 4)))).permute(2, 0, 1).float()


def make_source(count: int, *, delay: float = 0.0) -> BuiltinSource:
    """Image k is of colour (k, 0, 0); some take longer."""

    def read(index: int) -> Image.Image:
        time.sleep(delay * (index % 3))
        return Image.new("RGB", (4, 4), (index, 0, 0))

    labels = np.zeros(count, np.int32)
    return BuiltinSource("digits", "made", ClassTable(("a",)), labels, "", read)


def split(count: int, size: int) -> list[NDArray[np.int64]]:
    return np.array_split(np.arange(count, dtype=np.int64), range(size, count, size))


def count_threads() -> int:
    return sum(thread.name.startswith("senet-viz-images") for thread in threading.enumerate())


@pytest.mark.parametrize(("workers", "prefetch", "size"), [(1, 1, 1), (2, 2, 7), (4, 3, 32), (3, 50, 100)])
def test_order_is_kept(workers: int, prefetch: int, size: int) -> None:
    source = make_source(90, delay=0.0005)
    wanted = split(90, size)
    seen = list(load_batches(source, wanted, to_tensor, workers=workers, prefetch=prefetch))
    for batch, indices in zip(seen, wanted, strict=True):
        assert batch.pixels is not None
        assert (batch.pixels.dtype, tuple(batch.pixels.shape)) == (torch.float32, (len(indices), 3, 4, 4))
        assert batch.pixels[:, 0, 0, 0].tolist() == indices.tolist() == batch.loaded.tolist()
        assert batch.indices.tolist() == indices.tolist()
        assert batch.errors == ()
    assert count_threads() == 0


def test_errors_are_listed_and_stop_nothing(tmp_path: Path) -> None:
    wanted = draw.write_hostile_folder(tmp_path)
    source = open_images(tmp_path)
    batch = next(load_batches(source, [np.arange(len(source))], to_tensor))
    assert batch.pixels is not None
    assert len(batch.pixels) == len(batch.loaded) == 6
    assert {source.sample_id(i) for i, _ in batch.errors} == {name for name, what in wanted.items() if what == "error"}
    assert {source.sample_id(int(i)) for i in batch.loaded} == {n for n, what in wanted.items() if what == "image"}
    for pixels, index in zip(batch.pixels, batch.loaded):
        assert torch.equal(pixels, to_tensor(decode_image(tmp_path / source.sample_id(int(index)))))
    only_errors = next(load_batches(source, [np.array([i for i, _ in batch.errors])], to_tensor))
    assert only_errors.pixels is None
    assert only_errors.errors == batch.errors


def test_an_image_that_cannot_be_preprocessed_is_listed() -> None:
    def fragile(image: Image.Image) -> torch.Tensor:
        if image.getpixel((0, 0)) == (3, 0, 0):
            raise ZeroDivisionError("division by zero")
        return to_tensor(image)

    batch = next(load_batches(make_source(5), [np.arange(5)], fragile))
    assert batch.loaded.tolist() == [0, 1, 2, 4]
    assert batch.errors[0][0] == 3
    assert batch.errors[0][1].startswith("made#3 (4×4 pixels) could not be preprocessed (ZeroDivisionError")


@pytest.mark.parametrize("how", ["close", "break", "raise", "forget"])
def test_threads_end_when_the_consumer_does(how: str) -> None:
    batches = load_batches(make_source(200, delay=0.001), split(200, 4), to_tensor, workers=3, prefetch=4)
    next(batches)
    assert count_threads() > 0
    if how == "raise":
        with pytest.raises(RuntimeError, match="stop"):
            batches.throw(RuntimeError("stop"))
    elif how == "close":
        batches.close()
    elif how == "break":
        for _ in batches:
            break
        del batches
    else:
        del batches
    gc.collect()
    assert count_threads() == 0


def test_an_early_end_does_not_wait_for_the_batch() -> None:
    read = []

    def note(image: Image.Image) -> torch.Tensor:
        read.append(image)
        return to_tensor(image)

    batches = load_batches(make_source(250, delay=0.01), [np.arange(1), np.arange(1, 250)], note)
    next(batches)
    batches.close()
    assert len(read) < 50


def test_a_fault_of_the_source_reaches_the_consumer() -> None:
    source = open_images("digits")
    (batch,) = load_batches(source, [np.array([0, 1797])], to_tensor)
    assert [index for index, _ in batch.errors] == [1797]

    class Broken:
        def __getattr__(self, name: str) -> object:
            raise LookupError(f"no {name}")

    with pytest.raises(LookupError, match="no load"):
        next(load_batches(Broken(), [np.arange(3)], to_tensor))
    assert count_threads() == 0


def test_an_error_in_the_list_of_batches_reaches_the_consumer() -> None:
    def broken() -> Iterator[NDArray[np.int64]]:
        yield np.arange(2)
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        list(load_batches(make_source(4), broken(), to_tensor, prefetch=1))
    assert count_threads() == 0


def test_no_more_than_asked_for_is_read_ahead() -> None:
    taken = []

    def listed() -> Iterator[NDArray[np.int64]]:
        for at in range(20):
            taken.append(at)
            yield np.arange(at, at + 1)

    for number, _ in enumerate(load_batches(make_source(20), listed(), to_tensor, prefetch=3)):
        assert len(taken) <= number + 4


def test_an_empty_batch_and_no_batch() -> None:
    batch = next(load_batches(make_source(2), [np.zeros(0, np.int64)], to_tensor))
    assert (batch.pixels, batch.errors, batch.loaded.tolist()) == (None, (), [])
    assert list(load_batches(make_source(2), [], to_tensor)) == []


def test_a_batch_is_float32_and_channels_last_and_holds_what_was_prepared() -> None:
    pixels = next(
        load_batches(make_source(5), [np.arange(5, dtype=np.int64)], lambda image: to_tensor(image).half())
    ).pixels
    assert pixels is not None
    assert pixels.dtype == torch.float32
    assert pixels.is_contiguous(memory_format=torch.channels_last)
    assert pixels[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert pixels[:, 1:].count_nonzero() == 0


def test_unusable_arguments() -> None:
    with pytest.raises(ArgumentError, match="both are at least 1"):
        load_batches(make_source(1), [], to_tensor, workers=0)
    sizes = iter([2, 3])
    with pytest.raises(ArgumentError, match="different shapes"):
        list(load_batches(make_source(2), [np.arange(2)], lambda _: torch.zeros(3, 2, next(sizes)), workers=1))


def take_with(threads: DecodingThreads, *, decoding: float, network: float) -> list[int]:
    """Numbers of the images, each of which takes so many seconds to decode and to use."""

    def slow(image: Image.Image) -> torch.Tensor:
        time.sleep(decoding)
        return to_tensor(image)

    seen: list[int] = []
    for batch in load_batches(make_source(40), split(40, 8), slow, workers=threads):
        time.sleep(network * len(batch.indices))
        seen.extend(batch.loaded.tolist())
    return seen


@pytest.mark.parametrize(
    ("decoding", "network", "counts"), [(0.02, 0.001, {6}), (0.0, 0.01, {1}), (0.01, 0.005, {3, 4, 5})]
)
def test_as_many_threads_as_keep_up_with_the_network(decoding: float, network: float, counts: set[int]) -> None:
    threads = DecodingThreads(1, 6)
    assert take_with(threads, decoding=decoding, network=network) == list(range(40))
    assert threads.count in counts
    assert (threads.decoding >= decoding, threads.network >= network) == (True, True)


def test_a_given_number_of_threads_stays() -> None:
    threads = DecodingThreads(3, 3)
    take_with(threads, decoding=0.0, network=0.005)
    assert threads.count == 3
    assert count_threads() == 0


@given(st.lists(st.booleans(), min_size=2, max_size=9))
def test_halves_of_a_batch_are_the_batch(readable: list[bool]) -> None:
    indices = np.arange(10, 10 + len(readable))
    loaded = indices[np.array(readable)]
    pixels = torch.from_numpy(loaded).float()[:, None] if len(loaded) else None
    errors = tuple((int(index), "no") for index in indices if index not in loaded)
    halves = Batch(indices, pixels, loaded, errors).halves()
    assert [len(half.indices) for half in halves] == [(len(readable) + 1) // 2, len(readable) // 2]
    for half in halves:
        assert sorted([*half.loaded, *(index for index, _ in half.errors)]) == half.indices.tolist()
        assert (half.pixels is None) == (not len(half.loaded))
        if half.pixels is not None:
            assert half.pixels[:, 0].tolist() == half.loaded.tolist()
