"""Profiles, distinctness and confusions made by hand."""

import numpy as np

from senet_viz.analysis.classes.confusions import Confusions
from senet_viz.analysis.classes.distinctness import ClassDistinctness
from senet_viz.analysis.classes.profiles import ClassProfiles
from tests.support.synthetic import make_gates


def distinct(
    distance: np.ndarray, *, within: np.ndarray | None = None, reach: float | None = None
) -> ClassDistinctness:
    """Classes of signed distances, (R, B), with limits `reach` below and above in squares where one is given."""
    classes, blocks = distance.shape
    squared = np.sign(distance) * distance**2
    low, high = (np.full_like(squared, np.nan) if reach is None else squared + side * reach for side in (-1, 1))
    return ClassDistinctness(
        make_gates([4] * blocks), np.arange(classes), tuple(f"class {k}" for k in range(classes)), np.full(classes, 10),
        squared, np.full_like(squared, 1e-4), np.ones(blocks) if within is None else within, low, high,
    )  # fmt: skip


def confused(counts: np.ndarray) -> Confusions:
    """From a table of counts."""
    return Confusions(np.arange(len(counts)), counts.sum(axis=1), counts, 0, 0)


def draw_images(
    truth: np.ndarray, images: np.ndarray, sd: float, generator: np.random.Generator, loading: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Gates of images around true profiles (R, C) and their labels; channels independent, or a loading (C, F) of factors."""
    mix = np.eye(truth.shape[1]) if loading is None else loading
    labels = np.repeat(np.arange(len(truth)), images)
    return truth[labels] + sd * generator.normal(size=(len(labels), mix.shape[1])) @ mix.T, labels


def profiles_of(gates: np.ndarray, labels: np.ndarray) -> ClassProfiles:
    """Class means, and each class's own variance over its images."""
    classes, images = np.unique(labels, return_counts=True)
    means = np.stack([gates[labels == k].mean(axis=0) for k in classes])
    variance = np.stack([gates[labels == k].var(axis=0, ddof=1) for k in classes])
    within = float(((images - 1) @ variance / (images - 1).sum()).mean())
    return ClassProfiles(
        make_gates([gates.shape[1]])[0], classes, images, means, variance.mean(axis=1) / images, within,
        gates.mean(axis=0), gates.std(axis=0, ddof=1),
    )  # fmt: skip
