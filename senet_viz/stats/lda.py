"""Linear discriminant analysis with a shrunken pooled covariance, and balanced accuracy with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from senet_viz.errors import ArgumentError
from senet_viz.schema import Floats
from senet_viz.stats.estimates import wilson_interval


@dataclass(frozen=True, slots=True)
class DecodingAccuracy:
    """Balanced accuracy: the mean over classes of the share of a class's test images that were decoded right.

    Attributes:
        value: in [0, 1]; NaN where nothing could be decoded, as no channel varies.
        low, high: 95 % Wilson interval over test images (Wilson 1927), with K² / Σ 1/n_k as the number of images, which is
            their number where all classes have equally many. The classifier, that is the training images and channels,
            is taken as it is.
        chance: 1 / K.
    """

    value: float
    low: float
    high: float
    chance: float


def balanced_accuracy(truth: NDArray[np.integer], decoded: Sequence[NDArray[np.integer]]) -> DecodingAccuracy:
    """Judge decoded classes.

    Args:
        truth: classes of n test images, (n,), every one of 0 … K − 1.
        decoded: by one classifier or several on the same images, (n,) each. The mean of several is judged; they add no
            images.
    """
    counts = np.bincount(truth)
    right = np.mean([answers == truth for answers in decoded], axis=0)
    value = float((np.bincount(truth, weights=right) / counts).mean())
    found = wilson_interval(value, len(counts) ** 2 / float((1 / counts).sum()))
    return DecodingAccuracy(value, found.low, found.high, 1 / len(counts))


_LEAST_SHRINKAGE = 1e-6  # keeps the covariance invertible


@dataclass(frozen=True, eq=False)
class Discriminant:
    """A fitted classifier of K classes.

    Attributes:
        centre, scale: what every channel is brought to zero mean and unit SD by, (C,); the scale of a channel that is
            constant in training is infinite, so that it takes no part.
        weights: (C, K), of the scaled channels; bias: (K,).
        shrinkage: λ of the covariance, in [0, 1].
    """

    centre: Floats
    scale: Floats
    weights: Floats
    bias: Floats
    shrinkage: float

    @property
    def informative(self) -> int:
        """Channels that vary in training."""
        return int(np.isfinite(self.scale).sum())

    def predict(self, values: NDArray[np.floating]) -> NDArray[np.int64]:
        """Class of each row of (n, C), from 0 to K − 1."""
        scaled = (values.astype(np.float64) - self.centre) / self.scale
        return np.asarray(np.argmax(scaled @ self.weights + self.bias, axis=1), dtype=np.int64)


def fit_discriminant(values: NDArray[np.floating], labels: NDArray[np.integer]) -> Discriminant:
    """Fit a linear discriminant with equal priors (Fisher 1936) and a shrunken covariance (Ledoit and Wolf 2004).

    Channels are brought to unit SD, which makes the result indifferent to each channel's scale. The covariance within
    classes is pooled over them before it is shrunken: (1 − λ)·S + λ·(tr S / C)·I, S = Σ (x − mean_y)(x − mean_y)ᵀ / n.
    (Shrinking each class's own covariance before averaging, as scikit-learn's `shrinkage="auto"` does, estimates K
    values of λ from n / K images each and shrinks the average nearly to a multiple of the identity.) With λ given, the
    classifier is scikit-learn's on the scaled channels.

    Args:
        values: (n, C).
        labels: (n,), every one of 0 … K − 1.

    Raises:
        ArgumentError: a class without an image, or no more images than classes.
    """
    counts = np.bincount(labels)
    if len(counts) < 2 or counts.min() < 1 or len(labels) <= len(counts):
        raise ArgumentError("A discriminant needs at least two classes, an image of each and more images than classes.")
    scaled, centre, scale = _scale(values[np.argsort(labels, kind="stable")])
    means = _remove_class_means(scaled, counts)
    covariance = scaled.T @ scaled / len(scaled)
    informative = int(np.isfinite(scale).sum())
    shrinkage = ledoit_wolf(scaled, covariance, channels=informative)
    level = float(np.trace(covariance)) / max(1, informative)
    covariance *= 1 - shrinkage
    covariance.flat[:: len(covariance) + 1] += (shrinkage * level) or 1.0  # of no spread within classes: any will do
    weights = cho_solve(cho_factor(covariance, overwrite_a=True), means.T)
    return Discriminant(centre, scale, weights, -0.5 * (means.T * weights).sum(axis=0), shrinkage)


def _scale(values: NDArray[np.floating]) -> tuple[Floats, Floats, Floats]:
    """Scaled values, a copy, with the means and SDs that they were scaled by."""
    scaled = values.astype(np.float64)
    first = scaled[0].copy()
    scaled -= first  # so that a constant channel is 0 exactly
    centre = scaled.mean(axis=0)
    scaled -= centre
    sd = np.sqrt(np.einsum("ij,ij->j", scaled, scaled) / len(scaled))
    scale = np.where(sd > 0, sd, np.inf)
    scaled /= scale
    return scaled, first + centre, scale


def _remove_class_means(values: Floats, counts: NDArray[np.integer]) -> Floats:
    """Class means, (K, C), taken from the values (sorted by class) in place: these may be a block of 300 MB."""
    ends = np.cumsum(counts)
    means = np.empty((len(counts), values.shape[1]))
    for k, (start, stop) in enumerate(zip(ends - counts, ends)):
        means[k] = values[start:stop].mean(axis=0)
        values[start:stop] -= means[k]
    return means


def ledoit_wolf(centred: Floats, covariance: Floats, *, channels: int | None = None) -> float:
    """The shrinkage λ that makes the expected squared error of the covariance least (Ledoit and Wolf 2004).

    With the n rows x of mean 0, S = Σ xxᵀ / n and m = tr S / C:
    λ = min(1, (Σ ‖x‖⁴ / n − ‖S‖²) / n / ‖S − m·I‖²). At least 1e-6. scikit-learn's `ledoit_wolf_shrinkage` gives the same
    without S, from two further products as large as S's own, which takes a wide block six times as long as S itself.

    Args:
        centred: rows x, (n, C).
        covariance: S, (C, C).
        channels: C without the channels that are 0 throughout; all by default.
    """
    channels = len(covariance) if channels is None else max(1, channels)
    size = float(np.vdot(covariance, covariance))
    apart = size - float(np.trace(covariance)) ** 2 / channels
    lengths = np.einsum("ij,ij->i", centred, centred)
    noise = (float((lengths**2).mean()) - size) / len(centred)
    return min(1.0, max(_LEAST_SHRINKAGE, noise / apart)) if apart > 0 else 1.0
