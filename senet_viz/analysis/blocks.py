"""What the gates of each block do, gathered for people: health, measures along the depth, similarity, answers in sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.claims.assessment import Assessment
from senet_viz.recording.moments import Moments
from senet_viz.recording.reader import Recording
from senet_viz.schema import Floats, Gate, label_blocks
from senet_viz.stats.channels import ChannelMeasures, measure_channels
from senet_viz.stats.health import GateHealth
from senet_viz.stats.shares import CurveName
from senet_viz.stats.tables import block_row

_FROM_MOMENTS = tuple(field.name for field in fields(GateHealth))


@dataclass(frozen=True, eq=False)
class BlockHealth:
    """Of B blocks in order of depth, each (B,); NaN where a number is not defined or not known.

    Attributes:
        gates: the blocks.
        images: that it is computed from.
        near_one, near_zero: shares of gates above .9 and below .1.
        at_lower, at_upper: shares of gates exactly at the bounds.
        dead: channels whose SD over the images is under .001.
        between_sd, within_sd: SD between and within classes, in units of s.
        profile_rank, gate_rank: effective rank of class profiles and of single gates.
    """

    gates: tuple[Gate, ...]
    images: int
    near_one: Floats
    near_zero: Floats
    at_lower: Floats
    at_upper: Floats
    dead: Floats
    between_sd: Floats
    within_sd: Floats
    profile_rank: Floats
    gate_rank: Floats

    @property
    def labels(self) -> tuple[str, ...]:
        """A label a block."""
        return label_blocks(self.gates)

    @property
    def spread(self) -> Floats:
        """√(between² + within²): how far a gate moves, in units of s; within alone where there is one class."""
        return np.sqrt(np.nan_to_num(self.between_sd) ** 2 + self.within_sd**2)

    def table(self) -> pd.DataFrame:
        """A row a block: its size, and the health."""
        return pd.DataFrame(
            {
                "block": self.labels,
                "module": [g.name for g in self.gates],
                "channels C": [g.channels for g in self.gates],
                "reduction r": [g.channels / g.reduced_channels if g.reduced_channels else np.nan for g in self.gates],
                "s > .9": self.near_one,
                "s < .1": self.near_zero,
                "at lower bound": self.at_lower,
                "at upper bound": self.at_upper,
                "dead channels": self.dead,
                "between-class SD": self.between_sd,
                "within-class SD": self.within_sd,
                "rank of class profiles": self.profile_rank,
                "rank of gates": self.gate_rank,
            }
        )


def gather_health(assessment: Assessment) -> BlockHealth:
    """From what is stored."""
    columns = {name: np.array([getattr(b.health, name) for b in assessment.blocks]) for name in _FROM_MOMENTS}
    return BlockHealth(
        gates=assessment.gates,
        images=assessment.images,
        between_sd=assessment.curve("between_sd"),
        within_sd=assessment.curve("within_sd"),
        gate_rank=np.array([b.gate_rank for b in assessment.blocks]),
        **columns,
    )


def health_from_table(gates: Sequence[Gate], table: pd.DataFrame, images: int) -> BlockHealth:
    """From `measure_selectivity(per="block")`, a row a gate."""
    names = (*_FROM_MOMENTS, "between_sd", "within_sd", "gate_rank")
    columns = {name: table[name].to_numpy(np.float64) for name in names}
    return BlockHealth(gates=tuple(gates), images=images, **columns)


Panel = Literal["share", "sd", "decoding", "similarity"]


@dataclass(frozen=True, eq=False)
class BlockCurve:
    """One measure of B blocks.

    Attributes:
        words: what it is.
        panel: which measures share its axis: shares of variance, SDs in units of s, accuracies, similarities.
        values: (B,); NaN where it is not defined.
        low, high: its 95 % interval, (B,); NaN where none is known.
        confounded: why blocks must not be compared by it; may be empty.
    """

    words: str
    panel: Panel
    values: Floats
    low: Floats
    high: Floats
    confounded: str = ""


@dataclass(frozen=True, eq=False)
class BlockMeasures:
    """All curves of a recording.

    Attributes:
        gates: the blocks, in order of depth.
        images, classes: N and K.
        curves: those that are known.
        chance: accuracy of guessing; NaN without decoding.
        missing: sentences: what is not there, and why.
    """

    gates: tuple[Gate, ...]
    images: int
    classes: int
    curves: tuple[BlockCurve, ...]
    chance: float = float("nan")
    missing: tuple[str, ...] = ()

    def table(self) -> pd.DataFrame:
        """A row a block: every measure, and its interval where there is one."""
        columns: dict[str, Any] = {"block": label_blocks(self.gates), "module": [g.name for g in self.gates]}
        for curve in self.curves:
            name = curve.words + (f" ({curve.confounded})" if curve.confounded else "")
            columns[name] = curve.values
            if np.isfinite(curve.low).any():
                columns |= {f"{curve.words}, low": curve.low, f"{curve.words}, high": curve.high}
        return pd.DataFrame(columns)


def gather_measures(assessment: Assessment, tree: Mapping[str, Any]) -> BlockMeasures:
    """From what `assess` stored.

    Args:
        assessment: of a recording.
        tree: the JSON that it was read from, with the decoding and the CKA.
    """
    decoding, cka = tree.get("decoding") or {}, tree.get("cka") or {}
    rows = decoding.get("rows") or []
    z_by_depth = {row["depth"]: row for row in (tree.get("decoding_squeeze") or {}).get("rows") or []}
    of_z = [None if b.squeeze is None else b.squeeze.omega_squared for b in assessment.blocks]
    decoded_z = [z_by_depth.get(gate.depth, {}) for gate in assessment.gates]
    curves = [
        _stored(assessment, "omega_squared", "class share ω², pooled", "share"),
        _plain("class share ω², mean of channels", "share", [b.omega_squared_mean for b in assessment.blocks]),
        BlockCurve("ICC, classes like these", "share", *assessment.classes_like_these()),
        _plain("class share ω² of z, pooled", "share", of_z),
        _stored(assessment, "between_sd", "between-class SD", "sd"),
        _stored(assessment, "within_sd", "within-class SD", "sd"),
        _decoded(rows, "matched", "decoding, equal width", ""),
        _decoded(rows, "full", "decoding, all channels", "confounded by width"),
        _decoded(decoded_z, "matched", "decoding of z, equal width", ""),
        _plain("CKA with the classes", "similarity", [row["classes"] for row in cka.get("rows") or []]),
    ]
    return BlockMeasures(
        assessment.gates,
        assessment.images,
        assessment.classes,
        tuple(c for c in curves if np.isfinite(c.values).any()),
        chance=float(rows[0]["chance"]) if rows else float("nan"),
        missing=tuple(dict.fromkeys(part["reason"] for part in (decoding, cka) if part.get("reason"))),
    )


def measures_from_table(gates: Sequence[Gate], table: pd.DataFrame) -> BlockMeasures:
    """What moments alone tell: from `measure_selectivity(per="block")`, a row a gate."""
    names: dict[str, tuple[str, Panel]] = {
        "omega_squared": ("class share ω², pooled", "share"),
        "omega_squared_mean": ("class share ω², mean of channels", "share"),
        "icc_mean": ("ICC, mean of channels", "share"),
        "between_sd": ("between-class SD", "sd"),
        "within_sd": ("within-class SD", "sd"),
    }
    curves = [_plain(words, panel, table[name].to_list()) for name, (words, panel) in names.items()]
    known = tuple(c for c in curves if np.isfinite(c.values).any())
    return BlockMeasures(tuple(gates), int(table["images"].iloc[0]), int(table["classes"].iloc[0]), known)


def _stored(assessment: Assessment, name: CurveName, words: str, panel: Panel) -> BlockCurve:
    return BlockCurve(words, panel, assessment.curve(name), *assessment.band(name))


def _plain(words: str, panel: Panel, values: Sequence[float | None]) -> BlockCurve:
    numbers = _numbers(values)
    return BlockCurve(words, panel, numbers, *np.full((2, len(numbers)), np.nan))


def _decoded(rows: Sequence[Mapping[str, Any]], which: str, words: str, confounded: str) -> BlockCurve:
    value, low, high = (_numbers([row.get(f"{which} {part}") for row in rows]) for part in ("accuracy", "low", "high"))
    return BlockCurve(words, "decoding", value, low, high, confounded)


def _numbers(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class BlockSimilarity:
    """Debiased linear CKA between B blocks, (B, B): 1 the same up to rotation and scale, 0 unrelated; noise may go below.

    Attributes:
        gates: the blocks, in order of depth.
        values: NaN where a block does not vary.
    """

    gates: tuple[Gate, ...]
    values: NDArray[np.float64]

    @property
    def labels(self) -> tuple[str, ...]:
        """A label a block."""
        return label_blocks(self.gates)

    def most_alike(self) -> tuple[str, str, float] | None:
        """The two blocks that are most alike; None where no two are known."""
        above = np.where(np.triu(np.ones_like(self.values, dtype=bool), 1), self.values, np.nan)
        if not np.isfinite(above).any():
            return None
        i, j = np.unravel_index(int(np.nanargmax(above)), above.shape)
        return self.labels[i], self.labels[j], float(above[i, j])

    def table(self) -> pd.DataFrame:
        """A row a block, a column a block."""
        table = pd.DataFrame(self.values, columns=list(self.labels))
        table.insert(0, "block", self.labels)
        return table


def gather_similarity(gates: Sequence[Gate], tree: Mapping[str, Any]) -> BlockSimilarity | None:
    """From the JSON of an assessment; None where it was not computed, or where blocks of one label lost their columns.

    The latter are assessments of networks with shared labels by versions that did not tell such blocks apart.
    """
    rows = (tree.get("cka") or {}).get("rows") or []
    if len(rows) != len(gates) or any(len(row) != len(gates) + 2 for row in rows):
        return None
    cells = [[np.nan if row[label] is None else row[label] for label in label_blocks(gates)] for row in rows]
    return BlockSimilarity(tuple(gates), np.array(cells, dtype=np.float64))


_QUICK_CLASSES, _QUICK_GATES = 400, 50_000_000  # beyond, ranks of 16 blocks take longer than a page may


def ranks_are_quick(recording: Recording) -> bool:
    """Whether effective ranks of all blocks are a matter of a second or two: they take the cube of the classes."""
    gates = recording.n_kept * sum(gate.channels for gate in recording.blocks)
    return len(recording.classes) <= _QUICK_CLASSES and gates <= _QUICK_GATES


def measure_blocks(recording: Recording, *, ranks: bool = True, best: bool = True) -> pd.DataFrame:
    """`measure_selectivity(per="block")`; without `ranks`, effective ranks are NaN and no single gate is read.

    Without `best`, selectivity and d′ are NaN, which take as long as all the rest.

    Raises:
        RecordingError: a file is missing or damaged.
    """
    tables = [block_row(recording, gate, ranks=ranks, best=best) for gate in recording.blocks]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def measure_from_moments(recording: Recording, gate: Gate, *, moments: Moments | None = None) -> pd.DataFrame:
    """A row per channel with the columns of `measures.parquet`; AUC and mutual information are NaN.

    Args:
        recording: full or slim.
        gate: one of its blocks.
        moments: of the block, where they were read before.

    Raises:
        RecordingError: a file is missing or damaged.
    """
    measures = measure_channels(recording.moments(gate.name, ranges=False) if moments is None else moments)
    columns: dict[str, Any] = {"block": gate.name, "channel": np.arange(gate.channels)}
    columns |= {field.name: getattr(measures, field.name) for field in fields(ChannelMeasures)}
    names = np.array([*recording.classes.names, ""], dtype=object)  # no class is −1: the last
    columns["best_class_name"] = names[measures.best_class]
    return pd.DataFrame(columns)


SATURATED = 0.3


def describe_health(health: BlockHealth) -> str:
    """Which block is nearest to 1, which moves least and most, and how many channels are dead."""
    return " ".join(part for part in (_nearest_to_one(health), _least(health), _dead(health)) if part)


def describe_saturation(health: BlockHealth, at: int) -> str:
    """What must be known before a selectivity index of this block is read; "" where little is saturated.

    The index (μ_max − μ_rest)/(μ_max + μ_rest) was made for ReLUs, whose baseline is 0. A saturated sigmoid's is 1: μ_max
    and μ_rest are both near 1, and the index is small whatever the classes do.
    """
    share = health.near_one[at]
    if not share >= SATURATED:
        return ""
    return (
        f"{share:.0%} of the gates of {health.labels[at]} are above .9. The selectivity index was made for ReLUs, whose "
        "baseline is 0: divided by two means that are both near 1 it becomes half the largest class's distance in units of s, "
        "small whatever the classes do. Do not compare its size between blocks; read ω², d′ or AUC instead."
    )


def _nearest_to_one(health: BlockHealth) -> str:
    if not np.isfinite(health.near_one).any():
        return "Shares near 1 and near 0 are told of gates between 0 and 1 only."
    at = int(np.nanargmax(health.near_one))
    share = health.near_one[at]
    if share < 0.01:
        return "**No block is near 1:** everywhere less than 1 % of the gates are above .9."
    sure = "" if share < 0.5 else ", so that it mostly passes its channels on unchanged"
    if len(health.gates) == 1:
        return f"**{share:.0%}** of the gates of {health.labels[at]} are above .9{sure}."
    rest = np.delete(health.near_one, at)
    return (
        f"**{health.labels[at]} is nearest to 1:** {share:.0%} of its gates are above .9{sure} "
        f"(median of the other blocks: {np.nanmedian(rest):.0%})."
    )


def _least(health: BlockHealth) -> str:
    spread = health.spread
    if not np.isfinite(spread).any():
        return ""
    low, high = int(np.nanargmin(spread)), int(np.nanargmax(spread))
    if low == high:
        return f"Over the images a gate moves by {spread[low]:.3f} (SD, units of s)."
    return (
        f"**{health.labels[low]} moves least:** over the images a gate's SD is {spread[low]:.3f} there and "
        f"{spread[high]:.3f} in {health.labels[high]}, where it moves most (units of s)."
    )


def _dead(health: BlockHealth) -> str:
    if not np.isfinite(health.dead).any():
        return ""
    total, channels = int(np.nansum(health.dead)), sum(g.channels for g in health.gates)
    if not total:
        return f"None of the {channels:,} channels is dead (SD under .001)."
    blocks = [label for label, dead in zip(health.labels, health.dead) if dead > 0]
    where = blocks[0] if len(blocks) == 1 else f"{len(blocks)} blocks"
    one = "is" if total == 1 else "are"
    return f"**{total:,} of {channels:,} channels {one} dead** (SD under .001), in {where}."
