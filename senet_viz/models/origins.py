"""Where networks come from: the bundled one, timm, torchvision, Hugging Face, a checkpoint, or a person's own factory."""

import dataclasses
import difflib
import importlib
import inspect
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from senet_viz.errors import ArgumentError, ModelError
from senet_viz.models.checkpoints import WEIGHT_ENDINGS, find_weights, is_weights_file, read_checkpoint
from senet_viz.models.fitting import Fit, fit_weights
from senet_viz.models.huggingface import is_hub_name, load_from_hub
from senet_viz.models.output_names import imagenet_classes
from senet_viz.models.preprocessing import Preprocessing, imagenet_preprocessing, list_assumed
from senet_viz.models.timm_folders import TimmFolder, is_timm_config, read_timm_config
from senet_viz.models.weights import load_strictly, read_weights
from senet_viz.paths import expand_home, explain_refusal, repository
from senet_viz.schema import ClassTable

BUNDLED = "seresnet50-w050-64px"
_BUNDLED_PREFIX = "bundled:"
NO_CLASSES = ClassTable(())
_SIZED = ("timm", "torchvision", "senet_viz")  # origins that take num_classes


@dataclass(frozen=True)
class BuiltNetwork:
    module: nn.Module
    source: str
    preprocess: Preprocessing
    classes: ClassTable = NO_CLASSES
    assumed: tuple[str, ...] = ()  # which of size, mean and std nobody declared
    notes: tuple[str, ...] = ()


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


def build_network(name: str, arch: str | None, *, pretrained: bool, weights_key: str | None = None) -> BuiltNetwork:
    path = expand_home(name)
    if reason := explain_refusal(path / "config.json"):
        raise ModelError(f"{name!r} could not be looked for ({reason}): check the path and its permissions.")
    if name == "bundled" or name.startswith(_BUNDLED_PREFIX):
        return _from_folder(
            bundled_folder(name.removeprefix(_BUNDLED_PREFIX)), name, weights_key, pretrained=pretrained
        )
    if arch is not None and path.is_dir():
        return _from_weights_file(find_weights(path), arch, weights_key, pretrained=pretrained)
    if (path / "config.json").is_file():
        return _from_folder(path, name, weights_key, pretrained=pretrained)
    if is_weights_file(name) or (arch is not None and path.is_file()):
        return _from_weights_file(path, arch, weights_key, pretrained=pretrained)
    if weights_key is not None:
        raise ArgumentError(f"--weights-key goes with a weights file, not with {name!r}.")
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


def _from_folder(folder: Path, name: str, weights_key: str | None, *, pretrained: bool) -> BuiltNetwork:
    config_file = folder / "config.json"
    if not config_file.is_file():
        raise ModelError(
            f"The {name} model is not in {folder}: run from a clone of the repository or set SENET_VIZ_CHECKPOINTS."
        )
    config: Any = None
    try:
        config = json.loads(config_file.read_text(encoding="utf-8"))
        if is_timm_config(config):
            return _from_timm_folder(
                folder, read_timm_config(config, str(config_file)), weights_key, pretrained=pretrained
            )
        from senet_viz.models.networks.architectures import build_architecture  # loads timm, which few origins need

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


def _from_weights_file(path: Path, arch: str | None, weights_key: str | None, *, pretrained: bool) -> BuiltNetwork:
    if arch is None:
        raise ArgumentError(
            f"{path} holds weights only: say with --arch what to load them into, e.g. --arch timm:seresnet50."
        )
    if not pretrained:
        raise ArgumentError(f"Random weights need no file: give --model {arch} --weights random.")
    checkpoint = read_checkpoint(path)
    built, inferred = _from_library(arch, pretrained=False), list[str]()
    fit = fit_weights(built.module, checkpoint, str(path), weights_key)
    if fit.outputs is not None and arch.partition(":")[0] in _SIZED and "num_classes=" not in arch:
        inferred.append(f"The head in {path.name} has {fit.outputs:,} outputs, so {arch} was built with as many.")
        built = _from_library(f"{arch},num_classes={fit.outputs}", pretrained=False)
        fit = fit_weights(built.module, checkpoint, str(path), weights_key)
    _load(built.module, fit, path)
    return dataclasses.replace(built, source="checkpoint", notes=(*fit.notes, *inferred))


