"""Networks in wrappers, on which hooks do not fire or fire per replica: refused, naming the module inside."""

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from senet_viz.errors import GateError

INSIDE: Mapping[str, tuple[str, str]] = {
    "OptimizedModule": ("_orig_mod", "hooks added after torch.compile may never fire"),
    "DataParallel": ("module", "its replicas fire hooks once per device"),
    "DistributedDataParallel": ("module", "its forward belongs to training"),
    "FullyShardedDataParallel": ("module", "its weights are scattered"),
}


def refuse_wrappers(network: nn.Module) -> None:
    """Raises where a network, or a part of it, is compiled, scripted, data-parallel or not yet initialised.

    Raises:
        GateError: naming the wrapper and the module inside that is to be passed instead.
    """
    for name, module in network.named_modules():
        where = f"model.{name}" if name else "model"
        for base in type(module).__mro__:
            if base.__name__ in INSIDE and hasattr(module, INSIDE[base.__name__][0]):
                inside, reason = INSIDE[base.__name__]
                kind = type(getattr(module, inside)).__name__
                advice = (
                    f"pass the {kind} inside, {where}.{inside}" if not name else f"put {where}.{inside} in its place"
                )
                raise GateError(f"{where} is a {base.__name__} ({reason}): {advice}.")
        _refuse_forms(module, where)
    lazy = next((name for name, parameter in network.named_parameters() if is_lazy(parameter)), None)
    if lazy is not None:
        raise GateError(f"{lazy} has no shape yet: run the network once on an image before looking for gates.")


def _refuse_forms(module: nn.Module, where: str) -> None:
    kind = type(module).__name__
    if isinstance(module, torch.jit.ScriptModule):
        raise GateError(f"{where} is a {kind}, on which hooks do not fire: pass the {kind}'s eager original.")
    if getattr(module, "_compiled_call_impl", None) is not None:
        raise GateError(
            f"{where} ({kind}) was compiled in place, and hooks added afterwards may never fire: "
            f"pass a {kind} on which compile() was not called."
        )
