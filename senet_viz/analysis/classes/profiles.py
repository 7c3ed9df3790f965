"""Class profiles of one block with the noise in them, and distances between them without it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording import Recording
from senet_viz.recording.layout import Quantity
from senet_viz.recording.moments import Moments
from senet_viz.schema import Gate

Floats = NDArray[np.float64]


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
    """

    block: Gate
    classes: NDArray[np.int64]
    images: NDArray[np.int64]
    means: Floats
    noise: Floats
    within: float

    def pick(self, rows: NDArray[np.int64]) -> "ClassProfiles":
        """Some of the classes, by their rows."""
        return ClassProfiles(
            self.block, self.classes[rows], self.images[rows], self.means[rows], self.noise[rows], self.within
        )


ReadProfiles = Callable[[Recording, Gate], ClassProfiles]


def read_class_profiles(recording: Recording, block: Gate, quantity: Quantity = "gate") -> ClassProfiles:
    """Reads one block's class means and the noise in them; images without a label take no part.

    Raises:
        RecordingError: a file is missing or damaged, or the block has no z.
    """
    moments = recording.moments(block.name, quantity, ranges=False)
    seen = np.flatnonzero(moments.count > 0)
    images = moments.count[seen]
    free = images.sum() - len(images)
    within = float((moments.ssw / free).mean()) if free > 0 else float("nan")
    return ClassProfiles(block, seen, images, moments.mean[seen], _own_variance(moments, seen, within) / images, within)


def _own_variance(moments: Moments, seen: NDArray[np.int64], within: float) -> Floats:
    if moments.m2 is None:
        return np.full(len(seen), within)
    free = (moments.count[seen] - 1).astype(np.float64)
    own = np.divide(moments.m2.mean(axis=1)[seen], free, out=np.full(len(seen), within), where=free > 0)
    return np.asarray(own)


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
