"""Finding the gates of any SE network, their labels, and saying what stands in the way where there are none."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from senet_viz.errors import GateError
from senet_viz.gates.adapters import Adapter, Relative, find_adapter, find_relative
from senet_viz.gates.dataflow import Dataflow, Value
from senet_viz.gates.factors import OF_ANOTHER_MAP, UNPROVED, GateSite, find_unproved, read_products
from senet_viz.gates.isolated_check import MIXERS, Unit, check_unit, recognise_unit
from senet_viz.gates.labels import label_units, number_stages
from senet_viz.gates.taps import GateTap
from senet_viz.gates.trace import ExampleInputs, InputSize, refuse_wrappers, trace_forward
from senet_viz.schema import Gate

MOST_PARTS, MOST_MIXERS = 20, 6
HOLDERS_OF_SPATIAL_PARTS = ("CbamModule", "LightCbamModule", "CBAM")


@dataclass(frozen=True, slots=True, eq=False)
class BoundGate:
    """A gate and where it lives in one network.

    Attributes:
        gate: what it is.
        module: the smallest module that returns s·x; or, with `tapped`, that computes the product.
        source: module whose output is s: a submodule, or a `GateTap` where no module returns it.
        excitation: first excitation layer, whose input is z; None where z is not one vector.
        call, calls: which call of the source in a forward is this gate's, from 0, of how many.
        excitation_call, excitation_calls: the same of the excitation.
        unit: whether the module is an SE unit, given x and returning s·x; else it does more than that.
        weights: parameters that make s.
        product: which of all products of a forward it is (`find_products`), where it was found by that.
    """

    gate: Gate
    module: nn.Module
    source: nn.Module
    excitation: nn.Module | None
    call: int = 0
    calls: int = 1
    excitation_call: int = 0
    excitation_calls: int = 1
    unit: bool = True
    weights: tuple[Tensor, ...] = ()
    product: int | None = None

    @property
    def inner(self) -> nn.Module:
        """The innermost module of the network in which s is made."""
        return self.module if isinstance(self.source, GateTap) else self.source

    def watched(self, quantity: Literal["gate", "squeeze"]) -> tuple[nn.Module | None, int]:
        """The module at which s or z is seen, and how often it fires in a forward."""
        return (self.source, self.calls) if quantity == "gate" else (self.excitation, self.excitation_calls)

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


def describe_calls(calls: Mapping[str, tuple[int, int]]) -> list[str]:
    """What fired more or less often than it should, by (found, expected) of each name; none where all is right.

    The first of them says what is wrong with it, and the others are only named.
    """
    wrong = [(name, found, expected) for name, (found, expected) in calls.items() if found != expected]
    once = all(expected == 1 for _, _, expected in wrong)
    counts = [
        f"{name} {'never' if found == 0 else f'{found} times'}{'' if once else f' instead of {expected} times'}"
        for name, found, expected in wrong
    ]
    lead = "did not fire exactly once: " if once else "did not fire as often as they should: "
    return [lead + counts[0], *counts[1:]] if counts else []


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


def find_gates(
    module: nn.Module, *, input_size: InputSize | None = None, example_inputs: ExampleInputs | None = None
) -> tuple[Gate, ...]:
    """The gates of a network, in the order of the forward pass.

    Each was proved to satisfy its form, out = s·x in most. SE units that are modules are proved alone; gates that a function
    computes inside of a larger module, and those that are called several times, are read from one forward of the whole network,
    as products of a feature map with what was pooled from that same map. That forward is of a small random image; weights,
    flags, statistics and torch's random state stay as they are.

    Args:
        module: the network itself, neither compiled nor data-parallel. Weights on the meta device will do.
        input_size: (channels, height, width) of an image; by default the network's `pretrained_cfg` tells,
            else the usual sizes are tried.
        example_inputs: what the network is called with, where that is no image: a tensor, a tuple of arguments, or a mapping
            of them by name.

    Raises:
        GateError: there is no gate, or none that can be observed (other kinds of attention are named with
            what to do; beside supported gates they are left out, `survey_gates` lists them); a unit fails
            its self-check; a unit fires never in a forward; the network is wrapped.
    """
    return tuple(bound.gate for bound in bind_gates(module, input_size=input_size, example_inputs=example_inputs))


def bind_gates(
    module: nn.Module, *, input_size: InputSize | None = None, example_inputs: ExampleInputs | None = None
) -> tuple[BoundGate, ...]:
    """Like `find_gates`, with the modules that the gates live in."""
    return gates_of(survey_gates(module, input_size=input_size, example_inputs=example_inputs), module)


def gates_of(survey: GateSurvey, module: nn.Module) -> tuple[BoundGate, ...]:
    """A network's gates; GateError, with what to do, where the survey found none."""
    if not survey.bound:
        raise GateError(_explain_absence(module, survey.refused))
    return survey.bound


