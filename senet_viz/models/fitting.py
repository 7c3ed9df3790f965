"""Which tensors of a checkpoint are a network's weights: matched by the network's own names, whatever wraps them."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from senet_viz.errors import ModelError
from senet_viz.models.checkpoints import Checkpoint
from senet_viz.models.weights import list_counters

_FIRST = ("state_dict", "model_state_dict", "model", "net")  # of several that fit, what has always been read
_AVERAGED = re.compile(r"(^|[._])(ema|swa|averaged?|avg|shadow)([._]|$)|modelema", re.IGNORECASE)
_OF_TRAINING = re.compile(
    r"optim|sched|rng_state|^(callbacks|loops|amp|grad_scaler|amp_scaler)$|^loss|_loss$|criterion", re.IGNORECASE
)
_COUNTS = ("total_ops", "total_params", "n_averaged", "num_batches_tracked")  # thop's, SWA's and batch norm's
_SEE_THROUGH = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
_OF_HEADS = re.compile(r"head|classif|cls", re.IGNORECASE)
_ALIKE = 0.5  # share of the names that must be found for the architecture to count as the right one
_KEY = "--weights-key"


@dataclass(frozen=True)
class Fit:
    """A checkpoint seen by a network.

    Attributes:
        weights: by the network's names; what lies among them and has no place there, by its own.
        notes: what was chosen and what was left out.
        outputs: of the checkpoint, where nothing but the head's shape differs; else None.
        advice: what to do if the weights do not fit.
    """

    weights: Mapping[str, Tensor]
    notes: tuple[str, ...]
    outputs: int | None
    advice: str


def fit_weights(module: nn.Module, checkpoint: Checkpoint, where: str, key: str | None = None) -> Fit:
    """Finds a network's weights in a checkpoint.

    The prefix is the one under which most of the network's names are found: entries around the state dict, and what wrappers
    put before or into names, are parts of it. Of several complete sets the one that is no moving average is taken; the notes
    say so. A head may have a prefix of its own. Whether everything fits is for `load_strictly` to judge.

    Args:
        module: the network.
        checkpoint: from `read_checkpoint`.
        where: the file's name, for sentences.
        key: entry or prefix to read, e.g. "state_dict_ema".

    Raises:
        ModelError: no entry of that key; two sets that both fit; another architecture; tensors that are no dense numbers.
    """
    own = module.state_dict()
    wanted = [name for name in own if name not in list_counters(own)]
    tensors = _see_through(_restrict(checkpoint.tensors, key, where), wanted)
    counts = _count_prefixes(tensors, set(wanted))
    most = max(counts.values(), default=0)
    if most < _ALIKE * len(wanted) or not most:
        raise ModelError(_explain_strange(checkpoint, tensors, wanted, most, where))
    sets = [prefix for prefix, count in counts.items() if count == most]
    prefix = _choose(sets, tensors, own, wanted, where)
    found = {name: tensors[prefix + name] for name in own if prefix + name in tensors}
    head = _find_head(tensors, own, [name for name in wanted if name not in found], prefix, sets)
    found |= {name: tensors[full] for name, full in head.items()}
    for name, value in found.items():
        _check_dense(name, value, own[name], where)
    taken = {prefix + name for name in own} | set(head.values())
    others = {other + name for other in sets for name in own} - taken
    strangers, left = {}, []
    for full, value in tensors.items():
        if full in taken or full in others:
            continue
        rest = full.removeprefix(prefix)
        if not full.startswith(prefix) or _is_of_training(rest):
            left.append(full)
        else:
            strangers[rest] = value
    notes = (*_describe_choice(prefix, sets, where), *_describe_left(left, where))
    outputs = None if strangers else _read_outputs(found, own, wanted)
    return Fit({**found, **strangers}, notes, outputs, _advise(found, strangers, own, wanted, where))


def _restrict(tensors: Mapping[str, Tensor], key: str | None, where: str) -> Mapping[str, Tensor]:
    if key is None:
        return tensors
    entry = f"{key.strip().rstrip('.')}."
    found = {name: value for name, value in tensors.items() if name.startswith(entry)}
    if not found:
        places = list(dict.fromkeys(name.partition(".")[0] for name in tensors))
        raise ModelError(
            f"{where} has no entry {key!r}: it holds {_list_some(places, 6)}; give one of these as {_KEY}, inner ones joined "
            "by dots."
        )
    return found


def _see_through(tensors: Mapping[str, Tensor], wanted: Sequence[str]) -> Mapping[str, Tensor]:
    """Without what compilers and data parallelism put into the middle of names, where more names are found so."""
    best, most = tensors, _count_most(tensors, wanted)
    for dropped in (_SEE_THROUGH, (*_SEE_THROUGH, "module")):
        shorter = {".".join(part for part in name.split(".") if part not in dropped): name for name in tensors}
        if len(shorter) == len(tensors) and (count := _count_most(shorter, wanted)) > most:
            best, most = {name: tensors[full] for name, full in shorter.items()}, count
    return best


def _count_most(names: Iterable[str], wanted: Sequence[str]) -> int:
    return max(_count_prefixes(names, set(wanted)).values(), default=0)


def _count_prefixes(names: Iterable[str], wanted: set[str]) -> Counter[str]:
    """How many of the wanted names are found under every prefix that comes before one."""
    counts: Counter[str] = Counter()
    for name in names:
        at = 0
        while at < len(name):
            if name[at:] in wanted:
                counts[name[:at]] += 1
            at = name.find(".", at) + 1 or len(name)
    return counts


def _choose(
    sets: Sequence[str], tensors: Mapping[str, Tensor], own: Mapping[str, Tensor], wanted: Sequence[str], where: str
) -> str:
    """The set of weights to read, of those that hold equally many of the network's names."""
    shaped = {
        prefix: sum(prefix + name in tensors and tensors[prefix + name].shape == own[name].shape for name in wanted)
        for prefix in sets
    }
    sets = [prefix for prefix in sets if shaped[prefix] == max(shaped.values())]
    trained = [prefix for prefix in sets if not any(_OF_TRAINING.search(part) for part in prefix.split("."))] or sets
    raw = [prefix for prefix in trained if not _AVERAGED.search(prefix)] or trained
    ranked = sorted(raw, key=lambda prefix: (_rank(prefix), len(prefix)))
    best = [prefix for prefix in ranked if _rank(prefix) == _rank(ranked[0])]
    if any(not _are_equal(best[0], other, tensors, wanted) for other in best[1:]):
        raise ModelError(
            f"{where} holds several sets of weights that fit: {_list_some([_show(prefix) for prefix in best], 4)}. "
            f"Name the one to read with {_KEY}."
        )
    return best[0]


