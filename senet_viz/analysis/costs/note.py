"""The note's own formula for a deeper excitation, beside what the same words cost when they are counted."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from senet_viz.analysis.costs.formulas import eq5_weights


@dataclass(frozen=True, slots=True)
class StageNote:
    """A stage of N SE units of one width C, and three ways to count weights there.

    Attributes:
        stage: number of the stage.
        units: N.
        channels: C of every unit.
        note: what the note writes, (N − 2)·C²/r² + 2C²/r, which is one excitation of N layers for the whole stage.
        one_of_2n: one excitation of 2N layers, as the note's words have it: 2C²/r + (2N − 2)·C²/r².
        per_unit: an excitation of L layers in every unit, N·(2C²/r + (L − 2)·C²/r²): what is built here.
    """

    stage: int
    units: int
    channels: int
    note: float
    one_of_2n: float
    per_unit: float


@dataclass(frozen=True, slots=True)
class NoteComparison:
    """The note's formula and what stands beside it, stage by stage."""

    reduction: float
    depth: int
    stages: tuple[StageNote, ...]

    @property
    def note(self) -> float:
        """Σ of the note's formula."""
        return sum(s.note for s in self.stages)

    @property
    def one_of_2n(self) -> float:
        """Σ of one excitation of 2N layers a stage."""
        return sum(s.one_of_2n for s in self.stages)

    @property
    def per_unit(self) -> float:
        """Σ of an excitation of L layers in every unit."""
        return sum(s.per_unit for s in self.stages)

    def table(self) -> pd.DataFrame:
        """A row per stage and one of sums."""
        rows = [(str(s.stage), s.units, s.channels, s.note, s.one_of_2n, s.per_unit) for s in self.stages]
        rows.append(
            ("all", sum(s.units for s in self.stages), None, self.note, self.one_of_2n, self.per_unit)  # type: ignore[arg-type]
        )
        columns = [
            "stage", "units N", "channels C", "the note's formula = one MLP of N layers", "one MLP of 2N layers",
            f"an MLP of {self.depth} layers in each unit",
        ]  # fmt: skip
        table = pd.DataFrame(rows, columns=columns)
        return table.astype({"channels C": "Int64"} | dict.fromkeys(columns[3:], "float64"))


def compare_with_note(
    stages: Sequence[int], channels: Sequence[int], reduction: float, *, depth: int = 2
) -> NoteComparison | None:
    """The note's formula for a network's units.

    None where it is not meant for them: where a stage's units differ in width, or a stage has a single unit, whose
    excitation of N = 1 layers could not lead to C/r and back.

    Args:
        stages: stage of every unit.
        channels: C of every unit.
        reduction: r.
        depth: L of the excitation in each unit.
    """
    found = []
    for stage in sorted(set(stages)):
        widths = [c for s, c in zip(stages, channels, strict=True) if s == stage]
        if len(set(widths)) > 1 or len(widths) < 2:
            return None
        found.append(_count(stage, len(widths), widths[0], reduction, depth))
    return NoteComparison(reduction, depth, tuple(found))


def _count(stage: int, units: int, channels: int, reduction: float, depth: int) -> StageNote:
    ends, middle = 2 * channels**2 / reduction, (channels / reduction) ** 2
    return StageNote(
        stage,
        units,
        channels,
        note=(units - 2) * middle + ends,
        one_of_2n=ends + (2 * units - 2) * middle,
        per_unit=eq5_weights([channels] * units, reduction, depth=depth),
    )
