"""What is asked of a network beside its name, declared once: the command line and `load_model` read it here."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from senet_viz.errors import ArgumentError

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text, "name": ""})


@dataclass(frozen=True)
class ModelOptions:
    """How a network is loaded.

    Attributes:
        arch: what a weights file is loaded into: "timm:NAME", "torchvision:NAME", "senet_viz:NAME,…" or a factory.
        weights: "pretrained", or "random" for the untrained control: initial weights by a seed, with zero-initialised
            batch-norm weights set to 1, since otherwise every gate is constant.
        logits: key, field or number of the logits, where the network returns several tensors and they are not the first of
            two axes, nor called so; "none" where none of them holds logits.
        weights_key: entry of a weights file to read, or prefix of its names, e.g. "state_dict_ema", where it holds several sets.
        outputs: names of the outputs: "imagenet-1k" for ImageNet-1k's usual order, or a file (`name_outputs`); instead of the
            network's own.

    Raises:
        ArgumentError: a value that is none; the message names it.
    """

    arch: str | None = _option(None, "What a weights file is loaded into, e.g. timm:seresnet50.")
    weights: str = _option("pretrained", "pretrained, or random for the untrained control.")
    logits: str | None = _option(
        None,
        "Which of the network's results holds the logits, where several could: its name or number; none where it returns no logits.",
    )
    weights_key: str | None = _option(
        None, "Which entry of a weights file is read, where it holds several sets of weights, e.g. state_dict_ema."
    )
    outputs: str | None = _option(
        None, "Names of the outputs: imagenet-1k for its usual order, or a JSON or text file of one name per output."
    )

    input_size: int | None = _option(None, "Side of the network's square input in px, instead of its own.")
    mean: str | None = _option(None, "Mean of every channel for pixels in 0 … 1, comma-separated, instead of its own.")
    std: str | None = _option(None, "SD of every channel, likewise.")
    interpolation: str | None = _option(None, "nearest, bilinear, bicubic or lanczos, instead of its own.")
    crop: str | None = _option(
        None, "Centre crop as a share of the shorter side, e.g. 0.875, or squash; instead of its own."
    )

    def __post_init__(self) -> None:
        if self.weights not in ("pretrained", "random"):
            raise ArgumentError(f"weights is {self.weights!r}; it is 'pretrained' or 'random'.")
        if self.input_size is not None and self.input_size < 1:
            raise ArgumentError(f"input_size is {self.input_size}; it is at least 1 px.")
        if self.interpolation is not None and self.interpolation not in INTERPOLATIONS:
            raise ArgumentError(f"interpolation is {self.interpolation!r}; it is one of {', '.join(INTERPOLATIONS)}.")
        if any(value <= 0 for value in _read_numbers("std", self.std) or ()):
            raise ArgumentError(f"std is {self.std!r}; every SD is above 0.")
        for name, text in (("mean", self.mean), ("std", self.std)):
            if is_of_bytes(_read_numbers(name, text) or ()):
                raise ArgumentError(
                    f"{name} is {text!r}; it is for pixels in 0 … 1: divide what is for 0 … 255 by 255."
                )
        self.preprocessing()

    def preprocessing(self) -> dict[str, Any]:
        """What is set by hand of the preprocessing: arguments of `Preprocessing.overridden`."""
        return {
            "size": self.input_size,
            "mean": _read_numbers("mean", self.mean),
            "std": _read_numbers("std", self.std),
            "interpolation": self.interpolation,
            "crop": self.crop if self.crop in (None, "squash") else _read_share(str(self.crop)),
        }


def is_of_bytes(values: Iterable[float]) -> bool:
    """Whether means or SDs are of pixels in 0 … 255: those of pixels in 0 … 1 are at most 1."""
    return any(value > 1 for value in values)


def _read_numbers(name: str, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or not all(map(math.isfinite, values)):
        raise ArgumentError(
            f"{name} is {text!r}; it is one number per channel, comma-separated, e.g. 0.485,0.456,0.406."
        )
    return values


def _read_share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise ArgumentError(f"crop is {text!r}; it is a share above 0 and at most 1, e.g. 0.875, or squash.")
    return share
