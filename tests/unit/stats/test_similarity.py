"""Debiased linear CKA against the formula of Song et al. summed term by term in float64."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from senet_viz.analysis.blocks import gather_similarity
from senet_viz.errors import ArgumentError
from senet_viz.stats import similarity
from senet_viz.stats.similarity import (
    center_gram,
    choose_for_similarity,
    compare_grams,
    compare_representations,
    multiply_grams,
)
from tests.support.synthetic import synthetic_recording


def hsic(left: np.ndarray, right: np.ndarray) -> float:
    """HSIC₁ of two kernel matrices, Song et al. 2012, equation 4."""
    n = len(left)
    k, l = left - np.diag(np.diag(left)), right - np.diag(np.diag(right))  # noqa: E741
    one = np.ones(n)
    return float(
        np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ l @ one)
    ) / (n * (n - 3))


def oracle(left: np.ndarray, right: np.ndarray) -> float:
    k, l = left @ left.T, right @ right.T  # noqa: E741
    return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))


def debiased_cka(left: np.ndarray, right: np.ndarray) -> float:
    return float(multiply_grams([center_gram(left), center_gram(right)])[0, 1])


def biased(left: np.ndarray, right: np.ndarray) -> float:
    a, b = left - left.mean(0), right - right.mean(0)
    return np.linalg.norm(a.T @ b) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))


@pytest.mark.parametrize(("n", "c", "d"), [(4, 3, 2), (20, 5, 40), (61, 200, 7)])
def test_it_is_the_ratio_of_unbiased_hsic(n: int, c: int, d: int) -> None:
    generator = np.random.default_rng(n)
    left = generator.normal(size=(n, c)) + 3
    right = left[:, :2] @ generator.normal(size=(2, d)) + 0.5 * generator.normal(size=(n, d))
    assert debiased_cka(left, right) == pytest.approx(oracle(left, right), abs=2e-6)
    assert debiased_cka(left, left) == pytest.approx(1, abs=1e-6)


def test_gates_far_from_zero_lose_no_digits() -> None:
    generator = np.random.default_rng(1)
    left = (0.97 + 0.002 * generator.normal(size=(80, 300))).astype(np.float16)
    right = (0.5 + 0.1 * generator.normal(size=(80, 300))).astype(np.float16)
    wanted = oracle(left.astype(np.float64) - 0.97, right.astype(np.float64) - 0.5)
    assert debiased_cka(left, right) == pytest.approx(wanted, abs=2e-6)


def test_independent_representations_are_at_nothing_on_average_where_the_biased_one_is_not() -> None:
    generator = np.random.default_rng(2)
    pairs = [(generator.normal(size=(50, 300)), generator.normal(size=(50, 200))) for _ in range(200)]
    values = np.array([debiased_cka(*pair) for pair in pairs])
    assert abs(values.mean()) < 3 * values.std(ddof=1) / np.sqrt(200)
    assert values.std(ddof=1) < 0.05
    assert values.min() < 0
    assert np.mean([biased(*pair) for pair in pairs[:10]]) > 0.7


def test_pieces_of_the_matrices_are_all_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    blocks = [generator.normal(size=(30, c)) for c in (4, 8, 16)]
    labels = np.repeat(np.arange(5), 6)
    grams = [center_gram(block) for block in blocks]
    whole = compare_grams(grams, labels)
    monkeypatch.setattr(similarity, "_PIECE", 7)
    for all_at_once, in_pieces in zip(whole, compare_grams(grams, labels)):
        np.testing.assert_allclose(in_pieces, all_at_once, atol=1e-12)
    onehot = np.eye(5)[labels]
    np.testing.assert_allclose(whole[0], [oracle(block, onehot) for block in blocks], atol=2e-6)
    expected = [[1 if a is b else oracle(a, b) for a in blocks] for b in blocks]
    np.testing.assert_allclose(whole[1], expected, atol=2e-6)


def test_a_block_that_does_not_vary_is_nan_and_the_others_are_not() -> None:
    generator = np.random.default_rng(4)
    held = np.full((12, 3), 0.1, dtype=np.float16)
    grams = [center_gram(generator.normal(size=(12, 5))), center_gram(held)]
    with_classes, between = compare_grams(grams, np.repeat(range(3), 4))
    assert np.isnan(with_classes).tolist() == [False, True]
    assert np.isnan(between).tolist() == [[False, True], [True, True]]


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ArgumentError, match="at least four"):
        center_gram(np.zeros((3, 2)))


def test_a_recordings_blocks_are_compared_on_the_same_ten_images_per_class(tmp_path: Path) -> None:
    recording = synthetic_recording(
        tmp_path / "run",
        classes=6,
        per_class=25,
        blocks={"SE_2_1": 40, "SE_5_1": 60, "SE_5_2": 50},
        shares={"SE_2_1": 0.0, "SE_5_1": 0.9, "SE_5_2": 0.9},
        unlabelled=5,
        keep_squeeze=True,
    )
    result = compare_representations(recording, seed=2)
    rows = result.chosen.rows
    assert len(rows) == 60
    onehot = np.eye(6)[result.chosen.labels]
    values = [recording.gates(g.name)[rows].astype(np.float64) for g in recording.blocks]
    np.testing.assert_allclose(result.with_classes, [oracle(v, onehot) for v in values], atol=5e-6)
    assert result.between[1, 2] == pytest.approx(oracle(values[1], values[2]), abs=5e-6)
    assert abs(result.with_classes[0]) < 0.1
    assert result.with_classes[1] > 0.7
    table = result.table()
    assert list(table.columns) == ["block", "classes", "SE_2_1", "SE_5_1", "SE_5_2"]
    squeezes = compare_representations(recording, quantity="squeeze", seed=2)
    np.testing.assert_allclose(squeezes.with_classes, result.with_classes, atol=1e-3)


def test_blocks_of_one_label_keep_their_columns(tmp_path: Path) -> None:
    recording = synthetic_recording(
        tmp_path / "run", classes=6, per_class=10, blocks={"SE_2_1": 8, "SE_2_2": 12, "SE_3_1": 10}
    )
    result = compare_representations(recording)
    twins = tuple(dataclasses.replace(gate, label="SE_2_1") if gate.stage == 2 else gate for gate in result.blocks)
    table = dataclasses.replace(result, blocks=twins).table()
    names = ["SE_2_1 (layer1.0.se)", "SE_2_1 (layer1.1.se)", "SE_3_1"]
    assert list(table.columns) == ["block", "classes", *names]
    assert table["block"].tolist() == names
    rows = table.to_dict("records")
    np.testing.assert_array_equal([[row[name] for name in names] for row in rows], result.between)
    found = gather_similarity(twins, {"cka": {"rows": rows}})
    assert found is not None
    np.testing.assert_array_equal(found.values, result.between)


@pytest.mark.parametrize(
    ("classes", "blocks", "images"), [(1000, 16, 2000), (200, 16, 2000), (200, 100, 1200), (3000, 16, 2000)]
)
def test_images_are_bounded_in_number_and_memory(classes: int, blocks: int, images: int) -> None:
    chosen = choose_for_similarity(np.repeat(np.arange(classes), 12), blocks=blocks)
    assert len(chosen.rows) == images
    assert 4 * (blocks + 1) * len(chosen.rows) ** 2 <= 700e6
    assert np.bincount(chosen.labels).min() >= 2
