import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.export import ENDINGS, export_statistics
from senet_viz.recording.export_csv import EXCEL_ROWS, describe_excel_limit
from senet_viz.recording.files import replace_json
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.slim import slim_recording
from senet_viz.recording.statistics import count_rows, sorted_quantiles, statistics_batches
from senet_viz.text import undo_defuse
from tests.support.synthetic import synthetic_recording, unlabelled_recording

BLOCKS = {"SE_2_3": 3, "SE_4_6": 4}
COLUMNS = ["block", "label", "stage", "depth", "channel", "class_id", "class_name", "n", "mean", "std", "min", "max"]
QUANTILES = ["q05", "q25", "q50", "q75", "q95"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("r") / "r", blocks=BLOCKS, unlabelled=5, unreadable=(2, 70))


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return pd.read_csv(path)
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".json":
        tree = json.loads(path.read_text("utf-8"), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
        assert list(tree) == ["recording", "columns", "rows"]
        return pd.DataFrame(tree["rows"], columns=tree["columns"])
    with np.load(path, allow_pickle=False) as arrays:
        return pd.DataFrame({name: arrays[name] for name in arrays.files})


def test_rows_equal_float64_numpy(recording: Recording) -> None:
    table = pd.concat([t.to_pandas() for t in statistics_batches(recording)])
    assert list(table.columns) == COLUMNS + QUANTILES
    assert len(table) == 7 * 5
    labels = recording.kept_samples["label"].to_numpy()
    for row in table.itertuples():
        gates = recording.gates(row.block)[:, row.channel].astype(np.float64)
        chosen = gates if row.class_id == -1 else gates[labels == row.class_id]
        moments = recording.moments(row.label)
        moments = moments.overall() if row.class_id == -1 else moments
        k = max(row.class_id, 0)
        assert row.n == len(chosen)
        assert row.class_name == ("all" if row.class_id == -1 else f"class {row.class_id}")
        assert (row.mean, row.std) == (moments.mean[k, row.channel], moments.std()[k, row.channel])
        np.testing.assert_allclose(row.std, chosen.std(ddof=1), atol=1e-4)
        expected = np.quantile(chosen, [0.05, 0.25, 0.5, 0.75, 0.95]).clip(row.min, row.max)
        np.testing.assert_allclose([getattr(row, q) for q in QUANTILES], expected)


@pytest.mark.parametrize("ending", ENDINGS)
def test_all_formats_hold_the_same_table(recording: Recording, tmp_path: Path, ending: str) -> None:
    path = export_statistics(recording, tmp_path / f"out{ending}")
    expected = pd.concat([t.to_pandas() for t in statistics_batches(recording)], ignore_index=True)
    pd.testing.assert_frame_equal(read(path), expected, check_dtype=False, rtol=1e-7)
    about = json.loads((tmp_path / f"out{ending}.manifest.json").read_text("utf-8"))
    assert (about["id"], about["form"]) == (recording.id, "full")
    assert (about["model"], about["data"]) == (dict(recording.manifest.model), dict(recording.manifest.data))
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("ending", ENDINGS)
def test_classes_of_no_or_one_image_have_empty_statistics(tmp_path: Path, ending: str) -> None:
    lonely = synthetic_recording(tmp_path / "r", classes=3, per_class=1, blocks=[2], unreadable=(1,))
    table = read(export_statistics(lonely, tmp_path / f"out{ending}"))
    one, none = table[(table.n == 1)], table[(table.n == 0)]
    assert (len(one), len(none)) == (4, 2)
    assert one["std"].isna().all()
    assert one[["mean", "min", "max", "q50"]].notna().all(axis=None)
    assert none[["mean", "std", "min", "max", *QUANTILES]].isna().all(axis=None)
    if ending == ".csv":
        with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["std"] for row in rows if row["n"] == "1"} == {""}


def test_quantiles_of_a_part_are_not_exported(tmp_path: Path, recording: Recording) -> None:
    part = synthetic_recording(tmp_path / "p", blocks=BLOCKS, keep="3")
    assert list(read(export_statistics(part, tmp_path / "p.csv")).columns) == COLUMNS
    slim = slim_recording(recording, tmp_path / "s")
    table = read(export_statistics(slim, tmp_path / "s.parquet"))
    assert list(table.columns) == COLUMNS
    whole = read(export_statistics(recording, tmp_path / "r.parquet"))
    pd.testing.assert_frame_equal(table, whole[COLUMNS], rtol=1e-3)


@pytest.mark.parametrize(
    ("classes", "ids"),
    [(["all"], [-1]), ([2, "n00000000"], [0, 2]), (["class 1", "-1"], [-1, 1]), (["3"], [3])],
)
def test_subsets(recording: Recording, tmp_path: Path, classes: list[str | int], ids: list[int]) -> None:
    path = export_statistics(recording, tmp_path / "out.csv", blocks=["layer3.5.se"], classes=classes)
    table = read(path)
    assert table["label"].unique().tolist() == ["SE_4_6"]
    assert table["class_id"].tolist() == ids * 4


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"blocks": ["SE_9_9"]}, "it has SE_2_3, SE_4_6"),
        ({"classes": ["zebra"]}, "No class is called 'zebra'"),
        ({"classes": [4]}, "There is no class 4"),
        ({"classes": ["17"]}, "There is no class 17"),
    ],
)
def test_unknown_blocks_and_classes_are_refused(
    recording: Recording, tmp_path: Path, choice: dict[str, list[str]], words: str
) -> None:
    with pytest.raises(ArgumentError, match=words):
        export_statistics(recording, tmp_path / "out.csv", **choice)
    assert list(tmp_path.iterdir()) == []


