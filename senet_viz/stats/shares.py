"""How much of a gate's variance is class, relative and absolute: from sums of squares to the numbers of a block and their direction."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from senet_viz.recording.moments import Moments
from senet_viz.schema import Floats
from senet_viz.stats.estimates import Scale, square_root

_ROUNDING = 1e-12  # relative; a single gate that differs in the last place of float32 leaves 6e-8/√N


@dataclass(frozen=True, eq=False)
class SumsOfSquares:
    """What the variance of C channels splits into, labelled images only.

    Attributes:
        sizes: images of every class that has one, n_k, (K,).
        centre: mean over the labelled images, (C,).
        between: SSB = Σ_k n_k (mean_k − centre)², (C,).
        within: SSW = Σ_k m2_k, (C,).
    """

    sizes: Floats
    centre: Floats
    between: Floats
    within: Floats

    @property
    def images(self) -> float:
        """N = Σ n_k."""
        return float(self.sizes.sum())

    @property
    def classes(self) -> int:
        """K, the classes that have an image."""
        return len(self.sizes)

    @property
    def total(self) -> Floats:
        """SST = SSB + SSW, (C,)."""
        return self.between + self.within

    @property
    def mean_between(self) -> Floats:
        """MSB = SSB / (K − 1), (C,); NaN for fewer than two classes."""
        return self.between / (self.classes - 1 if self.classes > 1 else np.nan)

    @property
    def mean_within(self) -> Floats:
        """MSW = SSW / (N − K), (C,); NaN where no class has two images."""
        free = self.images - self.classes
        return self.within / (free if free > 0 else np.nan)

    @property
    def size(self) -> float:
        """n0 = (N − Σ n_k² / N) / (K − 1), the images per class where all have equally many; NaN for K < 2."""
        if self.classes < 2:
            return float("nan")
        return float((self.images - (self.sizes**2).sum() / self.images) / (self.classes - 1))

    @property
    def excess(self) -> Floats:
        """SSB − (K − 1)·MSW, (C,): the numerator of ω², of mean 0 where classes do not matter; never clipped."""
        return (self.classes - 1) * (self.mean_between - self.mean_within)

    @property
    def variance_between(self) -> Floats:
        """(MSB − MSW) / n0, (C,): the variance of the class means without the noise in them; never clipped."""
        return (self.mean_between - self.mean_within) / self.size

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Channels that have no variance beyond float64's rounding, (C,)."""
        return np.asarray(self.total <= self.images * (_ROUNDING * self.centre) ** 2)


def sums_of_squares(moments: Moments) -> SumsOfSquares:
    """Split the variance of every channel into between and within classes (Fisher 1925).

    Works for slim recordings too, whose z and controls keep only SSW.
    """
    seen = moments.count > 0
    return split_variance(moments.count[seen], moments.mean[seen], moments.ssw)


def split_variance(sizes: NDArray[np.integer] | Floats, means: Floats, within: Floats) -> SumsOfSquares:
    """The same from its parts.

    Args:
        sizes: (K,), each at least 1.
        means: class means, (K, C).
        within: SSW, (C,).
    """
    weights = np.asarray(sizes, dtype=np.float64)
    if not len(weights):
        width = means.shape[1]
        return SumsOfSquares(weights, np.full(width, np.nan), np.zeros(width), within)
    first = means[0]  # shifted, so that equal means have a centre equal to them
    centre = first + weights @ (means - first) / weights.sum()
    between = weights @ (means - centre) ** 2
    return SumsOfSquares(weights, centre, np.asarray(between), within)


def class_shares(moments: Moments) -> Floats:
    """Between-class share of variance (ω²) of every channel, labelled images only; see `omega_squared`."""
    return omega_squared(sums_of_squares(moments))


def omega_squared(sums: SumsOfSquares) -> Floats:
    """ω² = (SSB − (K − 1)·MSW) / (SST + MSW) (Hays 1963).

    It aims at σ²_between / (σ²_between + σ²_within) of these K classes, σ²_between = Σ_k n_k (μ_k − μ)² / N, and may be
    negative where there is no class effect: it is never clipped.

    Returns:
        (C,), NaN where it is not defined: fewer than two classes, one image a class, or a constant channel.
    """
    return _ratio(sums.excess, sums.total + sums.mean_within, sums)


def epsilon_squared(sums: SumsOfSquares) -> Floats:
    """ε² = (SSB − (K − 1)·MSW) / SST (Kelley 1935), (C,); NaN as for ω²."""
    return _ratio(sums.excess, sums.total, sums)


def eta_squared(sums: SumsOfSquares) -> Floats:
    """η² = SSB / SST, (C,): not corrected, of mean (K − 1)/(N − 1) where classes do not matter.

    NaN for fewer than two classes or a constant channel; 1 where every class has one image.
    """
    return _ratio(sums.between if sums.classes > 1 else np.full_like(sums.between, np.nan), sums.total, sums)