def _load(module: nn.Module, fit: Fit, path: Path) -> None:
    weights = {name: value.float() if value.is_floating_point() else value for name, value in fit.weights.items()}
    load_strictly(module, weights, str(path), fit.advice)


def _from_timm_folder(folder: Path, said: TimmFolder, weights_key: str | None, *, pretrained: bool) -> BuiltNetwork:
    name = said.architecture
    module = _create_timm(name, said.arguments, pretrained=False)
    preprocess = Preprocessing.from_timm(said.config, f"config.json of {folder.name}")
    notes = said.notes
    if pretrained:
        path = find_weights(folder)
        fit = fit_weights(module, read_checkpoint(path), str(path), weights_key)
        _load(module, fit, path)
        notes = (*notes, *fit.notes)
    return BuiltNetwork(module, "checkpoint", preprocess, said.classes, notes)


def _from_timm(text: str, *, pretrained: bool) -> BuiltNetwork:
    from senet_viz.models.networks.architectures import parse_keywords

    name, arguments = parse_keywords(text)
    module = _create_timm(name, arguments, pretrained=pretrained)
    config: dict[str, Any] = getattr(module, "pretrained_cfg", None) or {}
    preprocess = Preprocessing.from_timm(config, f"timm's pretrained_cfg of {name}")
    own = arguments.get("num_classes", config.get("num_classes", 0)) == config.get("num_classes", 0)
    return BuiltNetwork(module, "timm", preprocess, _imagenet_classes(int(config.get("num_classes", 0)) if own else 0))


def _create_timm(name: str, arguments: Mapping[str, Any], *, pretrained: bool) -> nn.Module:
    import timm

    if not timm.is_model(name):
        plain = {known.replace("_", ""): known for known in timm.list_models()}
        near = difflib.get_close_matches(name.split(".")[0].replace("_", ""), plain, n=5, cutoff=0.8)
        close = ", ".join(plain[match] for match in near)
        raise ModelError(f"timm has no model called {name!r}{f'; did you mean {close}?' if close else '.'}")
    if pretrained and "num_classes" in arguments:
        own = getattr(timm.get_pretrained_cfg(name), "num_classes", None)
        _refuse_new_head(f"timm:{name}", arguments["num_classes"], own)
    try:
        module: nn.Module = timm.create_model(name, pretrained=pretrained, **arguments)
    except RuntimeError as error:
        if "pretrained" in str(error).lower():
            raise ModelError(f"timm has no pretrained weights called {name!r}: see timm.list_pretrained().") from error
        if arguments:
            raise _explain_arguments(f"timm:{name}", arguments, error) from error
        raise
    except Exception as error:
        if isinstance(error, TypeError | ValueError | AssertionError | AttributeError | KeyError) and arguments:
            raise _explain_arguments(f"timm:{name}", arguments, error) from error
        raise ModelError(
            f"The weights of timm:{name} could not be downloaded ({type(error).__name__}): on a machine with a network "
            f"fetch {_weights_file_of(name)}, and pass it with --model FILE --arch timm:{name.split('.')[0]}."
        ) from error
    return module


def _refuse_new_head(name: str, asked: Any, own: int | None) -> None:
    """Refuses a head that pretrained weights do not have, which would be left untrained; 0 is none at all."""
    if asked not in (own, 0):
        raise ModelError(
            f"The pretrained weights of {name} have {own:,} outputs, so a head of {asked} would be untrained: leave "
            f"num_classes out, give --weights random, or pass your weights with --model FILE --arch {name},num_classes={asked}."
        )


