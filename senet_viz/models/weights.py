"""Weights from files, safely: tensors only, strict loading, every mismatch listed; and their digest."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from senet_viz.errors import ModelError
from senet_viz.models.checkpoints import read_checkpoint

_AROUND = ("state_dict.", "model_state_dict.", "model.", "net.", "module.")


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict in a file, without running any code that the file may hold.

    An entry around it ("state_dict", "model", …) and a "module." prefix are taken off where all names begin so.

    Raises:
        ModelError: as `read_checkpoint`.
    """
    found = dict(read_checkpoint(path).tensors)
    for prefix in _AROUND:
        if all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): value for name, value in found.items()}
    return found


def list_counters(names: Iterable[str]) -> set[str]:
    """Names of batch norm's counters, which older files lack and no forward reads."""
    return {name for name in names if name.endswith("num_batches_tracked")}


def load_strictly(module: nn.Module, weights: Mapping[str, Tensor], where: str, advice: str = "Check --arch.") -> None:
    """Loads a state dict into a module; nothing may be missing, left over or of another shape.

    Raises:
        ModelError: with the counts and the first names of each kind of mismatch, and the advice.
    """
    own = module.state_dict()
    missing = sorted(set(own) - set(weights) - list_counters(own))
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
        raise ModelError(f"The weights in {where} do not fit the architecture: {'; '.join(problems)}. {advice}")
    module.load_state_dict({name: weights.get(name, value) for name, value in own.items()})


def save_weights(module: nn.Module, path: Path, *, half: bool = False) -> None:
    """Writes a module's state dict as safetensors, floats in half precision if asked."""
    tensors = {
        name: (value.half() if half and value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    save_file(tensors, path)


def refuse_nonfinite_weights(module: nn.Module, name: str) -> None:
    """Refuses a network of which a parameter or a running statistic is NaN or infinite.

    Raises:
        ModelError: names the first of them, with the counts.
    """
    tensors: dict[str, Tensor] = dict(module.named_parameters())
    tensors |= {n: value for n, value in module.named_buffers() if n.endswith(("running_mean", "running_var"))}
    found = [
        f"{key} ({int((~torch.isfinite(value)).sum()):,} of {value.numel():,})"
        for key, value in tensors.items()
        if not _is_finite(value.detach())
    ]
    if found:
        more = f" and {len(found) - 4:,} more tensors" if len(found) > 4 else ""
        raise ModelError(
            f"Weights of the network are not finite (NaN or infinite): {', '.join(found[:4])}{more}: {name} cannot be observed "
            "like this; fetch or save its weights again."
        )


def _is_finite(values: Tensor) -> bool:
    """Whether all are; from their extremes, NaN where one is NaN, which takes an eighth of the time of asking each."""
    if values.is_complex() or not values.numel():
        return bool(torch.isfinite(values).all())
    return all(bool(torch.isfinite(extreme)) for extreme in torch.aminmax(values))


def digest_weights(module: nn.Module) -> str:
    """sha256 in hex over names, shapes and float32 values of a module's parameters and buffers, in name order."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            continue
        digest.update(f"{name}{tuple(value.shape)}".encode())
        digest.update(value.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return digest.hexdigest()