def _rank(prefix: str) -> int:
    first = prefix.partition(".")[0]
    return -1 if not prefix else _FIRST.index(first) if first in _FIRST else len(_FIRST)


def _are_equal(one: str, other: str, tensors: Mapping[str, Tensor], wanted: Sequence[str]) -> bool:
    pairs = [(tensors.get(one + name), tensors.get(other + name)) for name in wanted]
    return all(
        a is b or (a is not None and b is not None and a.dtype == b.dtype and torch.equal(a, b)) for a, b in pairs
    )


def _find_head(
    tensors: Mapping[str, Tensor], own: Mapping[str, Tensor], missing: Sequence[str], prefix: str, sets: Sequence[str]
) -> dict[str, str]:
    """Full names of what is missing under the prefix, where all of it lies under one other prefix that is a head's."""
    counts = _count_prefixes((name for name in tensors if not name.startswith(prefix)), set(missing))
    complete = [
        other
        for other, count in counts.items()
        if count == len(missing) and _OF_HEADS.search(other) and other not in sets
        if bool(_AVERAGED.search(other)) == bool(_AVERAGED.search(prefix))
        if all(tensors[other + name].shape[1:] == own[name].shape[1:] for name in missing)
    ]
    if not missing or len(complete) != 1:
        return {}
    return {name: complete[0] + name for name in missing}


