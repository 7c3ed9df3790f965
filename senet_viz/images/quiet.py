"""Libraries that talk: what Pillow, libtiff and torch print of their own accord is kept out of what we say ourselves."""

import contextlib
import ctypes
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from PIL import Image, _imaging

_LIBRARIES = r"(PIL|torch|torchvision|timm)(\.|$)"
_FROM_TORCH = r"(?s).*\(Triggered internally at "  # torch's C++ warns in the name of whatever line called it


class _Quiet:
    """Counts its users, so that threads switch the warnings off once and the last one restores them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._saved = contextlib.ExitStack()

    def enter(self) -> None:
        with self._lock:
            if self._users == 0:
                self._saved.enter_context(warnings.catch_warnings())
                warnings.filterwarnings("ignore", module=_LIBRARIES)
                warnings.filterwarnings("ignore", message=_FROM_TORCH)
                warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # decoding checks the size
                for setter in _TIFF_SETTERS:
                    self._saved.callback(setter, setter(None))
            self._users += 1

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._saved.close()


def _find_tiff_setters() -> tuple[Callable[[Any], Any], ...]:
    """The functions by which libtiff is given another printer, or none; each returns the one before.

    libtiff's messages go to the file descriptor of stderr. Pillow has no switch for them, but what its extension was
    linked to is found from it by name; where the linker hides that (Windows), they stay.
    """
    found = []
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(_imaging.__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            setter = getattr(library, name)
            setter.restype, setter.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
            found.append(setter)
    return tuple(found)


_TIFF_SETTERS = _find_tiff_setters()
_QUIET = _Quiet()


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the libraries' own warnings about odd files and networks from being shown or raised; errors stay errors.

    Safe to nest and in threads. Warnings of other code, such as a person's network, are shown as ever.
    """
    _QUIET.enter()
    try:
        yield
    finally:
        _QUIET.leave()
