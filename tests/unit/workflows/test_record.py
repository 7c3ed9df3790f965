"""A recording holds exactly what the network did: against plain hooks and float64 numpy."""

import dataclasses
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import senet_viz as sv
from senet_viz.cli.options import summary_text
from senet_viz.errors import ArgumentError, EngineError, RecordingError, SourceError
from senet_viz.images.source import ImageSource
from senet_viz.models.zoo import Model, load_model
from senet_viz.recording.folder import read_progress
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.writer import stored_manifest
from senet_viz.workflows.job import JobEstimate, JobProgress
from senet_viz.workflows.plan import check_room
from senet_viz.workflows.record import calibrate_on, record, summarize
from tests.support.tiny import tiny_png, write_tiny_parquet


class Truth(NamedTuple):
    """Gates and inputs of the excitation by plain hooks, logits, all in the order of the source."""

    gates: dict[str, NDArray[np.float32]]
    squeezes: dict[str, NDArray[np.float32]]
    logits: NDArray[np.float32]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ImageSource:
    return sv.open_images(write_tiny_parquet(tmp_path_factory.mktemp("data") / "tiny.parquet", 230))


@pytest.fixture(scope="module")
def model() -> Model:
    return sv.load_model("tests.support.tiny:tiny_se", device="cpu")


@pytest.fixture(scope="module")
def truth(source: ImageSource, model: Model) -> Truth:
    """The same batches of 32 through hooks that know nothing of the package's."""
    found: dict[str, list[torch.Tensor]] = {}
    modules = dict(model.module.named_modules())
    handles = [
        modules[f"{name}.{part}"].register_forward_hook(
            lambda _m, inputs, output, key=(name, part): found.setdefault(key, []).append(
                (output if key[1] == "gate" else inputs[0]).detach().clone().flatten(1)
            )
        )
        for name in ("se1", "se2")
        for part in ("gate", "fc1")
    ]
    logits = []
    with torch.inference_mode():
        for start in range(0, 230, 32):
            pixels = [model.preprocess(source.load(i)) for i in range(start, min(start + 32, 230))]
            logits.append(model.module(torch.stack(pixels).to(memory_format=torch.channels_last)))
    for handle in handles:
        handle.remove()
    arrays = {key: torch.cat(values).numpy() for key, values in found.items()}
    return Truth(
        {name: arrays[name, "gate"] for name in ("se1", "se2")},
        {name: arrays[name, "fc1"] for name in ("se1", "se2")},
        torch.cat(logits).numpy(),
    )


@pytest.fixture(scope="module")
def recording(source: ImageSource, model: Model, tmp_path_factory: pytest.TempPathFactory) -> sv.Recording:
    options = RecordOptions(batch_size=32, shard_size=96, squeeze=True)
    return record(model, source, tmp_path_factory.mktemp("runs") / "full", options=options)


def test_kept_gates_are_the_exact_half_precision_rounding(recording: sv.Recording, truth: Truth) -> None:
    for name in ("se1", "se2"):
        assert np.array_equal(recording.gates(name), truth.gates[name].astype(np.float16))
        assert np.array_equal(recording.gates(name, "squeeze"), truth.squeezes[name].astype(np.float16))


