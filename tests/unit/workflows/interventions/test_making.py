"""The whole way, on networks whose gates and effects are known in closed form."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import senet_viz as sv
from senet_viz.errors import ArgumentError, RecordingError, SourceError
from senet_viz.images.source import ImageSource
from senet_viz.models.zoo import Model
from senet_viz.recording.folder import read_progress
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.outcomes import BASELINES, Outcome, Outcomes, Variant, describe_outcomes, summarize_outcomes
from senet_viz.stats.effect_measuring import measure_effects
from senet_viz.workflows.interventions.donors import Baselines, BlockTables, draw_donors, draw_groups, make_folds
from senet_viz.workflows.interventions.making import intervene
from senet_viz.workflows.interventions.request import InterventionOptions
from senet_viz.workflows.job import JobEstimate, JobProgress
from senet_viz.workflows.record import record
from tests.support.image_files import open_outputs
from tests.support.known_gates import known_network, write_colours
from tests.support.networks import count_hooks
from tests.support.planted import write_marked_parquet

CLASSES, IMAGES = 4, 120
EVERYTHING = InterventionOptions(
    targets=("blocks", "stages", "cumulative", "all"), sets=(("SE_1_2", "SE_1_1"),), baselines=BASELINES, repeats=2,
    strength=0.7, batch_size=16, shard_size=50,
)  # fmt: skip


@pytest.fixture(scope="module")
def colours() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (IMAGES, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def source(colours: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> ImageSource:
    path = tmp_path_factory.mktemp("data") / "colours.parquet"
    return open_outputs(write_colours(path, colours, np.arange(IMAGES) % CLASSES))


@pytest.fixture(scope="module")
def model() -> Model:
    return sv.load_model("tests.support.known_gates:known_network", device="cpu")


@pytest.fixture(scope="module")
def everything(model: Model, source: ImageSource, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    before = count_hooks(model.module)
    outcomes = intervene(model, source, tmp_path_factory.mktemp("runs") / "all", options=EVERYTHING)
    assert count_hooks(model.module) == before
    return outcomes


class Truth:
    """Baselines by their definitions, from gates in float64 that were rounded to half precision."""

    def __init__(self, outcomes: Outcomes, colours: NDArray[np.uint8]) -> None:
        self.network = known_network()
        self.colours = colours / 255.0
        z = np.concatenate([self.colours, np.ones((IMAGES, 1))], axis=1)
        first = self.network.gate(self.network.first, z)
        second = self.network.gate(self.network.second, z * first)
        self.clean = {"first": first, "second": second}
        self.halves = {name: s.astype(np.float16).astype(np.float64) for name, s in self.clean.items()}
        self.labels = outcomes.samples["label"].to_numpy()
        self.folds = make_folds(self.labels, 0)
        assert np.array_equal(outcomes.samples["fold"].to_numpy(), self.folds)
        self.predictions = outcomes.clean.prediction

    def baseline(self, variant: Variant, block: str) -> NDArray[np.float64]:
        s, rows = self.halves[block], np.arange(IMAGES)
        donors = draw_donors(self.labels, self.folds, rows, seed=0, repeat=variant.repeat)
        groups = draw_groups(self.folds, CLASSES, repeats=2, seed=0)
        kinds: dict[str, Callable[[int], NDArray[np.float64]]] = {
            "one": lambda _: np.ones(4),
            "zero": lambda _: np.zeros(4),
            "mean": lambda i: s[self.folds != self.folds[i]].mean(axis=0),
            "group_mean": lambda i: s[groups[variant.repeat, self.folds[i], self.labels[i]]].mean(axis=0),
            "class_mean": lambda i: s[self._others(i, self.labels[i])].mean(axis=0),
            "predicted_class_mean": lambda i: s[self._others(i, self.predictions[i])].mean(axis=0),
            "within": lambda i: s[donors.within[i]],
            "between": lambda i: s[donors.between[i]],
        }
        return np.stack([kinds[variant.baseline](i) for i in rows])

    def _others(self, image: int, label: int) -> NDArray[np.bool_]:
        return (self.folds != self.folds[image]) & (self.labels == label)

    def logits(self, variant: Variant) -> NDArray[np.float64]:
        moved: list[NDArray[np.float64] | None] = [None, None]
        z = np.concatenate([self.colours, np.ones((IMAGES, 1))], axis=1)
        for index, (block, unit) in enumerate((("first", self.network.first), ("second", self.network.second))):
            s = self.network.gate(unit, z)
            if block in variant.blocks:
                s = s + variant.strength * (self.baseline(variant, block) - s)
            moved[index], z = s, z * s
        return self.network.predict(self.colours, *moved)


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def check(outcome: Outcome, logits: NDArray[np.float64], labels: NDArray[np.int64]) -> None:
    np.testing.assert_allclose(outcome.loss, -log_softmax(logits)[np.arange(IMAGES), labels], rtol=2e-4, atol=2e-4)
    ordered = np.sort(logits, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 1e-3
    assert clear.mean() > 0.95
    assert np.array_equal(outcome.prediction[clear], logits.argmax(axis=1)[clear])
    assert np.array_equal(outcome.correct, outcome.prediction == labels)
    assert outcome.correct5.all()  # of four outputs


@pytest.mark.slow
def test_every_baseline_and_target_is_the_closed_form(everything, colours):
    truth = Truth(everything, colours)
    check(everything.clean, truth.network.predict(truth.colours), truth.labels)
    assert {v.baseline for v in everything.variants} == set(BASELINES)
    for variant in everything.variants:
        check(everything.outcome(variant), truth.logits(variant), truth.labels)


def test_the_plan(everything):
    targets = {v.target: (v.kind, v.blocks) for v in everything.variants}
    both = ("first", "second")
    assert targets == {
        "SE_1_1": ("block", ("first",)),
        "SE_1_2": ("block", ("second",)),
        "stage 1": ("stage", both),
        "up to SE_1_1": ("cumulative", ("first",)),
        "up to SE_1_2": ("cumulative", both),
        "all blocks": ("all", both),
        "SE_1_1 + SE_1_2": ("set", both),
    }
    per_target = {
        b: [v.repeat for v in everything.variants if (v.target, v.baseline) == ("SE_1_1", b)] for b in BASELINES
    }
    drawn = ("group_mean", "within", "between")
    assert per_target == {b: [0, 1] if b in drawn else [0] for b in BASELINES}
    assert {v.strength for v in everything.variants} == {0.7}


def test_the_fields_words_for_donors_mean_the_same() -> None:
    options = InterventionOptions(baselines=("same_class", "mean", "other_class"))
    assert options == InterventionOptions(baselines=("within", "mean", "between"))
    with pytest.raises(ArgumentError, match="comes twice"):
        InterventionOptions(baselines=("within", "same_class"))


def test_the_manifest_tells_what_was_done(everything, model):
    about = everything.manifest
    clean = sv.open_recording(everything.path / "clean")
    assert about.model["sha256"] == model.sha256
    assert about.baselines["recording"] == clean.id
    assert about.baselines["recording_images"] == IMAGES
    assert about.baselines["donor_count_difference"] == 0  # 6 images of each class a fold
    assert about.baselines["recording_disagreements"] == 0
    assert about.baselines["predicted_without_class"] == 0
    assert about.environment["prefixes"] == "shared"
    assert about.options["precision"] == "fp32"
    assert {path.name for path in everything.path.iterdir()} >= {"clean", "manifest.json", "progress.json"}
    assert not (everything.path / "scratch").exists()
    state = read_progress(everything.path)
    assert state is not None
    assert (state.state, state.consumed, state.total) == ("finished", IMAGES, IMAGES)
    assert np.bincount(everything.samples["half"].to_numpy()).tolist() == [60, 60]


@pytest.mark.slow
def test_same_outcomes_without_reuse_and_from_a_given_recording(everything, model, source, tmp_path):
    options = dataclasses.replace(EVERYTHING, reuse=False)
    again = intervene(model, source, tmp_path, options=options, baselines_from=everything.path / "clean")
    assert again.manifest.environment["prefixes"] == "none"
    assert not (tmp_path / "clean").exists()
    assert files_of(again) == files_of(everything)


def test_strength_zero_changes_nothing(model, source, everything, tmp_path):
    outcomes = intervene(
        model, source, tmp_path, baselines=["between", "one"], strength=0, baselines_from=everything.path / "clean"
    )
    for variant in outcomes.variants:
        assert np.array_equal(outcomes.outcome(variant).loss, outcomes.clean.loss)


def files_of(outcomes: Outcomes) -> list[tuple[str, str]]:
    return [(f.name, f.sha256) for f in outcomes.manifest.files]


@pytest.mark.slow
@pytest.mark.parametrize("moment", [1, 3, 4, 6])
def test_an_interrupted_run_ends_with_the_same_bits(everything, model, source, tmp_path, moment):
    seen: list[JobProgress] = []

    def stop(progress: JobProgress) -> None:
        seen.append(progress)
        if len([p for p in seen if p.stage == "interventions"]) == moment:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        intervene(model, source, tmp_path, options=EVERYTHING, on_progress=stop)
    state = read_progress(tmp_path)
    assert state is not None
    assert state.state == "cancelled"
    opened = sv.open_outcomes(tmp_path)
    assert not opened.complete
    with pytest.raises(RecordingError, match=r"of 120 images: run the same command again"):
        _ = opened.clean
    ended = intervene(model, source, tmp_path, options=EVERYTHING)
    assert ended.complete
    assert ended.id == opened.id
    assert [name for name, _ in files_of(ended)] == [name for name, _ in files_of(everything)]
    assert files_of(ended) == files_of(everything)


def test_a_finished_run_is_not_made_again(everything, model, source, tmp_path):
    outcomes = intervene(model, source, tmp_path, blocks=["SE_1_1"], baseline="one")
    calls: list[JobProgress] = []
    again = intervene(model, source, tmp_path, blocks=["SE_1_1"], baseline="one", on_progress=calls.append)
    assert again.id == outcomes.id
    for path in sorted((tmp_path / "clean").iterdir()):
        path.unlink()
    (tmp_path / "clean").rmdir()
    assert (
        intervene(model, source, tmp_path, blocks=["SE_1_1"], baseline="one", on_progress=calls.append).id == again.id
    )
    assert not [p for p in calls if p.stage == "interventions"]


def test_other_choices_in_the_same_folder_are_refused(everything, model, source):
    for change, message in (
        ({"strength": 0.5}, r"options\.strength = 0\.7, this run has 0\.5"),
        ({"batch_size": 8}, r"options\.batch_size = 16, this run has 8"),
        ({"seed": 1}, r"options\.seed = 0"),
    ):
        options = dataclasses.replace(EVERYTHING, **change)
        with pytest.raises(RecordingError, match=message):
            intervene(model, source, everything.path, options=options, baselines_from=everything.path / "clean")


def test_a_limited_run_takes_baselines_from_all_recorded_images(everything, model, source, tmp_path):
    limited = intervene(
        model, source, tmp_path, blocks=["SE_1_1"], baseline="mean", limit=24, baselines_from=everything.path / "clean"
    )
    assert limited.samples.num_rows == 24
    assert limited.manifest.baselines["recording_images"] == IMAGES
    chosen = np.isin(everything.samples["sample_id"].to_numpy(False), limited.samples["sample_id"].to_numpy(False))
    assert np.array_equal(everything.samples["fold"].to_numpy()[chosen], limited.samples["fold"].to_numpy())
    own = intervene(model, source, tmp_path / "own", blocks=["SE_1_1"], baseline="mean", limit=24)
    assert own.manifest.baselines["recording_images"] == 24


def test_the_estimate_comes_first(model, source, tmp_path):
    told: list[JobEstimate] = []
    intervene(model, source, tmp_path, targets=["blocks"], baselines=["one", "within"], on_estimate=told.append)
    (estimate,) = told
    assert (estimate.images, estimate.variants, estimate.forwards) == (IMAGES, 8, IMAGES * 9)
    assert IMAGES < estimate.whole_forwards <= IMAGES * 9
    assert estimate.seconds > 0
    assert estimate.disk_bytes > 0


# What can not be done


def test_predictions_that_are_no_class_of_the_data(colours, model, tmp_path):
    labels = np.arange(IMAGES) % 2  # outputs 2 and 3 are no class
    images = open_outputs(write_colours(tmp_path / "two.parquet", colours, labels))
    outcomes = intervene(model, images, tmp_path / "out", blocks=["SE_1_1"], baselines=["predicted_class_mean", "mean"])
    lost = outcomes.clean.prediction >= 2
    assert outcomes.manifest.baselines["predicted_without_class"] == lost.sum() > 0
    assert any("no class with images in the other folds" in note for note in outcomes.manifest.notes)
    of_class, of_all = (outcomes.outcome(v) for v in outcomes.variants)
    assert np.array_equal(of_class.loss[lost], of_all.loss[lost])
    assert (of_class.loss[~lost] != of_all.loss[~lost]).any()


def test_images_without_labels(colours, model, tmp_path):
    images = open_outputs(write_colours(tmp_path / "none.parquet", colours, np.full(IMAGES, -1)))
    for baseline, message in (
        ("within", r"within needs the class of every image, and 120 of 120 have no label: leave out within"),
        ("class_mean", "class_mean needs the class of every image"),
        ("group_mean", "group_mean needs the class of every image"),
        ("predicted_class_mean", "predicted_class_mean needs images with labels, and none has one"),
    ):
        with pytest.raises(ArgumentError, match=message):
            intervene(model, images, tmp_path / "out", baseline=baseline)
    assert not (tmp_path / "out").exists()
    outcomes = intervene(model, images, tmp_path / "out", baselines=["one", "mean"])
    assert not outcomes.judged.any()
    assert np.isnan(outcomes.clean.loss).all()
    summary = summarize_outcomes(outcomes)
    assert summary["clean"]["top1"] is None
    assert {row["top1"] for row in summary["variants"]} == {None}
    assert any(row["changed"] > 0 for row in summary["variants"])


def test_a_class_with_one_image(colours, model, tmp_path):
    labels = np.minimum(np.arange(IMAGES), 1)
    images = open_outputs(write_colours(tmp_path / "one.parquet", colours, labels))
    for baseline in ("within", "between", "class_mean"):
        with pytest.raises(ArgumentError, match=rf"{baseline} needs two images of every class, and 0 has one"):
            intervene(model, images, tmp_path / "out", baseline=baseline)


def test_one_class_has_no_other(colours, model, tmp_path):
    images = open_outputs(write_colours(tmp_path / "one.parquet", colours, np.zeros(IMAGES)))
    with pytest.raises(ArgumentError, match="between needs images of two classes"):
        intervene(model, images, tmp_path / "out", baseline="between")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": ["SE_9_9"]}, "no block 'SE_9_9'"),
        ({"blocks": []}, "A set of blocks is empty"),
        ({"targets": ["layers"]}, "'layers' is none of the targets"),
        ({"baseline": "median"}, "'median' is none of the baselines"),
        ({"baselines": ["one", "one"]}, "'one' comes twice"),
        ({"baseline": "one", "baselines": ["one"]}, "Both baseline and baselines"),
        ({"strength": 2.0}, "strength is 2.0"),
        ({"repeats": 0}, "repeats is 0"),
        ({"targets": []}, "Nothing is to be moved"),
        ({"limit": 0}, "limit is 0"),
    ],
)
def test_unusable_choices(model, source, tmp_path, options, message):
    with pytest.raises(ArgumentError, match=message):
        intervene(model, source, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_recordings_that_can_not_be_baselines(everything, model, source, colours, tmp_path):
    def refuse(
        recording: sv.Recording | Path, message: str, network: Model = model, images: ImageSource = source
    ) -> None:
        with pytest.raises(RecordingError, match=message):
            intervene(network, images, tmp_path / "out", baseline="mean", baselines_from=recording)

    clean = everything.path / "clean"
    other = sv.load_model("tests.support.known_gates:class_gates", device="cpu")
    refuse(clean, "of other weights than", network=other)
    few = open_outputs(write_colours(tmp_path / "few.parquet", colours[:60], np.arange(60) % CLASSES))
    refuse(clean, "on other images than", images=few)
    record(model, source, tmp_path / "part", options=RecordOptions(keep="2"))
    refuse(tmp_path / "part", "does not keep the gates of all images")
    record(model, source, tmp_path / "low", options=RecordOptions(precision="bf16"))
    refuse(tmp_path / "low", "was recorded in bf16")
    record(model, source, tmp_path / "limited", options=RecordOptions(limit=40))
    refuse(tmp_path / "limited", "lacks 80 of the 120 images")
    refuse(tmp_path / "nowhere", "is no folder")
    half = dataclasses.replace(sv.open_recording(clean).manifest, complete=False)
    refuse(sv.Recording(clean, half), "is not complete")
    changed = dataclasses.replace(half, complete=True, preprocessing={**half.preprocessing, "crop_pct": 0.5})
    refuse(sv.Recording(clean, changed), r"another preprocessing \(crop_pct\)")
    fewer = dataclasses.replace(half, complete=True, gates=half.gates[:1])
    refuse(sv.Recording(clean, fewer), "has other gates")


def test_a_recordings_folder_is_not_written_into(everything, model, source):
    with pytest.raises(RecordingError, match="is not of interventions"):
        intervene(model, source, everything.path / "clean", baseline="one")


def test_an_image_that_went_missing(everything, model, source, tmp_path):
    class Torn:
        def __getattr__(self, name: str) -> object:
            return getattr(source, name)

        def __len__(self) -> int:
            return len(source)

        def load(self, index: int) -> object:
            if index == 70:
                raise sv.errors.ImageError("70.png: truncated")
            return source.load(index)

    with pytest.raises(SourceError, match=r"70\.png.* was recorded and cannot be read any more"):
        intervene(model, Torn(), tmp_path, baseline="one", baselines_from=everything.path / "clean")  # type: ignore[arg-type]
    assert "forward" not in model.module.__dict__
    assert count_hooks(model.module) == 0


def test_the_models_random_state_and_flags_stay(model, everything):
    assert not any(part.training for part in model.module.modules())
    assert all(isinstance(p, torch.nn.Parameter) for p in model.module.parameters())


def test_logits_that_are_not_finite_count_as_wrong_and_are_told(tmp_path: Path) -> None:
    fragile = sv.load_model("tests.support.planted:fragile", device="cpu")
    marked = (0, 10, 17)
    path = write_marked_parquet(tmp_path / "m.parquet", 60, marked)
    (tmp_path / "classes.csv").unlink()
    data = open_outputs(path)
    options = InterventionOptions(baselines=("one", "predicted_class_mean"), batch_size=16)
    outcomes = intervene(fragile, data, tmp_path / "run", options=options)
    summary = json.loads(json.dumps(summarize_outcomes(outcomes), allow_nan=False))
    assert summary["clean"]["nonfinite"] == 0
    for row in summary["variants"]:
        moved = outcomes.outcome(outcomes.variants[summary["variants"].index(row)])
        assert row["nonfinite"] == (len(marked) if "se2" in row["blocks"] else 0)
        if row["nonfinite"]:
            assert moved.prediction[[*marked]].tolist() == [-1] * 3
            assert not moved.correct[[*marked]].any()
            assert not moved.correct5[[*marked]].any()
            assert np.flatnonzero(np.isnan(moved.loss)).tolist() == [*marked]
            others = np.isfinite(moved.loss)
            difference = moved.loss[others].astype(float) - outcomes.clean.loss[others].astype(float)
            assert row["loss"] == pytest.approx(difference.mean())
            hits = moved.correct.sum() - outcomes.clean.correct.sum()
            assert row["top1"] == pytest.approx(100 * hits / 60)
    (note,) = [note for note in summary["notes"] if "not finite" in note]
    assert "→ one (3 of 60 images)" in note
    assert note in describe_outcomes(summary)
    (effects,) = {effect.undefined for effect in measure_effects(outcomes).effects if "se2" in effect.blocks}
    assert effects == 3


def test_a_clean_prediction_that_is_not_finite_has_no_class() -> None:
    table = BlockTables(None, np.full((2, 3), 0.5, np.float32), None, np.ones((2, 4, 3), np.float32), None)
    baselines = Baselines({"a": table}, np.zeros(2, np.int32), np.array([0, 1], np.int8), (), np.arange(4))
    variant = Variant("a", "block", ("a",), "predicted_class_mean", 0, 1.0)
    found = baselines.find(variant, "a", np.arange(2), np.array([-1, 3], np.int32))
    assert found.tolist() == [[0.5] * 3, [1.0] * 3]
    assert baselines.without_class(np.array([-1, 3], np.int32)) == 1
