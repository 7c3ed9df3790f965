"""AUC against scikit-learn's, mutual information against its plug-in estimate."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score, roc_auc_score

from senet_viz.errors import ArgumentError
from senet_viz.stats.channels import BINS, SHUFFLES, ordered_codes, rank_measures

GENERATOR = np.random.default_rng(5)
LABELS = np.concatenate([np.repeat([0, 2, 3, 7], [30, 5, 60, 1]), [-1, -1]])


def gates_with_ties() -> np.ndarray:
    values = GENERATOR.uniform(size=(len(LABELS), 5))
    values[:, 0] += (LABELS == 2) * 0.8
    values[:, 1] = np.round(values[:, 1], 1)  # ties
    values[:, 2] = np.clip(3 * values[:, 2] - 1, 0, 1)  # a hard sigmoid's bounds
    values[:, 3] -= 0.5  # a range below 0
    values[:, 4] = 0.25
    return values.astype(np.float16)


@pytest.fixture(scope="module")
def gates() -> np.ndarray:
    return gates_with_ties()


def test_auc_equals_scikit_learns_for_the_best_class(gates: np.ndarray) -> None:
    found = rank_measures(gates, LABELS)
    labelled = LABELS >= 0
    for c in range(4):
        areas = {k: roc_auc_score(LABELS[labelled] == k, gates[labelled, c].astype(float)) for k in (0, 2, 3, 7)}
        best = max(areas, key=areas.get)
        assert found.auc_class[c] == best
        assert found.auc[c] == pytest.approx(areas[best], abs=1e-12)
    assert found.auc_class[0] == 2


def test_information_is_the_plug_in_estimate_less_its_shuffled_mean(gates: np.ndarray) -> None:
    labelled = LABELS >= 0
    labels = LABELS[labelled]
    generator = np.random.default_rng(0)
    shuffled = [generator.permutation(labels) for _ in range(SHUFFLES)]
    entropy = mutual_info_score(labels, labels)
    for c in range(3):
        values = gates[labelled, c].astype(np.float64)
        ranks = np.array([(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values])
        bins = np.minimum((ranks - 0.5) * BINS // len(values), BINS - 1)
        chance = np.mean([mutual_info_score(s, bins) for s in shuffled])
        expected = (mutual_info_score(labels, bins) - chance) / entropy
        assert rank_measures(gates, LABELS).information[c] == pytest.approx(expected, abs=1e-12)


def test_shuffled_labels_tell_nothing_on_average_and_a_gate_that_is_the_label_tells_all() -> None:
    generator = np.random.default_rng(11)
    labels = np.repeat(np.arange(8), 100)
    noise = generator.uniform(size=(800, 300)).astype(np.float16)
    assert abs(rank_measures(noise, labels).information.mean()) < 2e-3
    perfect = (labels / 8).astype(np.float16)[:, None]
    assert rank_measures(perfect, labels).information[0] == pytest.approx(1, abs=0.03)


def test_a_constant_channel_has_half_the_area_and_no_class(gates: np.ndarray) -> None:
    found = rank_measures(gates, LABELS)
    assert (found.auc[4], found.auc_class[4]) == (0.5, -1)
    assert np.isnan(found.information[4])


def test_fewer_than_two_classes_are_nan(gates: np.ndarray) -> None:
    for labels in (np.full(len(gates), -1), np.zeros(len(gates), dtype=int)):
        found = rank_measures(gates, labels)
        assert np.isnan([found.auc, found.information]).all()
        assert set(found.auc_class) == {-1}


def test_codes_order_every_half_as_its_value() -> None:
    values = np.array([-np.inf, -2, -1.5, -6e-8, -0.0, 0.0, 6e-8, 0.5, 1, 65504, np.inf], dtype=np.float16)
    codes = ordered_codes(values)
    assert (np.diff(codes) >= 0).all()
    assert codes[4] == codes[5]
    assert len(set(codes)) == len(values) - 1


def test_other_types_and_lengths_are_refused(gates: np.ndarray) -> None:
    with pytest.raises(ArgumentError, match="float32"):
        rank_measures(gates.astype(np.float32), LABELS)
    with pytest.raises(ArgumentError, match="3 labels"):
        rank_measures(gates, LABELS[:3])
