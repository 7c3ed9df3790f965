"""Finding the gates of any SE network, their labels, and saying what stands in the way where there are none."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from senet_viz.errors import GateError
from senet_viz.gates.adapters import Adapter, Relative, find_adapter, find_relative
from senet_viz.gates.isolated_check import MIXERS, SHARED, Unit, check_unit, recognise_unit
from senet_viz.gates.trace import InputSize, Visit, refuse_wrappers, trace_visits
from senet_viz.schema import Gate

RESNET_LAYERS = ("layer1", "layer2", "layer3", "layer4")
_INCEPTION = re.compile(r"(?:.*\.)?(?:inception_?|mixed_)(?P<stage>\d)(?P<letter>[a-z])(?:\.|$)", re.IGNORECASE)
_RESIDUAL = re.compile(r"(?P<unit>(?:.*\.)?layer\d\.\d+)\.")


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


MOST_PARTS, MOST_MIXERS = 20, 6
HOLDERS_OF_SPATIAL_PARTS = ("CbamModule", "LightCbamModule", "CBAM")


@dataclass(frozen=True, slots=True, eq=False)
class BoundGate:
    """A gate and where it lives in one network.

    Attributes:
        gate: what it is.
        module: the smallest module that returns s·x.
        source: submodule whose output is s.
        excitation: first excitation layer, whose input is z; None where z is not one vector.
    """

    gate: Gate
    module: nn.Module
    source: nn.Module
    excitation: nn.Module | None

    def read_gate(self, output: Any) -> Tensor:
        """The source's output as s (N, C), a view where possible; GateError for another shape."""
        return self._as_vector(output, "gate s")

    def read_squeeze(self, inputs: tuple[Any, ...]) -> Tensor:
        """The inputs of the excitation's first layer as z (N, C), a view where possible; GateError likewise."""
        return self._as_vector(inputs[0] if inputs else None, "squeeze z")

    def _as_vector(self, value: Any, what: str) -> Tensor:
        if isinstance(value, Tensor) and value.ndim >= 2:
            vector = value.flatten(1)
            if vector.shape[1] == self.gate.channels:
                return vector
        found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise GateError(
            f"{self.gate.name} gave a {what} of {found} where (N, {self.gate.channels}) was expected: "
            "the network changed since its gates were found, find them again."
        )


@dataclass(frozen=True, slots=True)
class RefusedUnit:
    """Something like an SE unit that cannot be observed: path, class and why (with what to do)."""

    name: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class GateSurvey:
    """What a network holds: its gates in the order of the forward pass, and what was refused beside them."""

    bound: tuple[BoundGate, ...]
    refused: tuple[RefusedUnit, ...]


def find_gates(module: nn.Module, *, input_size: InputSize | None = None) -> tuple[Gate, ...]:
    """The gates of a network, in the order of the forward pass.

    Each was proved to satisfy out = s·x with its unit alone. The network is run once on a small random
    image for order and resolution; its weights, flags, statistics and torch's random state stay as they are.

    Args:
        module: the network itself, neither compiled nor data-parallel. Weights on the meta device will do.
        input_size: (channels, height, width) of an image; by default the network's `pretrained_cfg` tells,
            else the usual sizes are tried.

    Raises:
        GateError: there is no gate, or none that can be observed (other kinds of attention are named with
            what to do; beside supported gates they are left out, `survey_gates` lists them); a unit fails
            its self-check; a gate fires never or twice in a forward; the network is wrapped.
    """
    return tuple(bound.gate for bound in bind_gates(module, input_size=input_size))


def bind_gates(module: nn.Module, *, input_size: InputSize | None = None) -> tuple[BoundGate, ...]:
    """Like `find_gates`, with the modules that the gates live in."""
    survey = survey_gates(module, input_size=input_size)
    if not survey.bound:
        raise GateError(_explain_absence(module, survey.refused))
    return survey.bound


def survey_gates(module: nn.Module, *, input_size: InputSize | None = None) -> GateSurvey:
    """Gates and refused units of a network; like `bind_gates`, but no gate at all is an answer too."""
    refuse_wrappers(module)
    parts = {name: part for name, part in module.named_modules() if name}
    adapters = {name: adapter for name, part in parts.items() if (adapter := find_adapter(part))}
    relatives = _list_relatives(parts, adapters)
    candidates = _list_candidates(parts, taken=(*adapters, *relatives))
    watched = {name: parts[name] for name in (*adapters, *candidates)}
    visits = trace_visits(module, watched, input_size=input_size) if watched else {}
    units: dict[str, Unit] = {}
    for name, adapter in adapters.items():
        _check_calls(name, visits[name].calls if name in visits else 0)
        units[name] = check_unit(name, parts[name], adapter, shape=visits[name].input_shape)
    found, reasons = _recognise(candidates, visits)
    units |= found
    refused = [RefusedUnit(n, type(parts[n]).__name__, relative.reason) for n, relative in relatives.items()]
    refused += [RefusedUnit(n, type(parts[n]).__name__, reason) for n, reason in reasons.items()]
    return GateSurvey(_bind(units, visits, list(parts)), tuple(refused))


