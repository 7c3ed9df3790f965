"""Where networks come from: the bundled one, timm, torchvision, Hugging Face, a checkpoint, or a person's own factory."""

import dataclasses
import difflib
import importlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from senet_viz.errors import ArgumentError, ModelError
from senet_viz.models.huggingface import is_hub_name, load_from_hub
from senet_viz.models.networks.architectures import build_architecture, parse_architecture
from senet_viz.models.preprocessing import Preprocessing, imagenet_preprocessing
from senet_viz.models.weights import WEIGHT_ENDINGS, load_strictly, read_weights
from senet_viz.paths import expand_home, explain_refusal, repository
from senet_viz.schema import ClassTable

BUNDLED = "seresnet50-w050-64px"
_BUNDLED_PREFIX = "bundled:"
NO_CLASSES = ClassTable(())


@dataclass(frozen=True)
class BuiltNetwork:
    module: nn.Module
    source: str
    preprocess: Preprocessing
    classes: ClassTable = NO_CLASSES


def bundled_folder(name: str = "bundled") -> Path:
    """Folder of a bundled model and its recording, in the checkout or under SENET_VIZ_CHECKPOINTS.

    Args:
        name: of the folder; "bundled" is the one that is meant where no other is named.

    Raises:
        ModelError: a name that leads elsewhere.
    """
    root = os.environ.get("SENET_VIZ_CHECKPOINTS")
    checkpoints = expand_home(root) if root else repository() / "checkpoints"
    if name != Path(name).name or name in ("", ".", ".."):
        raise ModelError(
            f"No bundled model is called {name!r}: give 'bundled', or 'bundled:' and the name of a folder."
        )
    return checkpoints / (BUNDLED if name == "bundled" else name)


def build_network(name: str, arch: str | None, *, pretrained: bool) -> BuiltNetwork:
    path = expand_home(name)
    if reason := explain_refusal(path / "config.json"):
        raise ModelError(f"{name!r} could not be looked for ({reason}): check the path and its permissions.")
    if name == "bundled" or name.startswith(_BUNDLED_PREFIX):
        return _from_folder(bundled_folder(name.removeprefix(_BUNDLED_PREFIX)), name, pretrained=pretrained)
    if (path / "config.json").is_file():
        return _from_folder(path, name, pretrained=pretrained)
    if name.endswith(WEIGHT_ENDINGS):
        return _from_weights_file(path, arch, pretrained=pretrained)
    if arch is not None:
        raise ArgumentError(f"--arch goes with a weights file ({', '.join(WEIGHT_ENDINGS)}), not with {name!r}.")
    return _from_library(name, pretrained=pretrained)


def _from_library(name: str, *, pretrained: bool) -> BuiltNetwork:
    origin, _, rest = name.partition(":")
    if rest and origin == "timm":
        return _from_timm(rest, pretrained=pretrained)
    if rest and origin == "torchvision":
        return _from_torchvision(rest, pretrained=pretrained)
    if rest and origin == "senet_viz":
        return _from_package(rest, pretrained=pretrained)
    if rest and origin == "hf":
        return _from_hugging_face(rest, pretrained=pretrained)
    if rest:
        return _from_factory(origin, rest)
    raise ArgumentError(
        f"No model is called {name!r}: give 'bundled', 'bundled:FOLDER', 'timm:NAME', 'torchvision:NAME', 'hf:ORG/NAME', 'senet_viz:NAME', 'package.module:factory', "
        "a weights file with --arch, or a folder written by 'senet-viz train'."
    )


def _from_folder(folder: Path, name: str, *, pretrained: bool) -> BuiltNetwork:
    config_file = folder / "config.json"
    if not config_file.is_file():
        raise ModelError(
            f"The {name} model is not in {folder}: run from a clone of the repository or set SENET_VIZ_CHECKPOINTS."
        )
    config: Any = None
    try:
        config = json.loads(config_file.read_text(encoding="utf-8"))
        module = build_architecture(config["architecture"], config["arguments"])
        classes = ClassTable(tuple(config["classes"]["names"]), tuple(config["classes"]["wnids"]))
        preprocess = Preprocessing.from_json(config["preprocessing"])
    except OSError as error:
        raise ModelError(f"{config_file} could not be read ({error.strerror}): check its permissions.") from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(config, dict) and "model_type" in config:
            raise ModelError(f"{folder} is a model of Hugging Face: give it as hf:{folder.absolute()}.") from error
        raise ModelError(f"{config_file} describes no model that this version knows ({error}).") from error
    if pretrained:
        weights = folder / "model.safetensors"
        load_strictly(module, {key: value.float() for key, value in read_weights(weights).items()}, str(weights))
    bundled = name == "bundled" or name.startswith(_BUNDLED_PREFIX)
    return BuiltNetwork(module, "bundled" if bundled else "checkpoint", preprocess, classes)


