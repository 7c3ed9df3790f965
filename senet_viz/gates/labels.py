"""What gates are called after: the stage that a unit lies in, and its position there."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

RESNET_LAYERS = ("layer1", "layer2", "layer3", "layer4")
_INCEPTION = re.compile(r"(?:.*\.)?(?:inception_?|mixed_)(?P<stage>\d)(?P<letter>[a-z])(?:\.|$)", re.IGNORECASE)
_RESIDUAL = re.compile(r"(?P<unit>(?:.*\.)?layer\d\.\d+)[.:@]")


def number_stages(names: Sequence[str], resolutions: Sequence[int], modules: Iterable[str]) -> tuple[int, ...]:
    """The stage of each SE unit.

    In a ResNet (all units lie in layer1 … layer4 of one parent) layer k is stage k + 1, as in the paper,
    where the stem is stage 1. In an Inception (each unit lies in a module of its own such as inception_3a or Mixed_5b)
    the module's number is the stage. In other networks stages count the spatial resolutions of the
    units' inputs from 1, the finest first.

    Args:
        names: paths of the units.
        resolutions: height × width of each unit's input, in the same order.
        modules: paths of all modules of the network.
    """
    in_layers = [re.match(r"(?P<parent>(?:.*\.)?)layer(?P<number>[1-4])\.", name) for name in names]
    known = set(modules)
    parents = {match and match["parent"] for match in in_layers}
    if len(parents) == 1 and all(f"{next(iter(parents))}{layer}" in known for layer in RESNET_LAYERS):
        return tuple(int(match["number"]) + 1 for match in in_layers if match)
    if letters := _read_inception(names):
        return tuple(stage for stage, _ in letters)
    order = sorted(set(resolutions), reverse=True)
    return tuple(order.index(resolution) + 1 for resolution in resolutions)


def label_units(stages: Sequence[int], names: Sequence[str] = ()) -> tuple[str, ...]:
    """Labels of units in the order of the forward pass, e.g. (2, 2, 3) → SE_2_1, SE_2_2, SE_3_1.

    An Inception's units are called after their modules: SE_3a. Where a residual unit holds several gates, the position
    is the residual unit's and a further number tells them apart: SE_2_1.1, SE_2_1.2.

    Args:
        stages: of the units.
        names: their paths; without them only the stages are known.
    """
    if letters := _read_inception(names):
        return tuple(f"SE_{stage}{letter}" for stage, letter in letters)
    holders = [match["unit"] if (match := _RESIDUAL.match(name)) else name for name in names]
    units = list(zip(stages, holders or map(str, range(len(stages))), strict=True))
    sizes, seen, inside = Counter(units), Counter[int](), Counter[tuple[int, str]]()
    labels = []
    for unit in units:
        stage = unit[0]
        inside[unit] += 1
        seen[stage] += inside[unit] == 1
        within = f".{inside[unit]}" if sizes[unit] > 1 else ""
        labels.append(f"SE_{stage}_{seen[stage]}{within}")
    return tuple(labels)


def _read_inception(names: Sequence[str]) -> list[tuple[int, str]]:
    """Stage and letter of every unit; none unless each unit lies in an Inception module of its own."""
    found = [match for name in names if (match := _INCEPTION.match(name))]
    letters = [(int(match["stage"]), match["letter"].casefold()) for match in found]
    return letters if len(letters) == len(names) and len(set(letters)) == len(names) else []
