"""The class share against scipy's F test and planted effects; panels against plain numpy."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from senet_viz.analysis.distributions.class_map import map_classes
from senet_viz.analysis.distributions.panels import choose_channels, profile_classes
from senet_viz.recording.moments import Moments
from senet_viz.recording.reader import Recording
from senet_viz.stats.shares import between_sds, class_shares, sums_of_squares
from tests.support.synthetic import synthetic_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("profiles") / "run"
    return synthetic_recording(folder, classes=12, per_class=40, blocks={"SE_2_1": 60, "SE_3_1": 90}, seed=4)


def values_of(recording: Recording, block: str) -> tuple[np.ndarray, np.ndarray]:
    return recording.gates(block).astype(np.float64), recording.kept_samples["label"].to_numpy()


def test_omega_squared_follows_from_scipys_f(recording: Recording) -> None:
    block = recording.blocks[0]
    gates, labels = values_of(recording, block.name)
    f = stats.f_oneway(*(gates[labels == k] for k in range(12))).statistic
    n, k = len(gates), 12
    expected = (k - 1) * (f - 1) / ((k - 1) * (f - 1) + n)
    np.testing.assert_allclose(class_shares(recording.moments(block.name)), expected, atol=2e-3)


def test_between_class_sd_equals_the_variance_component(recording: Recording) -> None:
    block = recording.blocks[0]
    gates, labels = values_of(recording, block.name)
    means = np.stack([gates[labels == k].mean(0) for k in range(12)])
    within = np.mean([gates[labels == k].var(0, ddof=1) for k in range(12)], axis=0)
    expected = np.sqrt(np.maximum(0, means.var(0, ddof=1) - within / 40))
    np.testing.assert_allclose(between_sds(sums_of_squares(recording.moments(block.name))), expected, atol=2e-4)


def test_shuffled_labels_have_no_class_share(tmp_path: Path) -> None:
    null = synthetic_recording(
        tmp_path / "null", classes=10, per_class=50, blocks={"SE_2_1": 200}, shares={"SE_2_1": 0.0}
    )
    shares = class_shares(null.moments("SE_2_1"))
    assert abs(shares.mean()) < 0.005
    assert shares.min() < 0, "a null share is negative half of the time; it is not clipped"


def test_undefined_shares_are_nan(tmp_path: Path) -> None:
    single = synthetic_recording(tmp_path / "one", classes=1, per_class=9, blocks={"SE_2_1": 8})
    moments: Moments = single.moments("SE_2_1")
    assert np.isnan(class_shares(moments)).all()
    assert np.isnan(between_sds(sums_of_squares(moments))).all()


def test_panels_hold_means_and_sds_of_the_drawn_channels(recording: Recording) -> None:
    block = recording.blocks[1]
    panel = profile_classes(recording, [block], [3, 7], channels=50, seed=2).panels[0]
    gates, labels = values_of(recording, block.name)
    assert list(panel.channels) == sorted(choose_channels(90, how_many=50, seed=2, depth=block.depth))
    for row, k in enumerate((3, 7)):
        mine = gates[labels == k][:, panel.channels]
        np.testing.assert_allclose(panel.means[row], mine.mean(0), atol=3e-4)
        np.testing.assert_allclose(panel.sds[row], mine.std(0, ddof=1), atol=3e-4)
    np.testing.assert_allclose(panel.overall, gates[:, panel.channels].mean(0), atol=3e-4)


def test_the_draw_of_channels_is_uniform_and_seeded() -> None:
    counts = np.zeros(200)
    for seed in range(400):
        chosen = choose_channels(200, how_many=50, seed=seed)
        assert len(set(chosen)) == 50
        counts[chosen] += 1
    assert stats.chisquare(counts).pvalue > 1e-3
    assert np.array_equal(choose_channels(200, seed=1), choose_channels(200, seed=1))


def test_the_map_shows_every_class_once_and_the_most_specific_channels(recording: Recording) -> None:
    block = recording.blocks[1]
    result = map_classes(recording, block, top=10)
    shares = class_shares(recording.moments(block.name))
    assert set(result.channels) == set(np.argsort(-shares)[:10])
