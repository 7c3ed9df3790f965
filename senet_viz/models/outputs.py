"""Logits among what a network returns: a tensor, or one of several in a tuple, a mapping or an object with fields."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from senet_viz.errors import ModelError
from senet_viz.gates.hooks import attached

_NAMES = ("logits", "output", "outputs", "out", "pred", "preds", "prediction", "scores", "main")
_HEADS = ("fc", "classifier", "head", "last_linear")
_MOST_TOLD = 5
NO_LOGITS = "none"  # in place of a name: nothing that the network returns is logits


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
    flat = _find_flat(found)
    if flat is None:
        raise _find_no_logits(found, returned)
    return flat


def count_outputs(module: nn.Module, example: Tensor, name: str | None = None) -> tuple[int, str]:
    """Number of a network's class outputs, and what it returns in words where it has none.

    A network has none where it says so (`num_classes` is 0, or `name` is "none"), where an identity stands for its classifier,
    and where nothing that it returns has two axes (feature maps, hidden states).

    Args:
        module: in eval mode.
        example: (1, 3, H, W), an image that it takes.
        name: key, field or number of the logits, where a person named it.

    Returns:
        0 and e.g. "one tensor of (1, 64, 7, 7)", or the number and "".

    Raises:
        ModelError: the named tensor is not there or has not two axes; no tensor is returned; or there are not as many logits
            as the network says.
    """
    passed: list[Tensor] = []
    heads = [(head, lambda _head, _inputs, output: passed.append(output)) for head in _find_identity_heads(module)]
    with torch.inference_mode(), attached(heads):
        try:
            returned = module(example)
        except Exception as error:  # a person's own code
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(
                f"The network could not be run on one image of {tuple(example.shape)} ({reason}): check what it takes."
            ) from error
    found = {"": returned} if isinstance(returned, Tensor) else dict(_list_tensors(returned))
    if not found:
        raise _find_no_logits(found, returned)
    told = getattr(module, "num_classes", None)
    told = told if isinstance(told, int) and name is None else None
    if name == NO_LOGITS and NO_LOGITS not in found:
        return 0, _describe(found, returned)
    if name is not None:
        logits: Tensor | None = pick_logits(returned, name)
        if logits is not None and logits.ndim != 2:
            raise ModelError(
                f"The network's {name!r} is {tuple(logits.shape)}, not one row of logits per image: name another result, or "
                f"{NO_LOGITS!r} where it returns none."
            )
    else:
        logits = None if told == 0 else _find_flat(found)
    if logits is None or any(output is logits for output in passed):
        return 0, _describe(found, returned)
    count = int(logits.shape[1])
    if told is not None and told != count:
        raise ModelError(
            f"The network says that it has {told} classes and returns {_describe(found, returned)}: name the logits "
            f"(--logits), or {NO_LOGITS!r} where it returns none."
        )
    return count, ""


def _find_identity_heads(module: nn.Module) -> list[nn.Module]:
    """Identities that stand where a classifier was, alone or behind layers without weights (dropout)."""
    heads = [part for path, part in module.named_modules() if path.rpartition(".")[2] in _HEADS]
    ends = [part[-1] if isinstance(part, nn.Sequential) and len(part) else part for part in heads]
    return [end for part, end in zip(heads, ends) if type(end) is nn.Identity and not list(part.parameters())]


def _find_flat(found: Mapping[str, Tensor]) -> Tensor | None:
    """The tensor of two axes that is called like logits, else the first one; None without any."""
    flat = {key: value for key, value in found.items() if value.ndim == 2}
    return next((flat[key] for key in (*_NAMES, *flat) if key in flat), None)


def _find_no_logits(found: Mapping[str, Tensor], returned: Any) -> ModelError:
    return ModelError(
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
    if len(tensors) > _MOST_TOLD:
        tensors[_MOST_TOLD - 1 : -1] = [f"… ({len(tensors)} in all)"]
    return ", ".join(tensors) or f"a {type(returned).__name__} without tensors"
