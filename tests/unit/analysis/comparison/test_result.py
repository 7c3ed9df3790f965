"""Emergence, tables, the summary's keys and the text of a comparison put together by hand."""

import dataclasses
import json

import numpy as np
import pytest

from senet_viz.analysis.comparison.blocks import compare_block, read_profiles
from senet_viz.analysis.comparison.placement import Placement, place_gates
from senet_viz.analysis.comparison.result import ComparedImage, Comparison, Failure, Prediction
from senet_viz.analysis.comparison.summary import (
    describe_comparison,
    describe_emergence,
    key_blocks,
    summarize_comparison,
)
from senet_viz.errors import ArgumentError
from senet_viz.recording.reader import Recording
from senet_viz.schema import label_classes
from tests.support.synthetic import synthetic_recording

BLOCKS = {"SE_2_1": 6, "SE_3_1": 8, "SE_4_1": 8, "SE_5_1": 10}
PREDICTED = (1, 1, 2, None)
# whose class mean each image has in each block; the predicted class's means that it is the nearest
SHOWN = ((1, 0, 1, 1), (0, 1, 1, 0), (0, 0, 0, 0), (3, 3, 3, 3))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("runs") / "run", classes=4, per_class=25, blocks=BLOCKS)


@pytest.fixture(scope="module")
def comparison(recording: Recording) -> Comparison:
    profiles = read_profiles(recording)
    blocks = []
    for at, block in enumerate(profiles.blocks):
        gates = np.stack([block.means[shown[at]] for shown in SHOWN]).astype(np.float32)
        blocks.append(compare_block(block, gates, PREDICTED))
    images = tuple(
        ComparedImage(
            name="same.jpg", sha256="0" * 64, size=(20, 10), view=np.zeros((8, 8, 3), dtype=np.uint8),
            predictions=(Prediction(7, "x", 0.75), Prediction(2, "y", 0.25)), predicted=predicted,
        )
        for predicted in PREDICTED
    )  # fmt: skip
    return Comparison(
        recording.id, "fp32", images, tuple(blocks), label_classes(recording.classes),
        failures=(Failure("bad.jpg", "bad.jpg is damaged."),), differences=("Another decoder.",), notes=("A note.",),
    )  # fmt: skip


def placements_of(recording: Recording, comparison: Comparison, class_index: int | None = None) -> list[Placement]:
    return [place_gates(recording, block.block, block.gates, class_index) for block in comparison.blocks]


def test_emergence_is_where_the_predicted_class_stays_nearest(comparison: Comparison) -> None:
    found = [
        (e.settled.label if e.settled else None, e.first.label if e.first else None) for e in comparison.emergence()
    ]
    assert found == [("SE_4_1", "SE_2_1"), (None, "SE_3_1"), (None, None), (None, None)]
    told = [describe_emergence(e, i.predicted) for e, i in zip(comparison.emergence(), comparison.images)]
    assert "from SE_4_1 on, and in SE_2_1 for the first time" in told[0]
    assert "in SE_3_1 first, but not in the last block" in told[1]
    assert "in no block" in told[2]
    assert "no class of the recording" in told[3]


def test_a_class_that_is_nearest_from_the_first_block_on(recording: Recording) -> None:
    profiles = read_profiles(recording)
    blocks = tuple(compare_block(b, b.means[[3]].astype(np.float32), [3]) for b in profiles.blocks)
    image = ComparedImage("a", "", (1, 1), np.zeros((1, 1, 3), dtype=np.uint8), (), 3)
    (found,) = Comparison(recording.id, "fp32", (image,), blocks, label_classes(recording.classes)).emergence()
    assert found.settled is not None
    assert found.settled.label == "SE_2_1" == found.first.label
    assert describe_emergence(found, 3).endswith("from SE_2_1 on.")


def test_blocks_are_found_by_name_and_label(comparison: Comparison) -> None:
    assert comparison.block("SE_4_1") is comparison.blocks[2] is comparison.block("layer3.0.se")
    with pytest.raises(ArgumentError, match="no block 'SE_9_9': it has SE_2_1, SE_3_1"):
        comparison.block("SE_9_9")