def test_other_endings_and_places_are_refused(recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"use one of \.csv, \.parquet, \.json, \.npz"):
        export_statistics(recording, tmp_path / "out.xlsx")
    with pytest.raises(RecordingError, match="could not be written"):
        export_statistics(recording, tmp_path / "nowhere" / "out.csv")


def test_a_failed_export_leaves_the_old_file(recording: Recording, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old", encoding="utf-8")
    broken = synthetic_recording(tmp_path / "r", blocks=BLOCKS)
    (broken.path / "gates-00000.parquet").unlink()
    with pytest.raises(RecordingError, match="could not be read"):
        export_statistics(broken, out)
    assert out.read_text("utf-8") == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.csv", "r"]


def test_progress_is_told_and_can_stop_the_export(recording: Recording, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    export_statistics(recording, tmp_path / "out.csv", on_progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 2), (1, 2), (2, 2)]

    def stop(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    for ending in ENDINGS:
        old = tmp_path / f"old{ending}"
        old.write_text("old", encoding="utf-8")
        with pytest.raises(KeyboardInterrupt):
            export_statistics(recording, old, on_progress=stop)
        assert old.read_text("utf-8") == "old"
    assert len(list(tmp_path.iterdir())) == 2 + len(ENDINGS)


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_unlabelled_recording_has_the_rows_of_all_images(tmp_path: Path, ending: str) -> None:
    bare = unlabelled_recording(tmp_path / "r")
    table = read(export_statistics(bare, tmp_path / f"out{ending}"))
    assert table["class_id"].tolist() == [-1] * 3
    assert table["n"].tolist() == [12] * 3
    with pytest.raises(ArgumentError, match="There is no class 0: the recording has no labels"):
        export_statistics(bare, tmp_path / f"out{ending}", classes=[0])


def test_names_with_commas_quotes_and_other_scripts_come_back(tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "r", classes=2, blocks=[1])
    tree = made.manifest.to_json()
    tree["classes"]["names"] = ['goldfish, "Carassius"', "Größe\n犬"]
    replace_json(made.path, "manifest.json", tree)
    for ending in ENDINGS:
        table = read(export_statistics(open_recording(made.path), tmp_path / f"out{ending}"))
        assert table["class_name"].tolist() == ["all", *tree["classes"]["names"]]


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_quantiles_equal_numpy(n: int) -> None:
    values = np.random.default_rng(n).uniform(size=(n, 3)).astype(np.float32)
    oracle = np.quantile(values.astype(np.float64), [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    np.testing.assert_allclose(sorted_quantiles(values), oracle, rtol=1e-12)


@pytest.mark.parametrize("ending", ENDINGS)
def test_quantiles_lie_within_min_and_max_however_few_images_a_class_has(tmp_path: Path, ending: str) -> None:
    for images in (1, 2, 7):
        recording = synthetic_recording(tmp_path / f"r{images}", blocks={"SE_2_3": 40}, classes=6, per_class=images)
        table = read(export_statistics(recording, tmp_path / f"x{images}{ending}"))
        assert images in table["n"].tolist()
        low, high = table["min"].astype(float), table["max"].astype(float)
        for name in QUANTILES:
            assert (low <= table[name]).all()
            assert (table[name] <= high).all()


def test_no_csv_has_formulas_and_one_for_excel_has_a_mark(tmp_path: Path) -> None:
    names = ("=SUM(A1)", "+1", "-x", "@y", "Müller", " =2", "\t=3", "a=b", 'ok, "q"')
    recording = synthetic_recording(tmp_path / "r", blocks={"SE_2_3": 2}, classes=len(names))
    tree = recording.manifest.to_json()
    tree["classes"]["names"] = list(names)
    replace_json(recording.path, "manifest.json", tree)
    recording = open_recording(recording.path)
    plain = export_statistics(recording, tmp_path / "plain.csv").read_bytes()
    excel = export_statistics(recording, tmp_path / "excel.csv", for_excel=True).read_bytes()
    assert excel.startswith(b"\xef\xbb\xbf")
    assert not plain.startswith(b"\xef")
    with (tmp_path / "excel.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    shown = [row["class_name"] for row in rows if row["channel"] == "0"]
    assert shown == ["all", "'=SUM(A1)", "'+1", "'-x", "'@y", "Müller", "' =2", "'\t=3", "a=b", 'ok, "q"']
    assert not any(cell.lstrip()[:1] in ("=", "+", "@") for row in rows for cell in row.values())
    with (tmp_path / "plain.csv").open(encoding="utf-8", newline="") as file:
        cells = [row["class_name"] for row in csv.DictReader(file)][: len(names) + 1]
    assert cells == shown
    assert [undo_defuse(cell) for cell in cells] == ["all", *names]


def test_for_excel_is_a_csv_and_rows_beyond_its_limit_are_told(tmp_path: Path, recording: Recording) -> None:
    with pytest.raises(ArgumentError, match=r"x\.parquet is no \.csv"):
        export_statistics(recording, tmp_path / "x.parquet", for_excel=True)
    assert export_statistics(recording, tmp_path, for_excel=True).suffix == ".csv"
    assert count_rows(recording, classes=["all"]) == 7
    assert (describe_excel_limit(EXCEL_ROWS - 1), describe_excel_limit(0)) == ("", "")
    assert "1,048,576 rows and a header" in describe_excel_limit(EXCEL_ROWS)
