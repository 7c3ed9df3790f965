"""What is gathered of blocks: from a stored assessment and from moments, and its sentences."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from senet_viz.analysis.blocks import (
    BlockHealth,
    describe_health,
    describe_saturation,
    gather_health,
    gather_measures,
    gather_similarity,
    health_from_table,
    measure_blocks,
    measure_from_moments,
    measures_from_table,
    ranks_are_quick,
)
from senet_viz.claims.assess import assess
from senet_viz.claims.assessment import Assessment, read_assessment, read_measures, read_tree
from senet_viz.recording.reader import Recording
from senet_viz.stats.tables import measure_selectivity
from tests.support.synthetic import synthetic_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    made = synthetic_recording(tmp_path_factory.mktemp("r") / "r", classes=5, blocks={"SE_2_1": 8, "SE_3_1": 12})
    assess(made)
    return made


@pytest.fixture(scope="module")
def assessment(recording: Recording) -> Assessment:
    found = read_assessment(recording)
    assert found is not None
    return found


def test_health_is_the_same_stored_and_from_moments(recording: Recording, assessment: Assessment) -> None:
    stored = gather_health(assessment)
    quick = health_from_table(recording.blocks, measure_selectivity(recording, per="block"), 100)
    assert stored.images == quick.images == 100
    for field in dataclasses.fields(BlockHealth):
        if field.name not in ("gates", "images"):
            np.testing.assert_allclose(getattr(quick, field.name), getattr(stored, field.name), atol=2e-4)
    assert stored.table()["block"].tolist() == ["SE_2_1", "SE_3_1"]


def test_stored_measures_carry_their_intervals(recording: Recording, assessment: Assessment) -> None:
    tree = read_tree(recording)
    assert tree is not None
    found = gather_measures(assessment, tree)
    words = [c.words for c in found.curves]
    assert words[:2] == ["class share ω², pooled", "class share ω², mean of channels"]
    assert "decoding, all channels" in words
    full = found.curves[words.index("decoding, all channels")]
    assert full.confounded == "confounded by width"
    assert found.chance == pytest.approx(0.2)
    pooled = found.curves[0]
    assert (pooled.low < pooled.values).all()
    assert (pooled.values < pooled.high).all()
    table = found.table()
    assert "class share ω², pooled, low" in table
    assert "decoding, all channels (confounded by width)" in table
    assert not any("classes like these" in w for w in words), "fewer than 20 classes"


def test_measures_from_moments_agree_and_have_no_interval(recording: Recording, assessment: Assessment) -> None:
    quick = measures_from_table(recording.blocks, measure_selectivity(recording, per="block"))
    np.testing.assert_allclose(quick.curves[0].values, assessment.curve("omega_squared"), atol=1e-3)
    assert np.isnan(quick.curves[0].low).all()
    assert np.isnan(quick.chance)


def test_similarity_is_read_in_the_order_of_the_blocks(recording: Recording) -> None:
    tree = read_tree(recording)
    assert tree is not None
    found = gather_similarity(recording.blocks, tree)
    assert found is not None
    np.testing.assert_allclose(np.diag(found.values), 1)
    np.testing.assert_allclose(found.values, found.values.T)
    alike = found.most_alike()
    assert alike is not None
    assert alike[:2] == ("SE_2_1", "SE_3_1")
    assert alike[2] == pytest.approx(found.values[0, 1])
    assert gather_similarity(recording.blocks, {"cka": {"reason": "none", "rows": []}}) is None
    shared = {"cka": {"rows": [{"block": "SE_2_1", "classes": 0.1, "SE_2_1": 1.0}] * 2}}
    assert gather_similarity(recording.blocks, shared) is None, "two blocks of one label lost a column"


def test_quick_channel_measures_are_the_stored_ones(recording: Recording) -> None:
    stored = read_measures(recording)
    assert stored is not None
    block = recording.blocks[1]
    quick, same = measure_from_moments(recording, block), stored[stored["block"] == block.name]
    for name in ("omega_squared", "between_sd", "selectivity_index", "d_prime"):
        np.testing.assert_allclose(quick[name], same[name], rtol=1e-9)
    assert quick["best_class_name"].tolist() == same["best_class_name"].tolist()
    assert quick["auc"].isna().all()


def health_of(assessment: Assessment, **columns: list[float]) -> BlockHealth:
    arrays = {name: np.array(values, dtype=np.float64) for name, values in columns.items()}
    return dataclasses.replace(gather_health(assessment), **arrays)


def test_the_answer_names_the_block_nearest_to_one_the_stillest_and_the_dead(assessment: Assessment) -> None:
    told = describe_health(
        health_of(assessment, near_one=[0.02, 0.9], dead=[0, 3], between_sd=[0.03, 0.0], within_sd=[0.04, 0.01])
    )
    assert "**SE_3_1 is nearest to 1:** 90% of its gates" in told
    assert "**SE_3_1 moves least:** over the images a gate's SD is 0.010 there and 0.050 in SE_2_1" in told
    assert "**3 of 20 channels are dead** (SD under .001), in SE_3_1." in told


def test_the_answer_says_what_is_not_there(assessment: Assessment) -> None:
    assert "**No block is near 1:**" in describe_health(health_of(assessment, near_one=[0, 0.001]))
    assert "gates between 0 and 1 only" in describe_health(health_of(assessment, near_one=[np.nan] * 2))
    assert "None of the 20 channels is dead" in describe_health(health_of(assessment, dead=[0, 0]))


def test_the_warning_comes_with_saturated_sigmoids_only(assessment: Assessment) -> None:
    health = health_of(assessment, near_one=[0.1, 0.8])
    assert describe_saturation(health, 0) == ""
    assert describe_saturation(health, 1).startswith("80% of the gates of SE_3_1 are above .9.")
    assert describe_saturation(health_of(assessment, near_one=[np.nan] * 2), 0) == ""


def test_one_class_has_health_and_no_shares(tmp_path: Path) -> None:
    one = synthetic_recording(tmp_path / "one", classes=1, blocks=[4])
    table = measure_selectivity(one, per="block")
    health = health_from_table(one.blocks, table, 20)
    assert "moves by" in describe_health(health)
    assert not any(c.panel == "share" for c in measures_from_table(one.blocks, table).curves)


def test_without_ranks_all_else_is_the_same(recording: Recording) -> None:
    whole, quick = measure_blocks(recording), measure_blocks(recording, ranks=False)
    ranks = ["profile_rank", "gate_rank", "gate_rank_images"]
    pd.testing.assert_frame_equal(quick.drop(columns=ranks), whole.drop(columns=ranks))
    pd.testing.assert_frame_equal(whole, measure_selectivity(recording, per="block"))
    fewer = measure_blocks(recording, ranks=False, best=False)
    best = ["selectivity_index_mean", "d_prime_mean"]
    pd.testing.assert_frame_equal(fewer.drop(columns=best), quick.drop(columns=best))
    assert fewer[best].isna().all(axis=None)
    assert quick["profile_rank"].isna().all()
    assert quick["gate_rank"].isna().all()
    assert whole["profile_rank"].notna().all()
    assert ranks_are_quick(recording)
