"""Files of weights, read without running any code of theirs: every tensor in them under its path of names.

What else lies in a pickled checkpoint (arguments of the training, NumPy's numbers) is read into inert holders, which keep it and
do nothing; the names of the real classes never lead to them.
"""

import json
import pickle
import re
import threading
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from senet_viz.errors import ModelError

WEIGHT_ENDINGS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".pth.tar", ".pkl")
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_INDEX = ".index.json"
_MOST_ENTRIES = 1_000_000
_FOLDER = 0x10  # an entry so marked PyTorch takes for a folder, and leaves its tensor unread
_FETCH = "fetch or save it again"
_NAMES = threading.Lock()  # torch keeps the names that it may replace once for the whole process


@dataclass(frozen=True)
class Checkpoint:
    """What a file of weights holds.

    Attributes:
        tensors: every tensor by the keys that lead to it, joined by dots ("state_dict.model.conv1.weight").
        said: the architecture that the file says it is of; "" where it says none.
    """

    tensors: Mapping[str, Tensor]
    said: str = ""


class _Held:
    """In the place of an object that a pickle names: keeps what it was made of, and does nothing."""

    def __new__(cls, *_: object, **__: object) -> Self:
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


def _empty_dict(*_: object) -> OrderedDict[Any, Any]:
    return OrderedDict()


_NUMPY = [f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")]
_PATHS = [f"{module}.{kind}Path" for module in ("pathlib", "pathlib._local")
          for kind in ("Posix", "Windows", "PurePosix", "PureWindows", "")]  # fmt: skip
_INERT: list[Any] = [
    *((_Held, name) for name in (
        "argparse.Namespace", "numpy.dtype", "numpy.ndarray", *_NUMPY, *(f"numpy.dtypes.{name}" for name in np.dtypes.__all__),
        *_PATHS, "datetime.datetime", "datetime.timedelta", "mmengine.logging.history_buffer.HistoryBuffer",
        "builtins.getattr", "builtins.dict", "builtins.list", "builtins.int", "builtins.float",
    )),
    (_empty_dict, "collections.defaultdict"),
    *((OrderedDict, name) for name in (
        "lightning.fabric.utilities.data.AttributeDict", "lightning_fabric.utilities.data.AttributeDict",
        "pytorch_lightning.utilities.parsing.AttributeDict", "lightning.pytorch.utilities.parsing.AttributeDict",
        "easydict.EasyDict", "yacs.config.CfgNode",
    )),
]  # fmt: skip


def is_weights_file(name: str) -> bool:
    """Whether a name ends like a file of weights, or like the index of several; in any case of letters."""
    return name.lower().endswith((*WEIGHT_ENDINGS, *(ending + _INDEX for ending in WEIGHT_ENDINGS)))


def find_weights(folder: Path) -> Path:
    """The weights of a folder, by the usual names; the first of these where none is there, for the sentence that says so."""
    places = [folder / name for name in WEIGHT_FILES]
    return next((place for place in places if place.is_file()), places[0])


def read_checkpoint(path: Path) -> Checkpoint:
    """Every tensor in a file of PyTorch's or safetensors' format, or in the shards of an index, on the CPU.

    No code that the file may hold is run. The checksums of a zip (PyTorch's format since 1.6) are compared; safetensors and
    older files of PyTorch have none.

    Raises:
        ModelError: the file is missing, damaged, of another kind, holds code, or no tensors; the sentence says which.
    """
    try:
        if not path.is_file():
            raise ModelError(
                f"There is no weights file at {path}: give the path of a {', '.join(WEIGHT_ENDINGS)} file."
            )
        if path.name.lower().endswith(_INDEX):
            return _read_shards(path)
        kind = _sniff(path)
    except OSError as error:
        raise ModelError(f"{path} could not be read ({error.strerror}): check its permissions.") from error
    tree = _read_safetensors(path) if kind == "safetensors" else _read_pickled(path, zipped=kind == "zip")
    try:
        found = _flatten(tree, path)
    except RecursionError as error:
        raise ModelError(f"{path} nests its entries too deep: save the state dict alone.") from error
    if not found:
        raise ModelError(
            f"{path} holds no state dict (a mapping of names to tensors), but {_describe(tree)}: save one with "
            "torch.save(model.state_dict(), …) or safetensors."
        )
    return Checkpoint(found, _find_said(tree))


def _sniff(path: Path) -> str:
    """Which reader takes a file by its first bytes: "zip", "safetensors" or "pickle"; ModelError where none does."""
    with path.open("rb") as file:
        head = file.read(512)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise ModelError(f"{path} is empty (0 bytes): {_FETCH}.")
    if head.startswith(b"version https://git-lfs"):
        raise ModelError(f"{path} is a pointer of Git LFS, not the weights: run `git lfs pull` in its folder.")
    if start.startswith(b"<"):
        raise ModelError(f"{path} is a web page, not weights: fetch the file itself, not the page that shows it.")
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")) or head[257:262] == b"ustar":
        raise ModelError(f"{path} is a compressed file or an archive: unpack it, and give the weights file in it.")
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head):
        raise ModelError(f"{path} is text, not weights (it begins with {start[:40].decode()!r}): {_FETCH}.")
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head[8:9] == b"{" or (path.suffix.lower() == ".safetensors" and not head.startswith(b"\x80")):
        return "safetensors"
    return "pickle"


def _read_safetensors(path: Path) -> object:
    try:
        return load_file(path)
    except Exception as error:  # SafetensorError, OSError, and whatever torch says of a type that it has not
        raise ModelError(f"{path} is no readable safetensors file ({_brief(error)}): {_FETCH}.") from error


