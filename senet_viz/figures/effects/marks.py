"""What figures of effects share: inks and symbols of baselines, whiskers, where a target lies on the depth axis."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from senet_viz.figures.lines import add_levels
from senet_viz.figures.look import DARK, Look
from senet_viz.schema import Gate
from senet_viz.stats.effects import MEASURE_WORDS, Change, EffectTable, Measure
from senet_viz.stats.effects.result import say_limits
from senet_viz.stats.resampling import Interval

Over = Literal["images", "classes"]
OVER: tuple[Over, ...] = ("images", "classes")
Floats = NDArray[np.float64]

# Okabe and Ito 2008, lighter or darker where the page needs it; the symbol tells baselines apart without colour.
_INKS: dict[str, tuple[str, str, str]] = {  # on light paper, on dark paper, symbol
    "one": ("rgb(200, 80, 0)", "rgb(240, 130, 60)", "circle"),
    "zero": ("rgb(176, 112, 0)", "rgb(230, 175, 60)", "circle-open"),
    "mean": ("rgb(0, 104, 168)", "rgb(110, 180, 240)", "square"),
    "group_mean": ("rgb(40, 130, 190)", "rgb(150, 205, 245)", "square-open"),
    "class_mean": ("rgb(0, 128, 92)", "rgb(70, 200, 160)", "diamond-open"),
    "predicted_class_mean": ("rgb(0, 128, 92)", "rgb(70, 200, 160)", "diamond"),
    "within": ("rgb(120, 100, 180)", "rgb(185, 165, 240)", "triangle-up"),
    "between": ("rgb(170, 40, 110)", "rgb(240, 130, 185)", "triangle-down"),
}


def ink_of(baseline: str, look: Look) -> tuple[str, str]:
    """Ink and symbol of a baseline, the same in all figures."""
    light, dark, symbol = _INKS.get(baseline, ("rgb(110, 110, 110)", "rgb(170, 170, 170)", "x"))
    return (dark if look == DARK else light), symbol


def interval_of(change: Change, over: Over) -> Interval:
    """At 95 %, over these classes' images or over classes like these; NaN where there is none."""
    return (change.images if over == "images" else change.classes).interval()


def say_effect(change: Change, measure: Measure, over: Over) -> str:
    """Value and interval, for the pointer."""
    interval, digits = interval_of(change, over), 3 if measure == "loss" else 2
    value = f"{change.value:z.{digits}f}".replace("-", "−")
    return value if np.isnan(interval.low) else f"{value} {say_limits(interval, measure)}"


def whiskers(changes: Sequence[Change], over: Over, ink: str) -> dict[str, Any]:
    """Error bars of a trace; none where no interval is known."""
    intervals = [interval_of(change, over) for change in changes]
    values = np.array([change.value for change in changes])
    low, high = (np.array([getattr(i, end) for i in intervals], dtype=np.float64) for end in ("low", "high"))
    return {"type": "data", "symmetric": False, "array": np.nan_to_num(high - values),
            "arrayminus": np.nan_to_num(values - low), "color": ink, "thickness": 1.3, "width": 3}  # fmt: skip


def span_of(blocks: Sequence[str], gates: Sequence[Gate]) -> tuple[int, int]:
    """First and last position of a target's blocks on the depth axis."""
    positions = {gate.name: at for at, gate in enumerate(gates)}
    inside = [positions[name] for name in blocks]
    return min(inside), max(inside)


def place_of(kind: str, blocks: Sequence[str], gates: Sequence[Gate]) -> float:
    """Where a target's mark stands: in the middle of its blocks, of cumulative ones at the last."""
    first, last = span_of(blocks, gates)
    return float(last) if kind == "cumulative" else (first + last) / 2


def add_zero(figure: go.Figure, look: Look) -> None:
    """The line of no effect in every panel."""
    add_levels(figure, [0], {"color": look.ink, "width": 1.2})


def head_of(table: EffectTable, measure: Measure, over: Over, *, narrow: bool) -> str:
    """n, what the network does untouched, and what the whiskers are."""
    clean = table.clean[measure]
    untouched = f"clean loss {clean:.3f} nats" if measure == "loss" else f"clean {_SHORT[measure]} {clean:.2f} %"
    known = any(not np.isnan(interval_of(e.changes[measure], over).low) for e in table.effects)
    whisker = f"95 % intervals over {over}" if known else f"no intervals over {over}"
    n = f"n = {table.images:,} images, {table.classes:,} classes"
    return f"{n}{'<br>' if narrow else ' · '}{untouched} · {whisker}"


_SHORT: dict[Measure, str] = {"top1": "top-1", "top5": "top-5", "loss": "loss"}


def axis_title(measure: Measure) -> str:
    """The effect's sign is said where it is read."""
    return MEASURE_WORDS[measure]
