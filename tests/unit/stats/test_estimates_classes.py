"""Leaving classes out: as from the remaining classes themselves, and it covers the population's ICC."""

import dataclasses

import numpy as np
import pytest

from senet_viz.errors import RecordingError
from senet_viz.recording.moments import Moments
from senet_viz.stats.estimates import resample_classes
from senet_viz.stats.shares import intraclass_correlation, sums_of_squares


def drawn(generator: np.random.Generator, icc: float, classes: int, size: int, channels: int) -> Moments:
    """Class means and m2 of normal gates from their exact distribution; unit variance within classes."""
    counts = np.full(classes, size)
    means = np.sqrt(icc / (1 - icc)) * generator.normal(size=(classes, channels))
    means += generator.normal(size=means.shape) / np.sqrt(size)
    m2 = generator.chisquare(size - 1, size=means.shape) if size > 1 else np.zeros(means.shape)
    return Moments(counts, means, m2, None, None, None)


def test_replicates_are_what_the_remaining_classes_give() -> None:
    generator = np.random.default_rng(1)
    moments = drawn(generator, 0.3, 25, 8, 3)
    uneven = dataclasses.replace(moments, count=generator.integers(2, 40, size=25))
    found = resample_classes(uneven)
    for k in (None, 0, 13, 24):
        rows = np.arange(25) if k is None else np.delete(np.arange(25), k)
        sums = sums_of_squares(Moments(uneven.count[rows], uneven.mean[rows], uneven.m2[rows], None, None, None))
        log = found.ratio.working if k is None else found.ratio.replicates[k]
        assert np.exp(log) == pytest.approx(sums.mean_between.sum() / sums.mean_within.sum(), rel=1e-9)


def test_for_one_channel_it_is_the_icc() -> None:
    moments = drawn(np.random.default_rng(2), 0.4, 30, 10, 1)
    assert resample_classes(moments).value == pytest.approx(
        intraclass_correlation(sums_of_squares(moments))[0], rel=1e-9
    )


@pytest.mark.parametrize(("icc", "channels"), [(0.0, 16), (0.3, 16), (0.8, 16), (0.3, 1)])
def test_its_interval_covers_the_populations_icc(icc: float, channels: int) -> None:
    generator = np.random.default_rng(3)
    covered = []
    for _ in range(400):
        interval = resample_classes(drawn(generator, icc, 40, 20, channels)).interval()
        covered.append(interval.low <= icc <= interval.high)
    assert np.mean(covered) >= 0.92


def test_a_class_without_an_image_is_left_out() -> None:
    moments = drawn(np.random.default_rng(4), 0.3, 21, 5, 2)
    moments.count[3] = 0
    moments.mean[3], moments.m2[3] = np.nan, 0
    assert len(resample_classes(moments).ratio.replicates) == 20


@pytest.mark.parametrize(("classes", "size", "said"), [(19, 5, "19 classes"), (20, 1, "two or more images")])
def test_too_few_classes_or_images_are_refused(classes: int, size: int, said: str) -> None:
    with pytest.raises(RecordingError, match=said):
        resample_classes(drawn(np.random.default_rng(5), 0.3, classes, size, 2))


def test_without_variance_per_class_it_is_refused() -> None:
    moments = drawn(np.random.default_rng(6), 0.3, 20, 5, 2)
    with pytest.raises(RecordingError, match="slim"):
        resample_classes(dataclasses.replace(moments, m2=None, within=moments.ssw))
