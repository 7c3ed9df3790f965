"""Which interventions are made: targets × baselines × repeats."""

from collections.abc import Iterator, Sequence

from senet_viz.errors import ArgumentError
from senet_viz.gates import BoundGate
from senet_viz.gates.interventions import find_block
from senet_viz.recording.outcomes import DRAWN, Variant
from senet_viz.workflows.interventions.options import InterventionOptions

MOST_VARIANTS = 2**15 - 1  # numbers in the files are of 16 bits
Target = tuple[str, str, tuple[str, ...]]  # words for people, kind, names of the gates


def make_variants(gates: Sequence[BoundGate], options: InterventionOptions) -> tuple[Variant, ...]:
    """Every intervention of a run, by target, then baseline, then repeat.

    Raises:
        ArgumentError: an unknown block, or more interventions than the files can number.
    """
    variants = tuple(
        Variant(words, kind, blocks, baseline, repeat, float(options.strength))
        for words, kind, blocks in _list_targets(gates, options)
        for baseline in options.baselines
        for repeat in range(options.repeats if baseline in DRAWN else 1)
    )
    if len(variants) > MOST_VARIANTS:
        raise ArgumentError(f"{len(variants):,} interventions were asked for, {MOST_VARIANTS:,} fit: ask for fewer.")
    return variants


def first_gate(variant: Variant) -> str:
    """Name of the first gate that an intervention moves."""
    return variant.blocks[0]


def _list_targets(gates: Sequence[BoundGate], options: InterventionOptions) -> list[Target]:
    found: list[Target] = []
    names = [bound.gate.name for bound in gates]
    for word in options.targets:
        if word == "blocks":
            found += [(bound.gate.label, "block", (bound.gate.name,)) for bound in gates]
        elif word == "stages":
            found += _list_stages(gates)
        elif word == "cumulative":
            found += [(f"up to {b.gate.label}", "cumulative", tuple(names[: i + 1])) for i, b in enumerate(gates)]
        else:
            found.append(("all blocks", "all", tuple(names)))
    found += [_make_set(gates, chosen) for chosen in options.sets]
    return list(dict.fromkeys(found))


def _list_stages(gates: Sequence[BoundGate]) -> Iterator[Target]:
    for stage in dict.fromkeys(bound.gate.stage for bound in gates):
        yield f"stage {stage}", "stage", tuple(b.gate.name for b in gates if b.gate.stage == stage)


def _make_set(gates: Sequence[BoundGate], chosen: Sequence[str]) -> Target:
    bound = {find_block(gates, name).gate.depth: find_block(gates, name).gate for name in chosen}
    ordered = [bound[depth] for depth in sorted(bound)]
    kind = "block" if len(ordered) == 1 else "set"
    return " + ".join(gate.label for gate in ordered), kind, tuple(gate.name for gate in ordered)
