"""What SE units cost by formula, and where they sit in the networks of the paper and of the note."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from senet_viz.errors import ArgumentError
from senet_viz.schema import check_depth


@dataclass(frozen=True, slots=True)
class UnitCost:
    """The cost of one SE unit, or of several together.

    Attributes:
        weights: of the excitation's linear layers.
        biases: of these layers.
        squeeze_macs: additions of the squeeze, one a channel and position.
        excitation_macs: multiply-adds of the excitation, one a weight.
        scale_macs: multiplications of the scale, one a channel and position.
    """

    weights: int
    biases: int
    squeeze_macs: int
    excitation_macs: int
    scale_macs: int

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.weights + self.biases

    @property
    def macs(self) -> int:
        """Operations for one image: squeeze, excitation and scale."""
        return self.squeeze_macs + self.excitation_macs + self.scale_macs


def cost_of_unit(channels: int, hidden: int, *, positions: int, depth: int = 2, bias: bool = True) -> UnitCost:
    """The cost of one SE unit whose excitation has L linear layers: 2CH + (L − 2)H² weights, C + (L − 1)H biases.

    Args:
        channels: C.
        hidden: H, width of the hidden layers, C/r.
        positions: height × width of the feature map.
        depth: L, at least 2.
        bias: whether the layers have biases.

    Raises:
        ArgumentError: fewer than two layers.
    """
    check_depth(depth)
    weights = 2 * channels * hidden + (depth - 2) * hidden**2
    biases = channels + (depth - 1) * hidden if bias else 0
    return UnitCost(weights, biases, channels * positions, weights, channels * positions)


def sum_costs(costs: Sequence[UnitCost]) -> UnitCost:
    """The costs of several units together."""
    return UnitCost(*(sum(getattr(cost, field.name) for cost in costs) for field in fields(UnitCost)))


def eq5_weights(channels: Sequence[int], reduction: float, *, depth: int = 2) -> float:
    """Weights by the paper's eq 5, (2/r)·Σ C², and for a deeper excitation + (L − 2)·Σ C²/r².

    Args:
        channels: C of every unit.
        reduction: r; the formula takes C/r as it is, also where it is no whole number.
        depth: L; 2 is the paper's.

    Raises:
        ArgumentError: fewer than two layers.
    """
    check_depth(depth)
    return math.fsum(2 * c**2 / reduction + (depth - 2) * (c / reduction) ** 2 for c in channels)


Placement = Literal["standard", "pre", "post", "identity", "3x3", "per_conv"]
PLACEMENTS: tuple[Placement, ...] = ("standard", "pre", "post", "identity", "3x3", "per_conv")
PLACEMENT_WORDS: Mapping[Placement, str] = {
    "standard": "on the branch, before the sum (standard)",
    "pre": "before the residual unit (PRE)",
    "post": "after the sum and its ReLU (POST)",
    "identity": "on the shortcut (Identity)",
    "3x3": "after the 3×3 convolution (SE_3×3)",
    "per_conv": "after every convolution",
}


@dataclass(frozen=True, slots=True)
class Site:
    """A place for an SE unit: its label, stage, channels C and positions (height × width) at the network's native size."""

    label: str
    stage: int
    channels: int
    positions: int


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network without its SE units.

    Attributes:
        name: of the factory, e.g. "se_resnet50".
        title: for people.
        side: native input in px.
        parameters: weights and biases without SE, counted on the instantiated network with 1,000 outputs.
        macs: multiply-adds of its convolutions and linear layers for one image of the native size, counted likewise.
        placements: where SE units can sit.
    """

    name: str
    title: str
    side: int
    parameters: int
    macs: int
    placements: tuple[Placement, ...]


@dataclass(frozen=True, slots=True)
class _Residual:
    """Units a stage, and what the width of a stage's first convolution is multiplied by at its end."""

    units: tuple[int, ...]
    expansion: int
    inner: int = 1  # width of the 3×3 convolution, in planes: 2 in ResNeXt 32×4d


_STEM = 64
_PLANES = (64, 128, 256, 512)
_SIDES = (56, 28, 14, 7)
_BASIC: tuple[Placement, ...] = ("standard", "pre", "post", "identity", "per_conv")
_RESIDUAL: Mapping[str, _Residual] = {
    "se_resnet18": _Residual((2, 2, 2, 2), 1),
    "se_resnet34": _Residual((3, 4, 6, 3), 1),
    "se_resnet50": _Residual((3, 4, 6, 3), 4),
    "se_resnet101": _Residual((3, 4, 23, 3), 4),
    "se_resnet152": _Residual((3, 8, 36, 3), 4),
    "se_resnext50": _Residual((3, 4, 6, 3), 4, 2),
    "se_resnext101": _Residual((3, 4, 23, 3), 4, 2),
    "senet154": _Residual((3, 8, 36, 3), 4),
}
_INCEPTION: Mapping[str, tuple[tuple[str, int, int], ...]] = {  # name of the module, channels, side in px
    "se_bn_inception": (
        ("3a", 256, 28), ("3b", 320, 28), ("3c", 576, 14), ("4a", 576, 14), ("4b", 576, 14), ("4c", 608, 14),
        ("4d", 608, 14), ("4e", 1056, 7), ("5a", 1024, 7), ("5b", 1024, 7),
    ),
    "se_inception_v3": (
        ("5b", 256, 35), ("5c", 288, 35), ("5d", 288, 35), ("6a", 768, 17), ("6b", 768, 17), ("6c", 768, 17),
        ("6d", 768, 17), ("6e", 768, 17), ("7a", 1280, 8), ("7b", 2048, 8), ("7c", 2048, 8),
    ),
}  # fmt: skip
_VGG16 = ((2, 64, 224), (2, 128, 112), (3, 256, 56), (3, 512, 28), (3, 512, 14))  # convolutions, channels, side in px

