"""Where one channel's gate is highest and lowest: classes against scipy, images against a plain sort."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from senet_viz.analysis.distributions.extremes import find_extreme_classes, find_extreme_images, short_path
from senet_viz.errors import ArgumentError
from senet_viz.recording.reader import Recording
from tests.support.synthetic import synthetic_recording, unlabelled_recording

BLOCKS = {"SE_2_3": 4, "SE_5_1": 6}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("r") / "r", classes=12, per_class=9, blocks=BLOCKS, unlabelled=7)


def test_extreme_classes_are_those_of_a_plain_sort_with_students_interval(recording: Recording) -> None:
    block, channel = recording.blocks[1], 3
    gates = recording.gates(block.name)[:, channel].astype(np.float64)
    labels = recording.kept_samples["label"].to_numpy()
    means = np.array([gates[labels == k].mean() for k in range(12)])
    found = find_extreme_classes(recording, block, channel, how_many=4)
    assert found is not None
    order = np.argsort(-means)
    assert [c.index for c in found.highest] == order[:4].tolist()
    assert [c.index for c in found.lowest] == order[::-1][:4].tolist()
    for row in found.ordered:
        of = gates[labels == row.index]
        expected = stats.t.interval(0.95, len(of) - 1, loc=of.mean(), scale=stats.sem(of))
        assert row.mean == pytest.approx(of.mean(), abs=2e-4), "kept gates are in half precision"
        assert row.interval == pytest.approx(expected, abs=5e-4)
    assert (found.classes, found.images) == (12, 115)
    assert found.overall == pytest.approx(gates.mean(), abs=2e-4)
    assert found.table()["class"].tolist() == [c.label for c in found.ordered]


def test_of_few_classes_each_is_shown_once(tmp_path: Path) -> None:
    few = synthetic_recording(tmp_path / "r", classes=5, per_class=1, blocks=BLOCKS)
    found = find_extreme_classes(few, few.blocks[0], 0)
    assert found is not None
    assert sorted(c.index for c in found.ordered) == list(range(5))
    assert np.diff([c.mean for c in found.ordered]).max() <= 0
    assert all(np.isnan(c.interval).all() for c in found.ordered), "one image a class has no interval"


def test_one_class_and_no_class_have_no_extremes(tmp_path: Path) -> None:
    one = synthetic_recording(tmp_path / "one", classes=1, blocks=BLOCKS)
    assert find_extreme_classes(one, one.blocks[0], 0) is None
    none = unlabelled_recording(tmp_path / "none")
    assert find_extreme_classes(none, none.blocks[0], 0) is None
    images = find_extreme_images(none, none.blocks[0], 0, how_many=2)
    assert images is not None
    assert {i.label for i in images.highest} == {"no label"}
    assert {i.correct for i in images.highest} == {None}


def test_extreme_images_are_those_of_a_plain_sort(recording: Recording) -> None:
    block, channel = recording.blocks[1], 2
    gates = recording.gates(block.name)[:, channel]
    ids = recording.kept_samples["sample_id"].to_pylist()
    found = find_extreme_images(recording, block, channel, how_many=5)
    assert found is not None
    assert [i.gate for i in found.highest] == sorted(gates.astype(float), reverse=True)[:5]
    assert [i.gate for i in found.lowest] == sorted(gates.astype(float))[:5]
    assert all(i.gate == gates[ids.index(i.sample_id)] for i in (*found.highest, *found.lowest))
    assert (found.known, found.recorded, found.among) == (115, 115, "all 115 images")
    again = find_extreme_images(recording, block, channel, how_many=5, gates=recording.channel_gates("SE_5_1", 2))
    assert again == found


def test_equal_gates_are_counted_and_the_first_recorded_are_shown(recording: Recording) -> None:
    block = recording.blocks[0]
    gates = np.full(115, 0.5, dtype=np.float16)
    gates[[40, 80]] = 1
    found = find_extreme_images(recording, block, 0, how_many=3, gates=gates)
    assert found is not None
    ids = recording.kept_samples["sample_id"].to_pylist()
    assert [i.sample_id for i in found.highest] == [ids[40], ids[80], ids[0]]
    assert [i.sample_id for i in found.lowest] == [ids[1], ids[2], ids[3]], "no image is on both sides"
    assert (found.tied_high, found.tied_low) == (109, 109)
    assert "109 more have the high gate shown last, 0.5000" in found.ties
    distinct = np.linspace(0, 1, 115).astype(np.float16)
    untied = find_extreme_images(recording, block, 0, how_many=3, gates=distinct)
    assert untied is not None
    assert untied.ties == ""


def test_of_few_images_none_is_on_both_sides(recording: Recording) -> None:
    found = find_extreme_images(recording, recording.blocks[0], 1, how_many=100)
    assert found is not None
    ids = [i.sample_id for i in (*found.highest, *found.lowest)]
    assert len(ids) == len(set(ids)) == 115


def test_without_kept_gates_there_are_no_extreme_images(tmp_path: Path) -> None:
    none = synthetic_recording(tmp_path / "none", keep="none", blocks=BLOCKS)
    assert find_extreme_images(none, none.blocks[0], 0) is None
    some = synthetic_recording(tmp_path / "some", keep="2", blocks=BLOCKS)
    found = find_extreme_images(some, some.blocks[0], 0)
    assert found is not None
    assert found.among == "the 8 kept of 80 images"


@pytest.mark.parametrize("channel", [-1, 4])
def test_another_channel_is_refused(recording: Recording, channel: int) -> None:
    for find in (find_extreme_classes, find_extreme_images):
        with pytest.raises(ArgumentError, match="channels go from 0 to 3"):
            find(recording, recording.blocks[0], channel)


@pytest.mark.parametrize(
    ("path", "sample", "name"),
    [
        ("/data/val/n01/a b.JPEG", "n01/a b.JPEG", "a b.JPEG"),
        ("val.parquet#3 (dog/a.png)", "val.parquet#3", "a.png"),
        ("val.parquet#3", "val.parquet#3", "val.parquet#3"),
        ("digits#5", "digits#5", "digits#5"),
        ("C:\\x\\y.png", "y.png", "y.png"),
        ("", "s", "s"),
    ],
)
def test_the_short_name_is_the_files_own(path: str, sample: str, name: str) -> None:
    assert short_path(path, sample) == name
