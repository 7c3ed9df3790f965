"""The paper's labels: SE_<stage>_<position>, both counted from 1."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

RESNET_LAYERS = ("layer1", "layer2", "layer3", "layer4")


def number_stages(names: Sequence[str], resolutions: Sequence[int], modules: Iterable[str]) -> tuple[int, ...]:
    """The stage of each SE unit.

    In a ResNet (all units lie in layer1 … layer4 of one parent) layer k is stage k + 1, as in the paper,
    where the stem is stage 1. In other networks stages count the spatial resolutions of the units'
    inputs from 1, the finest first.

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
    order = sorted(set(resolutions), reverse=True)
    return tuple(order.index(resolution) + 1 for resolution in resolutions)


def label_units(stages: Sequence[int]) -> tuple[str, ...]:
    """Labels of units in the order of the forward pass, e.g. (2, 2, 3) → SE_2_1, SE_2_2, SE_3_1."""
    seen: Counter[int] = Counter()
    labels = []
    for stage in stages:
        seen[stage] += 1
        labels.append(f"SE_{stage}_{seen[stage]}")
    return tuple(labels)