@pytest.mark.parametrize("quantity", ["gate", "squeeze"])
def test_moments_equal_float64_numpy_over_the_unrounded_gates(
    recording: sv.Recording, truth: Truth, quantity: str
) -> None:
    labels = np.arange(230) % 10
    for name in ("se1", "se2"):
        values = (truth.gates if quantity == "gate" else truth.squeezes)[name].astype(np.float64)
        moments = recording.moments(name, quantity)
        for k in range(10):
            mine = values[labels == k]
            assert moments.count[k] == len(mine)
            np.testing.assert_allclose(moments.mean[k], mine.mean(0), rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(moments.m2[k], ((mine - mine.mean(0)) ** 2).sum(0), rtol=1e-7, atol=1e-9)
        if quantity == "gate":
            assert np.array_equal(moments.min, [truth.gates[name][labels == k].min(0) for k in range(10)])
            assert np.array_equal(moments.max, [truth.gates[name][labels == k].max(0) for k in range(10)])


def test_samples_say_what_the_network_said(recording: sv.Recording, truth: Truth) -> None:
    samples = recording.samples
    labels = np.arange(230) % 10
    logits = torch.from_numpy(truth.logits)
    assert samples["label"].to_pylist() == labels.tolist()
    assert samples["prediction"].to_pylist() == truth.logits.argmax(1).tolist()
    np.testing.assert_allclose(samples["confidence"].to_numpy(), logits.softmax(1).amax(1).numpy(), rtol=1e-6)


def test_a_model_without_class_names_gives_no_accuracy(recording: sv.Recording) -> None:
    """The factory does not say what its outputs are called, so no class may be matched by its position."""
    assert recording.samples["correct"].null_count == 230
    assert recording.samples["loss"].null_count == 230
    summary = summarize(recording)
    assert summary["top1"] is None
    assert summary["judged"] == 0
    assert recording.manifest.mapping.note


def test_classes_without_an_image_are_told(source: ImageSource, model: Model, tmp_path: Path) -> None:
    made = record(model, source, tmp_path / "x", options=RecordOptions(limit=7))
    summary = summarize(made)
    assert (summary["classes"], summary["classes_seen"]) == (10, 7)
    assert made.describe_classes() == "7 of 10 classes"
    assert "7 kept, 7 of 10 classes, " in summary_text(summary)


def test_a_label_map_gives_accuracy_and_loss(source: ImageSource, model: Model, truth: Truth, tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(10)
    (tmp_path / "map.csv").write_text(
        "class,output\n" + "".join(f"class {k},{order[k]}\n" for k in range(10)), encoding="utf-8"
    )
    options = RecordOptions(batch_size=32, keep="none", label_map=tmp_path / "map.csv")
    made = record(model, source, tmp_path / "mapped", options=options)
    outputs = order[np.arange(230) % 10]
    assert made.samples["correct"].to_pylist() == (truth.logits.argmax(1) == outputs).tolist()
    expected = torch.nn.functional.cross_entropy(
        torch.from_numpy(truth.logits), torch.from_numpy(outputs), reduction="none"
    )
    np.testing.assert_allclose(made.samples["loss"].to_numpy(), expected.numpy(), rtol=1e-5)
    assert summarize(made)["correct"] == int(pc.sum(made.samples["correct"]).as_py())


def test_doing_it_again_changes_nothing(recording: sv.Recording, source: ImageSource, model: Model) -> None:
    before = {path.name: path.read_bytes() for path in recording.path.iterdir() if path.suffix != ".json"}
    again = record(model, source, recording.path, options=RecordOptions(batch_size=32, shard_size=96, squeeze=True))
    assert again.id == recording.id
    assert {path.name: path.read_bytes() for path in recording.path.iterdir() if path.suffix != ".json"} == before


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"batch_size": 16}, "batch_size"),
        ({"precision": "bf16"}, "precision"),
        ({"limit": 50}, r"data\.images"),
        ({"keep": "none"}, "keep"),
    ],
)
def test_a_folder_of_other_options_is_refused_by_name(
    recording: sv.Recording, source: ImageSource, model: Model, change: dict[str, object], named: str
) -> None:
    options = RecordOptions(**{"batch_size": 32, "shard_size": 96, "squeeze": True, **change})
    with pytest.raises(RecordingError, match=named):
        record(model, source, recording.path, options=options)


