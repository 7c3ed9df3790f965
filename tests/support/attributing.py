"""What tests of attribution share: small networks as models, plain-autograd oracles, all state that must stay."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.zoo import Model
from senet_viz.schema import ClassTable
from tests.support.networks import Family, draw_images, small_network

SIDE = 16


def as_model(module: nn.Module, *, side: int = SIDE, outputs: int = 5, names: tuple[str, ...] = ()) -> Model:
    """A network as `load_model` would give it, on the CPU."""
    return Model(
        module=module.to(memory_format=torch.channels_last),
        name="small",
        source="factory",
        weights="random",
        preprocess=Preprocessing(size=side, resize=side, mean=(0.5, 0.4, 0.3), std=(0.25, 0.2, 0.3)),
        classes=ClassTable(names),
        outputs=outputs,
        sha256="",
        device=torch.device("cpu"),
    )


def small_model(make_unit: Callable[[int], nn.Module], *, seed: int = 0) -> Model:
    return as_model(small_network(make_unit, seed=seed))


def draw_pixels(seed: int = 0) -> Tensor:
    return draw_images(1, seed=seed)[0]


def source_of(model: Model, family: Family, index: int) -> tuple[str, nn.Module]:
    """Name of a block of a small network and the module whose output is s, known apart from `find_gates`."""
    name = f"blocks.{index}.unit" + (f".{family.prefix}" if family.prefix else "")
    return name, model.module.get_submodule(f"{name}.{family.source}")


def watch_gates(model: Model, source: nn.Module, family: Family, images: Tensor) -> Tensor:
    """(N, C) gates with their graph, by a hook of its own."""
    seen: list[Tensor] = []
    handle = source.register_forward_hook(lambda _m, _i, out: seen.append(family.cut(out.clone())))
    model.module(images)
    handle.remove()
    return seen[0]


def all_hooks(module: nn.Module) -> int:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(part, kind)) for part in module.modules() for kind in kinds)


def state_of(model: Model) -> dict[str, Any]:
    """All that an attribution must leave as it was."""
    parameters = list(model.module.parameters())
    return {
        "hooks": all_hooks(model.module),
        "flags": [part.training for part in model.module.modules()],
        "wanted": [p.requires_grad for p in parameters],
        "gradients": [None if p.grad is None else p.grad.tolist() for p in parameters],
        "values": {name: value.tolist() for name, value in model.module.state_dict().items()},
        "random": torch.get_rng_state().tolist(),
        "modes": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")),
    }