def test_tables_hold_every_number_once(comparison: Comparison) -> None:
    table = comparison.table()
    assert len(table) == 4 * 4
    row = table[(table["image"] == 2) & (table["block"] == "SE_3_1")].iloc[0]
    assert (row["rank"], row["predicted class"], row["nearest class"]) == (1, "class 1", "class 1")
    assert row["distance from recorded mean"] == comparison.blocks[1].from_mean[1]
    assert table[table["image"] == 4]["rank"].isna().all()
    pairs = comparison.pairs_table()
    assert len(pairs) == 4 * 6
    assert pairs["RMS distance"].iloc[4] == comparison.blocks[0].rms[1, 3]
    gates = comparison.gates_table("SE_4_1")
    assert len(gates) == 4 * 8
    assert np.array_equal(gates["gate"].to_numpy().reshape(4, 8), comparison.blocks[2].gates)
    np.testing.assert_allclose(
        gates["difference"], gates["gate"].astype(np.float64) - gates["recorded mean"], atol=1e-7
    )
    assert len(comparison.gates_table()) == 4 * sum(BLOCKS.values())
    assert comparison.predictions_table()["output"].tolist() == [7, 2] * 4
    nearest = comparison.nearest_table()
    assert len(nearest) == 4 * 4 * 4
    assert (nearest.groupby(["image", "block"])["distance"].diff().dropna() >= 0).all()


def test_the_summary_is_json_and_gives_gates_back_exactly(recording: Recording, comparison: Comparison) -> None:
    summary = summarize_comparison(
        comparison, placements_of(recording, comparison), placements_of(recording, comparison, 2)
    )
    tree = json.loads(json.dumps(summary, allow_nan=False))
    assert tree["class"] == "class 2"
    assert tree["failures"] == [{"name": "bad.jpg", "error": "bad.jpg is damaged."}]
    for at, image in enumerate(tree["images"]):
        for block in comparison.blocks:
            assert np.array_equal(np.array(image["gates"][block.block.label], dtype=np.float32), block.gates[at])
    first = tree["images"][0]
    assert first["emergence"] == {"settled": "SE_4_1", "first": "SE_2_1"}
    place = first["distances"]["SE_2_1"]["percentile"]
    assert place["lower"] == place["upper"]
    assert (place["source"], place["images"]) == ("gates", 100)
    assert first["distances"]["SE_2_1"]["class_percentile"]["images"] == 25
    assert tree["images"][3]["predicted_class"] is None
    assert tree["images"][3]["distances"]["SE_2_1"]["rank"] is None
    assert len(first["gate_percentiles"]["SE_5_1"]) == len(first["class_gate_percentiles"]["SE_5_1"]) == 10
    assert tree["blocks"][3]["pairs"][5]["images"] == [2, 3]


def test_the_text_tells_all_of_it(recording: Recording, comparison: Comparison) -> None:
    text = describe_comparison(
        comparison, placements_of(recording, comparison), placements_of(recording, comparison, 2)
    )
    assert "1. same.jpg (20 × 10 px)" in text
    assert "x 75.0%, y 25.0%" in text
    assert "in class 2" in text
    assert "1 of 4" in text
    assert "3 to 4" in text
    assert "left out: bad.jpg is damaged." in text
    assert "note: Another decoder." in text
    assert "Among the distances of all 100 images." in text


def test_pictures_of_one_name_are_told_apart_by_number(comparison: Comparison) -> None:
    table = comparison.channels_that_differ("SE_5_1", 3).table()
    assert list(table.columns[-4:]) == ["1. same.jpg", "2. same.jpg", "3. same.jpg", "4. same.jpg"]


def test_nothing_compared_gives_empty_tables(recording: Recording) -> None:
    empty = Comparison(recording.id, "fp32", (), (), label_classes(recording.classes))
    for table in (
        empty.table(),
        empty.pairs_table(),
        empty.nearest_table(),
        empty.predictions_table(),
        empty.gates_table(),
    ):
        assert table.empty
        assert "name" in table.columns
    assert empty.emergence() == ()


def test_summary_keys_are_unique_where_labels_are_not(recording: Recording) -> None:
    blocks = recording.blocks
    twice = (blocks[0], dataclasses.replace(blocks[1], label="SE_2_1"), blocks[2])
    assert key_blocks(twice) == ("layer1.0.se", "layer2.0.se", "SE_4_1")
