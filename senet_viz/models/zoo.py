"""Networks ready to be observed: loaded by name, on their device, with their gates."""

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from senet_viz.errors import ArgumentError, SourceError
from senet_viz.gates.discovery import BoundGate, GateSurvey, RefusedUnit, gates_of, survey_gates
from senet_viz.gates.taps import give_taps, taps_of
from senet_viz.images.quiet import quiet_libraries
from senet_viz.models.options import ModelOptions
from senet_viz.models.origins import NO_CLASSES, build_network
from senet_viz.models.origins import bundled_folder as bundled_folder  # where the documents of version 0.1 found it
from senet_viz.models.output_names import name_outputs
from senet_viz.models.outputs import count_outputs, pick_logits
from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.probing import Returned, as_logits, convert_to_float32, probe_network
from senet_viz.models.weights import digest_weights, refuse_nonfinite_weights
from senet_viz.schema import ClassTable, Gate


@dataclass(frozen=True)
class Model:
    """A network ready to be observed: in eval mode, on its device, channels last.

    Attributes:
        module: the network.
        name: what it was asked for by, e.g. "bundled" or "timm:legacy_seresnet50.in1k".
        source: "bundled", "timm", "torchvision", "hf", "senet_viz", "checkpoint" or "factory".
        weights: "pretrained" or "random".
        seed: of random weights; None for pretrained ones.
        preprocess: RGB image → (C, H, W) float32 tensor, C = 3, or 1 where the network takes greyscale images.
        classes: names and wnids of the outputs; empty where they are not known.
        outputs: number of class outputs; 0 where it returns none (a backbone, an encoder).
        sha256: digest of the weights.
        device: where the module lies.
        notes: sentences a reader of its recordings must know.
        logits: key, field or number of the logits among what it returns, where a person named it.
        returned: "logits", or "probabilities" or "log-probabilities" of a network that ends in a softmax.
        weights_key: entry of the weights file that was read, where a person named it.
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
    returned: Returned = "logits"
    weights_key: str | None = None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """For another process: without the lock, with what lets hooks see the gates that no module returns."""
        return {**{name: value for name, value in vars(self).items() if name != "lock"}, "taps": taps_of(self.module)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        taps = state.pop("taps")
        vars(self).update(state, lock=threading.RLock())
        give_taps(self.module, taps)

    def move_to(self, device: torch.device) -> None:
        """Moves the network, in place."""
        with self.lock:
            self.module.to(device)
            vars(self)["device"] = device

    @contextlib.contextmanager
    def on_cpu(self) -> Iterator[None]:
        """The network lies on the CPU inside of the `with`: as it is pickled for a machine with other devices."""
        device = self.device
        with self.lock:
            if device.type != "cpu":
                self.move_to(torch.device("cpu"))
            try:
                yield
            finally:
                if device.type != "cpu":
                    self.move_to(device)

    @functools.cached_property
    def _survey(self) -> GateSurvey:
        with self.lock, quiet_libraries():
            return survey_gates(self.module, fallback=self.preprocess.shape)

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

    def logits_of(self, returned: Any) -> torch.Tensor:
        """Logits among what the module returned, (N, K); of a network that ends in a softmax its logarithm.

        Raises:
            ModelError: none is there; the message names what is.
        """
        return as_logits(pick_logits(returned, self.logits), self.returned)


def load_model(
    name: str | Path,
    *,
    arch: str | None = None,
    weights: str = "pretrained",
    seed: int = 0,
    device: str = "auto",
    preprocessing: Preprocessing | None = None,
    logits: str | None = None,
    options: ModelOptions | None = None,
) -> Model:
    """Loads a network for observation.

    Args:
        name: "bundled", or "bundled:FOLDER" for another folder beside it; "timm:NAME"; "torchvision:NAME"; "hf:ORG/NAME" or "hf:FOLDER" of Hugging Face's transformers; "senet_viz:NAME,ARGUMENT=VALUE,…", one of this package's
            networks (docs/networks.md), which have random weights only; the path of a weights file (with `arch`) or of
            a folder that `senet-viz train` wrote; or "package.module:factory", a callable without arguments
            that returns a network (it may carry timm's `pretrained_cfg`).
        arch: as in `ModelOptions`.
        weights: as in `ModelOptions`.
        seed: seed of random weights.
        device: "auto" (CUDA where there is one), or a torch device.
        preprocessing: used instead of the model's own.
        logits: as in `ModelOptions`.
        options: every choice; `arch`, `weights` and `logits` are ignored when it is given.

    Raises:
        ArgumentError: the name or an option can not be understood.
        ModelError: the network or its weights can not be had, or it does not run; the sentence says what to do.
        GateError: the network is compiled or data-parallel.
    """
    options = options or ModelOptions(arch, weights, logits)
    with quiet_libraries():
        return _load(str(name), options, seed, choose_device(device), preprocessing)


def _load(
    name: str, options: ModelOptions, seed: int, place: torch.device, preprocessing: Preprocessing | None
) -> Model:
    by_hand = options.preprocessing()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built = build_network(
            name, options.arch, pretrained=options.weights == "pretrained", weights_key=options.weights_key
        )
        module = built.module.eval().to(place)
        converted = convert_to_float32(module)
        probe = probe_network(
            module, preprocessing or built.preprocess, name, side=options.input_size, logits=options.logits, device=place,
            assumed=() if preprocessing else tuple(part for part in built.assumed if by_hand[part] is None),
        )  # fmt: skip
    refuse_nonfinite_weights(module, name)
    if options.weights == "random":
        _enable_residual_branches(module)
    module = module.requires_grad_(True).to(memory_format=torch.channels_last)
    preprocess = probe.preprocess.overridden(**by_hand)
    example = torch.zeros(1, *preprocess.shape, device=place)
    outputs, returned = count_outputs(module, example, options.logits)
    classes, notes = built.classes if outputs else NO_CLASSES, (*built.notes, *converted, *probe.notes)
    if not outputs:
        notes = (
            *notes,
            f"The network returns no class outputs ({returned}): gates are recorded, accuracy is not known.",
        )
    if options.outputs is not None:
        classes, note = name_outputs(options.outputs, outputs)
        notes = (*notes, note)
    return Model(
        module=module,
        name=name if options.arch is None else f"{name} ({options.arch})",
        source=built.source,
        weights=options.weights,
        preprocess=preprocess,
        classes=classes,
        outputs=outputs,
        sha256=digest_weights(module),
        device=place,
        seed=seed if options.weights == "random" else None,
        notes=notes,
        logits=options.logits,
        returned=probe.returned,
        weights_key=options.weights_key,
    )


def with_calibrated_batch_norm(model: Model, batches: Iterable[torch.Tensor], description: str) -> Model:
    """Re-estimates batch-norm statistics of a random network, so that its activations have unit scale.

    Each batch norm gets the plain average over the batches of their mean and (unbiased) variance.

    Args:
        model: left as it was in all but its batch-norm buffers.
        batches: (N, C, H, W) each; no labels are used.
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
        with torch.no_grad(), quiet_libraries():
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


def _enable_residual_branches(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.weight is not None and not part.weight.any():
            nn.init.ones_(part.weight)
