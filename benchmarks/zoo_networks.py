"""The networks of installed zoos that may hold squeeze-and-excitation gates, found by names and source text alone.

Nothing here asks senet_viz: a network is a candidate where the class of a module of it is called like channel attention, or where
the text of such a class pools and squashes, or pools and is called attention.
"""

import functools
import importlib
import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

CALLED = re.compile(
    r"SE(?=[A-Z_]|$)|SE(Net)?(Block|Module|Layer|Unit)|SqueezeEx|SqueezeAndEx|SqExEmb|Excit|Eca(?=[A-Z]|$)|ECA|Ese|Cbam|CBAM|Bam|scSE|SCSE"
    r"|ChannelAtt|ChannelGate|GlobalContext|GatherEx|SplitAt|SelectiveKernel|SKConv|SKUnit|HarmAttn|ChannelSE"
)
POOLS = re.compile(r"pool|\.mean\(|\.sum\(", re.IGNORECASE)
SQUASHES = re.compile(r"sigmoid|softmax|gate", re.IGNORECASE)
TEXT = re.compile(
    r"sigmoid|se_layer|attn_layer|squeeze|excit|SEBlock|SEModule|SELayer|gate|softmax|Attention|\bSE[A-Z]\w+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Entry:
    """A network of a zoo.

    Attributes:
        zoo: name of the package.
        name: of the network in it.
        family: networks of one file with the same kinds of attention.
        build: makes it, with random weights.
        sides: of images that it may be run on, smallest first; none where `draw` makes its inputs.
        draw: what it is called with instead: arguments by position.
        parameters: how many it has.
    """

    zoo: str
    name: str
    family: str
    build: Callable[[], nn.Module]
    sides: tuple[int, ...] = (96, 224)
    draw: Callable[[], tuple[Any, ...]] | None = None
    parameters: int = 0


def kinds_of(network: nn.Module) -> list[str]:
    """Classes of a network's modules that may be channel attention, by their names and texts."""
    classes: set[Any] = {type(module) for module in network.modules() if module is not network}
    return sorted(kind.__name__ for kind in classes if not kind.__module__.startswith("torch.nn.") and _may_gate(kind))


@functools.cache
def _may_gate(kind: type) -> bool:
    if CALLED.search(kind.__name__):
        return True
    try:
        text = inspect.getsource(kind)
    except (OSError, TypeError):
        return False
    return bool(POOLS.search(text) and (SQUASHES.search(text) or "Att" in kind.__name__))


@functools.cache
def _text_of(module: str) -> str:
    found = sys.modules.get(module) or importlib.import_module(module)
    return inspect.getsource(found)


def build_on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """A network without values; with values where it cannot be made without."""
    try:
        with torch.device("meta"):
            return build()
    except (NotImplementedError, RuntimeError, TypeError, ValueError):
        # a constructor that reads numbers off its own tensors (`item`, `tolist`, NumPy) fails on meta in one of these ways; one
        # that is wrong in itself fails again here, and is told
        return build()


class Listing:
    """What is known of networks from an earlier run: making a thousand of them, even without values, takes minutes."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.known: dict[str, Any] = {}
        if path is not None and path.exists():
            self.known = dict(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())

    def look(self, zoo: str, name: str, build: Callable[[], nn.Module]) -> tuple[list[str], int]:
        """Kinds of attention of a network, and how many parameters it has; no kinds where its zoo cannot make it."""
        key = f"{zoo} {version_of(zoo)} {name}"
        if key not in self.known:
            try:
                network = build_on_meta(build)
                found = kinds_of(network), sum(parameter.numel() for parameter in network.parameters())
            except Exception as error:  # told on the screen
                print(f"{zoo} {name} cannot be made: {type(error).__name__}: {str(error)[:120]}", flush=True)
                found = [], 0
            self.known[key] = found
            if self.path is not None:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps((key, found)) + "\n")
        kinds, parameters = self.known[key]
        return kinds, parameters

    def list_others(self, zoo: str, names: Collection[str]) -> dict[str, int] | None:
        """Candidates of a zoo beside these, with their numbers of parameters, the smallest first; None where nothing is listed."""
        begin = f"{zoo} {version_of(zoo)} "
        if not any(key.startswith(begin) for key in self.known):
            return None
        found = {
            key.removeprefix(begin): count
            for key, (kinds, count) in self.known.items()
            if key.startswith(begin) and kinds
        }
        return {name: found[name] for name in sorted(found, key=lambda name: found[name]) if name not in names}


LISTING = Listing()


def _examined(zoo: str, name: str, build: Callable[[], nn.Module], where: str, **further: Any) -> Iterator[Entry]:
    """The entry of a network, if it is a candidate."""
    kinds, count = LISTING.look(zoo, name, build)
    if kinds:
        yield Entry(zoo, name, f"{where}: {', '.join(kinds)}", build, parameters=count, **further)


def list_timm(only: re.Pattern[str]) -> Iterator[Entry]:
    import timm
    from timm.models import _registry

    for name in timm.list_models():
        place = f"timm.models.{_registry._model_to_module[name]}"
        if not only.search(name) or not TEXT.search(_text_of(place)):
            continue
        size = timm.get_pretrained_cfg(name)
        side = size.input_size[-1] if size is not None else 224
        build = functools.partial(timm.create_model, name)
        yield from _examined(
            "timm", name, build, place.rpartition(".")[2], sides=tuple(dict.fromkeys((min(96, side), side)))
        )


def list_torchvision(only: re.Pattern[str]) -> Iterator[Entry]:
    from torchvision import models

    for name in models.list_models():
        if not only.search(name):
            continue
        further: dict[str, Any] = {}
        maker = models.get_model_builder(name)
        place = maker.__module__.removeprefix("torchvision.models.")
        options: dict[str, Any] = {"weights": None}
        if place.startswith(("detection", "segmentation")):
            options["weights_backbone"] = None
        if place.startswith("detection"):
            further["draw"] = lambda: ([torch.rand(3, 96, 96), torch.rand(3, 96, 96)],)
        if place.startswith(("video", "optical")):  # no channel attention in their files
            if not re.search("squeeze_?exc|excit|sigmoid", _text_of(maker.__module__), re.IGNORECASE):
                continue
            further["draw"] = lambda: (torch.randn(2, 3, 14, 64, 64),)
        build = functools.partial(maker, **options)
        yield from _examined("torchvision", name, build, place, **further)


def list_pytorchcv(only: re.Pattern[str]) -> Iterator[Entry]:
    provider = importlib.import_module("pytorchcv.model_provider")

    for name, maker in provider._models.items():
        if not only.search(name) or not TEXT.search(_text_of(maker.__module__)):
            continue
        place = maker.__module__.rpartition(".")[2]
        further: dict[str, Any] = {"sides": (96, 128, 224, 32, 256)}
        options: dict[str, Any] = {"pretrained": False}
        if place == "bisenet":  # of one size
            further = {"draw": lambda: (torch.randn(2, 3, 640, 480),)}
        elif "fixed_size" in _text_of(maker.__module__):
            options["fixed_size"] = False
        build = functools.partial(provider.get_model, name, **options)
        yield from _examined("pytorchcv", name, build, place, **further)


def list_efficientnet_pytorch(only: re.Pattern[str]) -> Iterator[Entry]:
    package = importlib.import_module("efficientnet_pytorch")
    for name in (*(f"efficientnet-b{i}" for i in range(9)), "efficientnet-l2"):
        if only.search(name):
            build = functools.partial(package.EfficientNet.from_name, name)
            yield from _examined("efficientnet_pytorch", name, build, "model")


TRANSFORMERS: dict[
    str, tuple[str, str, dict[str, Any]]
] = {  # by name: class of the configuration, of the network, options
    "regnet-y": ("RegNetConfig", "RegNetForImageClassification", {"layer_type": "y"}),
    "regnet-y backbone": ("RegNetConfig", "RegNetModel", {"layer_type": "y"}),
    "efficientnet": ("EfficientNetConfig", "EfficientNetForImageClassification", {}),
    "efficientnet backbone": ("EfficientNetConfig", "EfficientNetModel", {}),
    "align vision": ("AlignVisionConfig", "AlignVisionModel", {}),
    "pp-lcnet": ("PPLCNetConfig", "PPLCNetForImageClassification", {}),
    "pp-lcnet backbone": ("PPLCNetConfig", "PPLCNetBackbone", {}),
    "pp-lcnet-v3": ("PPLCNetV3Config", "PPLCNetV3Backbone", {}),
    "pp-lcnet-v4": ("PPLCNetV4Config", "PPLCNetV4Backbone", {}),
    "pp-ocr-v5 mobile detection": ("PPOCRV5MobileDetConfig", "PPOCRV5MobileDetForObjectDetection", {}),
    "pp-ocr-v6 small detection": ("PPOCRV6SmallDetConfig", "PPOCRV6SmallDetForObjectDetection", {}),
    "slanet": ("SLANetConfig", "SLANetBackbone", {}),
}


def list_transformers(only: re.Pattern[str]) -> Iterator[Entry]:
    package = importlib.import_module("transformers")
    for name, (configuration, network, options) in TRANSFORMERS.items():
        if not only.search(name):
            continue

        def build(
            configuration: str = configuration, network: str = network, options: dict[str, Any] = options
        ) -> nn.Module:
            made: nn.Module = getattr(package, network)(getattr(package, configuration)(**options))
            return made

        yield from _examined("transformers", name, build, configuration)
    if only.search("qwen2.5-omni ecapa-tdnn"):
        yield from _examined(
            "transformers",
            "qwen2.5-omni ecapa-tdnn",
            _make_qwen_ecapa,
            "qwen2_5_omni",
            draw=lambda: (torch.randn(2, 60, 80),),
        )


def _make_qwen_ecapa() -> nn.Module:
    module = importlib.import_module("transformers.models.qwen2_5_omni.modeling_qwen2_5_omni")
    settings = importlib.import_module("transformers.models.qwen2_5_omni.configuration_qwen2_5_omni")
    made: nn.Module = module.ECAPA_TimeDelayNet(settings.Qwen2_5OmniDiTConfig())
    return made


def list_segmentation(only: re.Pattern[str]) -> Iterator[Entry]:
    package = importlib.import_module("segmentation_models_pytorch")
    for name in package.encoders.encoders:
        if only.search(name):
            build = functools.partial(package.Unet, name, encoder_weights=None)
            yield from _examined("segmentation_models_pytorch", name, build, "Unet", sides=(64, 224))
    if only.search("scse decoder"):
        build = functools.partial(package.Unet, "resnet18", encoder_weights=None, decoder_attention_type="scse")
        yield from _examined("segmentation_models_pytorch", "scse decoder", build, "Unet", sides=(64, 224))
    if only.search("manet"):
        build = functools.partial(package.MAnet, "resnet18", encoder_weights=None)
        yield from _examined("segmentation_models_pytorch", "manet", build, "MAnet", sides=(64, 224))


def list_monai(only: re.Pattern[str]) -> Iterator[Entry]:
    nets = importlib.import_module("monai.networks.nets")
    blocks = importlib.import_module("monai.networks.blocks")
    kinds = ("SENet154", "SEResNet50", "SEResNet101", "SEResNet152", "SEResNext50", "SEResNext101")
    for rank in (2, 3):
        side = 96 if rank == 2 else 64

        def draw(rank: int = rank, side: int = side) -> tuple[Tensor]:
            return (torch.randn(2, 1, *(side,) * rank),)

        for kind in kinds:
            if only.search(f"{kind} {rank}-D"):
                build: Callable[[], nn.Module] = functools.partial(
                    getattr(nets, kind), spatial_dims=rank, in_channels=1, num_classes=5
                )
                yield from _examined("monai", f"{kind} {rank}-D", build, "senet", draw=draw)
        for number in range(9 if rank == 2 else 3):
            name = f"EfficientNetBN b{number} {rank}-D"
            if only.search(name):
                build = functools.partial(
                    nets.EfficientNetBN,
                    f"efficientnet-b{number}",
                    pretrained=False,
                    spatial_dims=rank,
                    in_channels=1,
                    num_classes=5,
                )
                yield from _examined("monai", name, build, "efficientnet", draw=draw)
        for kind in ("ChannelSELayer", "ResidualSELayer"):
            if only.search(f"{kind} {rank}-D"):
                build = functools.partial(_around, getattr(blocks, kind), rank)
                yield from _examined("monai", f"{kind} {rank}-D", build, "squeeze_and_excitation", draw=draw)
    if only.search("Quicknat"):
        build = functools.partial(nets.Quicknat, num_classes=5, num_channels=1, se_block="CSSE")
        yield from _examined("monai", "Quicknat CSSE", build, "quicknat", draw=lambda: (torch.randn(2, 1, 64, 64),))


def _around(layer: Callable[..., nn.Module], rank: int) -> nn.Module:
    """A layer between two convolutions."""
    conv = nn.Conv2d if rank == 2 else nn.Conv3d
    return nn.Sequential(conv(1, 16, 3, padding=1), nn.ReLU(), layer(rank, 16), conv(16, 5, 1))


def list_torchreid(only: re.Pattern[str]) -> Iterator[Entry]:
    spec = importlib.util.find_spec("torchreid")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "reid" / "models"
    for file, names in {
        "osnet": ("osnet_x0_25", "osnet_x0_5", "osnet_x0_75", "osnet_x1_0", "osnet_ibn_x1_0"),
        "osnet_ain": ("osnet_ain_x0_25", "osnet_ain_x0_5", "osnet_ain_x0_75", "osnet_ain_x1_0"),
        "senet": (
            "se_resnet50",
            "se_resnext50_32x4d",
            "se_resnet101",
            "se_resnext101_32x4d",
            "se_resnet152",
            "senet154",
        ),
        "hacnn": ("HACNN",),
    }.items():
        module = _load_file(folder / f"{file}.py")  # alone: the package itself asks for OpenCV
        for name in names:
            if not only.search(name):
                continue
            options = {"num_classes": 10} | (
                {"use_gpu": False} if file == "hacnn" else {"pretrained": False, "loss": "softmax"}
            )
            size = (160, 64) if file == "hacnn" else (128, 64)
            build = functools.partial(getattr(module, name), **options)
            yield from _examined(
                "torchreid", name, build, file, draw=functools.partial(lambda size: (torch.randn(2, 3, *size),), size)
            )


def _load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"zoo_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def list_speechbrain(only: re.Pattern[str]) -> Iterator[Entry]:
    speech = (torch.randn(2, 60, 80), torch.tensor([1.0, 0.6]))
    if only.search("ECAPA_TDNN"):
        ecapa = importlib.import_module("speechbrain.lobes.models.ECAPA_TDNN")
        build: Callable[[], nn.Module] = functools.partial(ecapa.ECAPA_TDNN, 80, lin_neurons=32)
        yield from _examined("speechbrain", "ECAPA_TDNN", build, "ECAPA_TDNN", draw=lambda: speech)
        yield from _examined("speechbrain", "ECAPA_TDNN without lengths", build, "ECAPA_TDNN", draw=lambda: speech[:1])
    if only.search("ResNet"):
        resnet = importlib.import_module("speechbrain.lobes.models.ResNet")
        build = functools.partial(resnet.ResNet, 80)
        yield from _examined("speechbrain", "ResNet SE", build, "ResNet", draw=lambda: speech)


ZOOS: dict[str, Callable[[re.Pattern[str]], Iterator[Entry]]] = {
    "efficientnet_pytorch": list_efficientnet_pytorch,
    "torchreid": list_torchreid,
    "speechbrain": list_speechbrain,
    "transformers": list_transformers,
    "monai": list_monai,
    "torchvision": list_torchvision,
    "segmentation_models_pytorch": list_segmentation,
    "timm": list_timm,
    "pytorchcv": list_pytorchcv,
}


def version_of(zoo: str) -> str | None:
    """Of an installed zoo; None where it is not installed."""
    try:
        return version(zoo)
    except PackageNotFoundError:
        return None


def in_order(entries: Sequence[Entry], most: int | None) -> list[Entry]:
    """Of every family the smallest first, then the second smallest of every family, and so on; at most so many of each."""
    ranks: dict[str, int] = {}
    ordered = []
    for entry in sorted(entries, key=lambda entry: entry.parameters):
        rank = ranks[entry.family] = ranks.get(entry.family, -1) + 1
        if most is None or rank < most:
            ordered.append((rank > 0, entry.parameters, entry))
    return [entry for *_, entry in sorted(ordered, key=lambda item: item[:2])]
