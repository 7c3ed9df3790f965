"""Settings of interval_coverage.py, how a run of each is drawn, and what is counted over the runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from senet_viz.stats.estimates import Estimate
from senet_viz.stats.permutation import PERMUTATIONS, draw_per_class, permute_labels
from senet_viz.stats.resampling import assign_groups, at_sizes, count_groups, resample_images
from senet_viz.stats.shares import BlockStatistics, SumsOfSquares, block_statistics

Floats = NDArray[np.float64]
Kind = Literal["plain", "rank-3", "heteroscedastic", "saturating"]
SIZES = {(5, True): (5,), (5, False): (5, 7, 9), (50, True): (50,), (50, False): (23, 50, 77)}
NOISE = 0.05  # SD within classes, in units of s


@dataclass(frozen=True)
class Cell:
    """One setting of the simulation; `size` is n, `share` the true ω²."""

    share: float
    classes: int
    size: int
    channels: int
    equal: bool = True
    kind: Kind = "plain"
    permutations: bool = False

    @property
    def name(self) -> str:
        """Its key in the result."""
        numbers = f"share={self.share:g} K={self.classes} n={self.size} C={self.channels}"
        kind = "permutations" if self.permutations else self.kind
        return f"{kind} {numbers} {'equal' if self.equal else 'unequal'}"

    @property
    def counts(self) -> NDArray[np.int64]:
        """Images of every class, (K,)."""
        return np.resize(SIZES[self.size, self.equal], self.classes)


def all_cells() -> Iterator[Cell]:
    """The grid, the special cells, and the nulls for permutation p-values."""
    for channels, classes, equal, size, share in product(
        (64, 2048), (4, 20, 200), (True, False), (5, 50), (0, 0.05, 0.3, 0.9)
    ):
        yield Cell(share, classes, size, channels, equal)
    for kind, size, equal in product(("rank-3", "heteroscedastic", "saturating"), (50, 5), (True, False)):
        yield Cell(0.3, 20, size, 64, equal, kind)  # type: ignore[arg-type]
    for classes, size, equal in product((4, 20, 200), (5, 50), (True, False)):
        yield Cell(0.0, classes, size, 64, equal, permutations=True)


@dataclass(frozen=True, eq=False)
class Strata:
    """Classes whose images are dealt to the groups in the same numbers behave alike.

    Attributes:
        dealt: images of one class in each group, (S, G).
        members: classes of each stratum, (S,).
        along: √members · mean of the class means, (S, C), in units of the noise.
        across: length of all class means' deviations from it, (S,).
    """

    dealt: Floats
    members: Floats
    along: Floats
    across: Floats


def class_means(cell: Cell, generator: np.random.Generator, rank: int | None = None) -> Floats:
    """(K, C) around 0 with Σ_k n_k |μ_k − μ|² / (N·C) = share / (1 − share), in units of the noise's SD."""
    if rank is None:
        drawn = generator.normal(size=(cell.classes, cell.channels))
    else:
        drawn = generator.normal(size=(cell.classes, rank)) @ generator.normal(size=(rank, cell.channels))
    weights = cell.counts / cell.counts.sum()
    drawn -= weights @ drawn
    scale = (weights @ drawn**2).mean()
    return np.asarray(drawn * np.sqrt(cell.share / (1 - cell.share) / scale))


def make_strata(cell: Cell, means: Floats) -> Strata:
    """Deal the images as `assign_groups` does: in turn, each class after the last."""
    groups, counts = count_groups(cell.counts), cell.counts
    ends = np.cumsum(counts)
    dealt = np.stack([np.bincount(np.arange(e - n, e) % groups, minlength=groups) for n, e in zip(counts, ends)])
    kinds, which = np.unique(dealt, axis=0, return_inverse=True)
    which = which.reshape(-1)
    along, across = [], []
    for stratum in range(len(kinds)):
        own = means[which == stratum]
        along.append(np.sqrt(len(own)) * own.mean(axis=0))
        across.append(np.sqrt(((own - own.mean(axis=0)) ** 2).sum()))
    members = np.bincount(which).astype(np.float64)
    return Strata(kinds.astype(np.float64), members, np.stack(along), np.array(across))


