"""Where networks come from: the bundled one, timm, torchvision, a checkpoint, or a person's own factory."""

import dataclasses
import difflib
import functools
import importlib
import json
import os
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from senet_viz.errors import ArgumentError, ModelError, SourceError
from senet_viz.gates.discovery import BoundGate, GateSurvey, RefusedUnit, gates_of, survey_gates
from senet_viz.models.networks.architectures import build_architecture, parse_architecture
from senet_viz.models.outputs import pick_logits
from senet_viz.models.preprocessing import Preprocessing, imagenet_preprocessing
from senet_viz.models.weights import WEIGHT_ENDINGS, digest_weights, load_strictly, read_weights
from senet_viz.paths import expand_home, explain_refusal, repository
from senet_viz.schema import ClassTable, Gate

BUNDLED = "seresnet50-w050-64px"
_BUNDLED_PREFIX = "bundled:"
NO_CLASSES = ClassTable(())


@dataclass(frozen=True)
class Model:
    """A network ready to be observed: in eval mode, on its device, channels last.

    Attributes:
        module: the network.
        name: what it was asked for by, e.g. "bundled" or "timm:legacy_seresnet50.in1k".
        source: "bundled", "timm", "torchvision", "senet_viz", "checkpoint" or "factory".
        weights: "pretrained" or "random".
        seed: of random weights; None for pretrained ones.
        preprocess: RGB image → (3, H, W) float32 tensor.
        classes: names and wnids of the outputs; empty where they are not known.
        outputs: number of outputs.
        sha256: digest of the weights.
        device: where the module lies.
        notes: sentences a reader of its recordings must know.
        logits: key, field or number of the logits among what it returns, where a person named it.
        lock: whoever runs the network, hooks it or switches its flags holds it; `observing` and attribution do.
    """

    module: nn.Module
    name: str
    source: str
    weights: str
    preprocess: Preprocessing
    classes: ClassTable
    outputs: int
    sha256: str
    device: torch.device
    seed: int | None = None
    notes: tuple[str, ...] = ()
    logits: str | None = None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @functools.cached_property
    def _survey(self) -> GateSurvey:
        with self.lock:
            return survey_gates(self.module)

    @functools.cached_property
    def bound_gates(self) -> tuple[BoundGate, ...]:
        """The gates with the modules that they live in (GateError where none can be observed)."""
        return gates_of(self._survey, self.module)

    @property
    def gates(self) -> tuple[Gate, ...]:
        """The network's gates in order of depth (GateError where it has none that can be observed)."""
        return tuple(bound.gate for bound in self.bound_gates)

    @property
    def refused(self) -> tuple[RefusedUnit, ...]:
        """Attention beside the gates that is no channel gate and is not recorded."""
        return self._survey.refused


@dataclass(frozen=True)
class _Built:
    module: nn.Module
    source: str
    preprocess: Preprocessing
    classes: ClassTable = NO_CLASSES


