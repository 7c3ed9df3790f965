import dataclasses
import itertools
import json
import multiprocessing
import multiprocessing.context
import os
import signal
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording import reader
from senet_viz.recording.reader import open_recording
from senet_viz.recording.rows import RecordedBatch
from senet_viz.recording.verify import verify_recording
from senet_viz.recording.writer import RecordingWriter, stored_manifest
from senet_viz.schema import ClassTable, Manifest
from tests.support.synthetic import (
    choose_keep,
    make_batches,
    make_gates,
    make_manifest,
    synthetic_recording,
    synthetic_values,
)
from tests.unit.recording.killed_run import run

GATES = make_gates([5, 3])
N, CLASSES, SHARD = 150, 3, 64
LABELS = np.random.default_rng(5).integers(-1, CLASSES, size=N).astype(np.int32)
VALUES = synthetic_values(GATES, LABELS, n_classes=CLASSES, shares={}, seed=2)
UNREADABLE = (3, 70, 149)


def draft(**changes: object) -> Manifest:
    return dataclasses.replace(make_manifest(GATES, n_classes=CLASSES, images=N, shard_size=SHARD), **changes)


def batches(first: int = 0, keep: str = "all", size: int = 16) -> list[RecordedBatch]:
    kept = choose_keep(LABELS, keep)
    return list(make_batches(LABELS, VALUES, kept, first=first, unreadable=UNREADABLE, batch_size=size))


def write(folder: Path, *, keep: str = "all", manifest: Manifest | None = None, keep_squeeze: bool = True) -> Manifest:
    with RecordingWriter(folder, manifest or draft(), keep_squeeze=keep_squeeze) as writer:
        for batch in batches(writer.consumed, keep):
            writer.append(batch)
        return writer.finish(throughput={"images": N})


def bits(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "manifest.json"}


def test_a_recording_holds_what_was_appended(tmp_path: Path) -> None:
    manifest = write(tmp_path / "r")
    recording = open_recording(tmp_path / "r")
    read = [i for i in range(N) if i not in UNREADABLE]
    assert manifest.complete
    assert recording.samples["sample_id"].to_pylist() == [f"image-{i:06d}" for i in read]
    assert [row["path"] for row in recording.errors] == [f"folder/image-{i:06d}.jpg" for i in UNREADABLE]
    assert manifest.progress == {"consumed": N, "images": N - 3, "errors": 3, "kept": N - 3}
    for gate in GATES:
        np.testing.assert_array_equal(recording.gates(gate.name), VALUES[gate.name][read].astype(np.float16))
        squeezes = (4 * VALUES[gate.name][read]).astype(np.float16)
        np.testing.assert_array_equal(recording.gates(gate.name, "squeeze"), squeezes)
        moments = recording.moments(gate.name)
        for k in range(CLASSES):
            rows = VALUES[gate.name][[i for i in read if LABELS[i] == k]].astype(np.float64)
            np.testing.assert_allclose(moments.mean[k], rows.mean(axis=0), rtol=1e-9)
            np.testing.assert_allclose(moments.m2[k], ((rows - rows.mean(axis=0)) ** 2).sum(axis=0), rtol=1e-9)


def test_where_a_class_has_no_output_loss_and_correct_are_null(tmp_path: Path) -> None:
    write(tmp_path / "r")
    samples = open_recording(tmp_path / "r").samples.to_pylist()
    assert any(row["label"] == -1 for row in samples)
    for row in samples:
        assert (
            (row["label"] == -1) == (row["loss"] is None) == (row["correct"] is None) == (row["output_label"] is None)
        )


@pytest.mark.parametrize("stop", [1, 4, 5, 8, 10])
def test_an_interrupted_run_ends_with_the_same_bits(tmp_path: Path, stop: int) -> None:
    write(tmp_path / "whole")
    with RecordingWriter(tmp_path / "r", draft(), keep_squeeze=True, commit_seconds=0) as writer:
        for batch in batches()[:stop]:
            writer.append(batch)
    part = open_recording(tmp_path / "r")
    assert not part.complete
    assert part.manifest.progress["consumed"] == sum(b.consumed for b in batches()[:stop])
    assert part.kept_samples.num_rows == part.gates(GATES[0].name).shape[0] == part.samples.num_rows
    assert verify_recording(tmp_path / "r").ok
    write(tmp_path / "r", manifest=draft(id="f" * 32))
    assert bits(tmp_path / "r") == bits(tmp_path / "whole")
    done, whole = open_recording(tmp_path / "r").manifest, open_recording(tmp_path / "whole").manifest
    assert done.files == whole.files
    assert done.id == whole.id