def survey_gates(
    module: nn.Module, *, input_size: InputSize | None = None, example_inputs: ExampleInputs | None = None,
    fallback: InputSize | None = None,
) -> GateSurvey:  # fmt: skip
    """Gates and refused units of a network; like `bind_gates`, but no gate at all is an answer too."""
    refuse_wrappers(module)
    parts = {name: part for name, part in module.named_modules() if name}
    adapters = {name: adapter for name, part in parts.items() if (adapter := find_adapter(part))}
    relatives = _list_relatives(parts, adapters)
    candidates = _list_candidates(parts, taken=(*adapters, *relatives))
    flow = trace_forward(module, input_size=input_size, example_inputs=example_inputs, fallback=fallback)
    units, failures = dict[str, Unit](), dict[str, GateError]()
    for name, adapter in adapters.items():
        if not flow.calls[parts[name]]:
            raise GateError(f"{name} never fired in one forward of the network in eval mode: remove it, or use it.")
        try:
            units[name] = check_unit(name, parts[name], adapter, shape=flow.given[parts[name], 0].shape)
        except GateError as error:  # a changed copy of a known class; what it does may show in the forward
            failures[name] = error
    found, reasons = _recognise(candidates, flow)
    units |= found
    names = {part: name for name, part in parts.items()} | {module: ""}
    sites = [site for name, unit in units.items() for site in _list_calls(name, unit, flow)]
    known = {*(unit.module for unit in units.values()), *(parts[name] for name in relatives)}
    products, touched, strange = read_products(module, flow, known, names)
    for name, failure in failures.items():
        if parts[name] not in touched:
            raise failure
    reasons = {name: reason for name, reason in reasons.items() if parts[name] not in touched}
    refused = [RefusedUnit(n, type(parts[n]).__name__, relative.reason) for n, relative in relatives.items()]
    refused += [RefusedUnit(n, type(parts[n]).__name__, reason) for n, reason in reasons.items()]
    unproved = find_unproved(module, flow, products)
    refused += [RefusedUnit(site.name, type(site.unit.module).__name__, UNPROVED) for site in unproved]
    others = [part for part in strange if part not in touched and names[part] not in reasons]
    refused += [RefusedUnit(names[part], type(part).__name__, OF_ANOTHER_MAP) for part in others]
    proved = [site for site in products if site not in unproved]
    return GateSurvey(_bind([*sites, *proved], list(parts)), tuple(refused))


def _list_calls(name: str, unit: Unit, flow: Dataflow) -> Iterator[GateSite]:
    """A unit's gates: one, or one a call where it is used in several places."""
    for call in range(flow.calls[unit.module]):
        frame = (unit.module, call)
        fired = flow.calls_inside(unit.source, frame)
        if len(fired) != 1:
            how = "never fired" if not fired else f"fired {len(fired)} times"
            raise GateError(
                f"The source of the gate of {name} {how} in one call of it, where once was expected: give the gate an "
                "activation module of its own."
            )
        layer = None if unit.excitation is None else flow.calls_inside(unit.excitation, frame)
        yield GateSite(
            name=name,
            unit=unit,
            area=flow.given[frame].tensor.numel() // unit.channels,
            order=flow.began[frame],
            call=fired[0],
            calls=flow.calls[unit.source],
            excitation_call=layer[0] if layer else 0,
            excitation_calls=flow.calls[unit.excitation] if unit.excitation is not None else 0,
            weights=tuple(unit.module.parameters()),
        )


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
    wide = any(isinstance(p, nn.Conv2d | nn.Conv3d) and max(p.kernel_size) > 1 for p in parts)
    return not wide and 1 <= sum(isinstance(part, MIXERS) for part in parts) <= MOST_MIXERS


