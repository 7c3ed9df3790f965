"""Paths as people type them."""

import contextlib
import os
import re
import shutil
import socket
import threading
from pathlib import Path


def repository() -> Path:
    """The folder that the package lies in: of a checkout, the one with `checkpoints`, `experiments` and `runs`."""
    return Path(__file__).resolve().parents[1]


def expand_home(path: str | Path) -> Path:
    """A path whose leading `~` or `~name` is the home folder, as in a shell.

    Shells expand it only at the start of a word, so `--out=~/x` and what is typed on a page arrive with it. Where no such
    home is known the path stays as it is: then it does not exist, and whoever opens it says so.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises where no home is known


def explain_refusal(path: Path) -> str | None:
    """What the system says where it does not let one look at a path, e.g. "Permission denied".

    None where it does, whether something is there or not; `Path.is_dir` and its like raise where it does not.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # a null character is a ValueError
        return getattr(error, "strerror", None) or str(error)
    return None


def name_beside(path: Path) -> Path:
    """A temporary name that no other process or thread has, should two write the same; what killed ones left behind is removed."""
    begin, me = f".{path.name}.{socket.gethostname()}.", f"{os.getpid()}-{threading.get_ident()}.tmp"
    owned = re.compile(re.escape(begin) + r"(\d+)-\d+\.tmp")
    for left in _list(path.parent):
        found = owned.fullmatch(left.name)
        if found and not is_running(int(found[1])):
            with contextlib.suppress(OSError):  # somebody else's stays
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
    return path.with_name(begin + me)


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # it may be written and not listed, or is not there
        return []


def is_running(pid: int) -> bool:
    """Whether a process of this machine has this number; always on systems that cannot be asked."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
