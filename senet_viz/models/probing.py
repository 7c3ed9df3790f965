"""What a network takes in and gives back, found by running it on random images when it is loaded."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from senet_viz.errors import ModelError
from senet_viz.gates.hooks import evaluating
from senet_viz.gates.trace import InputSize, refuse_wrappers
from senet_viz.images.decoding import describe_error
from senet_viz.models.outputs import pick_logits
from senet_viz.models.preprocessing import Preprocessing

Returned = Literal["logits", "probabilities", "log-probabilities"]
USUAL_SIDES = (224, 32, 28, 64, 96, 128, 256, 299, 48, 112, 160, 384)
_CHANNELS = (3, 1)
_IMAGES = 4  # whose outputs must all be probabilities, for the network to be believed to return these
_TOLERANCE = 1e-4
_SIGMOIDS = (
    "The network's outputs lie between 0 and 1 and do not add up to 1, as after a sigmoid: the largest is the prediction, "
    "but confidences and losses are those of a softmax over them and mean little."
)
_LEAST = torch.finfo(torch.float32).tiny  # a probability of 0 has no finite logarithm


@dataclass(frozen=True)
class Probe:
    """What was found out about a network.

    Attributes:
        preprocess: with the number of channels, and where it was not known the size, with which the network runs.
        returned: what it returns for each output.
        notes: sentences about what was found and had to be done.
    """

    preprocess: Preprocessing
    returned: Returned
    notes: tuple[str, ...]


def convert_to_float32(module: nn.Module) -> tuple[str, ...]:
    """Converts weights of half or double precision in place; a note where there were any."""
    tensors = (*module.parameters(), *module.buffers())
    kinds = sorted({str(t.dtype).removeprefix("torch.") for t in tensors if t.is_floating_point()} - {"float32"})
    if not kinds:
        return ()
    module.float()
    return (f"The network's {' and '.join(kinds)} weights were converted to float32.",)


def probe_network(
    module: nn.Module,
    preprocess: Preprocessing,
    name: str,
    *,
    side: int | None = None,
    assumed: tuple[str, ...] = (),
    logits: str | None = None,
    device: torch.device,
) -> Probe:
    """Runs a network once, on the input that it is to get, to see that it can and what it returns.

    Where only greyscale images fit, the preprocessing becomes one of greyscale. Where the size was assumed and does not
    fit, usual sizes are tried.

    Args:
        module: in float32, on its device; parts without a shape yet get one.
        preprocess: its own.
        name: of the network, for messages.
        side: of the input in px, where a person set it.
        assumed: which of "size", "mean" and "std" nobody declared or set.
        logits: as in `pick_logits`.
        device: where the module lies.

    Raises:
        GateError: the network is compiled or data-parallel.
        ModelError: it runs on no such input.
    """
    if not any(map(is_lazy, module.parameters())):
        refuse_wrappers(module)
    sides = USUAL_SIDES if "size" in assumed else ()
    shape, returned = _find_input(module, name, (side or preprocess.size, *sides), preprocess.channels, device)
    kind = _recognise_outputs(module, returned, shape, logits, device)
    found = preprocess.with_channels(shape[0])
    found = found.resized(shape[1]) if sides and shape[1] != preprocess.size else found
    notes = (*_describe_input(preprocess, found, assumed), *_describe_outputs(kind))
    if kind == "logits" and _are_sigmoids(module, returned, shape, logits, device):
        notes = (*notes, _SIGMOIDS)
    return Probe(found, kind, notes)


def as_logits(values: Tensor, returned: Returned) -> Tensor:
    """Logits of what a network returned: the logarithms of probabilities, whose softmax are the probabilities again."""
    return values.float().clamp_min(_LEAST).log() if returned == "probabilities" else values


def _find_input(
    module: nn.Module, name: str, sides: Sequence[int], channels: int, device: torch.device
) -> tuple[InputSize, Any]:
    """The first size of an image that the network runs on, and what it returned."""
    failures: dict[InputSize, Exception] = {}
    for side in dict.fromkeys(sides):
        for count in dict.fromkeys((channels, *_CHANNELS)):
            shape = count, side, side
            try:
                return shape, _run(module, shape, device)
            except Exception as error:  # a network may raise anything on an input that it was not made for
                failures[shape] = error
    raise _explain_failure(module, name, failures, device)


def _run(module: nn.Module, shape: InputSize, device: torch.device, images: int = 1) -> Any:
    generator = torch.Generator(device="cpu").manual_seed(images)
    pixels = torch.randn((images, *shape), generator=generator, device="cpu").to(device)
    with evaluating(module), torch.no_grad():
        return module(pixels.contiguous(memory_format=torch.channels_last))


def _explain_failure(
    module: nn.Module, name: str, failures: dict[InputSize, Exception], device: torch.device
) -> ModelError:
    first = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
    own = None if first is None else first.in_channels
    if own is not None and own not in _CHANNELS:
        for _, side, _ in failures:
            with contextlib.suppress(Exception):
                _run(module, (own, side, side), device)
                return ModelError(
                    f"{name} takes images of {own} channels: networks of RGB (3) or greyscale (1) images are supported."
                )
    fitting = {shape: error for shape, error in failures.items() if shape[0] == own} or failures
    (channels, side, _), error = next(iter(fitting.items()))
    sides = list(dict.fromkeys(str(side) for _, side, _ in failures))
    others = f", nor of the other usual sizes ({', '.join(sides[1:])} px)" if len(sides) > 1 else ""
    return ModelError(
        f"{name} could not be run on a random image of {channels} × {side} × {side}{others} "
        f"({type(error).__name__}: {describe_error(error)}): give the side of the images that it was made for with "
        "--input-size, or correct its forward."
    )


def _recognise_outputs(
    module: nn.Module, returned: Any, shape: InputSize, logits: str | None, device: torch.device
) -> Returned:
    """Probabilities or their logarithms only where several images agree; what holds no logits is somebody else's matter."""
    with contextlib.suppress(ModelError):
        kind = _name_kind(pick_logits(returned, logits))
        if kind != "logits" and kind == _name_kind(pick_logits(_run(module, shape, device, _IMAGES), logits)):
            return kind
    return "logits"


