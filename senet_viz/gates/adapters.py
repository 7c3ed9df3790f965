"""Where s and z live in each SE family: one small adapter per family, matched by the module's class."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, slots=True)
class Adapter:
    """One SE family.

    Attributes:
        family: its name for people.
        kind: dotted path of its class; subclasses match too. Named, not imported, so that neither timm nor
            torchvision must be loaded (or installed) to look for gates.
        source: path, below the SE unit, of the module whose output is s.
        excitation: path of the first excitation layer, whose input is z.
        channel_dim: axis of the channels in the unit's 4-D input.
        squeeze_missing: why z is not one vector of C numbers; None where it is.
    """

    family: str
    kind: str
    source: str
    excitation: str
    channel_dim: int = 1
    squeeze_missing: str | None = None


@dataclass(frozen=True, slots=True)
class Relative:
    """Attention that is related to SE but has no gate s with out = s·x.

    Attributes:
        classes: bare class names, because copies of these circulate under many paths.
        reason: what it does instead, and what to do.
        unless: name of an attribute whose falsity (None, 0) makes the module an ordinary candidate again.
    """

    classes: tuple[str, ...]
    reason: str
    unless: str | None = None


TWO_BRANCHES = "the excitation sees two pooled vectors (average and maximum), not one"
PADDED = "the excitation's input is the pooled vector padded circularly, not the vector itself"

ADAPTERS = (
    Adapter("senet_viz SEBlock", "senet_viz.models.networks.se.SEBlock", "gate", "fc1"),
    Adapter("timm SEModule", "timm.layers.squeeze_excite.SEModule", "gate", "fc1"),
    Adapter("timm SqueezeExciteCl", "timm.layers.squeeze_excite.SqueezeExciteCl", "gate", "fc1", channel_dim=3),
    Adapter("timm legacy SEModule", "timm.models.senet.SEModule", "sigmoid", "fc1"),
    Adapter("timm SqueezeExcite", "timm.models._efficientnet_blocks.SqueezeExcite", "gate", "conv_reduce"),
    Adapter("timm EffectiveSEModule", "timm.layers.squeeze_excite.EffectiveSEModule", "gate", "fc"),
    Adapter("timm EseModule", "timm.models.hgnet.EseModule", "sigmoid", "conv"),
    Adapter("timm EcaModule", "timm.layers.eca.EcaModule", "gate", "conv"),
    Adapter("timm CecaModule", "timm.layers.eca.CecaModule", "gate", "conv", squeeze_missing=PADDED),
    Adapter("timm CbamModule", "timm.layers.cbam.ChannelAttn", "gate", "fc1", squeeze_missing=TWO_BRANCHES),
    Adapter("torchvision SqueezeExcitation", "torchvision.ops.misc.SqueezeExcitation", "scale_activation", "fc1"),
)

CHOOSE_ANOTHER = "choose a network with squeeze-and-excitation units, such as timm's seresnet50"

RELATIVES = (
    Relative(
        ("GlobalContext", "ContextBlock", "ContextBlock2d"),
        f"it is additive attention: it adds a context vector to the feature map and scales nothing; {CHOOSE_ANOTHER}",
        unless="mlp_add",
    ),
    Relative(
        ("SplitAttn", "SplAtConv2d"),
        f"it is split attention: a softmax shares each channel out among several branches; {CHOOSE_ANOTHER}",
    ),
    Relative(
        ("SelectiveKernel", "SKConv", "SKUnit"),
        f"it is selective-kernel attention: a softmax chooses among convolutions of several sizes; {CHOOSE_ANOTHER}",
    ),
    Relative(
        ("SpatialAttn", "LightSpatialAttn", "SpatialAttention", "SpatialGate"),
        f"it is spatial attention: it weights positions and not channels; {CHOOSE_ANOTHER}",
    ),
    Relative(
        ("NoSqueeze",),
        "its gate is one of channels and positions, since it pools nothing (the paper's NoSqueeze); choose squeeze 'avg' "
        "or 'max', which give one per channel",
    ),
    Relative(
        ("GatherExcite",),
        "its gate is one of channels and positions; choose extent=0 without extra_params, which gives one per channel",
        unless="extent",
    ),
    Relative(
        ("CoordAttn", "SimpleCoordAttn", "EfficientLocalAttn", "StripAttn", "CoordAtt"),
        f"its gates are of rows and columns and not of channels alone; {CHOOSE_ANOTHER}",
    ),
    Relative(
        ("NonLocalAttn", "BatNonLocalAttn", "BilinearAttnTransform"),
        f"it is non-local attention: it adds positions up and scales no channel; {CHOOSE_ANOTHER}",
    ),
)


def find_adapter(module: nn.Module) -> Adapter | None:
    """The adapter of a module's family, or None."""
    lineage = {f"{base.__module__}.{base.__qualname__}" for base in type(module).__mro__}
    return next((adapter for adapter in ADAPTERS if adapter.kind in lineage), None)


def find_relative(module: nn.Module) -> Relative | None:
    """What a module is instead of an SE unit, if it is known; None for everything else."""
    lineage = {base.__name__ for base in type(module).__mro__}
    relative = next((relative for relative in RELATIVES if lineage.intersection(relative.classes)), None)
    if relative is None or relative.unless is None or not hasattr(module, relative.unless):
        return relative
    return relative if getattr(module, relative.unless) else None
