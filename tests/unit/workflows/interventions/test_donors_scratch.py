"""Scratch files: means by their definitions, and nothing left behind."""

from pathlib import Path

import numpy as np
import pytest

from senet_viz.errors import RecordingError
from senet_viz.recording.outcomes import BASELINES
from senet_viz.recording.reader import Recording
from senet_viz.schema import LabelMapping
from senet_viz.workflows.interventions import donors
from senet_viz.workflows.interventions.donors import (
    FOLDS,
    BlockTables,
    Sorting,
    draw_groups,
    fill_scratch,
    group_outputs,
    make_folds,
    scratch_bytes,
    scratch_folder,
)
from tests.support.synthetic import synthetic_recording

OUTPUTS = (0, 1, 1, None)  # two classes share an output, one has none


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return synthetic_recording(tmp_path / "run", classes=4, per_class=17, blocks=[3, 5], unlabelled=6)


def sort(recording: Recording, baselines: tuple[str, ...] = BASELINES) -> Sorting:
    labels = recording.samples["label"].to_numpy()
    folds = make_folds(labels, 0)
    outputs, of_output = group_outputs(LabelMapping(OUTPUTS, "name"))
    assert outputs.tolist() == [0, 1, 1, 2]
    assert of_output == {0: 0, 1: 1}
    groups = draw_groups(folds, 4, repeats=2 if "group_mean" in baselines else 0, seed=0)
    return Sorting(labels, folds, 4, outputs, baselines, groups)


def test_means_are_those_of_the_other_folds(recording, tmp_path):
    sorting = sort(recording)
    with scratch_folder(tmp_path / "scratch") as folder:
        tables = fill_scratch(recording, recording.blocks, sorting, folder)
        expected = scratch_bytes(recording.blocks, images=74, classes=4, baselines=BASELINES, repeats=2)
        taken = sum(path.stat().st_size for path in folder.iterdir())
        assert 0.9 * expected < taken <= expected
        for block in recording.blocks:
            check_tables(tables[block.name], recording.gates(block.name).astype(np.float64), sorting)
    assert not (tmp_path / "scratch").exists()


def check_tables(table: BlockTables, s: np.ndarray, sorting: Sorting) -> None:
    assert table.gates is not None
    assert table.class_mean is not None
    assert table.predicted_mean is not None
    assert table.group_mean is not None
    assert np.array_equal(table.gates, s.astype(np.float16))
    for fold in range(FOLDS):
        others = sorting.folds != fold
        np.testing.assert_allclose(table.mean[fold], s[others].mean(axis=0), rtol=1e-6)
        for label in range(4):
            chosen = others & (sorting.labels == label)
            np.testing.assert_allclose(table.class_mean[fold, label], s[chosen].mean(axis=0), rtol=1e-6)
            for repeat in range(2):
                rows = sorting.groups[repeat, fold, label]
                np.testing.assert_allclose(table.group_mean[repeat, fold, label], s[rows].mean(axis=0), rtol=1e-6)
        for group, members in enumerate(([0], [1, 2], [3])):
            chosen = others & np.isin(sorting.labels, members)
            np.testing.assert_allclose(table.predicted_mean[fold, group], s[chosen].mean(axis=0), rtol=1e-6)


def test_only_what_is_wanted_is_made(recording, tmp_path):
    with scratch_folder(tmp_path / "scratch") as folder:
        table = fill_scratch(recording, recording.blocks[:1], sort(recording, ("mean", "one")), folder)["layer1.0.se"]
        assert list(folder.iterdir()) == []
    assert table.gates is table.class_mean is table.predicted_mean is table.group_mean is None


def test_what_a_killed_run_left_goes_first(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "0-gates").write_bytes(b"old")

    def work() -> None:
        with scratch_folder(tmp_path / "scratch") as folder:
            assert list(folder.iterdir()) == []
            (folder / "0-gates").write_bytes(b"new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert not (tmp_path / "scratch").exists()


def test_a_full_disk_is_one_sentence(recording, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(donors.os, "posix_fallocate", full, raising=False)
    monkeypatch.setattr(donors.sys, "platform", "linux")
    with scratch_folder(tmp_path / "scratch") as folder, pytest.raises(RecordingError, match="No space left on device"):
        fill_scratch(recording, recording.blocks, sort(recording), folder)
