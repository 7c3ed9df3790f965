"""The discriminant against scikit-learn's with the same shrinkage, and the shrinkage against scikit-learn's."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from senet_viz.errors import ArgumentError
from senet_viz.stats.lda import fit_discriminant, ledoit_wolf


def drawn(per_class: int, channels: int, *, effect: float = 1.0, classes: int = 6, seed: int = 0):
    """Correlated channels of very different scales."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    mixing = np.eye(channels) + 0.4 * generator.normal(size=(channels, channels)) / np.sqrt(channels)
    values = generator.normal(size=(len(labels), channels)) @ mixing
    values += effect * np.random.default_rng(99).normal(size=(classes, channels))[labels]
    return 0.3 + values * np.logspace(-4, 0, channels), labels


@pytest.mark.parametrize(("per_class", "channels"), [(40, 5), (10, 30), (4, 60)])
def test_the_shrinkage_is_ledoit_and_wolfs(per_class: int, channels: int) -> None:
    values, _ = drawn(per_class, channels)
    centred = (values - values.mean(0)) / values.std(0)
    expected = ledoit_wolf_shrinkage(centred, assume_centered=True)
    assert ledoit_wolf(centred, centred.T @ centred / len(centred)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("per_class", "channels"), [(40, 5), (10, 30), (4, 60)])
def test_the_classifier_is_scikit_learns_with_that_shrinkage(per_class: int, channels: int) -> None:
    values, labels = drawn(per_class, channels)
    fitted = fit_discriminant(values, labels)
    scaled = (values - values.mean(0)) / values.std(0)
    oracle = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=fitted.shrinkage, priors=np.full(6, 1 / 6))
    oracle.fit(scaled, labels)
    tested, _ = drawn(30, channels, seed=1)
    scores = (tested - fitted.centre) / fitted.scale @ fitted.weights + fitted.bias
    expected = oracle.decision_function((tested - values.mean(0)) / values.std(0))
    np.testing.assert_allclose(scores - scores[:, :1], expected - expected[:, :1], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(fitted.predict(tested), scores.argmax(1))


def test_unequal_classes_are_pooled_by_images_and_have_equal_priors() -> None:
    values, labels = drawn(40, 8)
    keep = np.random.default_rng(3).permutation(len(labels))[:130]
    values, labels = values[keep], labels[keep]
    fitted = fit_discriminant(values, labels)
    scaled = (values - values.mean(0)) / values.std(0)
    means = np.stack([scaled[labels == k].mean(0) for k in range(6)])
    within = scaled - means[labels]
    covariance = (1 - fitted.shrinkage) * within.T @ within / len(within)
    covariance += fitted.shrinkage * np.mean(within**2) * np.eye(8)
    np.testing.assert_allclose(fitted.weights, np.linalg.solve(covariance, means.T), rtol=1e-8)
    np.testing.assert_allclose(fitted.bias, -0.5 * np.einsum("kc,ck->k", means, fitted.weights), rtol=1e-8)


def test_the_scale_and_offset_of_channels_do_not_matter() -> None:
    values, labels = drawn(10, 20)
    tested, _ = drawn(20, 20, seed=5)
    factor, offset = np.random.default_rng(4).uniform(0.01, 100, 20), np.linspace(-3, 3, 20)
    plain = fit_discriminant(values, labels)
    moved = fit_discriminant(values * factor + offset, labels)
    np.testing.assert_array_equal(plain.predict(tested), moved.predict(tested * factor + offset))


def test_constant_channels_take_no_part() -> None:
    values, labels = drawn(10, 12)
    tested, _ = drawn(20, 12, seed=5)
    held = np.insert(values, [3, 7], 0.1 + 0.2, axis=1)
    fitted = fit_discriminant(held, labels)
    assert fitted.informative == 12
    assert np.count_nonzero(fitted.weights.any(axis=1)) == 12
    moved = np.insert(tested, [3, 7], 5.0, axis=1)
    alone = fit_discriminant(values, labels)
    assert fitted.shrinkage == pytest.approx(alone.shrinkage, rel=1e-12)
    np.testing.assert_array_equal(fitted.predict(moved), alone.predict(tested))
    assert fit_discriminant(np.full((12, 3), 0.7), np.repeat(range(4), 3)).informative == 0


def test_classes_without_spread_are_told_by_their_means() -> None:
    values = np.repeat(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), 3, axis=0)
    labels = np.repeat(range(3), 3)
    np.testing.assert_array_equal(fit_discriminant(values, labels).predict(values), labels)


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 2, 2], [0, 1, 2]])
def test_labels_that_nothing_can_be_learned_from_are_refused(labels: list[int]) -> None:
    with pytest.raises(ArgumentError, match="at least two classes"):
        fit_discriminant(np.random.default_rng(0).normal(size=(3, 2)), np.array(labels))
