"""Class profiles of one block on a plane: the two directions along which they spread most."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg

from senet_viz.analysis.classes.profiles import ReadProfiles, read_class_profiles
from senet_viz.analysis.profiles import label_classes
from senet_viz.recording import Recording
from senet_viz.schema import Gate

Floats = NDArray[np.float64]
_DENSE = 400  # rows of a matrix whose eigenvectors are found at once


@dataclass(frozen=True, eq=False)
class ProfilePlane:
    """R classes on the first two principal axes of their profiles.

    Attributes:
        block: the gate.
        classes: class indices, (R,).
        labels: of them.
        images: n_k, (R,).
        positions: (R, 2): distances on the plane are RMS distances over channels, in units of s.
        shares: share of the spread of the class means along each axis, (2,); NaN where nothing spreads.
        noise: share of that whole spread that is expected from the noise in the class means; NaN where it is not known.
    """

    block: Gate
    classes: NDArray[np.int64]
    labels: tuple[str, ...]
    images: NDArray[np.int64]
    positions: Floats
    shares: Floats
    noise: float

    def table(self) -> pd.DataFrame:
        """A row per class."""
        first, second = (f"axis {i + 1} ({share:.0%}), in s" for i, share in enumerate(self.shares))
        return pd.DataFrame(
            {"class": self.labels, "images": self.images, first: self.positions[:, 0], second: self.positions[:, 1]}
        )


def place_classes(
    recording: Recording, block: Gate, *, read: ReadProfiles = read_class_profiles
) -> ProfilePlane | None:
    """Principal axes of the between-class covariance Σ_k n_k (p_k − p)(p_k − p)ᵀ, p = Σ n_k p_k / N (Hotelling 1933).

    The same covariance as in `profile_rank`. Of each axis the direction is free; it is chosen so that the channel that
    counts most in it grows. Noise in the means spreads them too, over all axes: its expected share of the spread is
    Σ_k (1 − n_k/N)·σ²_k / Σ_k n_k |p_k − p|².

    Returns:
        None for fewer than three classes, which lie on a line whatever their gates do.

    Raises:
        RecordingError: a file is missing or damaged.
    """
    profiles = read(recording, block)
    if len(profiles.classes) < 3:
        return None
    weights = profiles.images.astype(np.float64)
    centred = profiles.means - weights @ profiles.means / weights.sum()
    weighted = np.sqrt(weights)[:, None] * centred
    axes, values = _first_axes(weighted)
    total = float((weighted**2).sum())
    varies = total > 1e-24 * weighted.size
    expected = float(((1 - weights / weights.sum()) * weights * profiles.noise).sum()) * block.channels
    labels = label_classes(recording.classes)
    return ProfilePlane(
        block,
        profiles.classes,
        tuple(labels[k] for k in profiles.classes),
        profiles.images,
        centred @ axes / np.sqrt(block.channels),
        values / total if varies else np.full(2, np.nan),
        expected / total if varies else float("nan"),
    )


def _first_axes(weighted: Floats) -> tuple[Floats, Floats]:
    """Two unit directions, (C, 2), and the sums of squares along them, (2,); of one channel the second is 0."""
    rows, width = weighted.shape
    few = rows <= width
    square = weighted @ weighted.T if few else weighted.T @ weighted
    values, vectors = _largest(square)
    vectors = weighted.T @ vectors[:, ::-1] if few else vectors[:, ::-1]
    values, axes = np.maximum(0, values[::-1]), np.zeros((width, 2))
    for at in range(vectors.shape[1]):
        length = float(np.linalg.norm(vectors[:, at]))
        if values[at] > 1e-12 * max(values[0], 1e-300) and length > 0:
            leading = np.sign(vectors[np.abs(vectors[:, at]).argmax(), at])
            axes[:, at] = leading * vectors[:, at] / length
    return axes, np.pad(values, (0, 2 - len(values)))


def _largest(square: Floats) -> tuple[Floats, Floats]:
    """The two largest eigenvalues, ascending, and their vectors; of large matrices by Lanczos' method, to rounding.

    A thousand classes: a few hundredths of a second instead of half of one.
    """
    size = len(square)
    if size > _DENSE:
        from scipy.sparse.linalg import ArpackError, eigsh  # for large recordings alone

        start = np.random.default_rng(0).standard_normal(size)
        try:
            values, vectors = eigsh(square, k=2, which="LA", v0=start)
        except ArpackError:  # eigenvalues that lie too close to be told apart in so many steps
            pass
        else:
            order = np.argsort(values)
            return values[order], vectors[:, order]
    values, vectors = linalg.eigh(square, subset_by_index=[max(0, size - 2), size - 1])
    return values, vectors
