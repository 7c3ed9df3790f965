"""How the process gets memory from the system."""

import ctypes
import functools
import sys
from collections.abc import Callable

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