def test_other_weights_are_refused_by_name(recording: sv.Recording, source: ImageSource) -> None:
    other = dataclasses.replace(
        sv.load_model("tests.support.tiny:TinySE", device="cpu"), name="tests.support.tiny:tiny_se"
    )
    with pytest.raises(RecordingError, match="sha256"):
        record(other, source, recording.path, options=RecordOptions(batch_size=32, shard_size=96, squeeze=True))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_stores_its_difference(
    source: ImageSource, model: Model, truth: Truth, tmp_path: Path, precision: str
) -> None:
    made = record(model, source, tmp_path / precision, options=RecordOptions(batch_size=32, precision=precision))
    difference = made.manifest.precision_difference
    assert difference is not None
    recorded = np.concatenate(
        [made.gates(name)[:16].astype(np.float64) - truth.gates[name][:16] for name in ("se1", "se2")], axis=1
    )
    assert difference["largest"] == pytest.approx(np.abs(recorded).max(), abs=5e-4)
    assert difference["rms"] == pytest.approx(np.sqrt((recorded**2).mean()), abs=2e-4)
    assert 0 < difference["rms"] < difference["largest"] < 0.1


def test_the_batch_size_is_the_devices_unless_the_recording_was_begun_with_another(
    source: ImageSource, model: Model, tmp_path: Path
) -> None:
    def stop(_progress: JobProgress) -> None:
        raise KeyboardInterrupt

    assert record(model, source, tmp_path / "new").manifest.options["batch_size"] == 16
    with pytest.raises(KeyboardInterrupt):
        record(model, source, tmp_path / "begun", options=RecordOptions(batch_size=64), on_progress=stop)
    assert record(model, source, tmp_path / "begun").manifest.options["batch_size"] == 64
    with pytest.raises(RecordingError, match="batch_size"):
        record(model, source, tmp_path / "begun", options=RecordOptions(batch_size=32))


def test_folded_batch_norms_belong_to_the_identity_and_their_difference_is_stored(
    source: ImageSource, tmp_path: Path
) -> None:
    model = sv.load_model("senet_viz:se_resnet18,width=0.25,side=32", weights="random", device="cpu")
    options = RecordOptions(limit=40, batch_size=20)
    exact = record(model, source, tmp_path / "exact", options=options)
    made = record(model, source, tmp_path / "fast", options=dataclasses.replace(options, fast=True))
    assert (made.manifest.options["fast"], "fast" in exact.manifest.options) == (True, False)
    assert made.manifest.model == exact.manifest.model
    difference = made.manifest.precision_difference
    assert difference is not None
    assert 0 <= difference["rms"] <= difference["largest"] < 1e-5
    for gate in made.blocks:
        np.testing.assert_allclose(made.gates(gate.name), exact.gates(gate.name), atol=1e-3)
    with pytest.raises(RecordingError, match="fast"):
        record(model, source, tmp_path / "exact", options=dataclasses.replace(options, fast=True))


def test_the_network_is_left_as_it_was(source: ImageSource, tmp_path: Path) -> None:
    model = sv.load_model("tests.support.tiny:tiny_se", device="cpu")
    model.module.train()
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.module.modules())
    record(model, source, tmp_path / "x", options=RecordOptions(limit=20))
    assert model.module.training
    assert hooks == sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.module.modules())


def test_progress_and_estimate_are_told(source: ImageSource, model: Model, tmp_path: Path) -> None:
    estimates, seen = [], []
    record(
        model, source, tmp_path / "x", options=RecordOptions(batch_size=50, limit=120),
        on_estimate=estimates.append, on_progress=seen.append,
    )  # fmt: skip
    assert [p.consumed for p in seen] == [50, 100, 120]
    assert seen[-1].seconds_left == 0
    assert estimates[0].images == 120
    made = sum(path.stat().st_size for path in (tmp_path / "x").iterdir())
    assert 0.3 * made < estimates[0].disk_bytes < 3 * made