def _list_relatives(parts: Mapping[str, nn.Module], adapters: Mapping[str, Adapter]) -> dict[str, Relative]:
    relatives: dict[str, Relative] = {}
    for name, part in parts.items():
        relative = None if name in adapters else find_relative(part)
        parent = parts.get(name.rpartition(".")[0])
        beside_channels = type(parent).__name__ in HOLDERS_OF_SPATIAL_PARTS
        if relative and not beside_channels and not _is_inside(name, relatives):
            relatives[name] = relative
    return relatives


def _list_candidates(parts: Mapping[str, nn.Module], *, taken: Sequence[str]) -> dict[str, nn.Module]:
    """Small modules of pointwise layers that are, hold or lie in nothing known; the innermost first."""
    holders = {name[: dot.start()] for name in taken for dot in re.finditer(r"\.", name)}
    inside = tuple(f"{name}." for name in taken)
    free = [(name, part) for name, part in reversed(list(parts.items())) if name not in holders and name not in taken]
    return {name: part for name, part in free if not name.startswith(inside) and _may_be_unit(part)}


def _may_be_unit(module: nn.Module) -> bool:
    parts = list(module.modules())
    if not 1 < len(parts) <= MOST_PARTS:
        return False
    wide = any(isinstance(p, nn.Conv3d) or (isinstance(p, nn.Conv2d) and p.kernel_size != (1, 1)) for p in parts)
    return not wide and 1 <= sum(isinstance(part, MIXERS) for part in parts) <= MOST_MIXERS


def _check_calls(name: str, calls: int) -> None:
    if calls != 1:
        how = "never fired" if calls == 0 else f"fired {calls} times"
        raise GateError(
            f"{name} {how} in one forward of the network in eval mode, where a gate must fire exactly once: "
            f"{'remove the unit, or use it in the forward' if calls == 0 else 'give each place a unit of its own'}."
        )


def _recognise(
    candidates: Mapping[str, nn.Module], visits: Mapping[str, Visit]
) -> tuple[dict[str, Unit], dict[str, str]]:
    units: dict[str, Unit] = {}
    reasons: dict[str, str] = {}
    for name, module in candidates.items():
        visit = visits.get(name)
        holds_unit = any(_is_inside(unit, (name,)) for unit in units)
        if visit is None or holds_unit or not _may_scale(visit):
            continue
        answer = recognise_unit(module, shape=visit.input_shape)
        if isinstance(answer, Unit):
            _check_calls(name, visit.calls)
            units[name] = answer
        elif answer is not None:
            reasons[name] = answer
    outermost = {name: reason for name, reason in reasons.items() if not _is_inside(name, [*units, *reasons])}
    return units, dict(reversed(list(outermost.items())))


def _may_scale(visit: Visit) -> bool:
    if len(visit.input_shape) != 4:
        return False
    same = visit.output_shape == visit.input_shape
    return same or torch.Size(visit.output_shape).numel() == visit.input_shape[0] * visit.input_shape[1]


def _is_inside(name: str, holders: Mapping[str, Any] | Sequence[str]) -> bool:
    return any(name.startswith(f"{holder}.") for holder in holders)


def _bind(units: Mapping[str, Unit], visits: Mapping[str, Visit], modules: Sequence[str]) -> tuple[BoundGate, ...]:
    names = sorted(units, key=lambda name: visits[name].order)
    areas = [torch.Size(visits[name].input_shape).numel() // units[name].channels for name in names]
    stages = number_stages(names, areas, modules)
    uses = Counter(unit.excitation for unit in units.values())
    bound = []
    for depth, (name, stage, label) in enumerate(zip(names, stages, label_units(stages, names))):
        unit = units[name]
        shared = unit.excitation is not None and uses[unit.excitation] > 1
        gate = Gate(
            name=name,
            label=label,
            stage=stage,
            depth=depth,
            channels=unit.channels,
            reduced_channels=unit.reduced_channels,
            family=unit.family,
            activation=unit.activation,
            range=unit.range,
            parameters=sum(parameter.numel() for parameter in unit.module.parameters()),
            squeeze_missing=SHARED if shared else unit.squeeze_missing,
        )
        bound.append(BoundGate(gate, unit.module, unit.source, None if shared else unit.excitation))
    return tuple(bound)


def _explain_absence(network: nn.Module, refused: Sequence[RefusedUnit]) -> str:
    kind = type(network).__name__
    if not refused:
        return (
            f"{kind} has no squeeze-and-excitation gate: no module in it returns s·x with s from a small network of the "
            "pooled x. Choose an SE network, such as timm's seresnet50; where a gate is computed inside a larger block, "
            "move it to a module of its own that ends in an activation module and returns x * s."
        )
    by_reason: dict[str, list[RefusedUnit]] = {}
    for unit in refused:
        by_reason.setdefault(unit.reason, []).append(unit)
    findings = []
    for reason, units in by_reason.items():
        others = f", and {len(units) - 1} more" if len(units) > 1 else ""
        findings.append(f"{units[0].name} ({units[0].kind}{others}) is refused because {reason}")
    return f"{kind} has no gate that can be observed: " + "; ".join(findings) + "."
