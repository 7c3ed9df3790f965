"""The sentence over a comparison says what the numbers say."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from senet_viz.analysis.comparison.summary import answer_comparison
from senet_viz.recording.reader import Recording
from tests.support.compared import synthetic_comparison
from tests.support.synthetic import synthetic_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("r") / "r")


def test_it_names_the_blocks_of_the_largest_and_the_smallest_distance(recording: Recording) -> None:
    comparison = synthetic_comparison(recording, 3)
    pairs = np.triu_indices(3, 1)
    means = {block.block.label: block.rms[pairs].mean() for block in comparison.blocks}
    answer = answer_comparison(comparison)
    most, least = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    assert f"differ most in **{most}** ({means[most]:.3f}) and least in {least} ({means[least]:.3f})" in answer
    assert "the predicted class of 3 of 3 images from SE_2_3 on" in answer


def test_a_single_image_is_compared_with_the_recorded_mean(recording: Recording) -> None:
    answer = answer_comparison(synthetic_comparison(recording, 1))
    assert "differ from the recorded mean most in" in answer
    assert "is its predicted class from SE_2_3 on" in answer


def test_where_no_class_is_near_or_known_it_says_so(recording: Recording) -> None:
    assert "No predicted output is a class" in answer_comparison(synthetic_comparison(recording, 2, known=False))
    comparison = synthetic_comparison(recording, 2)
    last = dataclasses.replace(comparison.blocks[-1], rank=np.array([2, 3]))
    changed = dataclasses.replace(comparison, blocks=(*comparison.blocks[:-1], last))
    assert "nearest class profile of none of 2 images" in answer_comparison(changed)


def test_one_block_alone(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", blocks=[6])
    assert "in SE_2_1" in answer_comparison(synthetic_comparison(recording, 2))