def _name_kind(values: Tensor) -> Returned:
    if values.ndim != 2 or values.shape[1] < 2 or not values.is_floating_point():
        return "logits"
    rows = values.double()
    if bool((rows >= 0).all()) and _sums_to_one(rows):
        return "probabilities"
    return "log-probabilities" if bool((rows <= 0).all()) and _sums_to_one(rows.exp()) else "logits"


def _are_sigmoids(module: nn.Module, returned: Any, shape: InputSize, logits: str | None, device: torch.device) -> bool:
    """As `_recognise_outputs`: only where several images agree."""
    with contextlib.suppress(ModelError):
        return _look_like_sigmoids(pick_logits(returned, logits)) and _look_like_sigmoids(
            pick_logits(_run(module, shape, device, _IMAGES), logits)
        )
    return False


def _look_like_sigmoids(values: Tensor) -> bool:
    """Whether every output lies in 0 … 1, and not all at its ends; a 0 is a ReLU's, as of features."""
    if values.ndim != 2 or values.shape[1] < 2 or not values.is_floating_point():
        return False
    return bool(((values > 0) & (values <= 1)).all()) and bool((values < 1).any())


def _sums_to_one(rows: Tensor) -> bool:
    return bool(((rows.sum(dim=1) - 1).abs() < _TOLERANCE).all())


_WORDS = {"size": "input size", "mean": "mean", "std": "SD"}
_OPTIONS = {"size": "--input-size", "mean": "--mean", "std": "--std"}


def _describe_input(before: Preprocessing, found: Preprocessing, assumed: tuple[str, ...]) -> Iterator[str]:
    if assumed:
        side = f"{found.size} px"
        if found.size != before.size:
            side += f" (it does not run on {before.size} px)"
        values = {"mean": found.mean, "std": found.std}
        norm = [f"{_WORDS[part]} {', '.join(f'{v:g}' for v in values[part])}" for part in assumed if part in values]
        what = [*([side] if "size" in assumed else []), *([f"ImageNet's {' and '.join(norm)}"] if norm else [])]
        yield (
            f"Nothing says what {_list(_WORDS[part] for part in assumed)} the network was trained with. Assumed: "
            f"{'; '.join(what)}. To set them: {', '.join(_OPTIONS[part] for part in assumed)}."
        )
    if found.channels == 1:
        yield "The network takes one channel: images are converted to greyscale."


def _list(words: Iterable[str]) -> str:
    *before, last = words
    return f"{', '.join(before)} and {last}" if before else last


def _describe_outputs(returned: Returned) -> Iterator[str]:
    if returned == "probabilities":
        yield "The network ends in a softmax: its outputs are used as probabilities, and their logarithms as logits."
    elif returned == "log-probabilities":
        yield "The network ends in a log-softmax: its outputs are logarithms of probabilities, and are used as logits."
