"""C12: do few classes, taken at random, tell what all classes tell?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.claims.inputs import BlockSeries, ClassSubsets, Layout, Role
from senet_viz.claims.statistics import Found, SeriesStatistic, Side, not_found, satisfies
from senet_viz.errors import ArgumentError
from senet_viz.recording.moments import Moments
from senet_viz.schema import Floats
from senet_viz.stats.estimates import wilson_interval
from senet_viz.stats.shares import SumsOfSquares, omega_squared

SUBSET_SIZE = 4
SUBSETS = 1_000


@dataclass(frozen=True)
class Threshold:
    """A number that must lie on one side of a bound."""

    statistic: SeriesStatistic
    side: Side
    bound: float


@dataclass(frozen=True)
class Agreement:
    """The share of random subsets of the classes on which all of some claims come out as on all classes.

    Point estimates on both sides: a claim holds where all its numbers lie on the claimed side. The interval is Wilson's
    for R random subsets: it is about all subsets of these classes on these images, not about other images.

    Attributes:
        claims: the id of each and its conditions.
    """

    claims: tuple[tuple[str, tuple[Threshold, ...]], ...]

    @property
    def roles(self) -> tuple[Role, ...]:
        read = (role for _, conditions in self.claims for c in conditions for role in c.statistic.roles)
        return tuple(dict.fromkeys(read))

    def measure(self, subsets: ClassSubsets, known: BlockSeries, layout: Layout, level: float) -> Found:
        """The share with its interval; subsets on which a number is not defined are left out.

        Args:
            subsets: point estimates on subsets of the classes.
            known: the series on all classes.
            layout: of the network.
            level: of the interval.
        """
        agree = {claim: self._agree(conditions, subsets, known, layout) for claim, conditions in self.claims}
        defined = ~np.any([np.isnan(values) for values in agree.values()], axis=0)
        if not defined.any():
            return not_found("a number that it compares is not defined", level)
        together = np.all([values[defined] == 1 for values in agree.values()], axis=0)
        alone = ", ".join(f"{claim} alone {values[defined].mean():.1%}" for claim, values in agree.items())
        note = f"{len(together):,} random subsets of {subsets.size} classes; {alone}"
        share = float(together.mean())
        return Found(share, wilson_interval(share, len(together), level), note)

    def _agree(
        self, conditions: tuple[Threshold, ...], subsets: ClassSubsets, known: BlockSeries, layout: Layout
    ) -> Floats:
        """1 where a claim comes out as on all classes, 0 where not, NaN where it is not defined, (R,)."""
        on_subsets, on_all, undefined = [], [], np.zeros(len(subsets.omega_squared), dtype=bool)
        for c in conditions:
            series, values = known.get(c.statistic.series), subsets.get(c.statistic.series)
            if series is None or values is None:
                return np.full(len(undefined), np.nan)
            points, point = (c.statistic.points(v, layout) for v in (values, series.values))
            undefined |= np.isnan(points) | np.isnan(point)
            on_subsets.append(satisfies(points, c.side, c.bound))
            on_all.append(bool(satisfies(point, c.side, c.bound)))
        agree = np.all(on_subsets, axis=0) == all(on_all)
        return np.where(undefined, np.nan, agree.astype(np.float64))


def draw_subsets(
    classes: NDArray[np.int64], *, size: int = SUBSET_SIZE, subsets: int = SUBSETS, seed: int = 0
) -> NDArray[np.int64]:
    """Random subsets of the classes, each without repetition, drawn anew each time.

    Args:
        classes: indices of the classes that have an image.
        size: of a subset, at most their number.
        subsets: R.
        seed: of the draw; all blocks share one.

    Returns:
        (R, size) indices; (0, size) where there are no more classes than that, so that all subsets are the whole.
    """
    if len(classes) <= size:
        return np.zeros((0, size), dtype=np.int64)
    order = np.random.default_rng(seed).random((subsets, len(classes)))
    return np.asarray(classes[np.argpartition(order, size, axis=1)[:, :size]])


def measure_subsets(moments: Moments, subsets: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """One block's ω² and between-class variance on subsets of the classes, (R,) each: columns of `ClassSubsets`.

    With p_k the class means less their common mean, the sum over channels of SSB of a subset is
    Σ_k n_k·p_k·p_k − Σ_kl n_k·n_l·p_k·p_l / N: inner products of the K classes are all that subsets need.

    Args:
        moments: with the sum of squares of every class (`m2`).
        subsets: (R, size), as from `draw_subsets`.

    Raises:
        ArgumentError: moments without it (z and controls of a slim recording).
    """
    if moments.m2 is None:
        raise ArgumentError("Subsets of classes need the sum of squares of every class: use the full recording.")
    count, known = moments.count.astype(np.float64), moments.count > 0
    means = np.where(known[:, None], moments.mean - moments.mean[known].mean(axis=0), 0.0)
    n = count[subsets]
    products = (means @ means.T)[subsets[:, :, None], subsets[:, None, :]]
    own = np.einsum("rk,rkk->r", n, products)
    between = np.maximum(0, own - np.einsum("rk,rkl,rl->r", n, products, n) / n.sum(axis=1))
    within = moments.m2.sum(axis=1)[subsets].sum(axis=1)
    return _pooled(np.sort(n, axis=1), between, within, moments.mean.shape[1])


def _pooled(sizes: Floats, between: Floats, within: Floats, channels: int) -> tuple[Floats, Floats]:
    """ω² and between-class variance from sums over the channels; subsets of equal sizes are measured side by side."""
    found = np.empty((2, len(sizes)))
    layouts, which = np.unique(sizes, axis=0, return_inverse=True)
    for number, layout in enumerate(layouts):
        rows = np.flatnonzero(which.ravel() == number)
        sums = SumsOfSquares(layout, np.zeros(len(rows)), between[rows], within[rows])
        found[:, rows] = omega_squared(sums), sums.variance_between / channels
    return found[0], found[1]