def intraclass_correlation(sums: SumsOfSquares) -> Floats:
    """ICC(1) = (MSB − MSW) / (MSB + (n0 − 1)·MSW) (Shrout and Fleiss 1979), (C,); NaN as for ω².

    It aims at a population of classes of which these K are a sample (variance with the divisor K − 1), so that it is
    larger than ω² for few classes: .36 against .30 at K = 4.
    """
    between, within = sums.mean_between, sums.mean_within
    return _ratio(between - within, between + (sums.size - 1) * within, sums)


def between_sds(sums: SumsOfSquares) -> Floats:
    """√max(0, (MSB − MSW) / n0), (C,), in units of s: the absolute partner of the shares.

    NaN for fewer than two classes or one image a class; 0 for a constant channel.
    """
    return np.sqrt(np.maximum(0, sums.variance_between))


def within_sds(sums: SumsOfSquares) -> Floats:
    """√MSW, (C,), in units of s: how much gates vary among images of one class; NaN where no class has two images."""
    return np.sqrt(sums.mean_within)


def f_test(sums: SumsOfSquares) -> tuple[Floats, Floats, Floats]:
    """F = MSB / MSW of every channel against equal class means.

    The p-value supposes normal gates of equal variance; the q-value (Benjamini and Hochberg 1995) is the smallest false
    discovery rate at which the channel is called class-dependent among these C.

    Returns:
        F, p and q, each (C,); NaN as for ω². Without any variance within classes F is infinite and p is 0.
    """
    statistic = _ratio(sums.mean_between, sums.mean_within, sums)
    p = np.asarray(special.fdtrc(sums.classes - 1, sums.images - sums.classes, statistic))
    q = np.full_like(p, np.nan)
    defined = ~np.isnan(p)
    q[defined] = _false_discovery_rates(p[defined])
    return statistic, p, q


def _false_discovery_rates(p: Floats) -> Floats:
    """Smallest false discovery rate at which each of m p-values is called (Benjamini and Hochberg 1995), (m,).

    What `scipy.stats.false_discovery_control` gives, whose import is half a second that no page's start should pay.
    """
    order = np.argsort(p)
    rates = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(1, np.minimum.accumulate(rates[::-1])[::-1])
    return q