def draw_sums(strata: Strata, generator: np.random.Generator) -> list[SumsOfSquares]:
    """Σ over channels of SSB and SSW, of all images and without each group, in units of the noise's variance.

    With X the mean of the n_g images of a class in a group and Y = √n_g·X, Y has unit variance. An orthogonal map over
    the q classes of a stratum leaves noise as it is and turns it into √q times their mean, kept channel by channel
    because strata meet in the grand mean, and (q − 1)·C further vectors over the G groups, of which only the G × G matrix
    of products matters: a Wishart matrix, non-central in one direction. Squares within group and class are χ².
    """
    dealt, roots = strata.dealt, np.sqrt(strata.dealt)
    kinds, groups = dealt.shape
    channels = strata.along.shape[1]
    mean = roots[:, :, None] * strata.along[:, None] + generator.normal(size=(kinds, groups, channels))
    products = np.stack([_wishart(strata, s, channels, generator) for s in range(kinds)])
    kept = np.concatenate([np.ones((1, groups)), 1 - np.eye(groups)])
    chosen = kept[:, None] * roots  # (1 + G, S, G)
    size, full = (kept[:, None] * dealt).sum(axis=2), dealt.sum(axis=1)
    projected = np.stack(
        [chosen[:, s] @ mean[s] for s in range(kinds)], axis=1
    )  # n′·mean′ of the strata, (1 + G, S, C)
    squared = np.einsum("hsg,sgf,hsf->hs", chosen, products, chosen) + (projected**2).sum(axis=2)
    grand = np.einsum("hs,hsc->hc", np.sqrt(strata.members) * full / size, projected)
    between = (squared * full / size**2).sum(axis=1) - (grand**2).sum(axis=1) / (full @ strata.members)
    inner = generator.chisquare(np.maximum(1e-9, channels * (strata.members @ (dealt - 1))))
    squares = np.einsum("sgg->g", products) + (mean**2).sum(axis=(0, 2)) + inner
    within = kept @ squares - (squared / size).sum(axis=1)
    return [_sums(strata, full, *drawn) for drawn in zip(size, between, within)]


def _sums(strata: Strata, full: Floats, fewer: Floats, between: float, within: float) -> SumsOfSquares:
    """As `resampling.at_sizes`, of which B is given here: two class means apart by the root of it stand for all."""
    members = strata.members.astype(int)
    sizes, left = np.repeat(full, members), np.repeat(fewer, members)
    means = np.zeros((len(sizes), 1))
    means[0] = np.sqrt(between / (sizes[0] * (1 - sizes[0] / sizes.sum())))
    return at_sizes(sizes, left, means, np.array([within]))


def _wishart(strata: Strata, stratum: int, channels: int, generator: np.random.Generator) -> Floats:
    """Σ Y Yᵀ over the contrasts of a stratum, (G, G) (Bartlett 1933)."""
    roots = np.sqrt(strata.dealt[stratum])
    groups, freedom = len(roots), int((strata.members[stratum] - 1) * channels)
    if not freedom:
        return np.zeros((groups, groups))
    first = strata.across[stratum] * roots + generator.normal(size=groups)
    factor = np.tril(generator.normal(size=(groups, groups)), -1)
    factor[np.diag_indices(groups)] = np.sqrt(generator.chisquare(freedom - 1 - np.arange(groups)))
    return np.asarray(factor @ factor.T + np.outer(first, first))


Draw = Callable[[np.random.Generator], tuple[list[BlockStatistics], int]]


def exact_draw(cell: Cell, means: Floats) -> tuple[Draw, float, float]:
    """How a run is drawn by `draw_sums`, the true ω² and the true between-class variance."""
    strata = make_strata(cell, means)

    def draw(generator: np.random.Generator) -> tuple[list[BlockStatistics], int]:
        sums = draw_sums(strata, generator)
        return [block_statistics(s) for s in sums], cell.channels

    return draw, cell.share, true_between(cell, means)


def true_between(cell: Cell, means: Floats) -> float:
    """Mean over channels of Σ_k n_k (μ_k − μ)² / ((K − 1)·n0)."""
    counts = cell.counts.astype(np.float64)
    size = counts.sum() - (counts**2).sum() / counts.sum()
    centred = means - counts @ means / counts.sum()
    return float((counts @ centred**2).mean() / size)


def image_draw(cell: Cell, generator: np.random.Generator) -> tuple[Draw, float, float]:
    """The same from single images, through the package's own way."""
    labels = np.repeat(np.arange(cell.classes), cell.counts)
    sample, share, between = gate_sampler(cell, labels, generator)

    def draw(generator: np.random.Generator) -> tuple[list[BlockStatistics], int]:
        gates = sample(generator)
        group = assign_groups(labels, seed=int(generator.integers(1 << 31)))
        found = resample_images(
            [(gates, labels, group)], n_classes=cell.classes, groups=int(group.max()) + 1,
            mean=gates.mean(axis=0), along_mean=False, saturation=False,
        )  # fmt: skip
        return [found.full, *found.without], 1

    return draw, share, between


Sampler = Callable[[np.random.Generator], NDArray[np.float64]]


