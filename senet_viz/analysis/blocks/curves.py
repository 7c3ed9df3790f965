"""Measures of class dependence along the depth, with intervals where these are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.profiles import label_blocks
from senet_viz.claims.assessment import Assessment, CurveName
from senet_viz.schema import Gate

Floats = NDArray[np.float64]
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
    of_squeeze = (tree.get("decoding_squeeze") or {}).get("rows") or []
    curves = [
        _stored(assessment, "omega_squared", "class share ω², pooled", "share"),
        _plain("class share ω², mean of channels", "share", [b.omega_squared_mean for b in assessment.blocks]),
        _classes_like_these(assessment),
        _plain(
            "class share ω² of z, pooled",
            "share",
            [None if b.squeeze is None else b.squeeze.omega_squared for b in assessment.blocks],
        ),
        _stored(assessment, "between_sd", "between-class SD", "sd"),
        _stored(assessment, "within_sd", "within-class SD", "sd"),
        _decoded(rows, "matched", "decoding, equal width", ""),
        _decoded(rows, "full", "decoding, all channels", "confounded by width"),
        _decoded(_aligned(of_squeeze, assessment), "matched", "decoding of z, equal width", ""),
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


def _aligned(rows: Sequence[Mapping[str, Any]], assessment: Assessment) -> list[Mapping[str, Any]]:
    """A row a block, empty ones where a block has no z."""
    by_depth = {row["depth"]: row for row in rows}
    return [by_depth.get(gate.depth, {}) for gate in assessment.gates]


def _stored(assessment: Assessment, name: CurveName, words: str, panel: Panel) -> BlockCurve:
    return BlockCurve(words, panel, assessment.curve(name), *assessment.band(name))


def _plain(words: str, panel: Panel, values: Sequence[float | None]) -> BlockCurve:
    numbers = _numbers(values)
    return BlockCurve(words, panel, numbers, *np.full((2, len(numbers)), np.nan))


def _classes_like_these(assessment: Assessment) -> BlockCurve:
    found = [b.classes for b in assessment.blocks]
    rows = np.array([(np.nan,) * 3 if c is None else (c.value, c.interval.low, c.interval.high) for c in found])
    return BlockCurve("ICC, classes like these", "share", *rows.T)


def _decoded(rows: Sequence[Mapping[str, Any]], which: str, words: str, confounded: str) -> BlockCurve:
    value, low, high = (_numbers([row.get(f"{which} {part}") for row in rows]) for part in ("accuracy", "low", "high"))
    return BlockCurve(words, "decoding", value, low, high, confounded)


def _numbers(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