def _ratio(above: Floats, below: Floats, sums: SumsOfSquares) -> Floats:
    """NaN for constant channels."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(sums.constant, np.nan, above / below))


NAN = float("nan")
CurveName = Literal["omega_squared", "between_sd", "within_sd", "near_one", "direction_share", "residual_sd"]
SeriesName = Literal[
    "omega_squared", "between_variance", "within_variance", "near_one", "direction_share", "residual_variance"
]


@dataclass(frozen=True)
class Statistic:
    """One of the six numbers that every block is described by; what lists, names or draws them reads it here.

    Attributes:
        name: as curves, tables and a stored assessment have it; SDs are in units of s.
        series: the field of `BlockStatistics` that it is made from: of an SD its variance, whose error is nearly normal.
        words: in a sentence.
        title: over a figure or a column.
        along_mean: whether it is about the mean profile's direction, for which single images are read.
    """

    name: CurveName
    series: SeriesName
    words: str
    title: str
    along_mean: bool = False

    @property
    def scale(self) -> Scale:
        """How the number is made from its series."""
        return "identity" if self.name == self.series else "square root"


STATISTICS: tuple[Statistic, ...] = (
    Statistic("omega_squared", "omega_squared", "the between-class share of variance", "class share ω²"),
    Statistic("between_sd", "between_variance", "the between-class SD", "between-class SD, in s"),
    Statistic("within_sd", "within_variance", "the within-class SD", "within-class SD, in s"),
    Statistic("near_one", "near_one", "the share of gates above .9", "share of s > .9"),
    Statistic("direction_share", "direction_share", "the share along the mean profile", "share along the mean", True),
    Statistic("residual_sd", "residual_variance", "the residual SD", "residual SD, in s", True),
)


@dataclass(frozen=True)
class BlockStatistics:
    """Class dependence of C channels of one block: what the six `STATISTICS` are made from.

    Variances are kept unclipped, since only they have the right mean; SDs are made from them at the very end.

    Attributes:
        omega_squared: variance-weighted ω², Σ_c (SSB − (K − 1)·MSW) / Σ_c (SST + MSW): the class share of the block's
            whole variance, led by the channels that vary most.
        between_variance: mean over all channels of (MSB − MSW) / n0, in units of s² (of z: of z²).
        within_variance: mean over all channels of MSW, likewise.
        near_one: share of gates above .9; NaN where they were not counted, as of z.
        direction_share: share of the between-class variance (noise corrected) that lies along the mean profile; NaN
            where no single images were read or the between-class variance is not positive.
        residual_variance: between-class variance across it, mean over channels, in units of s².
    """

    omega_squared: float = NAN
    between_variance: float = NAN
    within_variance: float = NAN
    near_one: float = NAN
    direction_share: float = NAN
    residual_variance: float = NAN

    @property
    def between_sd(self) -> float:
        """√max(0, between variance): root mean square over channels, in units of s."""
        return square_root(self.between_variance)

    @property
    def within_sd(self) -> float:
        """√(within variance): root mean square over channels, in units of s."""
        return square_root(self.within_variance)


def block_statistics(sums: SumsOfSquares) -> BlockStatistics:
    """Pool channels; NaN for fewer than two classes or one image a class."""
    below = (sums.total + sums.mean_within).sum()
    return BlockStatistics(
        omega_squared=float(sums.excess.sum() / below) if mean_share(sums)[1] else NAN,
        between_variance=float(sums.variance_between.mean()),
        within_variance=float(sums.mean_within.mean()),
    )


def mean_share(sums: SumsOfSquares) -> tuple[float, int]:
    """Mean of ω² over the channels where it is defined, every channel counting alike, and how many these are."""
    shares = omega_squared(sums)
    defined = ~np.isnan(shares)
    return float(shares[defined].mean()) if defined.any() else NAN, int(defined.sum())


RANDOM_DIRECTIONS = 100
_ROWS = 4096


@dataclass(frozen=True)
class MeanDirection:
    """If every class had a·(mean profile m) as its profile, with its own a, classes would differ along m only.

    Deviations p_k − m of the class profiles are what is split (p_k itself points along m nearly everywhere, since
    gates are positive); m is not centred over channels, because a·m is a multiple of m itself.

    Attributes:
        share: noise-corrected between-class variance along m / that of all channels; NaN where the latter is not
            positive.
        residual_variance: the rest, as a mean over channels, in units of s²; never clipped.
    """

    share: float
    residual_variance: float


def mean_direction(channels: SumsOfSquares, along: SumsOfSquares) -> MeanDirection:
    """From the sums of squares of all channels and of the images' projections on a direction.

    Noise in the class means has the variance uᵀΣu / n along u, with Σ the covariance within classes. Moments hold only
    the diagonal of Σ, so that projections of single images are needed; a one-way layout of them corrects exactly.

    Args:
        channels: C channels.
        along: one channel, the projections (s − m)·u on the unit vector u = m / |m|.
    """
    width = len(channels.between)
    whole = float(channels.variance_between.sum())
    part = float(along.variance_between[0])
    share = part / whole if whole > 0 else float("nan")
    return MeanDirection(share, (whole - part) / width)


def split_between(moments: Moments, values: NDArray[np.floating], labels: NDArray[np.integer]) -> MeanDirection:
    """Split one block's between-class variance along its mean profile, without intervals.

    Args:
        moments: of the same images.
        values: of single images, (N, C).
        labels: (N,); −1 is left out.
    """
    mean = moments.overall().mean[0]
    direction = unit_directions(mean, random=0)
    starts = range(0, len(values), _ROWS)
    projected = [(values[start : start + _ROWS] - mean) @ direction for start in starts]
    labelled = labels >= 0
    along = np.concatenate([np.zeros((0, 1)), *projected])[labelled, 0]
    _, classes, sizes = np.unique(labels[labelled], return_inverse=True, return_counts=True)
    means = np.bincount(classes, weights=along) / sizes
    within = float(((along - means[classes]) ** 2).sum())
    sums = split_variance(sizes, means[:, None], np.array([within]))
    return mean_direction(sums_of_squares(moments), sums)


def random_shares(channels: SumsOfSquares, along: SumsOfSquares) -> Floats:
    """The same share for other directions: the null. Its mean over all directions is 1/C.

    Args:
        channels: C channels.
        along: projections on R unit vectors, one a channel.

    Returns:
        (R,), NaN where the between-class variance is not positive.
    """
    whole = float(channels.variance_between.sum())
    return along.variance_between / (whole if whole > 0 else np.nan)


def unit_directions(mean: Floats, *, random: int = RANDOM_DIRECTIONS, seed: int = 0) -> Floats:
    """The mean profile's direction, then random ones, uniform on the sphere; as columns, (C, 1 + random).

    A mean profile of zeros gives a first column of zeros.
    """
    drawn = np.random.default_rng(seed).normal(size=(len(mean), random))
    both = np.concatenate([mean[:, None], drawn], axis=1)
    lengths = np.linalg.norm(both, axis=0)
    return np.asarray(both / np.where(lengths > 0, lengths, 1))