def gate_sampler(cell: Cell, labels: NDArray[np.int64], generator: np.random.Generator) -> tuple[Sampler, float, float]:
    """A function that draws (N, C) gates, the true ω² and the true between-class variance."""
    shape = (len(labels), cell.channels)
    if cell.kind == "saturating":
        return _saturating(cell, labels, generator)
    if cell.kind == "rank-3":
        loadings = generator.normal(size=(3, cell.channels))
        loadings /= np.sqrt((loadings**2).sum(axis=0).mean())
        means = class_means(cell, generator, rank=3)
        return (
            lambda g: 0.5 + NOISE * (means[labels] + np.sqrt(0.5) * (g.normal(size=(shape[0], 3)) @ loadings + g.normal(size=shape))),
            cell.share,
            NOISE**2 * true_between(cell, means),
        )  # fmt: skip
    means = class_means(cell, generator)
    spread = np.ones(cell.classes)
    if cell.kind == "heteroscedastic":
        spread = generator.permutation(np.geomspace(0.5, 2, cell.classes))
        spread /= np.sqrt((cell.counts * spread**2).sum() / cell.counts.sum())
    return (
        lambda g: 0.5 + NOISE * (means[labels] + spread[labels, None] * g.normal(size=shape)),
        cell.share,
        NOISE**2 * true_between(cell, means),
    )


def _saturating(cell: Cell, labels: NDArray[np.int64], generator: np.random.Generator) -> tuple[Sampler, float, float]:
    """s = σ(3 + 2·(class + noise)): most gates above .9; truths by Gauss–Hermite quadrature."""
    means = class_means(cell, generator)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    values = _sigmoid(means[:, :, None] + nodes)
    first, second = values @ weights, values**2 @ weights
    shares = cell.counts / cell.counts.sum()
    within = (shares @ (second - first**2)).mean()
    between = (shares @ (first - shares @ first) ** 2).mean()

    def sample(g: np.random.Generator) -> Floats:
        return _sigmoid(means[labels] + g.normal(size=(len(labels), cell.channels)))

    return sample, float(between / (between + within)), true_between(cell, first)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-(3 + 2 * x))))


def run_intervals(cell: Cell, runs: int, seed: int) -> dict[str, Any]:
    """Bias, coverage, width of ω² and of the between-class SD."""
    setting = np.random.default_rng(seed)
    draw, share, between = (
        exact_draw(cell, class_means(cell, setting)) if cell.kind == "plain" else image_draw(cell, setting)
    )
    generator = np.random.default_rng([seed, 1])
    values, widths, covered, equivalence, sds = [], [], [], [], []
    for _ in range(runs):
        made, channels = draw(generator)
        estimate = Estimate(made[0].omega_squared, np.array([m.omega_squared for m in made[1:]]))
        interval, narrow = estimate.interval(), estimate.interval(0.9)
        variances = np.array([m.between_variance for m in made]) / channels
        sd = Estimate(float(variances[0]), variances[1:], "square root").interval()
        values.append(estimate.value)
        widths.append(interval.high - interval.low)
        covered.append(interval.low <= share <= interval.high)
        equivalence.append(narrow.low <= share <= narrow.high)
        sds.append(sd.low <= np.sqrt(between) <= sd.high)
    return {
        "truth": share,
        "bias": float(np.mean(values) - share),
        "sd": float(np.std(values, ddof=1)),
        "coverage_95": float(np.mean(covered)),
        "coverage_90": float(np.mean(equivalence)),
        "mean_width_95": float(np.mean(widths)),
        "between_sd_coverage_95": float(np.mean(sds)),
    }


def run_permutations(cell: Cell, runs: int, seed: int) -> dict[str, Any]:
    """Kolmogorov–Smirnov test that p-values under the null are uniform, each spread over its own step of 1/201."""
    labels = np.repeat(np.arange(cell.classes), cell.counts)
    generator = np.random.default_rng([seed, 2])
    found = np.empty(runs)
    for run in range(runs):
        gates = generator.normal(size=(len(labels), cell.channels))
        rows = draw_per_class(labels, seed=int(generator.integers(1 << 31)))
        found[run] = permute_labels(gates[rows], labels[rows], seed=int(generator.integers(1 << 31))).p
    test = stats.kstest(found - generator.uniform(size=runs) / (1 + PERMUTATIONS), "uniform")
    return {"ks_p": float(test.pvalue), "share_under_05": float((found <= 0.05).mean())}


def verdict(cell: Cell, row: dict[str, Any]) -> str:
    """Which of the declared bounds is missed; "ok" where none is."""
    if cell.permutations:  # .05 over the 12 cells
        return "ok" if row["ks_p"] >= 0.05 / 12 else "p-values are not uniform"
    missed = [] if abs(row["bias"]) <= 0.01 else ["bias above .01"]
    if row["coverage_95"] < 0.93:
        missed.append("coverage under 93 %")
    if cell.share >= 0.3 and cell.size == 50 and row["coverage_95"] > 0.98:
        missed.append("coverage above 98 %")
    return ", ".join(missed) or "ok"
