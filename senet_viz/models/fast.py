"""A network with its batch norms folded into the convolutions before them: the same function, faster, with other last bits."""

import copy
import dataclasses
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize
from torch.nn.utils.fusion import fuse_conv_bn_weights

from senet_viz.errors import ModelError
from senet_viz.gates.hooks import attached
from senet_viz.models.forward import forward, observing
from senet_viz.models.zoo import Model

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_IMAGES = 2
TOLERANCE = 1e-3  # of the logits' spread: rounding stays far below, a batch norm that may not be folded does not


def fold_batch_norms(model: Model) -> Model:
    """A copy whose batch norms do nothing, because the convolutions before them do it (w·γ/√(v + ε), and the bias likewise).

    A batch norm is folded where one forward shows that it is given just what a convolution returned, each called once.
    What a module does after its norm, such as timm's activation, stays.

    Args:
        model: stays as it is.

    Returns:
        The copy, with the same gates under the same names.

    Raises:
        ModelError: there is none to fold, or the network returns something else then: it uses what a convolution
            returns in other places too.
        GateError: as `Model.gates`.
    """
    folded = dataclasses.replace(model, module=copy.deepcopy(model.module))
    pixels = torch.rand(_IMAGES, *model.preprocess.shape, generator=torch.Generator().manual_seed(0)).sub_(0.5).mul_(4)
    with observing(model, "fp32"):
        expected = forward(model, pixels)
        pairs = _find_pairs(folded, pixels)
        for convolution, norm in pairs.items():
            _fold(folded.module, convolution, norm)
        found = forward(folded, pixels)
    if not pairs:
        raise ModelError(
            f"{model.name} has no batch norm behind a convolution, so nothing can be folded: leave --fast out."
        )
    spread = float(expected.std()) or 1.0 if expected.numel() else 1.0
    if expected.numel() and not float((found - expected).abs().max()) <= TOLERANCE * spread:
        raise ModelError(
            f"{model.name} gives other results when its batch norms are folded into the convolutions before them, so their "
            "results are used in other places too: leave --fast out."
        )
    return folded


def _find_pairs(model: Model, pixels: Tensor) -> dict[nn.Module, nn.Module]:
    """Batch norms by the convolution whose result is all that they are given; each called once."""
    returned: dict[int, tuple[nn.Module, Tensor]] = {}  # tensors are held, so that none takes the place of another
    calls: Counter[nn.Module] = Counter()
    pairs: dict[nn.Module, nn.Module] = {}

    def keep(module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        calls[module] += 1
        if isinstance(output, Tensor):
            returned[id(output)] = module, output

    def match(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        calls[module] += 1
        if inputs and id(inputs[0]) in returned:
            pairs[returned[id(inputs[0])][0]] = module

    convolutions = [part for part in model.module.modules() if isinstance(part, _CONVOLUTIONS)]
    norms = [part for part in model.module.modules() if isinstance(part, _BatchNorm) and part.running_mean is not None]
    with attached([(part, keep) for part in convolutions], pre_hooks=[(part, match) for part in norms]):
        forward(model, pixels)
    shared = Counter(norm for norm in pairs.values())
    return {
        convolution: norm
        for convolution, norm in pairs.items()
        if calls[convolution] == calls[norm] == shared[norm] == 1 and not parametrize.is_parametrized(convolution)
    }


def _fold(network: nn.Module, convolution: nn.Module, norm: nn.Module) -> None:
    values: Any = convolution
    statistics: Any = norm
    values.weight, values.bias = fuse_conv_bn_weights(
        values.weight, values.bias, statistics.running_mean, statistics.running_var, statistics.eps, statistics.weight,
        statistics.bias,
    )  # fmt: skip
    after = [part for name, part in norm.named_children() if name in ("drop", "act")]
    names = [name for name, part in network.named_modules(remove_duplicate=False) if part is norm]
    for name in names:
        network.set_submodule(name, nn.Sequential(*after))
