"""A few classes against each other along the depth, the classes nearest to one, and the map of all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg

from senet_viz.analysis.classes.profiles import (
    ClassProfiles,
    ReadProfiles,
    read_class_profiles,
    signed_root,
    squared_distances,
)
from senet_viz.errors import ArgumentError
from senet_viz.recording.reader import Recording
from senet_viz.schema import Floats, Gate, check_class, label_blocks, label_classes
from senet_viz.text import count_decimals, number_text

MOST_COMPARED = 8
NEAREST = 5


@dataclass(frozen=True, eq=False)
class ClassComparison:
    """m classes in B blocks, in order of depth.

    Attributes:
        gates: the blocks.
        classes: class indices in the order in which they were asked for, (m,).
        labels: of them.
        images: n_k, (m,).
        squared: squared RMS distance of each pair less the noise, (B, m, m) (`squared_distances`).
        noise: what was subtracted, (B, m, m): the squared distance that two means of one class would have by chance.
    """

    gates: tuple[Gate, ...]
    classes: tuple[int, ...]
    labels: tuple[str, ...]
    images: NDArray[np.int64]
    squared: Floats
    noise: Floats

    @property
    def distance(self) -> Floats:
        """(B, m, m) in units of s, signed."""
        return signed_root(self.squared)

    @property
    def chance(self) -> Floats:
        """RMS distance by chance, (B, m, m), in units of s; 0 on the diagonal."""
        return np.sqrt(self.noise)

    def table(self, block: int | None = None) -> pd.DataFrame:
        """A row per pair and block; of one block by its position, of all where None."""
        size = len(self.classes)
        pairs = [(i, j) for i in range(size) for j in range(i + 1, size)]
        distance, chance = self.distance, self.chance
        rows = [
            (self.labels[i], int(self.images[i]), self.labels[j], int(self.images[j]), name,
             distance[at, i, j], chance[at, i, j])
            for i, j in pairs
            for at, name in enumerate(label_blocks(self.gates))
            if block in (None, at)
        ]  # fmt: skip
        names = ["class", "images", "other class", "other images", "block", "distance, in s", "by chance, in s"]
        return pd.DataFrame(rows, columns=names)


def compare_classes(
    recording: Recording, classes: Sequence[int], *, read: ReadProfiles = read_class_profiles
) -> ClassComparison:
    """Pairwise distances of at most eight classes in every block; classes without an image are left out.

    Args:
        recording: full or slim.
        classes: their indices.
        read: gives a block's class profiles, where they are kept.

    Raises:
        ArgumentError: more than eight, or an index that is no class.
        RecordingError: a file is missing or damaged.
    """
    if len(classes) > MOST_COMPARED:
        raise ArgumentError(f"{len(classes)} classes were chosen: at most {MOST_COMPARED} can be compared.")
    for index in classes:
        check_class(recording.classes, index)
    seen = np.flatnonzero(recording.class_counts > 0)
    rows = np.array([np.flatnonzero(seen == k)[0] for k in classes if k in seen], np.int64)
    some = [read(recording, gate).pick(rows) for gate in recording.blocks]
    labels = label_classes(recording.classes)
    return ClassComparison(
        recording.blocks,
        tuple(int(k) for k in some[0].classes),
        tuple(labels[k] for k in some[0].classes),
        some[0].images,
        np.stack([squared_distances(profiles) for profiles in some]),
        np.stack([_pair_noise(profiles) for profiles in some]),
    )


def _pair_noise(profiles: ClassProfiles) -> Floats:
    noise = profiles.noise[:, None] + profiles.noise
    np.fill_diagonal(noise, 0)
    return np.asarray(noise)


@dataclass(frozen=True, eq=False)
class NearestClasses:
    """The classes nearest to one, in every block.

    Attributes:
        gates: the B blocks.
        label: of the class.
        images: of the class.
        compared: other classes, R − 1.
        nearest: class indices, the nearest first, (B, m).
        labels: of them, (B, m).
        distance: RMS distance less the noise, (B, m), in units of s, signed.
    """

    gates: tuple[Gate, ...]
    label: str
    images: int
    compared: int
    nearest: NDArray[np.int64]
    labels: tuple[tuple[str, ...], ...]
    distance: Floats

    def table(self) -> pd.DataFrame:
        """A row per block and place."""
        blocks, places = self.nearest.shape
        return pd.DataFrame(
            {
                "block": np.repeat(label_blocks(self.gates), places),
                "place": np.tile(np.arange(1, places + 1), blocks),
                "nearest class": [name for row in self.labels for name in row],
                "distance, in s": self.distance.ravel(),
            }
        )

    def rows(self) -> pd.DataFrame:
        """A row per block, a column per place: the class and its distance."""
        cells = [
            [
                f"{name} ({number_text(distance, f'z.{count_decimals(distances)}f')})"
                for name, distance in zip(names, distances)
            ]
            for names, distances in zip(self.labels, self.distance)
        ]
        columns = [f"{place}. nearest" for place in range(1, self.nearest.shape[1] + 1)]
        table = pd.DataFrame(cells, columns=columns)
        table.insert(0, "block", list(label_blocks(self.gates)))
        return table


def find_nearest(
    recording: Recording, index: int, *, most: int = NEAREST, read: ReadProfiles = read_class_profiles
) -> NearestClasses | None:
    """The classes whose profiles are nearest to that of one; None where it has no image or there is no other class.

    Noise is subtracted before they are ordered: else classes of few images would always be far.

    Args:
        recording: full or slim.
        index: of the class.
        most: how many are named.
        read: gives a block's class profiles, where they are kept.

    Raises:
        ArgumentError: no such class.
        RecordingError: a file is missing or damaged.
    """
    check_class(recording.classes, index)
    nearest, distances, images = [], [], 0
    for gate in recording.blocks:
        profiles = read(recording, gate)
        own = np.flatnonzero(profiles.classes == index)
        if not len(own) or len(profiles.classes) < 2 or np.isnan(profiles.within):
            return None
        images = int(profiles.images[own[0]])
        squared = _squares_to(profiles, int(own[0]))
        order = np.argsort(squared, kind="stable")[:most]
        order = order[: len(squared) - 1]  # the class itself is last
        nearest.append(profiles.classes[order])
        distances.append(signed_root(squared[order]))
    labels = label_classes(recording.classes)
    found = np.stack(nearest)
    names = tuple(tuple(labels[k] for k in row) for row in found)
    compared = int((recording.class_counts > 0).sum()) - 1
    return NearestClasses(recording.blocks, labels[index], images, compared, found, names, np.stack(distances))


def _squares_to(profiles: ClassProfiles, row: int) -> Floats:
    """Squared distances of one class to all, itself at infinity."""
    plain = ((profiles.means - profiles.means[row]) ** 2).mean(axis=1)
    squared = plain - profiles.noise - profiles.noise[row]
    squared[row] = np.inf
    return np.asarray(squared)


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
