"""Batches of preprocessed images, decoded by threads ahead of the one who uses them."""

import functools
import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from senet_viz.errors import ArgumentError, ImageError
from senet_viz.images.decoding import describe_error
from senet_viz.images.quiet import quiet_libraries
from senet_viz.images.source import ImageSource

if TYPE_CHECKING:
    from torch import Tensor

Preprocess = Callable[[Image.Image], "Tensor"]
_Item: TypeAlias = "Tensor | str"  # the pixels, or what was wrong
FEW_THREADS = 2  # threads, where nothing is known
_SPARE = 1.5  # images differ in what they cost


class Batch(NamedTuple):
    """Images that were asked for together.

    Attributes:
        indices: (m,) what was asked for.
        pixels: (n, 3, H, W) float32, channels last, of those that could be read, n ≤ m; None when none could.
        loaded: (n,) their indices, in the order asked for.
        errors: index and sentence of each of the others.
    """

    indices: NDArray[np.int64]
    pixels: "Tensor | None"
    loaded: NDArray[np.int64]
    errors: tuple[tuple[int, str], ...]

    def halves(self) -> "tuple[Batch, Batch]":
        """The first half of what was asked for, rounded up, and the rest."""
        middle, failed = (len(self.indices) + 1) // 2, 0
        for index in self.indices[:middle].tolist():  # errors stand in the order asked for
            failed += failed < len(self.errors) and self.errors[failed][0] == index
        read = middle - failed
        return (
            self._part(slice(None, middle), slice(None, read), slice(None, failed)),
            self._part(slice(middle, None), slice(read, None), slice(failed, None)),
        )

    def _part(self, asked: slice, read: slice, failed: slice) -> "Batch":
        loaded = self.loaded[read]
        pixels = self.pixels[read] if self.pixels is not None and len(loaded) else None
        return Batch(self.indices[asked], pixels, loaded, self.errors[failed])


class DecodingThreads:
    """As many threads as keep up with whoever uses the images: settled by the second batch, since the first one also loads kernels.

    Attributes:
        count: threads now.
        decoding: seconds that an image took in its thread; NaN until it is settled.
        network: seconds an image of whoever used the batch; likewise.
    """

    def __init__(self, least: int, most: int) -> None:
        """From `least` to `most`, both at least 1."""
        self.count, self.decoding, self.network = max(least, min(FEW_THREADS, most)), math.nan, math.nan
        self._least, self._most, self._batches = least, most, 0

    def settle(self, images: int, decoding: float, network: float) -> None:
        """After one more batch with so many images that were read, with its seconds in threads and with the network."""
        if not images or not decoding or self._batches == 2:
            return
        self._batches += 1
        if self._batches == 2:
            self.decoding, self.network = decoding / images, network / images
            wanted = math.ceil(_SPARE * decoding / max(network, 1e-9))
            self.count = max(self._least, min(self._most, wanted))


def load_batches(
    source: ImageSource,
    batches: Iterable[NDArray[np.int64]],
    preprocess: Preprocess,
    *,
    workers: int | DecodingThreads = FEW_THREADS,
    prefetch: int = 2,
    pinned: bool = False,
) -> Generator[Batch, None, None]:
    """Read batches of a source in the order given, some ahead of use.

    An image that cannot be read or prepared becomes an entry of `errors` and stops nothing. At most `prefetch` batches
    are held beside the one in use. The threads end with the iteration, also when it is left early or raises.

    Args:
        source: where images come from; its `load` is called from threads.
        batches: arrays of indices; taken in the caller's thread as they are needed.
        preprocess: image to (3, H, W) tensor, of one shape for all; called from threads.
        workers: threads, from 1.
        prefetch: batches read ahead, from 1.
        pinned: pixels lie in memory from which a GPU copies by itself; there must be one.

    Raises:
        ArgumentError: fewer than one worker or batch ahead, or tensors of different shapes.
    """
    if not isinstance(workers, DecodingThreads):
        workers = DecodingThreads(workers, workers)
    if workers.count < 1 or prefetch < 1:
        raise ArgumentError(f"workers is {workers.count} and prefetch {prefetch}: both are at least 1.")
    return _load_batches(source, batches, preprocess, workers, prefetch, pinned)