ARCHITECTURES: tuple[Architecture, ...] = (
    Architecture("se_resnet18", "SE-ResNet-18", 224, 11_689_512, 1_814_073_344, _BASIC),
    Architecture("se_resnet34", "SE-ResNet-34", 224, 21_797_672, 3_663_761_408, _BASIC),
    Architecture("se_resnet50", "SE-ResNet-50", 224, 25_557_032, 4_089_184_256, PLACEMENTS),
    Architecture("se_resnet101", "SE-ResNet-101", 224, 44_549_160, 7_801_405_440, PLACEMENTS),
    Architecture("se_resnet152", "SE-ResNet-152", 224, 60_192_808, 11_513_626_624, PLACEMENTS),
    Architecture("se_resnext50", "SE-ResNeXt-50 32×4d", 224, 25_028_904, 4_230_479_872, PLACEMENTS),
    Architecture("se_resnext101", "SE-ResNeXt-101 32×4d", 224, 44_177_704, 7_969_996_800, PLACEMENTS),
    Architecture("senet154", "SENet-154", 224, 108_459_944, 20_681_785_344, ("standard",)),
    Architecture("se_bn_inception", "SE-BN-Inception", 224, 11_285_224, 2_032_600_064, ("standard",)),
    Architecture("se_inception_v3", "SE-Inception-v3", 299, 23_834_568, 5_713_216_096, ("standard",)),
    Architecture("se_vgg16", "SE-VGG-16", 224, 138_365_992, 15_470_264_320, ("per_conv",)),
)


def find_architecture(name: str) -> Architecture:
    """The architecture of a name (ArgumentError for another)."""
    found = next((a for a in ARCHITECTURES if a.name == name), None)
    if found is None:
        raise ArgumentError(
            f"No architecture is called {name!r}: {', '.join(a.name for a in ARCHITECTURES)} are known."
        )
    return found


def list_sites(name: str, placement: Placement) -> tuple[Site, ...]:
    """The places of SE units in a network at full width, in the order of the forward pass.

    Args:
        name: of the architecture.
        placement: where in it units sit.

    Raises:
        ArgumentError: another architecture, or one that has no such place.
    """
    known = find_architecture(name).placements
    if placement not in known:
        raise ArgumentError(f"{name} has no placement {placement!r}: choose from {', '.join(known)}.")
    if name in _INCEPTION:
        return tuple(Site(f"SE_{module}", int(module[0]), c, side**2) for module, c, side in _INCEPTION[name])
    if name == "se_vgg16":
        return tuple(
            Site(f"SE_{stage}_{at}", stage, channels, side**2)
            for stage, (count, channels, side) in enumerate(_VGG16, start=1)
            for at in range(1, count + 1)
        )
    return _list_residual(_RESIDUAL[name], placement)


def _list_residual(plan: _Residual, placement: Placement) -> tuple[Site, ...]:
    sites: list[Site] = []
    channels, side = _STEM, _SIDES[0]
    for stage, (units, planes, inside) in enumerate(zip(plan.units, _PLANES, _SIDES), start=2):
        for unit in range(1, units + 1):
            places = _list_unit(plan, placement, planes, before=(channels, side), side=inside)
            channels, side = planes * plan.expansion, inside
            label = f"SE_{stage}_{unit}"
            names = [label] if len(places) == 1 else [f"{label}.{at}" for at in range(1, len(places) + 1)]
            sites += [Site(name, stage, c, s**2) for name, (c, s) in zip(names, places)]
    return tuple(sites)


def _list_unit(
    plan: _Residual, placement: Placement, planes: int, *, before: tuple[int, int], side: int
) -> list[tuple[int, int]]:
    """Channels and side in px of the units of one residual unit; a bottleneck strides in its 3×3 convolution."""
    inner, outer = planes * plan.inner, planes * plan.expansion
    if placement == "pre":
        return [before]
    if placement == "3x3":
        return [(inner, side)]
    if placement != "per_conv":
        return [(outer, side)]
    if plan.expansion == 1:
        return [(planes, side), (planes, side)]
    return [(inner, before[1]), (inner, side), (outer, side)]
