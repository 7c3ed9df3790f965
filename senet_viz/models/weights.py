"""Weights from files, safely: tensors only, strict loading, every mismatch listed; and their digest."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from senet_viz.errors import ModelError

WEIGHT_ENDINGS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
_WRAPPERS = ("state_dict", "model_state_dict", "model", "state_dict_ema", "net")


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict in a file, without running any code that the file may hold.

    A dict around it (under "state_dict", "model", …) and a "module." prefix on all names are taken off.

    Raises:
        ModelError: the file is missing, damaged, holds more than tensors, or holds no state dict.
    """
    if not path.is_file():
        raise ModelError(f"There is no weights file at {path}: give the path of a {', '.join(WEIGHT_ENDINGS)} file.")
    tree = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickled_tensors(path)
    for key in _WRAPPERS:
        if isinstance(tree, Mapping) and isinstance(tree.get(key), Mapping):
            tree = tree[key]
            break
    if not isinstance(tree, Mapping) or not all(isinstance(value, Tensor) for value in tree.values()) or not tree:
        raise ModelError(
            f"{path} holds no state dict (a mapping of names to tensors): save one with "
            "torch.save(model.state_dict(), …) or safetensors."
        )
    prefixed = all(name.startswith("module.") for name in tree)
    return {name.removeprefix("module.") if prefixed else name: value for name, value in tree.items()}


def _read_safetensors(path: Path) -> object:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is no readable safetensors file ({error}): fetch or save it again.") from error


def _read_pickled_tensors(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        try:
            refused = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        except Exception:
            refused = []
        reason = (
            f"it holds {', '.join(refused)}, which loading would run as code" if refused else f"{type(error).__name__}"
        )
        raise ModelError(
            f"{path} could not be read as tensors alone ({reason}): save only the state dict, best as safetensors."
        ) from error


def load_strictly(module: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Loads a state dict into a module; nothing may be missing, left over or of another shape.

    Raises:
        ModelError: with the counts and the first names of each kind of mismatch.
    """
    own = module.state_dict()
    counters = {name for name in own if name.endswith("num_batches_tracked")}
    missing = sorted(set(own) - set(weights) - counters)
    unknown = sorted(set(weights) - set(own))
    shapes = [
        f"{name} {tuple(weights[name].shape)} for {tuple(own[name].shape)}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    kinds = (("missing", missing), ("unknown", unknown), ("of another shape", shapes))
    problems = [
        f"{len(names)} {kind} ({', '.join(names[:4])}{', …' if len(names) > 4 else ''})"
        for kind, names in kinds
        if names
    ]
    if problems:
        raise ModelError(f"The weights in {where} do not fit the architecture: {'; '.join(problems)}. Check --arch.")
    module.load_state_dict({name: weights.get(name, value) for name, value in own.items()})


def save_weights(module: nn.Module, path: Path, *, half: bool = False) -> None:
    """Writes a module's state dict as safetensors, floats in half precision if asked."""
    tensors = {
        name: (value.half() if half and value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    save_file(tensors, path)


def describe_nonfinite_weights(module: nn.Module) -> str:
    """A sentence that names the parameters and running statistics that are NaN or infinite; "" where all are finite."""
    tensors: dict[str, Tensor] = dict(module.named_parameters())
    tensors |= {name: value for name, value in module.named_buffers() if name.endswith(("running_mean", "running_var"))}
    found = {
        name: f"{int((~torch.isfinite(value)).sum()):,} of {value.numel():,}"
        for name, value in tensors.items()
        if not bool(torch.isfinite(value.detach()).all())
    }
    if not found:
        return ""
    named = [f"{name} ({count})" for name, count in found.items()]
    more = f" and {len(named) - 4:,} more tensors" if len(named) > 4 else ""
    return f"Weights of the network are not finite (NaN or infinite): {', '.join(named[:4])}{more}."


def digest_weights(module: nn.Module) -> str:
    """sha256 in hex over names, shapes and float32 values of a module's parameters and buffers, in name order."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            continue
        digest.update(f"{name}{tuple(value.shape)}".encode())
        digest.update(value.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return digest.hexdigest()