def load_model(
    name: str | Path,
    *,
    arch: str | None = None,
    weights: str = "pretrained",
    seed: int = 0,
    device: str = "auto",
    preprocessing: Preprocessing | None = None,
    logits: str | None = None,
) -> Model:
    """Loads a network for observation.

    Args:
        name: "bundled", or "bundled:FOLDER" for another folder beside it; "timm:NAME"; "torchvision:NAME"; "senet_viz:NAME,ARGUMENT=VALUE,…", one of this package's
            networks (docs/networks.md), which have random weights only; the path of a weights file (with `arch`) or of
            a folder that `senet-viz train` wrote; or "package.module:factory", a callable without arguments
            that returns a network (it may carry timm's `pretrained_cfg`).
        arch: for a weights file, what to load it into: "timm:NAME", "torchvision:NAME", "senet_viz:NAME,…" or a factory.
        weights: "pretrained", or "random" for the untrained control: initial weights by `seed`, with
            zero-initialised batch-norm weights set to 1, since otherwise every gate is constant.
        seed: seed of random weights.
        device: "auto" (CUDA where there is one), or a torch device.
        preprocessing: used instead of the model's own.
        logits: key, field or number of the logits, where the network returns several tensors and they are not the first of
            two axes, nor called so.

    Raises:
        ArgumentError: the name or an option can not be understood.
        ModelError: the network or its weights can not be had; the sentence says how they can.
    """
    if weights not in ("pretrained", "random"):
        raise ArgumentError(f"weights is {weights!r}; it is 'pretrained' or 'random'.")
    place, name = choose_device(device), str(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built = _build(name, arch, pretrained=weights == "pretrained")
    if weights == "random":
        _enable_residual_branches(built.module)
    module = built.module.eval().requires_grad_(True).to(place).to(memory_format=torch.channels_last)
    preprocess = preprocessing or built.preprocess
    return Model(
        module=module,
        name=name if arch is None else f"{name} ({arch})",
        source=built.source,
        weights=weights,
        preprocess=preprocess,
        classes=built.classes,
        outputs=_count_outputs(module, preprocess.size, place, logits),
        sha256=digest_weights(module),
        device=place,
        seed=seed if weights == "random" else None,
        logits=logits,
    )


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


def with_calibrated_batch_norm(model: Model, batches: Iterable[torch.Tensor], description: str) -> Model:
    """Re-estimates batch-norm statistics of a random network, so that its activations have unit scale.

    Each batch norm gets the plain average over the batches of their mean and (unbiased) variance.

    Args:
        model: left as it was in all but its batch-norm buffers.
        batches: (N, 3, H, W) each; no labels are used.
        description: what the images are, for the manifest.

    Raises:
        SourceError: fewer than two images; the network is not to be used then.
    """
    norms = [m for m in model.module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    images = 0
    try:
        for norm in norms:
            norm.train()  # and nothing else: dropout would make the statistics a matter of chance
            norm.reset_running_stats()
            norm.momentum = None  # cumulative average
        with torch.no_grad():
            for batch in batches:
                images += len(batch)
                model.module(batch.to(model.device, memory_format=torch.channels_last))
    finally:
        model.module.eval()
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    if images < 2:
        raise SourceError(f"{images} images of {description} could be read: batch-norm statistics need at least two.")
    note = f"Batch-norm statistics re-estimated on {images:,} unlabelled images of {description}."
    return dataclasses.replace(model, sha256=digest_weights(model.module), notes=(*model.notes, note))


def choose_device(name: str) -> torch.device:
    """The device of a name; "auto" is CUDA where there is one (ArgumentError where it can not be used)."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(1, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:
        raise ArgumentError(
            f"Device {name!r} can not be used here ({str(error).splitlines()[0]}): try 'auto' or 'cpu'."
        ) from error


def _build(name: str, arch: str | None, *, pretrained: bool) -> _Built:
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


def _from_library(name: str, *, pretrained: bool) -> _Built:
    origin, _, rest = name.partition(":")
    if rest and origin == "timm":
        return _from_timm(rest, pretrained=pretrained)
    if rest and origin == "torchvision":
        return _from_torchvision(rest, pretrained=pretrained)
    if rest and origin == "senet_viz":
        return _from_package(rest, pretrained=pretrained)
    if rest:
        return _from_factory(origin, rest)
    raise ArgumentError(
        f"No model is called {name!r}: give 'bundled', 'bundled:FOLDER', 'timm:NAME', 'torchvision:NAME', 'senet_viz:NAME', 'package.module:factory', "
        "a weights file with --arch, or a folder written by 'senet-viz train'."
    )


def _from_folder(folder: Path, name: str, *, pretrained: bool) -> _Built:
    config_file = folder / "config.json"
    if not config_file.is_file():
        raise ModelError(
            f"The {name} model is not in {folder}: run from a clone of the repository or set SENET_VIZ_CHECKPOINTS."
        )
    try:
        config = json.loads(config_file.read_text(encoding="utf-8"))
        module = build_architecture(config["architecture"], config["arguments"])
        classes = ClassTable(tuple(config["classes"]["names"]), tuple(config["classes"]["wnids"]))
        preprocess = Preprocessing.from_json(config["preprocessing"])
    except OSError as error:
        raise ModelError(f"{config_file} could not be read ({error.strerror}): check its permissions.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{config_file} describes no model that this version knows ({error}).") from error
    if pretrained:
        weights = folder / "model.safetensors"
        load_strictly(module, {key: value.float() for key, value in read_weights(weights).items()}, str(weights))
    bundled = name == "bundled" or name.startswith(_BUNDLED_PREFIX)
    return _Built(module, "bundled" if bundled else "checkpoint", preprocess, classes)


def _from_weights_file(path: Path, arch: str | None, *, pretrained: bool) -> _Built:
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


def _from_timm(name: str, *, pretrained: bool) -> _Built:
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
    return _Built(module, "timm", preprocess, _imagenet_classes(int(config.get("num_classes", 0))))


def _weights_file_of(name: str) -> str:
    import timm

    config = timm.get_pretrained_cfg(name)
    if config and config.hf_hub_id:
        return f"model.safetensors of {config.hf_hub_id}"
    return str(config.url) if config and config.url else f"the weights of {name}"


def _from_torchvision(name: str, *, pretrained: bool) -> _Built:
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
    return _Built(module, "torchvision", preprocess, _imagenet_classes(len(best.meta["categories"])))


def _from_package(text: str, *, pretrained: bool) -> _Built:
    name, arguments = parse_architecture(text)
    module = build_architecture(name, arguments)
    if pretrained:
        raise ModelError(
            f"senet_viz:{text} comes without trained weights: add --weights random, or pass a weights file with "
            f"--model FILE --arch senet_viz:{text}."
        )
    config: dict[str, Any] | None = getattr(module, "pretrained_cfg", None)
    preprocess = Preprocessing.from_timm(config, f"senet_viz:{name}") if config else imagenet_preprocessing(64)
    return _Built(module, "senet_viz", preprocess)


def _from_factory(origin: str, attribute: str) -> _Built:
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
    return _Built(module, "factory", preprocess)


def _imagenet_classes(outputs: int) -> ClassTable:
    if outputs != 1000:
        return NO_CLASSES
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    wnids = tuple(info.index_to_label_name(i) for i in range(1000))
    return ClassTable(tuple(info.label_name_to_description(wnid) for wnid in wnids), wnids)


def _enable_residual_branches(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.weight is not None and not part.weight.any():
            nn.init.ones_(part.weight)


def _count_outputs(module: nn.Module, side: int, device: torch.device, logits: str | None) -> int:
    count = getattr(module, "num_classes", None)
    if isinstance(count, int) and logits is None:
        return count
    with torch.inference_mode():
        found = pick_logits(module(torch.zeros(1, 3, side, side, device=device)), logits)
    if found.ndim != 2:
        raise ModelError("The network does not return one row of logits per image: only classifiers can be recorded.")
    return int(found.shape[1])
