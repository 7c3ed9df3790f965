"""How the process gets memory from the system."""

import ctypes
import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Found = TypeVar("Found")
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # malloc.h
_KEPT = 2**31 - 1
_LARGEST_IN_HEAP = 32 * 2**20  # the most that glibc allows on 64-bit systems
_STEP = 64 * 2**20


@functools.cache
def keep_freed_memory() -> bool:
    """Makes glibc keep the memory that a forward has freed for the next one, instead of giving it back each time.

    Feature maps are tens of megabytes; by default each is mapped, cleared page by page by the kernel and unmapped again,
    which took a fifth of the time of a forward on two cores. The process stays as large as its largest moment. Elsewhere
    than on glibc nothing happens.

    Returns:
        Whether the allocator took the settings.
    """
    mallopt = _find("mallopt")
    if mallopt is None:
        return False
    settings = {_MMAP_THRESHOLD: _LARGEST_IN_HEAP, _TRIM_THRESHOLD: _KEPT, _TOP_PAD: _STEP}
    return all(mallopt(ctypes.c_int(key), ctypes.c_int(value)) == 1 for key, value in settings.items())


def give_back_memory() -> bool:
    """Makes glibc give the system what is free in its heaps: after work that needs much and is done once.

    Each thread has a heap of its own, in which what was freed stays for that thread; elsewhere than on glibc nothing
    happens.

    Returns:
        Whether anything was given back.
    """
    trim = _find("malloc_trim")
    return trim is not None and trim(ctypes.c_size_t(0)) == 1


def _find(name: str) -> Callable[..., int] | None:
    """A function of glibc; None with another system or C library."""
    if sys.platform != "linux":
        return None
    try:
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
    return found


_SHORT = ("out of memory", "not enough memory", "can't allocate memory", "STATUS_ALLOC_FAILED")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device had no room: PyTorch's own error, or what CUDA's libraries, Metal and the CPU say in its place."""
    return any(text in str(error) for text in _SHORT)


def give_back_device_memory() -> None:
    """Makes PyTorch give the GPU what it keeps for later, where there is one."""
    import torch

    torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def run_what_fits(run: "Callable[[Tensor], Found]", pixels: "Tensor") -> "Found":
    """What `run` makes of a batch, or of its first half, quarter and so on where the device has no memory for more."""
    try:
        return run(pixels)
    except RuntimeError as error:
        if len(pixels) == 1 or not is_out_of_memory(error):
            raise
    give_back_device_memory()
    return run_what_fits(run, pixels[: (len(pixels) + 1) // 2])
