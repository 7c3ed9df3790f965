"""What claims are judged from: plain arrays, a row per block, and which block plays which part in the paper's claims."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal, cast

import numpy as np

from senet_viz.errors import ArgumentError
from senet_viz.schema import Floats, Gate
from senet_viz.stats.shares import STATISTICS, BlockStatistics, SeriesName

Role = Literal["SE_2_3", "SE_3_4", "SE_4_6", "SE_5_1", "SE_5_2", "SE_5_3"]
ROLES: tuple[Role, ...] = ("SE_2_3", "SE_3_4", "SE_4_6", "SE_5_1", "SE_5_2", "SE_5_3")
ROLE_WORDS: Mapping[Role, str] = {
    "SE_2_3": "the last block of the first stage",
    "SE_3_4": "the last block of the second stage",
    "SE_4_6": "the last block of the last stage but one",
    "SE_5_1": "the first block of the last stage",
    "SE_5_2": "the second block of the last stage",
    "SE_5_3": "the last block of the last stage",
}


@dataclass(frozen=True, eq=False)
class Layout:
    """The blocks of a network and the roles they play.

    Attributes:
        blocks: in order of depth, B of them.
        roles: position in `blocks` of each role that exists.
    """

    blocks: tuple[Gate, ...]
    roles: Mapping[Role, int]

    @property
    def first_stage(self) -> tuple[int, ...]:
        """Positions of the first stage's blocks; none in a network of one stage."""
        stages = {gate.stage for gate in self.blocks}
        return self._of_stage(min(stages)) if len(stages) > 1 else ()

    @property
    def last_stage(self) -> tuple[int, ...]:
        """Positions of the last stage's blocks."""
        return self._of_stage(max((gate.stage for gate in self.blocks), default=0))

    def name(self, role: Role, ending: str = "") -> str:
        """The role, with the block's own label where it is another: "SE_5_2 (here SE_7_2)"; an ending goes with the role."""
        label = self.blocks[self.roles[role]].label
        return f"{role}{ending}" if label == role else f"{role}{ending} (here {label})"

    def tell(self, words: str) -> str:
        """Words that speak of roles, with the block's own label behind each where it is another."""
        if not self.roles:
            return words
        roles = rf"(?<!here )({'|'.join(self.roles)})('s)?"
        return re.sub(roles, lambda found: self.name(cast("Role", found[1]), found[2] or ""), words)

    def _of_stage(self, stage: int) -> tuple[int, ...]:
        return tuple(i for i, gate in enumerate(self.blocks) if gate.stage == stage)


def find_roles(blocks: Sequence[Gate]) -> Layout:
    """Give the roles to blocks by their place; "stage" means a stage that has gates.

    A block plays one part at most in the last stage: with two blocks there is no SE_5_2, with one neither SE_5_2 nor
    SE_5_3. A network of one stage has no early block, so no SE_2_3 and no SE_4_6; SE_3_4 needs four stages, with fewer
    the second stage is the last but one. Where a residual unit has several gates (SE_5_2.1, SE_5_2.2), its last one stands
    for it, since the paper's gate too comes after the last convolution.

    Args:
        blocks: all blocks of a network, in any order.
    """
    ordered = tuple(sorted(blocks, key=lambda gate: gate.depth))
    last = {(g.stage, g.label.partition(".")[0] if "." in g.label else i): i for i, g in enumerate(ordered)}
    standing = sorted(last.values())
    stages = [[i for i in standing if ordered[i].stage == s] for s in sorted({g.stage for g in ordered})]
    roles: dict[Role, int] = {}
    if len(stages) > 1:
        roles |= {"SE_2_3": stages[0][-1], "SE_4_6": stages[-2][-1]}
    if len(stages) > 3:
        roles["SE_3_4"] = stages[1][-1]
    if stages:
        roles["SE_5_1"] = stages[-1][0]
        if len(stages[-1]) > 1:
            roles["SE_5_3"] = stages[-1][-1]
        if len(stages[-1]) > 2:
            roles["SE_5_2"] = stages[-1][1]
    return Layout(ordered, {role: roles[role] for role in ROLES if role in roles})


AccuracyName = Literal["top1", "top5"]


@dataclass(frozen=True, eq=False)
class Series:
    """A number per block and what it becomes without each group of images.

    Attributes:
        values: (B,), NaN where it is not defined.
        replicates: (B, G), the same groups in all blocks and series; (B, 0) where none were made.
    """

    values: Floats
    replicates: Floats

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or self.replicates.ndim != 2 or len(self.values) != len(self.replicates):
            shapes = f"{self.values.shape} values with {self.replicates.shape} replicates"
            raise ArgumentError(f"A series came as {shapes}; (B,) and (B, G) were expected.")

    @property
    def groups(self) -> int:
        """G."""
        return int(self.replicates.shape[1])


