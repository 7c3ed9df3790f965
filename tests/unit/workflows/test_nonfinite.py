"""Images for which a network computes NaN or infinity: left out, counted, named, and never without a word."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import senet_viz as sv
from senet_viz.errors import ModelError, RecordingError, SourceError
from senet_viz.images.source import ImageSource
from senet_viz.models.zoo import Model
from senet_viz.recording.export import export_statistics
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.slim import slim_recording
from senet_viz.recording.verify import verify_recording
from senet_viz.workflows.job import JobProgress
from senet_viz.workflows.nonfinite import allowed_nonfinite
from senet_viz.workflows.record import ObserveGates, record, summarize
from tests.support.edited import edit_json
from tests.support.planted import write_marked_parquet

IMAGES, MARKED = 300, (5, 130, 131)


def load(factory: str) -> Model:
    return sv.load_model(f"tests.support.planted:{factory}", device="cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_marked_parquet(tmp_path_factory.mktemp("data") / "marked.parquet", IMAGES, MARKED)


@pytest.fixture(scope="module")
def source(data: Path) -> ImageSource:
    return sv.open_images(data)


def bits(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name not in ("manifest.json", "progress.json")}


@pytest.mark.parametrize(
    ("factory", "block", "sentence"),
    [
        ("nan_in_block", "se2", "Block se2 has a squeeze that is not finite (NaN)."),
        ("inf_logit", None, "The logits are not finite (NaN or infinite)."),
    ],
)
def test_they_are_left_out_counted_and_named(
    factory: str, block: str | None, sentence: str, source: ImageSource, tmp_path: Path
) -> None:
    options = RecordOptions(batch_size=50, shard_size=100)
    recording = record(load(factory), source, tmp_path / "run", options=options)
    assert recording.complete
    assert recording.manifest.progress == {"consumed": 300, "images": 297, "errors": 3, "kept": 297, "nonfinite": 3}
    assert [row["path"] for row in recording.errors] == [source.path(i) for i in MARKED]
    for row in recording.errors:
        assert (row["error"], row["kind"], row.get("block")) == (sentence, "nonfinite", block)
    samples = recording.samples
    assert set(samples["path"].to_pylist()).isdisjoint(source.path(i) for i in MARKED)
    assert np.isfinite(samples["confidence"].to_numpy()).all()
    moments = recording.moments("se2")
    assert int(moments.count.sum()) == 297
    assert np.isfinite(moments.mean).all()
    (note,) = [n for n in recording.manifest.notes if "not finite" in n]
    assert note.startswith("For 3 of 300 images")
    assert f"3 in {'block se2' if block else 'the logits'}" in note
    summary = summarize(recording)
    assert (summary["errors"], summary["nonfinite"], note in summary["notes"]) == (3, 3, True)
    assert verify_recording(recording.path).ok
    side = json.loads(
        (export_statistics(recording, tmp_path / "all.parquet")).with_suffix(".parquet.manifest.json").read_text()
    )
    assert side["nonfinite"] == 3
    slim = slim_recording(recording, tmp_path / "slim")
    assert slim.manifest.progress["nonfinite"] == 3
    assert verify_recording(slim.path).ok


def test_the_others_get_what_they_would_get_without_them(source: ImageSource, tmp_path: Path) -> None:
    spoilt = record(load("nan_in_block"), source, tmp_path / "spoilt")
    clean = record(sv.load_model("tests.support.tiny:tiny_se", device="cpu"), source, tmp_path / "clean")
    rows = [i for i in range(IMAGES) if i not in MARKED]
    assert clean.manifest.progress == {"consumed": 300, "images": 300, "errors": 0, "kept": 300}
    assert not any("not finite" in note for note in clean.manifest.notes)
    assert clean.samples.take(rows).equals(spoilt.samples)
    for name in ("se1", "se2"):
        assert np.array_equal(clean.gates(name)[rows], spoilt.gates(name))


class StoppedError(Exception):
    pass


def test_a_run_that_was_cut_ends_with_the_same_bits_and_note(source: ImageSource, tmp_path: Path) -> None:
    model, options = load("nan_in_block"), RecordOptions(batch_size=32, shard_size=64, commit_seconds=0.0)
    whole = record(model, source, tmp_path / "whole", options=options)

    def stop(progress: JobProgress) -> None:
        if progress.consumed >= 150:
            raise StoppedError

    with pytest.raises(StoppedError):
        record(model, source, tmp_path / "torn", options=options, on_progress=stop)
    torn = record(model, source, tmp_path / "torn", options=options)
    assert bits(torn.path) == bits(whole.path)
    assert torn.manifest.notes == whole.manifest.notes
    assert torn.manifest.progress == whole.manifest.progress


def test_above_one_percent_it_stops_and_going_on_is_allowed(tmp_path: Path) -> None:
    source = sv.open_images(write_marked_parquet(tmp_path / "m.parquet", IMAGES, range(100, 120)))
    model, options = load("nan_in_block"), RecordOptions(batch_size=50)
    with pytest.raises(RecordingError) as caught:
        record(model, source, tmp_path / "run", options=options)
    said = str(caught.value)
    for words in (
        "For 20 of the 150 images so far",
        "(100.png): Block se2",
        "--allow-nonfinite",
        "weights",
        str(tmp_path),
    ):
        assert words in said
    assert sv.open_recording(tmp_path / "run").manifest.progress["consumed"] == 150
    with pytest.raises(RecordingError, match="For 20 of the 150 images so far"):
        record(model, source, tmp_path / "run", options=options)
    allowed = dataclasses.replace(options, allow_nonfinite=True)
    resumed = record(model, source, tmp_path / "run", options=allowed)
    assert resumed.manifest.progress["images"] == IMAGES - 20
    whole = record(model, source, tmp_path / "whole", options=allowed)
    assert bits(resumed.path) == bits(whole.path)
    assert resumed.manifest.notes == whole.manifest.notes
    assert "allow_nonfinite" not in resumed.manifest.options


@pytest.mark.parametrize(
    ("seen", "total", "allowed"), [(10, 50_000, 10), (64, 300, 3), (300, 300, 3), (20, 20, 0.2), (50_000, 50_000, 500)]
)
def test_how_many_are_allowed(seen: int, total: int, allowed: float) -> None:
    assert allowed_nonfinite(seen, total) == pytest.approx(allowed)


def test_a_network_that_is_nan_for_all_stops_in_the_first_batch(source: ImageSource, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"For 16 of the 16 images so far.*Block se1 has a squeeze"):
        record(load("nan_everywhere"), source, tmp_path / "run")
    with pytest.raises(RecordingError, match=r"No image of .* is left to record: For 300 of 300 images"):
        record(load("nan_everywhere"), source, tmp_path / "run", options=RecordOptions(allow_nonfinite=True))
    assert not sv.open_recording(tmp_path / "run").complete


@pytest.mark.slow
def test_an_overflow_in_half_precision_is_no_harmless_difference(source: ImageSource, tmp_path: Path) -> None:
    model = load("large_activations")
    with pytest.raises(RecordingError, match=r"16 of the 16 images so far.*Use bf16 or fp32, whose range is larger"):
        record(model, source, tmp_path / "half", precision="fp16")
    assert sv.open_recording(tmp_path / "half").manifest.precision_difference is None
    found = record(model, source, tmp_path / "brain", precision="bf16")
    assert found.manifest.precision_difference is not None
    assert record(model, source, tmp_path / "full").manifest.progress["errors"] == 0


def test_the_precision_difference_is_of_images_that_are_finite(tmp_path: Path) -> None:
    marked = sv.open_images(write_marked_parquet(tmp_path / "m.parquet", 100, range(64)))
    options = RecordOptions(precision="bf16", allow_nonfinite=True)
    found = record(load("nan_in_block"), marked, tmp_path / "run", options=options)
    difference = found.manifest.precision_difference
    assert difference is not None
    assert 0 < difference["largest"] < 0.1


def test_weights_that_are_not_finite_are_refused_by_name_even_where_nothing_shows_it() -> None:
    with pytest.raises(ModelError, match=r"se2\.fc2\.bias \(1 of 32\)"):
        load("infinite_bias")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["conv1.weight", "se1.fc1.weight", "se2.fc2.bias", "head.weight", "head.bias"])
def test_every_kind_of_broken_weight_is_named(name: str, value: float, source: ImageSource, tmp_path: Path) -> None:
    model = sv.load_model("tests.support.tiny:tiny_se", device="cpu")
    with torch.no_grad():
        weight = model.module.get_parameter(name)
        weight[(0,) * weight.dim()] = value
    with pytest.raises(ModelError, match=rf"not finite \(NaN or infinite\): {name} "):
        record(model, source, tmp_path / "run")


def test_histograms_of_gates_without_bounds_come_from_finite_images(tmp_path: Path) -> None:
    source = sv.open_images(write_marked_parquet(tmp_path / "m.parquet", 200, [0, 1]))
    found = {}
    for factory in ("nan_in_block", "inf_logit", "nan_everywhere"):
        model = load(factory)
        for unit in (model.module.se1, model.module.se2):
            unit.gate = nn.Softplus()
        if factory == "nan_everywhere":
            with pytest.raises(SourceError, match=r"gates without bounds.*Check the weights"):
                record(model, source, tmp_path / factory)
            continue
        found[factory] = record(model, source, tmp_path / factory)
    for recording in found.values():
        for gate in recording.blocks:
            assert gate.histogram is not None
            assert np.isfinite(gate.histogram).all()
        assert recording.manifest.progress["nonfinite"] == 2


def test_a_finite_batch_is_passed_on_as_it_is(
    source: ImageSource, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = []
    inner = ObserveGates.__call__
    monkeypatch.setattr(ObserveGates, "__call__", lambda self, *a: seen.append(inner(self, *a)) or seen[-1])
    options = RecordOptions(batch_size=64)
    record(sv.load_model("tests.support.tiny:tiny_se", device="cpu"), source, tmp_path / "run", options=options)
    assert len(seen) == 5
    assert all(batch.without_nonfinite() is batch for batch in seen)


def test_a_manifest_that_counts_others_is_told_by_verify(source: ImageSource, tmp_path: Path) -> None:
    found = record(load("nan_in_block"), source, tmp_path / "run")
    copied = tmp_path / "copied"
    shutil.copytree(found.path, copied)
    tree = json.loads((copied / "manifest.json").read_text("utf-8"))
    tree["progress"]["nonfinite"] = 2
    edit_json(copied / "manifest.json", progress=tree["progress"])
    assert verify_recording(copied).problems == (
        "The errors files list 3 images that are not finite, the manifest counts 2.",
    )