def _from_weights_file(path: Path, arch: str | None, *, pretrained: bool) -> BuiltNetwork:
    if arch is None:
        raise ArgumentError(
            f"{path} holds weights only: say with --arch what to load them into, e.g. --arch timm:seresnet50."
        )
    if not pretrained:
        raise ArgumentError(f"Random weights need no file: give --model {arch} --weights random.")
    weights = read_weights(path)
    built = _from_library(arch, pretrained=False)
    load_strictly(built.module, {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}, str(path))
    return dataclasses.replace(built, source="checkpoint")


def _from_timm(name: str, *, pretrained: bool) -> BuiltNetwork:
    import timm

    if not timm.is_model(name):
        plain = {known.replace("_", ""): known for known in timm.list_models()}
        near = difflib.get_close_matches(name.split(".")[0].replace("_", ""), plain, n=5, cutoff=0.8)
        close = ", ".join(plain[match] for match in near)
        raise ModelError(f"timm has no model called {name!r}{f'; did you mean {close}?' if close else '.'}")
    try:
        module = timm.create_model(name, pretrained=pretrained)
    except RuntimeError as error:
        if "pretrained" in str(error).lower():
            raise ModelError(f"timm has no pretrained weights called {name!r}: see timm.list_pretrained().") from error
        raise
    except Exception as error:
        raise ModelError(
            f"The weights of timm:{name} could not be downloaded ({type(error).__name__}): on a machine with a network "
            f"fetch {_weights_file_of(name)}, and pass it with --model FILE --arch timm:{name.split('.')[0]}."
        ) from error
    config: dict[str, Any] = getattr(module, "pretrained_cfg", None) or {}
    preprocess = Preprocessing.from_timm(config, f"timm's pretrained_cfg of {name}")
    return BuiltNetwork(module, "timm", preprocess, _imagenet_classes(int(config.get("num_classes", 0))))


def _weights_file_of(name: str) -> str:
    import timm

    config = timm.get_pretrained_cfg(name)
    if config and config.hf_hub_id:
        return f"model.safetensors of {config.hf_hub_id}"
    return str(config.url) if config and config.url else f"the weights of {name}"


def _from_torchvision(name: str, *, pretrained: bool) -> BuiltNetwork:
    from torchvision import models

    try:
        choices = models.get_model_weights(name)
    except ValueError as error:
        raise ModelError(f"torchvision has no model called {name!r}: see torchvision.models.list_models().") from error
    best = choices.DEFAULT
    try:
        module = models.get_model(name, weights=best if pretrained else None)
    except OSError as error:
        raise ModelError(
            f"The weights of torchvision:{name} could not be downloaded ({error}): on a machine with a network "
            f"fetch {best.url} and pass it with --model FILE --arch torchvision:{name}."
        ) from error
    preprocess = Preprocessing.from_torchvision(best.transforms(), f"torchvision's {best}")
    return BuiltNetwork(module, "torchvision", preprocess, _imagenet_classes(len(best.meta["categories"])))


def _from_hugging_face(name: str, *, pretrained: bool) -> BuiltNetwork:
    """From the hub, or from a folder, whose place a recording does not store: its source is "checkpoint"."""
    module, preprocess, classes = load_from_hub(name, pretrained=pretrained)
    return BuiltNetwork(module, "hf" if is_hub_name(name) else "checkpoint", preprocess, classes)


def _from_package(text: str, *, pretrained: bool) -> BuiltNetwork:
    name, arguments = parse_architecture(text)
    module = build_architecture(name, arguments)
    if pretrained:
        raise ModelError(
            f"senet_viz:{text} comes without trained weights: add --weights random, or pass a weights file with "
            f"--model FILE --arch senet_viz:{text}."
        )
    config: dict[str, Any] | None = getattr(module, "pretrained_cfg", None)
    preprocess = Preprocessing.from_timm(config, f"senet_viz:{name}") if config else imagenet_preprocessing(64)
    return BuiltNetwork(module, "senet_viz", preprocess)


def _from_factory(origin: str, attribute: str) -> BuiltNetwork:
    name = f"{origin}:{attribute}"
    if (here := str(Path.cwd())) not in sys.path:  # a command's path begins with its own folder
        sys.path.append(here)
    try:
        factory = getattr(importlib.import_module(origin), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ModelError(f"The factory {name} could not be imported ({error}): run where Python finds it.") from error
    try:
        module = factory()
    except Exception as error:  # a person's own code
        raise ModelError(
            f"The factory {name} failed ({type(error).__name__}: {error}): call it alone to see where."
        ) from error
    if not isinstance(module, nn.Module):
        raise ModelError(f"The factory {name} returned a {type(module).__name__}, not a torch.nn.Module.")
    config: dict[str, Any] | None = getattr(module, "pretrained_cfg", None)
    preprocess = Preprocessing.from_timm(config, f"pretrained_cfg of {name}") if config else imagenet_preprocessing()
    return BuiltNetwork(module, "factory", preprocess)


def _imagenet_classes(outputs: int) -> ClassTable:
    if outputs != 1000:
        return NO_CLASSES
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    wnids = tuple(info.index_to_label_name(i) for i in range(1000))
    return ClassTable(tuple(info.label_name_to_description(wnid) for wnid in wnids), wnids)
