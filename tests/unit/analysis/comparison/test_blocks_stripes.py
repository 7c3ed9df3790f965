"""Stripes are plain means of neighbours in the order of the recorded mean."""

from pathlib import Path

import numpy as np
import pytest

from senet_viz.analysis.comparison.blocks import stripe_differences
from senet_viz.errors import ArgumentError
from tests.support.compared import synthetic_comparison
from tests.support.synthetic import synthetic_recording


def test_stripes_are_means_of_neighbours_in_the_order_of_the_recorded_mean(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", blocks={"SE_2_1": 96, "SE_3_1": 10})
    wide, narrow = synthetic_comparison(recording, 2).blocks
    stripes = stripe_differences(wide, most=48)
    pairs = (wide.gates - wide.mean)[:, np.argsort(wide.mean, kind="stable")].reshape(2, 48, 2)
    assert np.allclose(stripes, pairs.mean(axis=2), atol=1e-12)
    assert stripe_differences(narrow, most=48).shape == (2, 10)
    in_sds = stripe_differences(narrow, unit="sd", most=48)
    order = np.argsort(narrow.mean, kind="stable")
    assert np.allclose(in_sds, ((narrow.gates - narrow.mean) / narrow.sd)[:, order], atol=1e-9)
    with pytest.raises(ArgumentError, match="unit 'mm'"):
        stripe_differences(narrow, unit="mm")


def test_a_constant_channel_counts_as_zero_sds(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", blocks=[4], classes=2, per_class=3)
    block = synthetic_comparison(recording, 1).blocks[0]
    block.sd[:] = 0
    assert not stripe_differences(block, unit="sd").any()
    block.sd[:] = np.nan
    assert not stripe_differences(block, unit="sd").any()