def test_what_was_opened_is_read_as_it_was_while_the_recording_goes_on(tmp_path: Path) -> None:
    """Each commit removes the moments and the rows of an open shard that the one before it wrote."""
    with RecordingWriter(tmp_path / "r", draft(), keep_squeeze=True, commit_seconds=0) as writer:
        for batch in batches()[:2]:
            writer.append(batch)
        early, seen = open_recording(tmp_path / "r"), writer.images
        early.moments(GATES[0].name)
        untouched = open_recording(tmp_path / "r")
        for batch in batches()[2:6]:
            writer.append(batch)
        assert not {file.name for file in early.manifest.files} <= {path.name for path in (tmp_path / "r").iterdir()}
        for opened in (early, untouched):
            assert opened.samples.num_rows == len(opened.gates(GATES[1].name)) == seen
            moments = opened.moments(GATES[0].name)
            assert moments.count.sum() + sum(label == -1 for label in opened.samples["label"].to_pylist()) == seen
            np.testing.assert_allclose(
                moments.overall().mean[0], opened.gates(GATES[0].name).astype(float).mean(0), atol=1e-3
            )


def test_a_commit_between_the_list_and_the_files_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RecordingWriter(tmp_path / "r", draft(), keep_squeeze=True, commit_seconds=0) as writer:
        writer.append(batches()[0])

        def read(folder: Path) -> Manifest | None:
            manifest = stored_manifest(folder)
            if writer.appended < 64:
                writer.append(batches()[len(seen) + 1])
            seen.append(writer.appended)
            return manifest

        seen: list[int] = []
        monkeypatch.setattr(reader, "stored_manifest", read)
        opened = open_recording(tmp_path / "r")
        assert len(seen) == 4
        assert opened.manifest.progress["consumed"] == opened.samples.num_rows + len(opened.errors) == 64
        monkeypatch.setattr(reader, "stored_manifest", stored_manifest)
        next(path for path in (tmp_path / "r").iterdir() if path.name.startswith("moments")).unlink()
        with pytest.raises(RecordingError, match=r"moments-.* is missing"):
            open_recording(tmp_path / "r")


def test_an_error_in_the_loop_keeps_whole_batches(tmp_path: Path) -> None:
    def fail() -> None:
        with RecordingWriter(tmp_path / "r", draft(), keep_squeeze=True) as writer:
            writer.append(batches()[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert open_recording(tmp_path / "r").manifest.progress["consumed"] == 16
    assert not (tmp_path / "r" / "job.lock").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": {"name": "synthetic", "source": "synthetic", "sha256": "1" * 64}}, "model.outputs|model.sha256"),
        ({"preprocessing": {"input_size": [3, 64, 96]}}, r"preprocessing.input_size\[2\] = 64, this run has 96"),
        ({"gates": make_gates([5, 4])}, r"gates\[1\].channels = 3, this run has 4"),
    ],
)
def test_another_identity_is_refused_by_name(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    write(tmp_path / "r")
    before = bits(tmp_path / "r")
    with pytest.raises(RecordingError, match=words):
        RecordingWriter(tmp_path / "r", draft(**changes))
    assert bits(tmp_path / "r") == before


def test_another_environment_is_noted(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "r", draft(), keep_squeeze=True) as writer:
        writer.append(batches()[0])
    write(tmp_path / "r", manifest=draft(environment={"device": "cuda", "threads": 1, "started": "today"}))
    notes = open_recording(tmp_path / "r").manifest.notes
    assert notes == ("Resumed after 16 images in another environment: device 'cpu' → 'cuda'.",)


def test_what_is_for_people_alone_may_be_said_otherwise(tmp_path: Path) -> None:
    wnids = draft().classes.wnids
    bare = draft(classes=ClassTable(wnids, wnids), mapping=dataclasses.replace(draft().mapping, note="as it was"))
    with RecordingWriter(tmp_path / "r", bare, keep_squeeze=True) as writer:
        writer.append(batches()[0])
    finished = write(tmp_path / "r", manifest=draft(data={**draft().data, "label_column": "kind"}))
    assert finished.complete
    assert (finished.classes.names, finished.mapping.note) == (wnids, "as it was")
    with pytest.raises(RecordingError, match=r"classes\.names\[0\] = 'n00000000', this run has 'cat'"):
        RecordingWriter(tmp_path / "r", draft(classes=ClassTable(("cat", *wnids[1:]))))


def test_a_complete_recording_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "r")
    before = bits(tmp_path / "r")
    (tmp_path / "r" / "samples-00002-part-000009.parquet").write_bytes(b"a kill left this behind")
    with RecordingWriter(tmp_path / "r", draft(), keep_squeeze=True) as writer:
        assert writer.complete
        with pytest.raises(ArgumentError, match="complete"):
            writer.append(batches()[0])
        assert writer.finish(throughput={}).complete
    assert bits(tmp_path / "r") == before


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"thesis\.tex"):
        RecordingWriter(tmp_path, draft())
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(RecordingError, match="is a file"):
        RecordingWriter(tmp_path / "thesis.tex", draft())


