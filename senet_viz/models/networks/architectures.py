"""The networks of this package by name, with their arguments in plain values: of a config.json or of a text."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from senet_viz.errors import ArgumentError
from senet_viz.models.networks.inception import se_bn_inception, se_inception_v3
from senet_viz.models.networks.resnet import (
    se_resnet18,
    se_resnet34,
    se_resnet50,
    se_resnet101,
    se_resnet152,
    se_resnext50,
    se_resnext101,
    se_vgg16,
    small_se_resnet50,
)
from senet_viz.models.networks.se import SEDesign

ARCHITECTURES: Mapping[str, Callable[..., nn.Module]] = {
    build.__name__: build
    for build in (
        small_se_resnet50, se_resnet18, se_resnet34, se_resnet50, se_resnet101, se_resnet152, se_resnext50, se_resnext101,
        se_bn_inception, se_inception_v3, se_vgg16,
    )
}  # fmt: skip
_SIZES: Mapping[str, type] = {"num_classes": int, "width": float, "side": int}
_BUNDLED: Mapping[str, type] = {"num_classes": int, "base_channels": int}
_DESIGN = {field.name: field for field in dataclasses.fields(SEDesign)}


def build_architecture(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """One of this package's networks, untrained.

    Args:
        name: of the factory, e.g. "se_resnet50".
        arguments: its own (num_classes, width, side) and the fields of `SEDesign`, side by side.

    Raises:
        ArgumentError: another name, an argument that it has not, or a value that it does not take.
    """
    if name not in ARCHITECTURES:
        raise ArgumentError(f"No architecture is called {name!r}: choose from {', '.join(ARCHITECTURES)}.")
    known = _BUNDLED if name == "small_se_resnet50" else {**_SIZES, **_DESIGN}
    if unknown := [key for key in arguments if key not in known]:
        raise ArgumentError(f"{name} has no argument {', '.join(map(repr, unknown))}: choose from {', '.join(known)}.")
    own = {key: value for key, value in arguments.items() if key not in _DESIGN}
    design = {key: value for key, value in arguments.items() if key in _DESIGN}
    if design.get("stages") is not None:
        design["stages"] = tuple(design["stages"])
    if design:
        own["design"] = SEDesign(**({"placement": "per_conv"} if name == "se_vgg16" else {}) | design)
    return ARCHITECTURES[name](**own)


def parse_architecture(text: str) -> tuple[str, dict[str, Any]]:
    """Name and arguments of a text: "se_resnet50,reduction=8,stages=4+5" → ("se_resnet50", {…}).

    Raises:
        ArgumentError: it is no text of that form, or a value is none of its argument's kind.
    """
    name, arguments = _split_arguments(text, "reduction=8")
    return name, {key: _read_value(key, value) for key, value in arguments.items()}


def parse_keywords(text: str) -> tuple[str, dict[str, Any]]:
    """Name and keyword arguments for a function of timm's or torchvision's: "seresnet50,num_classes=10" → ("seresnet50", {…}).

    Values are whole numbers, numbers, true, false and none where they read so, else text.

    Raises:
        ArgumentError: it is no text of that form, or an argument would choose weights, which other options do.
    """
    name, arguments = _split_arguments(text, "num_classes=10")
    for key in arguments:
        if key.startswith(("pretrained", "weights", "checkpoint")) or key in ("cache_dir", "progress", "features_only"):
            raise ArgumentError(
                f"{key} is not an argument of {name} here: weights are chosen by --model and --weights."
            )
    return name, {key: _read_any(value) for key, value in arguments.items()}


def _split_arguments(text: str, example: str) -> tuple[str, dict[str, str]]:
    name, *parts = (part.strip() for part in text.split(","))
    arguments: dict[str, str] = {}
    for part in parts:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value or not key:
            raise ArgumentError(
                f"{part!r} of {text!r} sets nothing: write NAME,ARGUMENT=VALUE,…, e.g. {name},{example}."
            )
        arguments[key] = value
    return name, arguments


def _read_any(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "none": None}.get(text.casefold(), text)


def _read_value(key: str, text: str) -> Any:
    try:
        if key in _SIZES or key in _BUNDLED:
            return {**_SIZES, **_BUNDLED}[key](text)
        if key in ("reduction", "depth"):
            return int(text)
        if key == "stages":
            return [int(stage) for stage in text.split("+")]
        if key == "bias":
            return {"true": True, "false": False}[text.casefold()]
    except (ValueError, KeyError) as error:
        raise ArgumentError(f"{key} is {text!r}, which is no value of its kind: see docs/networks.md.") from error
    return text
