"""Outcomes on disk: what is written is what is read, and what is not whole is said."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import senet_viz as sv
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.folder import FolderLock
from senet_viz.recording.outcomes import (
    Outcome,
    OutcomesManifest,
    Variant,
    describe_outcomes,
    open_outcomes,
    read_predictions,
    summarize_outcomes,
)
from senet_viz.recording.outcomes_writer import OutcomesWriter
from tests.support.edited import edit_json
from tests.support.synthetic import make_gates, make_manifest

IMAGES, SHARD = 25, 10
VARIANTS = (
    Variant("SE_2_1", "block", ("layer1.0.se",), "mean", 0, 1.0),
    Variant("SE_2_1", "block", ("layer1.0.se",), "within", 0, 1.0),
    Variant("SE_2_1", "block", ("layer1.0.se",), "within", 1, 1.0),
)
UNJUDGED = (3, 17)


def draft(variants: tuple[Variant, ...] = VARIANTS) -> OutcomesManifest:
    about = make_manifest(make_gates([3, 4]), n_classes=5, images=IMAGES, shard_size=SHARD)
    values = {f.name: getattr(about, f.name) for f in dataclasses.fields(about)}
    return OutcomesManifest(**values, baselines={"recording": "ab", "folds": 5}, variants=variants)


def samples() -> pa.Table:
    labels = np.arange(IMAGES) % 5
    outputs = [None if i in UNJUDGED else int(k) for i, k in enumerate(labels)]
    return pa.table(
        {
            "sample_id": [f"image-{i}" for i in range(IMAGES)],
            "path": [f"{i}.png" for i in range(IMAGES)],
            "label": pa.array(labels, pa.int32()),
            "output_label": pa.array(outputs, pa.int32()),
            "fold": pa.array(labels, pa.int8()),
            "half": pa.array(labels % 2, pa.int8()),
        }
    )


def outcome(seed: int) -> Outcome:
    generator = np.random.default_rng(seed)
    judged = np.array([i not in UNJUDGED for i in range(IMAGES)])
    loss = np.where(judged, generator.exponential(size=IMAGES), np.nan).astype(np.float32)
    correct = (generator.random(IMAGES) < 0.6) & judged
    return Outcome(generator.integers(0, 5, IMAGES).astype(np.int32), loss, correct, correct | judged)


ALL = [outcome(seed) for seed in range(4)]


def part(start: int) -> list[Outcome]:
    cut = slice(start, start + SHARD)
    return [Outcome(o.prediction[cut], o.loss[cut], o.correct[cut], o.correct5[cut]) for o in ALL]


def write(folder: Path, *, shards: int = 3) -> None:
    with OutcomesWriter(folder) as writer:
        writer.begin(draft(), samples())
        for start in range(writer.consumed, min(shards * SHARD, IMAGES), SHARD):
            writer.append(part(start))
        if writer.consumed == IMAGES:
            writer.finish(throughput={"images": 25}, baselines={"recording_disagreements": 0}, notes=["a note"])


def same(found: Outcome, expected: Outcome) -> bool:
    return all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f") and a.dtype == b.dtype
        for a, b in zip(dataclasses.astuple(found), dataclasses.astuple(expected))
    )


def test_what_is_read_is_what_was_written(tmp_path):
    write(tmp_path)
    outcomes = open_outcomes(tmp_path)
    assert outcomes.complete
    assert outcomes.variants == VARIANTS
    assert same(outcomes.clean, ALL[0])
    for variant, expected in zip(VARIANTS, ALL[1:]):
        assert same(outcomes.outcome(variant), expected)
    assert outcomes.samples.equals(samples())
    assert np.flatnonzero(~outcomes.judged).tolist() == list(UNJUDGED)
    assert outcomes.manifest.baselines == {"recording": "ab", "folds": 5, "recording_disagreements": 0}
    assert outcomes.manifest.notes[-1] == "a note"
    assert [b.channels for b in outcomes.blocks] == [3, 4]
    assert len(outcomes.classes) == 5


def test_any_tool_reads_the_long_form(tmp_path):
    write(tmp_path)
    table = pa.concat_tables([pq.read_table(path) for path in sorted(tmp_path.glob("outcomes-*.parquet"))])
    assert table.column_names == ["variant", "sample", "prediction", "loss", "correct", "correct5"]
    rows = table.filter(pa.compute.equal(table["variant"], 1)).sort_by("sample")
    assert rows["sample"].to_pylist() == list(range(IMAGES))
    assert np.array_equal(rows["prediction"].to_numpy(), ALL[2].prediction)
    assert rows["loss"].null_count == len(UNJUDGED)
    assert table["variant"].to_numpy().min() == -1


def test_an_interrupted_folder_is_taken_up(tmp_path):
    write(tmp_path / "torn", shards=2)
    torn = open_outcomes(tmp_path / "torn")
    assert not torn.complete
    assert np.array_equal(read_predictions(torn.path, torn.manifest)[0], ALL[0].prediction[:20])
    with pytest.raises(RecordingError, match="has 20 of 25 images: run the same command again"):
        torn.outcome(VARIANTS[0])
    (tmp_path / "torn" / "outcomes-00002.parquet").write_bytes(b"half a file")
    (tmp_path / "torn" / "outcomes-00009.parquet.tmp").write_bytes(b"half a file")
    write(tmp_path / "torn")
    write(tmp_path / "whole")
    names = sorted(path.name for path in (tmp_path / "whole").glob("*.parquet"))
    assert names == sorted(path.name for path in (tmp_path / "torn").iterdir() if path.name != "manifest.json")
    for name in names:
        assert (tmp_path / "torn" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_finished_folder_takes_no_more(tmp_path):
    write(tmp_path)
    with OutcomesWriter(tmp_path) as writer:
        writer.begin(draft(), samples())
        assert writer.complete
        with pytest.raises(ArgumentError):
            writer.append(part(0))


def test_wrong_shards_are_refused(tmp_path):
    with OutcomesWriter(tmp_path) as writer:
        writer.begin(draft(), samples())
        with pytest.raises(ArgumentError, match="10 images and 2 variants was given, 10 images and 3 variants"):
            writer.append(part(0)[:3])
        with pytest.raises(ArgumentError, match="5 images and 3 variants was given"):
            writer.append(part(20))
        with pytest.raises(RecordingError, match="has 0 of 25 images"):
            writer.finish(throughput={}, baselines={})


def test_other_inputs_are_refused_by_name(tmp_path):
    write(tmp_path, shards=1)
    changes = (
        (dataclasses.replace(draft(), options={**draft().options, "seed": 9}), r"options\.seed = 0, this run has 9"),
        (dataclasses.replace(draft(), baselines={"recording": "cd", "folds": 5}), r"baselines\.recording = 'ab'"),
        (draft(VARIANTS[:2]), "variants"),
    )
    for changed, message in changes:
        with OutcomesWriter(tmp_path) as writer, pytest.raises(RecordingError, match=message):
            writer.begin(changed, samples())


def test_one_writer_at_a_time(tmp_path):
    with OutcomesWriter(tmp_path) as writer:
        writer.begin(draft(), samples())
        with pytest.raises(RecordingError, match="is being written by process"):
            FolderLock(tmp_path).acquire()
    FolderLock(tmp_path).acquire()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(RecordingError, match=r"holds holiday\.jpg"):
        OutcomesWriter(tmp_path)
    with pytest.raises(RecordingError, match="is a file"):
        OutcomesWriter(tmp_path / "holiday.jpg")
    with pytest.raises(RecordingError, match=r"has no manifest\.json"):
        open_outcomes(tmp_path)


def test_damage_is_said(tmp_path):
    write(tmp_path)
    file = tmp_path / "outcomes-00001.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(RecordingError, match=r"outcomes-00001\.parquet has"):
        open_outcomes(tmp_path)
    file.write_bytes(whole[:60] + bytes([whole[60] ^ 255]) + whole[61:])
    with pytest.raises(RecordingError, match=r"is not as it was written.*make it again"):
        _ = open_outcomes(tmp_path).clean
    file.unlink()
    with pytest.raises(RecordingError, match="is missing"):
        open_outcomes(tmp_path)


def test_interventions_are_verified(tmp_path):
    write(tmp_path)
    assert sv.verify_recording(tmp_path).ok
    file = tmp_path / "outcomes-00001.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[:60] + bytes([whole[60] ^ 255]) + whole[61:])
    report = sv.verify_recording(tmp_path)
    assert [problem.split(" has the sha256")[0] for problem in report.problems] == [file.name]


def test_recordings_and_outcomes_are_told_apart(tmp_path):
    write(tmp_path)
    with pytest.raises(RecordingError):
        sv.open_recording(tmp_path)
    manifest = tmp_path / "manifest.json"
    written = manifest.read_text("utf-8")
    for change, message in (
        ({"kind": "recording"}, "is not of interventions"),
        ({"schema_version": 99}, "schema version 99"),
        (
            {"variants": [{"target": "x"}]},
            r"manifest\.json, variants\[0\]: Object missing required field `kind`; copy the folder again",
        ),
    ):
        manifest.write_text(written, "utf-8")
        edit_json(manifest, **change)
        with pytest.raises(RecordingError, match=message):
            open_outcomes(tmp_path)


def test_an_intervention_that_was_not_made(tmp_path):
    write(tmp_path)
    with pytest.raises(ArgumentError, match="has no intervention"):
        open_outcomes(tmp_path).outcome(dataclasses.replace(VARIANTS[0], strength=0.5))


def test_summary(tmp_path):
    write(tmp_path)
    outcomes = open_outcomes(tmp_path)
    summary = summarize_outcomes(outcomes)
    judged = outcomes.judged
    assert summary["judged"] == 23
    assert summary["clean"]["top1"] == pytest.approx(ALL[0].correct[judged].mean())
    row = summary["variants"][1]
    assert row["baseline"] == "within"
    assert row["top1"] == pytest.approx(100 * (ALL[2].correct[judged].mean() - ALL[0].correct[judged].mean()))
    assert row["loss"] == pytest.approx(float(np.nanmean(ALL[2].loss) - np.nanmean(ALL[0].loss)), abs=1e-6)
    assert row["changed"] == pytest.approx((ALL[2].prediction != ALL[0].prediction).mean())
    text = describe_outcomes(summary)
    both = np.mean([summary["variants"][i]["top1"] for i in (1, 2)])
    assert f"{both:+.2f}" in text
    assert "note: a note" in text


def test_without_a_judged_image_people_read_how_many_predictions_changed(tmp_path: Path) -> None:
    write(tmp_path)
    summary = summarize_outcomes(open_outcomes(tmp_path))
    summary["clean"]["top1"] = None
    for row in summary["variants"]:
        row["top1"] = None
    first, head, *rows = describe_outcomes(summary).splitlines()
    assert first.endswith("clean top-1 unknown: no class has an output")
    assert head.split() == ["predictions", "changed,", "%", "mean", "within"]
    changed = [100 * row["changed"] for row in summary["variants"]]
    assert rows[0].split() == ["SE_2_1", f"{changed[0]:.2f}", f"{(changed[1] + changed[2]) / 2:.2f}"]