def _load_batches(
    source: ImageSource,
    batches: Iterable[NDArray[np.int64]],
    preprocess: Preprocess,
    threads: DecodingThreads,
    prefetch: int,
    pinned: bool,
) -> Generator[Batch, None, None]:
    waiting: deque[tuple[NDArray[np.int64], list[_Item], list[Future[float]]]] = deque()
    pending = iter(batches)
    stopped = threading.Event()
    pools: dict[int, ThreadPoolExecutor] = {}  # by their number of threads

    def submit(indices: NDArray[np.int64]) -> None:
        if threads.count not in pools:
            pools[threads.count] = ThreadPoolExecutor(threads.count, thread_name_prefix="senet-viz-images")
        pool, turns = pools[threads.count], iter(range(len(indices)))
        items: list[_Item] = [""] * len(indices)
        turn = functools.partial(_load_in_turn, source, indices, turns, items, preprocess, stopped)
        waiting.append((indices, items, [pool.submit(turn) for _ in range(threads.count)]))

    with quiet_libraries():
        try:
            for indices in itertools.islice(pending, prefetch):
                submit(indices)
            while waiting:
                indices, items, share = waiting.popleft()
                decoding = sum(future.result() for future in share)
                for following in itertools.islice(pending, 1):
                    submit(following)
                batch = _assemble(indices, items, pinned)
                del items, share  # each image once in memory while the batch is used
                began, used = time.perf_counter(), len(batch.loaded)
                yield batch
                del batch
                threads.settle(used, decoding, time.perf_counter() - began)
        finally:
            stopped.set()
            for pool in pools.values():
                pool.shutdown(wait=True, cancel_futures=True)


def _load_in_turn(
    source: ImageSource,
    indices: NDArray[np.int64],
    turns: Iterator[int],
    items: list[_Item],
    preprocess: Preprocess,
    stopped: threading.Event,
) -> float:
    """Take the next image until none is left: threads stay close together, which a source read in order needs.

    Returns:
        Seconds.
    """
    began = time.perf_counter()
    for at in turns:  # shared by the threads of a batch; a step of a range iterator is atomic
        if stopped.is_set():
            break
        items[at] = _load_one(source, int(indices[at]), preprocess)
    return time.perf_counter() - began


def _load_one(source: ImageSource, index: int, preprocess: Preprocess) -> _Item:
    try:
        image = source.load(index)
    except ImageError as error:
        return str(error)
    try:
        return preprocess(image)
    except Exception as error:  # e.g. a picture one pixel high that cannot be cropped
        return (
            f"{source.path(index)} ({image.width}×{image.height} pixels) could not be preprocessed "
            f"({type(error).__name__}: {describe_error(error)}): replace or remove it."
        )


def _assemble(indices: NDArray[np.int64], items: Sequence[_Item], pinned: bool) -> Batch:
    import torch

    tensors = [item for item in items if not isinstance(item, str)]
    errors = tuple((int(index), item) for index, item in zip(indices, items) if isinstance(item, str))
    read = np.array([not isinstance(item, str) for item in items], dtype=np.bool_)
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) > 1:
        raise ArgumentError(
            f"The preprocessing gave tensors of different shapes ({sorted(shapes)}): give all one size."
        )
    pixels = None
    if tensors:  # decoders give rows of RGB: as they lie, and as networks here take them
        shape = len(tensors), *tensors[0].shape
        pixels = torch.empty(shape, memory_format=torch.channels_last, pin_memory=pinned)
        torch.stack(tensors, out=pixels)
    return Batch(np.asarray(indices, dtype=np.int64), pixels, np.asarray(indices, dtype=np.int64)[read], errors)
