"""The order of the map's rows is that of scipy's clustering of plain distances."""

import numpy as np
import pytest
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist

from senet_viz.analysis.distributions import class_map
from senet_viz.analysis.distributions.class_map import map_classes, rank_channels
from senet_viz.recording.reader import Recording
from tests.support.synthetic import synthetic_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("r") / "r", classes=15, per_class=4, blocks=[24])


@pytest.mark.parametrize("optimal", [True, False])
def test_rows_lie_as_average_linkage_orders_them(
    recording: Recording, optimal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_map, "_ORDERED_LEAVES", 400 if optimal else 0)
    block = recording.blocks[0]
    distances = pdist(recording.moments(block.name).mean)
    expected = hierarchy.leaves_list(hierarchy.linkage(distances, method="average", optimal_ordering=optimal))
    np.testing.assert_array_equal(map_classes(recording, block).classes, expected)


def test_moments_that_were_read_before_give_the_same(recording: Recording) -> None:
    block = recording.blocks[0]
    moments = recording.moments(block.name)
    with_them, without = map_classes(recording, block, moments=moments), map_classes(recording, block)
    np.testing.assert_array_equal(with_them.means, without.means)
    ranked, again = rank_channels(recording, block, moments=moments), rank_channels(recording, block)
    np.testing.assert_array_equal(ranked.channels, again.channels)
    np.testing.assert_array_equal(ranked.channels, map_classes(recording, block, top=None).channels)
    np.testing.assert_array_equal(ranked.sd, again.sd)
