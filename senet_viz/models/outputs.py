"""Logits among what a network returns: a tensor, or one of several in a tuple, a mapping or an object with fields."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from senet_viz.errors import ModelError

_NAMES = ("logits", "output", "outputs", "out", "pred", "preds", "prediction", "scores", "main")


def pick_logits(returned: Any, name: str | None = None) -> Tensor:
    """The logits (N, K) among what a network returned.

    A single tensor is taken as it is. Among several it is the one of a usual name ("logits", "output", …), else the first that
    has two axes.

    Args:
        returned: by a forward.
        name: key, field or number of the logits, where a person named it.

    Raises:
        ModelError: none is there; the message names what is.
    """
    if isinstance(returned, Tensor) and name is None:
        return returned
    found = dict(_list_tensors(returned))
    if name is not None:
        if name not in found:
            raise ModelError(f"The network returns no {name!r}: it returns {_describe(found, returned)}.")
        return found[name]
    flat = {key: value for key, value in found.items() if value.ndim == 2}
    for key in (*_NAMES, *flat):
        if key in flat:
            return flat[key]
    raise ModelError(
        f"The network returns {_describe(found, returned)}, none of which is one row of logits an image: name the logits, "
        "or wrap the network so that it returns them."
    )


def _list_tensors(returned: Any) -> Iterator[tuple[str, Tensor]]:
    """Tensors by key, field or number, those inside of others by both ("aux.0")."""
    if isinstance(returned, Mapping):
        items: Any = returned.items()
    elif isinstance(returned, list | tuple):
        names = getattr(returned, "_fields", range(len(returned)))
        items = zip(names, returned, strict=True)
    else:
        items = getattr(returned, "__dict__", {}).items()
    for key, value in items:
        if isinstance(value, Tensor):
            yield str(key), value
        elif isinstance(value, Mapping | list | tuple):
            yield from ((f"{key}.{inner}", tensor) for inner, tensor in _list_tensors(value))


def _describe(found: Mapping[str, Tensor], returned: Any) -> str:
    tensors = [f"{key} {tuple(value.shape)}" for key, value in found.items()]
    if isinstance(returned, Tensor):
        tensors = [f"one tensor of {tuple(returned.shape)}"]
    return ", ".join(tensors) or f"a {type(returned).__name__} without tensors"