def _read_pickled(path: Path, *, zipped: bool) -> object:
    if zipped:
        _check_zip(path)
    try:
        with _NAMES, torch.serialization.safe_globals(_INERT), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tensors that are refused later, in one sentence
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # anything may stand in a damaged pickle
        raise ModelError(_explain_refused(path, error)) from error


def _check_zip(path: Path) -> None:
    """Compares the checksums of a zip, which PyTorch does not, and refuses zips that are no checkpoint."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            damaged = next((info.filename for info in archive.infolist() if info.external_attr & _FOLDER), None)
            damaged = damaged or archive.testzip()
    except Exception as error:  # zipfile has no common error for damage
        raise ModelError(f"{path} is damaged or incomplete ({_brief(error)}): {_FETCH}.") from error
    if damaged is not None:
        raise ModelError(
            f"{path} is damaged: {damaged} in it does not match its checksum (or was saved without); {_FETCH}."
        )
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise ModelError(
            f"{path} is a TorchScript archive, which holds code: convert it with "
            f"torch.save(torch.jit.load({path.name!r}).state_dict(), 'weights.pth')."
        )
    if not any(name.endswith("data.pkl") for name in names):
        raise ModelError(
            f"{path} is a zip of {', '.join(names[:3])}{', …' if len(names) > 3 else ''}, not a checkpoint of PyTorch: "
            "unpack it, or save the state dict with torch.save."
        )


def _explain_refused(path: Path, error: Exception) -> str:
    try:
        refused = sorted(set(torch.serialization.get_unsafe_globals_in_checkpoint(path)) - {name for _, name in _INERT})
    except Exception:  # of older files it lists none
        refused = re.findall(r"GLOBAL (\S+) was not an allowed", str(error))
    whole = any(name.startswith(("torch.nn.modules.", "torch.fx.")) for name in refused)
    if whole:
        return (
            f"{path} could not be read as tensors alone (it holds a whole network: {_list_some(refused)}, which loading would "
            "run as code): where its code is at hand, and only if you trust it, convert it with "
            f"torch.save(torch.load({path.name!r}, weights_only=False).state_dict(), 'weights.pth')."
        )
    reason = f"it holds {_list_some(refused)}, which loading would run as code" if refused else _brief(error)
    if not refused and isinstance(error, pickle.UnpicklingError):
        reason = "it is damaged, or was saved with another pickle protocol than 2"
    return f"{path} could not be read as tensors alone ({reason}): save only the state dict, best as safetensors."


def _list_some(names: list[str]) -> str:
    return f"{', '.join(names[:3])}{', …' if len(names) > 3 else ''}"


def _brief(error: Exception) -> str:
    """An error of another package, in half a line."""
    lines = str(error).strip().splitlines()
    text = re.split(r"(?<=[^.])\. ", lines[0])[0] if lines else ""
    return f"{type(error).__name__}: {text[:120]}" if text else type(error).__name__


def _read_shards(path: Path) -> Checkpoint:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        files = sorted(set(map(str, table.values())))
        wanted = [str(name) for name in table]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path} is no index of shards (a JSON with weight_map): {_FETCH}.") from error
    found: dict[str, Tensor] = {}
    for name in files:
        if Path(name).name != name or name.lower().endswith(_INDEX):
            raise ModelError(f"{path} names the shard {name!r}, which is not a weights file beside it: {_FETCH}.")
        found |= read_checkpoint(path.with_name(name)).tensors
    if lacking := [name for name in wanted if name not in found]:
        raise ModelError(
            f"The shards of {path} lack {len(lacking)} of its {len(wanted)} tensors, e.g. {lacking[0]}: {_FETCH}."
        )
    return Checkpoint(found)


def _flatten(tree: object, path: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, tensor in _walk(tree, (), [0], path):
        if name in found and found[name] is not tensor:
            raise ModelError(f"{path} holds two tensors called {name!r}: save the state dict alone.")
        found[name] = tensor
    return found


def _walk(
    tree: object, above: tuple[int, ...], seen: list[int], path: Path, prefix: str = ""
) -> Iterator[tuple[str, Tensor]]:
    """Tensors by name, depth first; entries that hold themselves are entered once."""
    if not isinstance(tree, Mapping | list | tuple) or id(tree) in above:
        return
    for key, value in tree.items() if isinstance(tree, Mapping) else enumerate(tree):
        seen[0] += 1
        if seen[0] > _MOST_ENTRIES:
            raise ModelError(f"{path} holds more than {_MOST_ENTRIES:,} entries: save the state dict alone.")
        if not isinstance(key, str | int):
            continue
        if isinstance(value, Tensor):
            yield f"{prefix}{key}", value
        else:
            yield from _walk(value, (*above, id(tree)), seen, path, f"{prefix}{key}.")


def _describe(tree: object) -> str:
    if isinstance(tree, Tensor):
        return f"one tensor of {tuple(tree.shape)} without a name"
    if isinstance(tree, Mapping) and tree:
        return f"{_list_some([str(key) for key in tree])} without tensors"
    return f"an empty {type(tree).__name__}" if isinstance(tree, Mapping | list | tuple) else f"a {type(tree).__name__}"


def _find_said(tree: object) -> str:
    """The architecture that a checkpoint says it is of, at its top or among the arguments of its training."""
    if not isinstance(tree, Mapping):
        return ""
    for key in ("arch", "architecture", "model_name", "model_arch"):
        if isinstance(tree.get(key), str):
            return str(tree[key])
    for place in ("args", "hyper_parameters", "hparams", "config", "cfg", "opt"):
        inside = tree.get(place)
        inside = inside.state if isinstance(inside, _Held) else inside
        for key in ("arch", "architecture", "model_name", "model"):
            if isinstance(inside, Mapping) and isinstance(inside.get(key), str):
                return str(inside[key])
    return ""