@dataclass(frozen=True, eq=False)
class BlockSeries:
    """Depth curves of one quantity of one network, a series for each field of `BlockStatistics`; None where not known.

    Variances are never clipped: claims about SDs take the square root of a variance's interval.
    """

    omega_squared: Series
    between_variance: Series | None = None
    within_variance: Series | None = None
    near_one: Series | None = None
    direction_share: Series | None = None
    residual_variance: Series | None = None

    def __post_init__(self) -> None:
        shapes = {f.name: s.replicates.shape for f in fields(self) if (s := getattr(self, f.name)) is not None}
        if len(set(shapes.values())) > 1:
            raise ArgumentError(f"Series of one network differ in blocks and groups: {shapes}.")

    def get(self, name: SeriesName) -> Series | None:
        """A series by name."""
        found: Series | None = getattr(self, name)
        return found

    @property
    def groups(self) -> int:
        """G."""
        return self.omega_squared.groups


def gather_series(
    full: Sequence[BlockStatistics], without: Sequence[Sequence[BlockStatistics]] | None = None
) -> BlockSeries:
    """Depth curves from the statistics of every block.

    Args:
        full: of all images, a block each, in order of depth.
        without: per block, without each group of images (`ImageReplicates.without`); None for a control whose gates
            were not kept.
    """
    rows = without if without is not None else [()] * len(full)
    made = {}
    for name in (statistic.series for statistic in STATISTICS):
        values = np.array([getattr(s, name) for s in full], dtype=np.float64)
        replicates = np.array([[getattr(s, name) for s in row] for row in rows], dtype=np.float64)
        made[name] = Series(values, replicates.reshape(len(full), -1 if replicates.size else 0))
    return BlockSeries(**made)


@dataclass(frozen=True, eq=False)
class BlockIntervals:
    """A number per block with its 95 % interval, to be shown beside the verdicts.

    Attributes:
        values, low, high: (B,); NaN where it is not known.
    """

    values: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, eq=False)
class ClassSubsets:
    """C12: the depth curves on random subsets of the classes, point estimates.

    Attributes:
        size: classes in a subset, 4.
        omega_squared, between_variance: (R, B).
    """

    size: int
    omega_squared: Floats
    between_variance: Floats

    def get(self, name: SeriesName) -> Floats | None:
        """A series by name, (R, B); None for those that no claim asks of subsets."""
        if name == "omega_squared":
            return self.omega_squared
        return self.between_variance if name == "between_variance" else None


@dataclass(frozen=True, eq=False)
class Effect:
    """What an intervention does to the accuracy: intervened − clean, so that a cost is negative.

    Attributes:
        target: names of the gates that were intervened on together.
        baseline: what they were moved to: "one", "mean", "predicted_class_mean", "within", "between", …
        value: in points of accuracy (percent).
        replicates: the same without each group of images, (G,); the same groups for all effects, so that differences
            of effects have paired intervals.
        class_replicates: the same without each class, (K,); (0,) for fewer than 20 classes.
        measure: "top1" or "top5" accuracy; claims are judged by top-1.
    """

    target: tuple[str, ...]
    baseline: str
    value: float
    replicates: Floats
    class_replicates: Floats = field(default_factory=lambda: np.zeros(0))
    measure: AccuracyName = "top1"


@dataclass(frozen=True, eq=False)
class ClaimInputs:
    """Everything that the claims are judged from.

    Attributes:
        recording_id: of the recording.
        blocks: in order of depth, B of them.
        images: labelled images, N.
        classes: K, that have an image.
        smallest_class: images of the smallest of them.
        gates: the series of s.
        precision: of the recorded gates; saturation is judged in fp32 only.
        squeeze: the series of z, shown beside the relative readings; NaN in blocks without z.
        controls: the series of the random-weights control, one a seed.
        shuffled: ω² with shuffled labels: mean, 2.5 % and 97.5 % quantile over the permutations.
        random_direction: 95 % quantile of `direction_share` over random directions, (B,).
        like_these: ICC(1) with its interval over classes (*classes like these*), for K ≥ 20.
        subsets: of the classes, for C12.
        squeeze_subsets, control_subsets: the same subsets of z and of each control.
        effects: of interventions; None where none were made.
        intervened: images and classes that the interventions were judged on, N and K; as above where None.
        no_effects: why there can be none; empty where they were only not made.
    """

    recording_id: str
    blocks: tuple[Gate, ...]
    images: int
    classes: int
    smallest_class: int
    gates: BlockSeries
    precision: str = "fp32"
    squeeze: BlockSeries | None = None
    controls: tuple[BlockSeries, ...] = ()
    shuffled: BlockIntervals | None = None
    random_direction: Floats | None = None
    like_these: BlockIntervals | None = None
    subsets: ClassSubsets | None = None
    squeeze_subsets: ClassSubsets | None = None
    control_subsets: tuple[ClassSubsets | None, ...] = ()
    effects: tuple[Effect, ...] | None = None
    intervened: tuple[int, int] | None = None
    no_effects: str = ""

    def __post_init__(self) -> None:
        depths = [gate.depth for gate in self.blocks]
        if depths != sorted(depths):
            raise ArgumentError("Blocks were not given in order of depth.")
        rows = [len(s.omega_squared.values) for s in (self.gates, self.squeeze, *self.controls) if s is not None]
        if set(rows) != {len(depths)}:
            raise ArgumentError(f"Series have {sorted(set(rows))} rows for {len(depths)} blocks: give one row a block.")
        if self.effects and len({(len(e.replicates), len(e.class_replicates)) for e in self.effects}) > 1:
            raise ArgumentError("Effects came with different groups of images: resample all of them alike.")
