"""Hooks and switches that are always undone: everything lives in a `with`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

ForwardHook = Callable[[nn.Module, tuple[Any, ...], Any], Any]
ForwardPreHook = Callable[[nn.Module, tuple[Any, ...]], Any]


@contextmanager
def attached(
    hooks: Iterable[tuple[nn.Module, ForwardHook]],
    *,
    pre_hooks: Iterable[tuple[nn.Module, ForwardPreHook]] = (),
) -> Iterator[None]:
    """Registers forward hooks and removes them at the end, whatever happens.

    Args:
        hooks: pairs of a module and what is called as hook(module, inputs, output) after its forward.
        pre_hooks: pairs of a module and what is called as hook(module, inputs) before its forward.
    """
    with ExitStack() as stack:
        for module, pre_hook in pre_hooks:
            stack.callback(module.register_forward_pre_hook(pre_hook).remove)
        for module, hook in hooks:
            stack.callback(module.register_forward_hook(hook).remove)
        yield


@contextmanager
def replaced_forwards(forwards: Mapping[nn.Module, Callable[..., Any]]) -> Iterator[None]:
    """Each module computes something else in place of its forward; its own is put back at the end, whatever happens."""
    own = {module: module.__dict__.get("forward") for module in forwards}
    try:
        for module, forward in forwards.items():
            module.__dict__["forward"] = forward
        yield
    finally:
        for module, before in own.items():
            module.__dict__.pop("forward", None)
            if before is not None:
                module.__dict__["forward"] = before


@contextmanager
def preserved_state(module: nn.Module) -> Iterator[nn.Module]:
    """Restores each submodule's training flag and each parameter's requires_grad at the end, whatever happens."""
    flags = [(part, part.training) for part in module.modules()]
    wanted = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    try:
        yield module
    finally:
        for part, training in flags:
            part.training = training
        for parameter, requires_grad in wanted:
            if parameter.requires_grad != requires_grad:
                parameter.requires_grad_(requires_grad)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[nn.Module]:
    """Eval mode without gradients; training flags and the states of torch's random generators are restored.

    The flags are set one by one, so that an overridden `train()` (a module that fuses its weights
    for inference, say) is not set off.
    """
    devices = sorted({p.device.index or 0 for p in module.parameters() if p.device.type == "cuda"})
    with preserved_state(module), torch.random.fork_rng(devices=devices), torch.no_grad():
        for part in module.modules():
            part.training = False
        yield module