def _explain_arguments(name: str, arguments: Mapping[str, Any], error: Exception) -> ModelError:
    given = ",".join(f"{key}={value}" for key, value in arguments.items() if key != "pretrained_cfg")
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return ModelError(f"{name} could not be built with {given or 'its config.json'} ({reason}): check the arguments.")


def _weights_file_of(name: str) -> str:
    import timm

    config = timm.get_pretrained_cfg(name)
    if config and config.hf_hub_id:
        return f"model.safetensors of {config.hf_hub_id}"
    return str(config.url) if config and config.url else f"the weights of {name}"


def _from_torchvision(text: str, *, pretrained: bool) -> BuiltNetwork:
    from torchvision import models

    from senet_viz.models.networks.architectures import parse_keywords

    name, arguments = parse_keywords(text)
    try:
        choices = models.get_model_weights(name)
    except ValueError as error:
        raise ModelError(f"torchvision has no model called {name!r}: see torchvision.models.list_models().") from error
    best = choices.DEFAULT
    outputs = arguments.get("num_classes", len(best.meta["categories"]))
    if pretrained:
        _refuse_new_head(f"torchvision:{name}", outputs, len(best.meta["categories"]))
    try:
        module = models.get_model(name, weights=best if pretrained else None, **arguments)
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        if not arguments:
            raise
        raise _explain_arguments(f"torchvision:{name}", arguments, error) from error
    except OSError as error:
        raise ModelError(
            f"The weights of torchvision:{name} could not be downloaded ({error}): on a machine with a network "
            f"fetch {best.url} and pass it with --model FILE --arch torchvision:{name}."
        ) from error
    if ignored := _list_ignored(module, models.get_model_builder(name), arguments):
        raise ModelError(f"torchvision:{name} takes no argument {', '.join(ignored)}: leave it out.")
    preprocess = Preprocessing.from_torchvision(best.transforms(), f"torchvision's {best}")
    return BuiltNetwork(module, "torchvision", preprocess, _imagenet_classes(outputs))


def _list_ignored(module: nn.Module, builder: Any, arguments: Mapping[str, Any]) -> list[str]:
    """Arguments that a network's class takes and never looks at."""
    taken = inspect.signature(type(module).__init__).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
        return []
    known = {*taken, *inspect.signature(builder).parameters, "width_mult", "reduced_tail", "dilated"}  # MobileNetV3's
    return [key for key in arguments if key not in known]


def _from_hugging_face(name: str, *, pretrained: bool) -> BuiltNetwork:
    """From the hub, or from a folder, whose place a recording does not store: its source is "checkpoint"."""
    module, preprocess, classes = load_from_hub(name, pretrained=pretrained)
    return BuiltNetwork(module, "hf" if is_hub_name(name) else "checkpoint", preprocess, classes)


def _from_package(text: str, *, pretrained: bool) -> BuiltNetwork:
    from senet_viz.models.networks.architectures import build_architecture, parse_architecture

    name, arguments = parse_architecture(text)
    module = build_architecture(name, arguments)
    if pretrained:
        raise ModelError(
            f"senet_viz:{text} comes without trained weights: add --weights random, or pass a weights file with "
            f"--model FILE --arch senet_viz:{text}."
        )
    config: dict[str, Any] | None = getattr(module, "pretrained_cfg", None)
    preprocess = Preprocessing.from_timm(config, f"senet_viz:{name}") if config else imagenet_preprocessing(64)
    return BuiltNetwork(module, "senet_viz", preprocess, assumed=list_assumed(config))


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
    carried = {
        name: getattr(module, name, None) for name in ("pretrained_cfg", "default_cfg")
    }  # the second is timm's old name
    key, config = next(
        ((key, value) for key, value in carried.items() if isinstance(value, Mapping) and value), ("", None)
    )
    preprocess = Preprocessing.from_timm(config, f"{key} of {name}") if config else imagenet_preprocessing()
    return BuiltNetwork(module, "factory", preprocess, assumed=list_assumed(config))


def _imagenet_classes(outputs: int) -> ClassTable:
    return imagenet_classes() if outputs == 1000 else NO_CLASSES