def test_a_resumed_run_needs_room_for_the_rest_alone(source: ImageSource, model: Model, tmp_path: Path) -> None:
    estimates: list[JobEstimate] = []

    def stop(_progress: JobProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(model, source, tmp_path / "x", on_progress=stop)
    begun = stored_manifest(tmp_path / "x")
    assert begun is not None
    made = record(model, source, tmp_path / "x", on_estimate=estimates.append)
    assert [e.present_bytes for e in estimates] == [sum(file.bytes for file in begun.files)]
    assert estimates[0].seconds > 0
    record(model, source, tmp_path / "x", on_estimate=estimates.append)
    assert len(estimates) == 1, "of what is done there is nothing to estimate"
    tight = estimates[0]._replace(disk_bytes=10_000, free_bytes=4_000, present_bytes=6_000)
    check_room(tight, made.classes)
    with pytest.raises(RecordingError, match="free"):
        check_room(tight._replace(present_bytes=5_000), made.classes)


def test_a_failed_run_says_why(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_text("no image", encoding="utf-8")
    with pytest.raises(SourceError, match=r"None of the 1 images .*; the first: .*a\.jpg is no JPEG") as raised:
        record(model, tmp_path / "images", tmp_path / "x")
    progress = read_progress(tmp_path / "x")
    assert progress is not None
    assert (progress.state, progress.message) == ("failed", str(raised.value))

    def full(*_: object, **__: object) -> None:
        raise RecordingError("the disk is full")

    monkeypatch.setattr("senet_viz.workflows.job.write_progress", full)
    with pytest.raises(SourceError, match="None of the 1 images"):
        record(model, tmp_path / "images", tmp_path / "x")


def test_named_columns_and_output_indices_stand_in_the_manifest_and_a_rerun_needs_no_words(
    model: Model, tmp_path: Path
) -> None:
    for k in range(2):
        (tmp_path / f"{k}.png").write_bytes(tiny_png(k))
    (tmp_path / "x.csv").write_text("left,genus,kind\n0.png,a,0\n1.png,b,3\n", encoding="utf-8")
    options = RecordOptions(label_map=Path("outputs"), image_column="left", label_column="kind")
    made = record(model, tmp_path / "x.csv", tmp_path / "run", options=options)
    data = made.manifest.data
    assert (data["labels"], data["image_column"], data["label_column"]) == ("output indices", "left", "kind")
    assert (made.manifest.mapping.outputs, made.manifest.mapping.method) == ((0, 3), "output index")
    again = record(model, tmp_path / "x.csv", tmp_path / "run", options=options)
    assert again.id == made.id
    with pytest.raises(RecordingError, match=r"data\.labels = 'output indices', this run has 'classes'"):
        record(model, tmp_path / "x.csv", tmp_path / "run", options=dataclasses.replace(options, label_map=None))


def test_the_first_batchs_difference_outlives_an_interruption(
    source: ImageSource, model: Model, tmp_path: Path
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    options = RecordOptions(batch_size=32, precision="bf16", commit_seconds=0)
    with pytest.raises(KeyboardInterrupt):
        record(model, source, tmp_path / "x", options=options, on_progress=interrupt)
    interrupted = sv.open_recording(tmp_path / "x").manifest
    assert interrupted.progress["consumed"] == 32
    assert interrupted.precision_difference is not None
    finished = record(model, source, tmp_path / "x", options=options).manifest
    assert finished.precision_difference == interrupted.precision_difference


def test_too_many_classes_stop_before_the_work(
    source: ImageSource, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("senet_viz.workflows.plan.MAX_MOMENT_BYTES", 1000)
    with pytest.raises(RecordingError, match="group the labels"):
        record(model, source, tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "change", [{"precision": "int8"}, {"batch_size": 0}, {"keep": "some"}, {"keep": "0"}, {"limit": 0}, {"seed": -1}]
)
def test_unusable_options_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ArgumentError, match=next(iter(change))):
        RecordOptions(**change)


def test_digits_need_no_download(model: Model, tmp_path: Path) -> None:
    made = record(model, "digits", tmp_path / "digits", options=RecordOptions(limit=100, keep="3"))
    assert made.kept_samples.num_rows == 30
    assert made.classes.names == tuple("0123456789")


@pytest.mark.slow
def test_calibration_uses_a_seeded_choice(source: ImageSource) -> None:
    first = calibrate_on(sv.load_model("timm:resnet10t", weights="random", device="cpu", arch=None), source, images=20)
    again = calibrate_on(sv.load_model("timm:resnet10t", weights="random", device="cpu", arch=None), source, images=20)
    assert first.sha256 == again.sha256
    assert "20 unlabelled images of tiny.parquet" in first.notes[0]


def test_trained_batch_norms_are_not_calibrated(source: ImageSource, model: Model) -> None:
    with pytest.raises(ArgumentError, match="use it with random weights"):
        calibrate_on(model, source)


def test_calibration_needs_images_that_can_be_read(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_text("no image", encoding="utf-8")
    network = sv.load_model("timm:resnet10t", weights="random", device="cpu")
    with pytest.raises(SourceError, match=r"0 images of .* could be read"):
        calibrate_on(network, sv.open_images(tmp_path))
    with pytest.raises(ArgumentError, match="at least two"):
        calibrate_on(network, sv.open_images(tmp_path), images=1)


def test_an_empty_folder_is_no_source(model: Model, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError):
        record(model, tmp_path / "empty", tmp_path / "x")


def test_attention_that_is_left_out_is_noted(tmp_path: Path) -> None:
    data = write_tiny_parquet(tmp_path / "tiny.parquet", 20)
    recording = record(load_model("tests.support.tiny:tiny_mixed", device="cpu"), data, tmp_path / "run")
    assert [gate.name for gate in recording.blocks] == ["se1", "se2"]
    assert any("context (GlobalContext" in note and "additive attention" in note for note in recording.manifest.notes)


def unbounded_network() -> nn.Module:
    """Gates of a ReLU, by a module, and without an activation, inline."""

    class Block(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.fc, self.relu = nn.Conv2d(channels, channels, 1), nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            z = x.mean((2, 3), keepdim=True)
            x = x * self.relu(self.fc(z))
            return x + x * self.fc(x.mean((2, 3), keepdim=True)).mul(3)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 8, 3, 2), Block(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))


def test_gates_without_bounds_are_recorded_resumed_and_exported(source: ImageSource, tmp_path: Path) -> None:
    model = sv.load_model("tests.unit.workflows.test_record:unbounded_network", device="cpu")
    assert [(g.activation, g.range, g.form) for g in model.gates] == [
        ("relu", (0.0, math.inf), "s·x"),
        ("none", (-math.inf, math.inf), "x + s·x"),
    ]
    options = RecordOptions(batch_size=16, shard_size=64, limit=100)
    recording = record(model, source, tmp_path / "r", options=options)
    for gate in recording.blocks:
        low, high = gate.extent
        gates = recording.gates(gate.name).astype(np.float64)
        assert low < high
        assert gate.range[0] != 0 or low == 0
        histogram = recording.moments(gate.name).histogram
        assert histogram is not None
        assert histogram.sum() == gates.size
        assert histogram[:, :64].sum() >= np.sum((gates > low) & (gates < high)) * 0.999
    again = record(model, source, tmp_path / "r", options=options)
    assert again.id == recording.id
    health = sv.export_statistics(recording, tmp_path / "statistics.csv")
    assert health.stat().st_size > 0


@dataclasses.dataclass
class Room:
    """How many images a network has memory for at once, as on a device that others use too, and how many it was asked for."""

    images: int
    asked: list[int] = dataclasses.field(default_factory=list)

    def check(self, _module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self.asked.append(len(inputs[0]))
        if len(inputs[0]) > self.images:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore of it.")


def with_room(images: int) -> tuple[Model, Room]:
    model, room = sv.load_model("tests.support.tiny:tiny_se", device="cpu"), Room(images)
    assert len(model.bound_gates) == 2, "gates are looked for first, with an image"
    dict(model.module.named_modules())["se2"].register_forward_pre_hook(room.check)
    return model, room


def test_where_memory_is_short_batches_go_on_in_halves_and_it_is_said(tmp_path: Path) -> None:
    files = [b"no image" if index in (3, 20, 21) else tiny_png(index) for index in range(100)]
    source = sv.open_images(write_tiny_parquet(tmp_path / "tiny.parquet", 100, files=files))
    options = RecordOptions(batch_size=32, shard_size=50)
    whole = record(with_room(32)[0], source, tmp_path / "whole", options=options)
    short, room = with_room(7)
    halved = record(short, source, tmp_path / "halved", options=options)
    assert room.asked[:6] == [29, 15, 7, 8, 4, 4], "three images are unreadable; what is done is not done again"
    assert max(room.asked[4:]) <= 4
    assert halved.samples["sample_id"].equals(whole.samples["sample_id"])
    assert halved.errors == whole.errors
    for gate in whole.blocks:
        np.testing.assert_allclose(halved.gates(gate.name), whole.gates(gate.name), atol=1e-3)
        ours, theirs = halved.moments(gate.name), whole.moments(gate.name)
        np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-5)
        np.testing.assert_allclose(ours.m2, theirs.m2, rtol=1e-3, atol=1e-9)
    assert halved.manifest.throughput[-1]["least_images_a_forward"] == 2
    assert sum("were done in parts" in note for note in halved.manifest.notes) == 1
    assert "least_images_a_forward" not in whole.manifest.throughput[-1]


def test_that_memory_was_short_is_known_after_a_run_that_was_stopped(source: ImageSource, tmp_path: Path) -> None:
    """Which may end amid a batch; the next run goes on in the batches of the plan."""

    def stop(progress: JobProgress) -> None:
        if progress.consumed > 40:
            raise KeyboardInterrupt

    model, room = with_room(7)
    options = RecordOptions(batch_size=32, commit_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        record(model, source, tmp_path / "x", options=options, on_progress=stop)
    room.images = 32
    room.asked.clear()
    made = record(model, source, tmp_path / "x", options=options)
    assert sum("were done in parts" in note for note in made.manifest.notes) == 1
    assert "least_images_a_forward" not in made.manifest.throughput[-1]
    assert room.asked[0] < 32
    assert [*{*room.asked[1:-1]}] == [32]
    assert (room.asked[0] + 32 * (len(room.asked) - 2) + room.asked[-1], room.asked[-1]) == (230 - 44, 230 % 32)


def test_no_memory_for_one_image_is_one_sentence_and_the_same_command_goes_on(
    source: ImageSource, tmp_path: Path
) -> None:
    model, room = with_room(0)
    with pytest.raises(EngineError, match=r"cpu does not suffice for one image \(CUDA out of memory.*2\.00 GiB\.\)"):
        record(model, source, tmp_path / "x", options=RecordOptions(batch_size=32))
    assert room.asked == [32, 16, 8, 4, 2, 1]
    room.images = 32
    assert record(model, source, tmp_path / "x", options=RecordOptions(batch_size=32)).complete


def test_interventions_go_on_in_halves_too(source: ImageSource, tmp_path: Path) -> None:
    model, room = with_room(32)
    clean = record(model, source, tmp_path / "clean", options=RecordOptions(batch_size=32))
    made = []
    for name, images in (("whole", 32), ("halved", 20)):
        room.images = images
        made.append(
            sv.intervene(model, source, tmp_path / name, baselines=["one"], baselines_from=clean, batch_size=32)
        )
    whole, halved = (outcomes.clean for outcomes in made)
    assert halved.correct.tolist() == whole.correct.tolist()
    assert any("were done in parts" in note for note in made[1].manifest.notes)
