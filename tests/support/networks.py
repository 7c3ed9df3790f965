"""Small hand-made SE networks, units of every family and shape, and what library models are known to hold."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import timm
import torch
import torchvision
from timm.layers import CecaModule, EcaModule, EffectiveSEModule, SEModule
from timm.layers.cbam import CbamModule
from timm.layers.squeeze_excite import SqueezeExciteCl
from timm.models._efficientnet_blocks import SqueezeExcite
from timm.models.hgnet import EseModule
from timm.models.senet import SEModule as LegacySEModule
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torchvision.ops import SqueezeExcitation

UnitFactory = Callable[[int], nn.Module]
WIDTHS = (16, 32)
IMAGE = (3, 16, 16)


class Residual(nn.Module):
    """A residual block that writes in place on the SE unit's output, as timm's ResNets do."""

    def __init__(self, inputs: int, outputs: int, unit: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.unit = unit
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=2)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.unit(self.bn(self.conv(x)))
        out += self.shortcut(x)
        return self.relu(out)


class SmallNetwork(nn.Module):
    """Two residual blocks of 16 and 32 channels, an SE unit in each, and a classifier of 5 outputs."""

    def __init__(self, make_unit: UnitFactory) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            Residual(3, WIDTHS[0], make_unit(WIDTHS[0])), Residual(WIDTHS[0], WIDTHS[1], make_unit(WIDTHS[1]))
        )
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(WIDTHS[1], 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.dropout(self.blocks(x).mean((2, 3))))


class SELayer(nn.Module):
    """The most copied third-party form: linear layers, s of (N, C)."""

    def __init__(self, channels: int, reduction: int = 4, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels, bias=False),
            activation or nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        b, c, _, _ = x.size()
        y = self.avg_pool(x).view(b, c)
        return x * self.fc(y).view(b, c, 1, 1).expand_as(x)


class PooledSELayer(nn.Module):
    """Pooling, 1×1 convolutions and activation in one Sequential."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.se = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels // 4, 1),
            nn.ReLU(),
            nn.Conv2d(channels // 4, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.se(x)


class AttributeSELayer(nn.Module):
    """fc1, relu, fc2 and sigmoid as attributes, after a 1×1 pooling of fixed arithmetic."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // 4, 1)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(channels // 4, channels, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return self.sigmoid(self.fc2(self.relu(self.fc1(x.mean((2, 3), keepdim=True))))) * x


class h_sigmoid(nn.Module):  # noqa: N801 - the name under which it circulates
    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU6(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x + 3) / 6


class DoubledSigmoid(nn.Module):
    """An activation of no known name, with s in (0, 2)."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * torch.sigmoid(x)


class EcaLayer(nn.Module):
    """Third-party ECA: s leaves the sigmoid as (N, C, 1, 1), z enters the convolution as (N, 1, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.conv = nn.Conv1d(1, 1, kernel_size=3, padding=1, bias=False)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(self.avg_pool(x).squeeze(-1).transpose(-1, -2)).transpose(-1, -2).unsqueeze(-1)
        return x * self.sigmoid(y).expand_as(x)


class ZeroingSELayer(AttributeSELayer):
    """Destroys z and s after use, as in-place code may: only a copy survives."""

    def forward(self, x: Tensor) -> Tensor:
        z = x.mean((2, 3), keepdim=True)
        hidden = self.relu(self.fc1(z))
        s = self.sigmoid(self.fc2(hidden))
        out = x * s
        z.zero_()
        s.zero_()
        return out


class ChannelsLast(nn.Module):
    """Carries a unit for (N, H, W, C) into a network of (N, C, H, W)."""

    def __init__(self, unit: nn.Module) -> None:
        super().__init__()
        self.unit = unit

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous()


class FunctionalSELayer(AttributeSELayer):
    """Its sigmoid is a function call, which no hook sees."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.fc2(self.relu(self.fc1(x.mean((2, 3), keepdim=True))))) * x


class FactorLayer(PooledSELayer):
    """Returns s; `FactorBlock` multiplies."""

    def forward(self, x: Tensor) -> Tensor:
        return self.se(x)


class FactorBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.attention = FactorLayer(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * self.attention(x)


class AddingSELayer(SELayer):
    """Scales by 1 + s, though s itself leaves a module."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class TemperedSigmoid(nn.Module):
    """An activation that takes more than one argument."""

    def forward(self, x: Tensor, temperature: float) -> Tensor:
        return torch.sigmoid(x / temperature)


class TemperedSELayer(AttributeSELayer):
    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.sigmoid = TemperedSigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return self.sigmoid(self.fc2(self.relu(self.fc1(x.mean((2, 3), keepdim=True)))), 2.0) * x


class SpatialAttention(nn.Module):
    def __init__(self, _channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.sigmoid(self.conv(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)))


class LyingSEModule(SEModule):
    """Claims to be timm's SEModule and adds its input."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x


class TwiceSEModule(SEModule):
    """Calls its gate twice."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0 * self.gate(self.fc1(x.mean((2, 3), keepdim=True))).sum()


@dataclass(frozen=True)
class Family:
    """A unit, the name of its family, and where an independent hook finds s: path and how to cut (N, C) out.

    Attributes:
        prefix: path of the unit below `blocks.<i>.unit`, "" where the unit is there itself.
        squeeze: "mean", "mean+max" or None, how z is pooled.
        reduced: channels of the hidden layer at C = 16.
    """

    make: UnitFactory
    family: str
    source: str
    cut: Callable[[Tensor], Tensor]
    activation: str = "sigmoid"
    range: tuple[float, float] = (0.0, 1.0)
    prefix: str = ""
    squeeze: str | None = "mean"
    reduced: int | None = 4


def _conv(s: Tensor) -> Tensor:
    return s[:, :, 0, 0]


def _flat(s: Tensor) -> Tensor:
    return s


def _row(s: Tensor) -> Tensor:
    return s[:, 0, :]


INF = float("inf")
FAMILIES: Mapping[str, Family] = {
    "timm-se": Family(lambda c: SEModule(c, rd_channels=c // 4), "timm SEModule", "gate", _conv),
    "timm-se-forms": Family(
        lambda c: SEModule(
            c, rd_channels=4, add_maxpool=True, bias=False, norm_layer=nn.BatchNorm2d, gate_layer="hard_sigmoid"
        ),
        "timm SEModule",
        "gate",
        _conv,
        activation="hard sigmoid",
        squeeze="mean+max",
    ),
    "timm-se-cl": Family(
        lambda c: ChannelsLast(SqueezeExciteCl(c, rd_channels=4)),
        "timm SqueezeExciteCl",
        "gate",
        lambda s: s[:, 0, 0, :],
        prefix="unit",
    ),
    "timm-legacy": Family(lambda c: LegacySEModule(c, c // 4), "timm legacy SEModule", "sigmoid", _conv),
    "timm-efficientnet": Family(lambda c: SqueezeExcite(c, rd_channels=4), "timm SqueezeExcite", "gate", _conv),
    "timm-ese": Family(
        EffectiveSEModule, "timm EffectiveSEModule", "gate", _conv, activation="hard sigmoid", reduced=None
    ),
    "timm-hgnet": Family(EseModule, "timm EseModule", "sigmoid", _conv, reduced=None),
    "timm-eca": Family(EcaModule, "timm EcaModule", "gate", _row, reduced=None),
    "timm-eca-mlp": Family(lambda c: EcaModule(c, use_mlp=True), "timm EcaModule", "gate", _row, reduced=None),
    "timm-ceca": Family(CecaModule, "timm CecaModule", "gate", _row, squeeze=None, reduced=None),
    "timm-cbam": Family(
        lambda c: CbamModule(c, rd_channels=4), "timm CbamModule", "gate", _conv, prefix="channel", squeeze=None
    ),
    "torchvision": Family(
        lambda c: SqueezeExcitation(c, 4), "torchvision SqueezeExcitation", "scale_activation", _conv
    ),
    "linear": Family(lambda c: SELayer(c, c // 4), "SELayer, by structure", "fc.3", _flat),
    "h-sigmoid": Family(
        lambda c: SELayer(c, c // 4, h_sigmoid()), "SELayer, by structure", "fc.3", _flat, activation="hard sigmoid"
    ),
    "tanh": Family(
        lambda c: SELayer(c, c // 4, nn.Tanh()), "SELayer, by structure", "fc.3", _flat, "tanh", (-1.0, 1.0)
    ),
    "relu": Family(lambda c: SELayer(c, c // 4, nn.ReLU()), "SELayer, by structure", "fc.3", _flat, "relu", (0.0, INF)),
    "unknown-activation": Family(
        lambda c: SELayer(c, c // 4, DoubledSigmoid()),
        "SELayer, by structure",
        "fc.3",
        _flat,
        "DoubledSigmoid",
        (0.0, 2.0),
    ),
    "pooled": Family(PooledSELayer, "PooledSELayer, by structure", "se.4", _conv),
    "attributes": Family(AttributeSELayer, "AttributeSELayer, by structure", "sigmoid", _conv),
    "third-party-eca": Family(EcaLayer, "EcaLayer, by structure", "sigmoid", _conv, reduced=None),
}

REFUSED_UNITS: Mapping[str, tuple[UnitFactory, str]] = {
    "spatial": (SpatialAttention, r"blocks\.0\.unit \(SpatialAttention, and 1 more\).*spatial attention"),
    "none": (lambda _: nn.Identity(), "SmallNetwork has no squeeze-and-excitation gate"),
}


def small_network(make_unit: UnitFactory, *, seed: int = 0) -> SmallNetwork:
    """A seeded small network in eval mode, with BN statistics that are not the defaults."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = SmallNetwork(make_unit).eval()
        for part in network.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2)
    return network


def count_hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


def draw_images(count: int = 4, *, seed: int = 0) -> Tensor:
    return torch.randn(count, *IMAGE, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class LibraryModel:
    """What a library's model is known to hold: blocks per stage in order, ΣC and parameters of its SE units."""

    blocks: tuple[int, ...]
    channels: int
    parameters: int
    first: tuple[str, str]
    last: tuple[str, str]


RESNET_50 = (3, 4, 6, 3)
LIBRARY_MODELS: Mapping[str, LibraryModel] = {
    "timm:legacy_seresnet50": LibraryModel(
        RESNET_50, 15104, 2514944 + 16048, ("layer1.0.se_module", "SE_2_1"), ("layer4.2.se_module", "SE_5_3")
    ),
    "timm:legacy_seresnet18": LibraryModel(
        (2, 2, 2, 2), 1920, 87040 + 2040, ("layer1.0.se_module", "SE_2_1"), ("layer4.1.se_module", "SE_5_2")
    ),
    "timm:legacy_seresnet34": LibraryModel(
        RESNET_50, 3776, 157184 + 4012, ("layer1.0.se_module", "SE_2_1"), ("layer4.2.se_module", "SE_5_3")
    ),
    "timm:legacy_senet154": LibraryModel(
        (3, 8, 36, 3), 47872, 6578176 + 50864, ("layer1.0.se_module", "SE_2_1"), ("layer4.2.se_module", "SE_5_3")
    ),
    "timm:seresnet18": LibraryModel((2, 2, 2, 2), 1920, 90112, ("layer1.0.se", "SE_2_1"), ("layer4.1.se", "SE_5_2")),
    "timm:seresnet34": LibraryModel(RESNET_50, 3776, 162744, ("layer1.0.se", "SE_2_1"), ("layer4.2.se", "SE_5_3")),
    "timm:seresnet50": LibraryModel(
        RESNET_50, 15104, 2514944 + 16048, ("layer1.0.se", "SE_2_1"), ("layer4.2.se", "SE_5_3")
    ),
    "timm:seresnet101": LibraryModel(
        (3, 4, 23, 3), 32512, 4743168 + 34544, ("layer1.0.se", "SE_2_1"), ("layer4.2.se", "SE_5_3")
    ),
    "timm:senet154": LibraryModel(
        (3, 8, 36, 3), 47872, 6578176 + 50864, ("layer1.0.se", "SE_2_1"), ("layer4.2.se", "SE_5_3")
    ),
    "timm:seresnext50_32x4d": LibraryModel(
        RESNET_50, 15104, 2514944 + 16048, ("layer1.0.se", "SE_2_1"), ("layer4.2.se", "SE_5_3")
    ),
    "timm:efficientnet_b0": LibraryModel(
        (1, 2, 2, 6, 5), 8960, 636540, ("blocks.0.0.se", "SE_1_1"), ("blocks.6.0.se", "SE_5_5")
    ),
    "timm:mobilenetv3_large_100": LibraryModel(
        (3, 2, 3), 4056, 1512280, ("blocks.2.0.se", "SE_1_1"), ("blocks.5.2.se", "SE_3_3")
    ),
    "timm:regnety_016": LibraryModel((2, 6, 17, 2), 8304, 1517750, ("s1.b1.se", "SE_1_1"), ("s4.b2.se", "SE_4_2")),
    "timm:ecaresnet50d": LibraryModel(RESNET_50, 15104, 86, ("layer1.0.se", "SE_2_1"), ("layer4.2.se", "SE_5_3")),
    "timm:ese_vovnet19b_dw": LibraryModel(
        (1, 1, 1, 1), 2560, 1968640, ("stages.0.blocks.0.attn", "SE_1_1"), ("stages.3.blocks.0.attn", "SE_4_1")
    ),
    "torchvision:efficientnet_b0": LibraryModel(
        (1, 2, 2, 6, 5), 8960, 636540, ("features.1.0.block.1", "SE_1_1"), ("features.7.0.block.2", "SE_5_5")
    ),
    "torchvision:mobilenet_v3_large": LibraryModel(
        (3, 2, 3), 4056, 1512280, ("features.4.block.2", "SE_1_1"), ("features.15.block.2", "SE_3_3")
    ),
}


class _NothingDrawn(TorchFunctionMode):
    """Tensors stay as they are where random values are asked for in place."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return args[0] if func in (Tensor.normal_, Tensor.uniform_) else func(*args, **(kwargs or {}))


@contextlib.contextmanager
def without_values() -> Iterator[None]:
    """Networks have shapes alone: on the meta device, where drawing nothing takes most of the time of building one."""
    with torch.device("meta"), _NothingDrawn():
        yield


def make_library_model(name: str, *, device: str = "meta") -> nn.Module:
    """A library's model with random weights, or without values at all on the meta device."""
    library, _, model = name.partition(":")
    with torch.random.fork_rng(), without_values() if device == "meta" else torch.device(device):
        torch.manual_seed(0)
        network: nn.Module = (
            timm.create_model(model) if library == "timm" else torchvision.models.get_model(model, weights=None)
        )
    return network
