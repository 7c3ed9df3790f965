"""What is asked of a network beside its name, declared once: the command line and `load_model` read it here."""

from dataclasses import dataclass, field
from typing import Any

from senet_viz.errors import ArgumentError


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

    Raises:
        ArgumentError: a value that is none; the message names it.
    """

    arch: str | None = _option(None, "What a weights file is loaded into, e.g. timm:seresnet50.")
    weights: str = _option("pretrained", "pretrained, or random for the untrained control.")
    logits: str | None = _option(
        None,
        "Which of the network's results holds the logits, where several could: its name or number; none where it returns no logits.",
    )

    def __post_init__(self) -> None:
        if self.weights not in ("pretrained", "random"):
            raise ArgumentError(f"weights is {self.weights!r}; it is 'pretrained' or 'random'.")