def _recognise(candidates: Mapping[str, nn.Module], flow: Dataflow) -> tuple[dict[str, Unit], dict[str, str]]:
    units: dict[str, Unit] = {}
    reasons: dict[str, str] = {}
    for name, module in candidates.items():
        first = (module, 0)
        holds_unit = any(_is_inside(unit, (name,)) for unit in units)
        if first not in flow.given or holds_unit or not _may_scale(flow.given[first].shape, flow.returned.get(first)):
            continue
        answer = recognise_unit(module, shape=flow.given[first].shape)
        if isinstance(answer, Unit):
            units[name] = answer
        elif answer is not None:
            reasons[name] = answer
    outermost = {name: reason for name, reason in reasons.items() if not _is_inside(name, [*units, *reasons])}
    return units, dict(reversed(list(outermost.items())))


def _may_scale(given: torch.Size, returned: Value | None) -> bool:
    if len(given) < 3 or returned is None:
        return False
    return returned.shape == given or returned.tensor.numel() == given[0] * given[1]


def _is_inside(name: str, holders: Mapping[str, Any] | Sequence[str]) -> bool:
    return any(name.startswith(f"{holder}.") for holder in holders)


def _bind(sites: Sequence[GateSite], modules: Sequence[str]) -> tuple[BoundGate, ...]:
    ordered = sorted(sites, key=lambda site: site.order)
    uses, seen = Counter(site.name for site in ordered), Counter[str]()
    names = []
    for site in ordered:
        seen[site.name] += 1
        names.append(f"{site.name}@{seen[site.name]}" if uses[site.name] > 1 else site.name)
    stages = number_stages(names, [site.area for site in ordered], modules)
    bound = []
    for depth, (site, name, stage, label) in enumerate(zip(ordered, names, stages, label_units(stages, names))):
        unit = site.unit
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
            parameters=sum(parameter.numel() for parameter in site.weights),
            squeeze_missing=unit.squeeze_missing,
            form=site.form,
        )
        calls = site.call, site.calls, site.excitation_call, site.excitation_calls
        bound.append(
            BoundGate(
                gate,
                unit.module,
                unit.source,
                unit.excitation,
                *calls,
                unit=site.is_unit,
                weights=site.weights,
                product=None if site.product is None else site.product[0],
            )
        )
    return tuple(bound)


def group_by_weights(bound: Sequence[BoundGate]) -> tuple[tuple[BoundGate, ...], ...]:
    """Gates that the very same weights make, together, in order: the calls of one unit. A gate without weights stands alone."""
    groups: dict[frozenset[Tensor | BoundGate], list[BoundGate]] = {}
    for each in bound:
        groups.setdefault(frozenset(each.weights) or frozenset((each,)), []).append(each)
    return tuple(map(tuple, groups.values()))


def count_scaled_values(module: nn.Module, bound: Sequence[BoundGate], flow: Dataflow) -> dict[str, int]:
    """Numbers of the feature map that each gate scales in one forward, by the gate's name.

    Args:
        module: the network.
        bound: its gates.
        flow: of the forward.
    """
    places = {(b.source, b.call): b.gate for b in bound}
    found: dict[str, int] = {}
    for each in bound:
        tap = each.source.place if isinstance(each.source, GateTap) else None
        seen = (each.source, each.call) if tap is None else (tap.stretch.owner, tap.stretch.call)
        frames = [f for f in flow.frames.get(seen, ()) if f[0] is each.module]
        if each.unit and frames:
            found[each.gate.name] = flow.given[frames[-1]].tensor.numel()
    names = {part: name for name, part in module.named_modules()}
    for site in read_products(module, flow, (), names)[0]:
        gate = places.get((site.unit.source, site.call))
        if gate is not None:
            found.setdefault(gate.name, site.area * gate.channels)
    return found


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