def _check_dense(name: str, value: Tensor, own: Tensor, where: str) -> None:
    kind = ""
    if value.is_quantized:
        kind = "quantised"
    elif value.layout is not torch.strided or value.is_nested:
        kind = "sparse or nested"
    elif value.is_meta:
        kind = "without values (on the meta device)"
    elif value.is_complex():
        kind = "complex"
    elif own.is_floating_point() and not value.is_floating_point():
        kind = f"of {str(value.dtype).removeprefix('torch.')}, and the network's of floating-point numbers"
    if kind:
        raise ModelError(f"{name} in {where} is {kind}: save it as a dense tensor of float32 or float16.")


def _is_of_training(name: str) -> bool:
    return name.rpartition(".")[2] in _COUNTS or ("." in name and bool(_OF_TRAINING.search(name.partition(".")[0])))


def _read_outputs(found: Mapping[str, Tensor], own: Mapping[str, Tensor], wanted: Sequence[str]) -> int | None:
    """How many outputs the tensors have, where they differ from the network's in the number of outputs alone."""
    if any(name not in found for name in wanted):
        return None
    pairs = [(found[name].shape, own[name].shape) for name in found if found[name].shape != own[name].shape]
    if any(not a or not b or a[1:] != b[1:] for a, b in pairs):
        return None
    numbers = {(a[0], b[0]) for a, b in pairs}
    return numbers.pop()[0] if len(numbers) == 1 else None


def _advise(
    found: Mapping[str, Tensor],
    strangers: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    wanted: Sequence[str],
    where: str,
) -> str:
    missing = [name for name in wanted if name not in found]
    shapes = [name for name in found if found[name].shape != own[name].shape]
    if re.search(r"-\d+-of-\d+\.", where):
        return "It is one of several shards: give the .index.json beside it."
    last = wanted[-1].partition(".")[0]
    if missing and not shapes and all(name.partition(".")[0] == last for name in missing):
        if not strangers:
            return (
                f"It is a backbone without the network's head ({last}): give weights that have one, or an architecture that "
                "has none (of timm's: NAME,num_classes=0)."
            )
        return f"The backbone fits and the head ({last}) does not: {_list_some(list(strangers), 3)} belong to another."
    if (outputs := None if strangers else _read_outputs(found, own, wanted)) is not None:
        return f"Only the head differs, which has {outputs:,} outputs in the file: build the network with as many."
    return "Check --arch."


def _explain_strange(
    checkpoint: Checkpoint, tensors: Mapping[str, Tensor], wanted: Sequence[str], most: int, where: str
) -> str:
    if all(_is_of_training(name) for name in tensors):
        groups = _list_some(list(dict.fromkeys(name.partition(".")[0] for name in tensors)), 3)
        return f"{where} holds no weights of a network but the state of a training ({groups}): give the model's state dict."
    said = f" The file says that it is of {checkpoint.said!r}." if checkpoint.said else ""
    return (
        f"The weights in {where} do not fit the architecture: {most:,} of the {len(wanted):,} names of its tensors are in the "
        f"file, whose names are {_list_some(list(tensors), 3)} where {_list_some(wanted, 3)} are expected.{said} Check --arch."
    )


def _describe_choice(prefix: str, sets: Sequence[str], where: str) -> list[str]:
    others = [_show(other) for other in sets if other != prefix]
    averaged = " (a moving average)" if _AVERAGED.search(prefix) else ""
    if others:
        return [
            f"Weights were read from {_show(prefix)}{averaged} of {where}, not from {_list_some(others, 4)} ({_KEY})."
        ]
    return [f"Weights were read from {_show(prefix)}{averaged} of {where}."] if averaged else []


def _describe_left(left: Sequence[str], where: str) -> list[str]:
    """What was not read: single tensors by their names, several of one entry by its name and their number."""
    if not left:
        return []
    groups: dict[str, list[str]] = {}
    for name in left:
        first, last = name.partition(".")[0], name.rpartition(".")[2]
        groups.setdefault(last if last in _COUNTS else first, []).append(name)
    listed = [names[0] if len(names) == 1 else f"{place} ({len(names):,} tensors)" for place, names in groups.items()]
    return [f"Left out of {where}: {_list_some(listed, 6)}."]


def _show(prefix: str) -> str:
    return repr(prefix.rstrip(".")) if prefix else "its top level"


def _list_some(names: Sequence[str], most: int) -> str:
    return f"{', '.join(names[:most])}{', …' if len(names) > most else ''}"