def test_what_a_killed_start_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "moments-000001.safetensors").write_bytes(b"half")
    (tmp_path / "samples-00000.parquet.tmp").write_bytes(b"half")
    assert write(tmp_path).complete
    assert verify_recording(tmp_path).ok
    assert not list(tmp_path.glob("*.tmp"))


def test_a_bad_gate_stops_the_run_before_it_is_folded(tmp_path: Path) -> None:
    good, bad = batches()[:2]
    broken = {name: values.copy() for name, values in bad.gates.items()}
    broken[GATES[1].name][0, 0] = np.nan
    with RecordingWriter(tmp_path / "r", draft(), keep_squeeze=True) as writer:
        writer.append(good)
        with pytest.raises(RecordingError, match=f"Block {GATES[1].name} has a gate that is not finite"):
            writer.append(dataclasses.replace(bad, gates=broken))
    write(tmp_path / "whole")
    write(tmp_path / "r")
    assert bits(tmp_path / "r") == bits(tmp_path / "whole")


def test_a_squeeze_too_large_for_half_precision_is_refused(tmp_path: Path) -> None:
    batch = batches()[0]
    large = {name: values * 1e6 for name, values in batch.squeezes.items()}
    with (
        RecordingWriter(tmp_path / "r", draft(), keep_squeeze=True) as writer,
        pytest.raises(RecordingError, match="half precision ends at 65504"),
    ):
        writer.append(dataclasses.replace(batch, squeezes=large))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"consumed": 15}, "15 inputs, 15 were read and 1 were left out"),
        ({"paths": []}, "0 paths"),
        ({"gates": {}}, "missing"),
        ({"gates": {g.name: np.zeros((15, 9), dtype=np.float32) for g in GATES}}, "shape"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with RecordingWriter(tmp_path / "r", draft()) as writer, pytest.raises(ArgumentError, match=words):
        writer.append(dataclasses.replace(batches()[0], **changes))


def test_batches_never_cross_shards_and_finish_needs_all_inputs(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "r", draft()) as writer:
        writer.append(batches()[0])
        with pytest.raises(ArgumentError, match="crosses the end of its shard, 48 are left"):
            writer.append(RecordedBatch.unreadable([("x", "y")] * 49, 49))
        with pytest.raises(RecordingError, match="16 of 150"):
            writer.finish(throughput={})


def test_a_source_without_one_readable_image(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "r", draft(data={"images": 2})) as writer:
        writer.append(RecordedBatch.unreadable([("x", "no image"), ("y", "no image")], 2))
        writer.finish(throughput={})
    recording = open_recording(tmp_path / "r")
    assert recording.samples.num_rows == recording.kept_samples.num_rows == 0
    assert recording.gates(GATES[0].name).shape == (0, 5)
    assert len(recording.errors) == 2
    assert verify_recording(tmp_path / "r").ok


def test_keep_none_writes_no_gates(tmp_path: Path) -> None:
    write(tmp_path / "r", keep="none")
    assert not list((tmp_path / "r").glob("gates*"))
    assert open_recording(tmp_path / "r").gates("SE_2_1").shape == (0, 5)


def test_files_are_parquet_as_promised(tmp_path: Path) -> None:
    write(tmp_path / "r")
    schema = pq.read_schema(tmp_path / "r" / "gates-00000.parquet")
    assert str(schema.field(GATES[0].name).type) == "fixed_size_list<element: halffloat>[5]"
    metadata = pq.read_metadata(tmp_path / "r" / "gates-00000.parquet").row_group(0)
    columns = [metadata.column(i) for i in range(metadata.num_columns)]
    assert {c.compression for c in columns} == {"ZSTD"}
    assert [c.is_stats_set for c in columns] == [True, *[False] * 4]


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "r"
    fsync = os.fsync
    with RecordingWriter(folder, draft(), keep_squeeze=True, commit_seconds=0) as writer:
        writer.append(batches()[0])

        def full(handle: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(RecordingError, match=r"No space left on device.*16 of 150 inputs.*same command"):
            writer.append(batches()[1])
    monkeypatch.setattr(os, "fsync", fsync)
    assert open_recording(folder).manifest.progress["consumed"] == 16
    write(folder)
    write(tmp_path / "whole")
    assert bits(folder) == bits(tmp_path / "whole")


def test_commits_come_by_images_and_leave_no_old_generation(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "r", draft(), keep_squeeze=True, commit_images=32, commit_share=1e9) as writer:
        seen = []
        for batch in batches():
            writer.append(batch)
            seen.append(writer.consumed)
            assert len(list((tmp_path / "r").glob("moments-*"))) == (writer.consumed > 0)
    assert seen[:5] == [0, 32, 32, 64, 64]


def test_a_recording_that_only_began_can_be_opened_and_gone_on_with(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "r", draft(), keep_squeeze=True):
        begun = open_recording(tmp_path / "r")
    assert (begun.complete, begun.samples.num_rows, begun.manifest.progress["images"]) == (False, 0, 0)
    write(tmp_path / "r")
    write(tmp_path / "whole")
    assert bits(tmp_path / "r") == bits(tmp_path / "whole")


def test_a_path_that_can_not_be_a_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RecordingError, match="Give a folder that can be written"):
        RecordingWriter(tmp_path / "file" / "r", draft())


@pytest.mark.slow
def test_ten_kills_change_no_bit(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.unit.recording.killed_run"])
    attempt(context, tmp_path / "warm", seconds=None)
    undisturbed = attempt(context, tmp_path / "whole", seconds=None)
    whole = bits(tmp_path / "whole")
    chance = np.random.default_rng(10)
    kills, progress, patience, last = 0, set(), 1.0, None
    folders = (tmp_path / f"killed-{i}" for i in itertools.count())
    folder = next(folders)
    while kills < 10 or len(progress) <= 2:
        attempt(context, folder, seconds=float(chance.uniform(0.05, 0.4)) * undisturbed * patience)
        text = (folder / "manifest.json").read_text("utf-8") if (folder / "manifest.json").exists() else "{}"
        if json.loads(text).get("complete"):
            attempt(context, folder, seconds=None)  # it may have been killed while it tidied up
            assert bits(folder) == whole
            folder, patience = next(folders), 1.0
        else:
            kills += 1
            consumed = json.loads(text).get("progress", {}).get("consumed")
            patience *= 1.5 if consumed == last else 1.0  # a busy machine gets further before the next kill
            last = consumed
            progress.add(consumed)
    attempt(context, folder, seconds=None)
    assert verify_recording(folder).ok
    assert bits(folder) == whole


def attempt(context: multiprocessing.context.ForkServerContext, folder: Path, *, seconds: float | None) -> float:
    """One run in a process of its own, killed after some seconds; how long it took."""
    began = time.monotonic()
    process = context.Process(target=run, args=(folder,))
    process.start()
    process.join(timeout=seconds)
    if process.exitcode is None:
        process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    process.close()
    return time.monotonic() - began


def test_the_builder_plants_its_shares(tmp_path: Path) -> None:
    shares = {"SE_2_1": 0.0, "SE_2_2": 0.6}
    recording = synthetic_recording(tmp_path / "r", classes=20, per_class=60, blocks=[32, 32], shares=shares)
    for label, share in shares.items():
        moments = recording.moments(label)
        total = moments.overall().m2[0]
        between = (total - moments.ssw - 19 * moments.ssw / (1200 - 20)) / total
        assert abs(between.mean() - share) < 0.01


def test_one_writer_a_folder(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "r", draft()) as writer:
        with pytest.raises(RecordingError, match=f"is being written by process {os.getpid()}"):
            RecordingWriter(tmp_path / "r", draft())
        writer.append(batches()[0])
    assert open_recording(tmp_path / "r").manifest.progress["consumed"] == 16
