"""Class profiles of one block with the noise in them, and distances between them without it, with intervals."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from senet_viz.recording.layout import Quantity
from senet_viz.recording.reader import Recording
from senet_viz.schema import Floats, Gate
from senet_viz.stats.estimates import LEVEL
from senet_viz.stats.permutation import draw_per_class


@dataclass(frozen=True, eq=False)
class ClassProfiles:
    """The R classes that have an image, in one block of C channels.

    Attributes:
        block: the gate.
        classes: class indices, ascending, (R,).
        images: n_k of each, (R,).
        means: class profiles p_k, (R, C), in units of s (or z).
        noise: mean over channels of σ²_k/n_k, (R,): the squared RMS distance of a class's mean from the mean that endless
            images of the class would have. σ²_k is the class's own variance, and the variance within classes pooled over
            all of them where the class has one image or its own is not known; NaN where no class has two images.
        within: mean over channels of the pooled variance within classes (MSW); NaN likewise.
        mean, sd: over all images, labelled or not, (C,): mean and sample standard deviation, NaN where one image was
            recorded.
    """

    block: Gate
    classes: NDArray[np.int64]
    images: NDArray[np.int64]
    means: Floats
    noise: Floats
    within: float
    mean: Floats
    sd: Floats

    def pick(self, rows: NDArray[np.int64]) -> "ClassProfiles":
        """Some of the classes, by their rows."""
        picked = {name: getattr(self, name)[rows] for name in ("classes", "images", "means", "noise")}
        return replace(self, **picked)


ReadProfiles = Callable[[Recording, Gate], ClassProfiles]


def read_class_profiles(recording: Recording, block: Gate, quantity: Quantity = "gate") -> ClassProfiles:
    """Reads one block's class means and the noise in them; images without a label take part in `mean` and `sd` only.

    Raises:
        RecordingError: a file is missing or damaged, or the block has no z.
    """
    moments = recording.moments(block.name, quantity, ranges=False)
    seen = np.flatnonzero(moments.count > 0)
    images = moments.count[seen]
    free = images.sum() - len(images)
    within = float((moments.ssw / free).mean()) if free > 0 else float("nan")
    own = np.full(len(seen), within)
    if moments.m2 is not None:
        np.divide(moments.m2.mean(axis=1)[seen], images - 1.0, out=own, where=images > 1)
    overall = moments.overall()
    return ClassProfiles(
        block, seen, images, moments.mean[seen], own / images, within, overall.mean[0], overall.std()[0]
    )


def squared_distances(profiles: ClassProfiles) -> Floats:
    """Squared RMS distances of all pairs of classes without the noise in their means, (R, R), never clipped.

    d²_kl = mean over channels of (p_k − p_l)² − noise_k − noise_l: its mean over repetitions is the squared distance of
    the true profiles, as with the variance component of a one-way layout (Searle, Casella and McCulloch 1992). Below 0
    where two means lie nearer than their noise alone would put them on average. 0 on the diagonal.
    """
    centred = profiles.means - profiles.means.mean(axis=0)
    products = centred @ centred.T / max(1, centred.shape[1])
    own = np.diag(products)
    squared = own[:, None] + own - 2 * products - profiles.noise[:, None] - profiles.noise
    np.fill_diagonal(squared, 0)
    return np.asarray(squared)


def squares_from_others(profiles: ClassProfiles) -> tuple[Floats, Floats]:
    """Squared RMS distance of each class from the mean of the other classes without noise, and that noise, (R,) each.

    With o_k = Σ_{l≠k} p_l/(R − 1), every other class counting alike: d²_k = mean over channels of (p_k − o_k)² − e_k,
    e_k = noise_k + Σ_{l≠k} noise_l/(R − 1)²; see `squared_distances`. NaN for fewer than two classes.
    """
    others = len(profiles.classes) - 1
    if others < 1:
        nothing = np.full(len(profiles.classes), np.nan)
        return nothing, nothing
    centred = profiles.means - profiles.means.mean(axis=0)  # p_k − o_k = R/(R − 1)·(p_k − mean of all)
    noise = profiles.noise + (profiles.noise.sum() - profiles.noise) / others**2
    distance = ((others + 1) / others) ** 2 * (centred**2).mean(axis=1)
    return distance - noise, noise


def signed_root(squared: Floats) -> Floats:
    """√x, and −√|x| below 0: noise that happens to be less than expected is told and not cut off."""
    return np.asarray(np.sign(squared) * np.sqrt(np.abs(squared)))


MOST_IMAGES = 2_000
FEWEST_FREE = 20  # degrees of freedom of the pooled covariance
_BORROWED = 4  # degrees of freedom that a class's own variance borrows from the pooled one


@dataclass(frozen=True, eq=False)
class WithinCovariance:
    """The covariance Σ of gates within classes, pooled, without ever forming it.

    Attributes:
        residuals: kept gates less the mean of their class's kept gates, (n, C).
        free: ν = n − classes, its degrees of freedom.
        squares: tr(Σ²), unbiased for normal gates (Bai and Saranadasa 1996).
    """

    residuals: Floats
    free: int
    squares: float

    def along(self, directions: Floats) -> Floats:
        """δᵀΣδ of each direction, (R, C) → (R,)."""
        return np.asarray(((directions @ self.residuals.T) ** 2).sum(axis=1) / self.free)


def pool_covariance(gates: NDArray[np.floating], labels: NDArray[np.integer]) -> WithinCovariance | None:
    """From kept gates, at most so many images a class that 2,000 are read; None where too few classes keep two images.

    Args:
        gates: (N, C) kept ones.
        labels: (N,), −1 for none.
    """
    some = max(1, len(np.unique(labels[labels >= 0])))
    rows = draw_per_class(labels, per_class=max(2, MOST_IMAGES // some))
    known, classes, counts = np.unique(labels[rows], return_inverse=True, return_counts=True)
    free = len(rows) - len(known)
    if free < FEWEST_FREE:
        return None
    values = gates[rows].astype(np.float64)
    sums = np.zeros((len(known), values.shape[1]))
    np.add.at(sums, classes, values)
    residuals = values - (sums / counts[:, None])[classes]
    small = residuals @ residuals.T if len(rows) <= values.shape[1] else residuals.T @ residuals
    trace = float(np.trace(small)) / free
    plain = float((small**2).sum()) / free**2
    squares = (plain - trace**2 / free) * free**2 / ((free - 1) * (free + 2))
    return WithinCovariance(residuals, free, max(squares, 0.0))


class MeanNoise(NamedTuple):
    """The noise in the distances of R classes from the others, in units of the pooled within-class covariance Σ.

    Attributes:
        size: a, (R,): the difference of means has the covariance aΣ.
        doubt: b, (R,): the noise that is subtracted from the square is itself estimated, with the variance 2b·tr(Σ²)/C².
    """

    size: Floats
    doubt: Floats


def noise_of_means(profiles: ClassProfiles) -> MeanNoise:
    """a and b of `squares_from_others`, from the classes' own variances σ²_k.

    With a_k = σ²_k/(n_k·MSW), b_k = a_k²/(n_k − 1) (or N − K for one image, whose noise is the pooled one) and R classes:
    a = a_k + Σ_{l≠k} a_l/(R − 1)², b = b_k + Σ_{l≠k} b_l/(R − 1)⁴. The variance of few images may be small by chance just
    where the distance is large by chance, which would leave too narrow intervals: here σ²_k is not taken to be smaller
    than its mean with MSW, weighted n_k − 1 to 4. NaN where gates do not vary within classes.
    """
    images, within = profiles.images.astype(np.float64), profiles.within
    free, own = images - 1, profiles.noise * images
    steady = np.maximum(own, (free * own + _BORROWED * within) / (free + _BORROWED))
    size = steady / (images * within) if within > 0 else np.full(len(images), np.nan)
    doubt = size**2 / np.where(free > 0, free, max(1.0, free.sum()))
    others = len(images) - 1
    return MeanNoise(size + (size.sum() - size) / others**2, doubt + (doubt.sum() - doubt) / others**4)


def distance_intervals(
    squared: Floats, differences: Floats, noise: MeanNoise, covariance: WithinCovariance, level: float = LEVEL
) -> tuple[Floats, Floats]:
    """Limits of squared distances (`squares_from_others`), on their own scale, never clipped.

    The noise of a difference δ of means has the covariance aΣ, so that d², the squared RMS distance without noise, has the
    variance V(D) = 4a·q·D/C + 2(a² + b)·tr(Σ²)/C² at a true squared distance D, q = δᵀΣδ/|δ|². Limits are the D that lie
    z·√V(D) from d², V at its own D as in Wilson's interval (1927): with the variance at d² itself they would be too narrow
    where the distance is about as large as the noise. q is taken along the observed difference; Σ is taken to be alike in
    all classes up to its size. They are over images, for these classes.

    Args:
        squared: d², (R,).
        differences: of the means, (R, C).
        noise: in them.
        covariance: pooled.
        level: of the interval.
    """
    channels = differences.shape[-1]
    z = float(special.ndtri((1 + level) / 2))
    length = (differences**2).sum(axis=-1)
    along = np.divide(covariance.along(differences), length, out=np.zeros_like(length), where=length > 0)
    growth = 4 * noise.size * along / channels
    still = 2 * (noise.size**2 + noise.doubt) * covariance.squares / channels**2
    edge = z * np.sqrt(still)  # half the width where D is 0; V does not shrink below it
    middle = squared + z**2 * growth / 2
    reach = z * np.sqrt(np.maximum(0, growth * squared + z**2 * growth**2 / 4 + still))
    low = np.where(squared > edge, middle - reach, squared - edge)
    high = np.where(squared > -edge, middle + reach, squared + edge)
    return low, high
