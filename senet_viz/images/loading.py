"""Batches of preprocessed images, decoded by threads ahead of the one who uses them."""

import itertools
import threading
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


def load_batches(
    source: ImageSource,
    batches: Iterable[NDArray[np.int64]],
    preprocess: Preprocess,
    *,
    workers: int = 2,
    prefetch: int = 2,
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

    Raises:
        ArgumentError: fewer than one worker or batch ahead, or tensors of different shapes.
    """
    if workers < 1 or prefetch < 1:
        raise ArgumentError(f"workers is {workers} and prefetch {prefetch}: both are at least 1.")
    return _load_batches(source, batches, preprocess, workers, prefetch)


def _load_batches(
    source: ImageSource, batches: Iterable[NDArray[np.int64]], preprocess: Preprocess, workers: int, prefetch: int
) -> Generator[Batch, None, None]:
    waiting: deque[tuple[NDArray[np.int64], list[_Item], list[Future[None]]]] = deque()
    pending = iter(batches)
    stopped = threading.Event()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="senet-viz-images")

    def submit(indices: NDArray[np.int64]) -> None:
        items: list[_Item] = [""] * len(indices)
        turns = iter(range(len(indices)))
        share = [pool.submit(_load_in_turn, source, indices, turns, items, preprocess, stopped) for _ in range(workers)]
        waiting.append((indices, items, share))

    with quiet_libraries():
        try:
            for indices in itertools.islice(pending, prefetch):
                submit(indices)
            while waiting:
                indices, items, share = waiting.popleft()
                for future in share:
                    future.result()
                for following in itertools.islice(pending, 1):
                    submit(following)
                batch = _assemble(indices, items)
                del items, share  # each image once in memory while the batch is used
                yield batch
                del batch
        finally:
            stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _load_in_turn(
    source: ImageSource,
    indices: NDArray[np.int64],
    turns: Iterator[int],
    items: list[_Item],
    preprocess: Preprocess,
    stopped: threading.Event,
) -> None:
    """Take the next image until none is left: threads stay close together, which a source read in order needs."""
    for at in turns:  # shared by the threads of a batch; a step of a range iterator is atomic
        if stopped.is_set():
            return
        items[at] = _load_one(source, int(indices[at]), preprocess)


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


def _assemble(indices: NDArray[np.int64], items: Sequence[_Item]) -> Batch:
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
        pixels = torch.empty(len(tensors), *tensors[0].shape, memory_format=torch.channels_last)
        torch.stack(tensors, out=pixels)
    return Batch(np.asarray(indices, dtype=np.int64), pixels, np.asarray(indices, dtype=np.int64)[read], errors)
