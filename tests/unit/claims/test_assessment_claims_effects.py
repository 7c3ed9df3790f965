"""Effects in an assessment: checked against the recording, stored beside it, read again, recognised when stale."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from senet_viz.claims.assess import assess, explain_guessing
from senet_viz.claims.assessment import read_measures, read_tree
from senet_viz.claims.assessment_claims import check_outcomes, claim_effects, read_effects
from senet_viz.claims.evidence import ClaimReport
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.layout import ASSESSMENT, EFFECTS, MEASURES
from senet_viz.recording.outcomes import Outcomes
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.slim import slim_recording
from senet_viz.schema import LabelMapping
from senet_viz.stats.effect_measuring import measure_effects
from senet_viz.stats.effect_parts import decompose
from tests.support.edited import edit_json
from tests.support.synthetic import PAPER_BLOCKS, synthetic_recording
from tests.support.synthetic_outcomes import PAPER_COSTS, make_outcomes, make_variant, planted_said, write_outcomes_of

CAUSAL = {
    "C1": "supported", "C2": "supported", "C5": "supported", "C7": "supported", "C8": "refuted", "C10": "supported",
}  # fmt: skip


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(
        tmp_path_factory.mktemp("effects") / "run", classes=20, per_class=120, blocks=PAPER_BLOCKS
    )


@pytest.fixture(scope="module")
def outcomes(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return write_outcomes_of(recording, tmp_path_factory.mktemp("outcomes") / "run", PAPER_COSTS)


@pytest.fixture(scope="module")
def report(recording: Recording, outcomes: Outcomes) -> ClaimReport:
    return assess(recording, interventions=outcomes.path)


@pytest.mark.parametrize(
    ("right", "images", "outputs", "guessing"),
    [
        (0.0, 1000, 10, True),
        (10.4, 1000, 10, True),
        (13.0, 1000, 10, False),
        (0.5, 2000, 200, True),
        (2.0, 2000, 200, False),
    ],
)
def test_where_accuracy_is_that_of_guessing_there_is_nothing_to_lose(
    outcomes: Outcomes, right: float, images: int, outputs: int, guessing: bool
) -> None:
    table = measure_effects(outcomes)
    clean = dataclasses.replace(table, images=images, clean={**table.clean, "top1": right})
    why = explain_guessing(clean, outputs)
    assert (f"right on {right / 100:.1%} of {images:,} images" in why) == guessing
    assert bool(why) == guessing


@pytest.mark.slow
def test_a_network_that_guesses_has_no_causal_verdict(tmp_path: Path) -> None:
    """Its units cost nothing, which says nothing: C8 would be supported."""
    recording = synthetic_recording(tmp_path / "recording", classes=20, per_class=40, blocks=PAPER_BLOCKS)
    outcomes = write_outcomes_of(recording, tmp_path / "run", PAPER_COSTS, right=0.05)
    report = assess(recording, interventions=outcomes)
    causal = {claim.id: claim.readings["causal"] for claim in report.claims if claim.id in CAUSAL}
    assert {evidence.verdict for evidence in causal.values()} == {"not applicable"}
    assert all("no more than guessing would be (" in evidence.reason for evidence in causal.values())


@pytest.mark.slow
def test_the_causal_readings_are_judged_by_the_interventions(report: ClaimReport, outcomes: Outcomes) -> None:
    found = {claim.id: claim.readings["causal"] for claim in report.claims if claim.id in CAUSAL}
    assert {claim: evidence.verdict for claim, evidence in found.items()} == CAUSAL
    table = measure_effects(outcomes)
    cost = -table.find("SE_5_2", "one").changes["top1"].value
    assert found["C5"].effect == pytest.approx(cost)
    assert (found["C5"].images, found["C5"].classes) == (2400, 20)
    beside = {b.words: b for b in found["C8"].parts[0].beside}
    alone = table.find("SE_5_1", "one").changes["top1"].images
    assert beside["accuracy lost by SE_5_1 alone"].value == pytest.approx(-alone.value)
    assert beside["accuracy lost by SE_5_1 alone"].high == pytest.approx(-alone.interval(0.9).low)
    two = -table.find("SE_5_2 + SE_5_3", "one").changes["top1"].value
    assert beside["accuracy lost by SE_5_2 and SE_5_3"].value == pytest.approx(two)
    five = -table.find("stage 5", "one").changes["top5"].value
    assert beside["top-5 accuracy lost, all of the last stage"].value == pytest.approx(five)
    like_these = next(b for b in found["C5"].parts[0].beside if b.kind == "classes like these")
    assert like_these.low <= cost <= like_these.high


def test_they_come_back_as_they_were(recording: Recording, outcomes: Outcomes, report: ClaimReport) -> None:
    direct, back = measure_effects(outcomes), read_effects(recording, outcomes)
    assert back is not None
    pd.testing.assert_frame_equal(back.table(), direct.table())
    pd.testing.assert_frame_equal(back.class_table(), direct.class_table())
    assert [(e.blocks, e.repeats, e.kind) for e in back.effects] == [
        (e.blocks, e.repeats, e.kind) for e in direct.effects
    ]
    np.testing.assert_array_equal(back.class_images, direct.class_images)
    assert (back.outcomes_id, back.images, back.groups, back.note, back.clean) == (
        direct.outcomes_id, direct.images, direct.groups, direct.note, direct.clean
    )  # fmt: skip
    for mine, theirs in zip(decompose(back), decompose(direct), strict=True):
        pd.testing.assert_series_equal(pd.Series(mine.row()), pd.Series(theirs.row()))


def test_the_json_tells_all_without_this_package(recording: Recording, outcomes: Outcomes, report: ClaimReport) -> None:
    tree = json.loads((recording.path / ASSESSMENT).read_text("utf-8"))["effects"]
    assert tree["outcomes_id"] == outcomes.id
    one = next(e for e in tree["effects"] if (e["target"], e["baseline"]) == ("SE_4_6", "one"))
    assert one["top1"]["low"] < one["top1"]["value"] < one["top1"]["high"]
    assert one["top1"]["classes_low"] < one["top1"]["value"]
    assert len(one["loss"]["replicates"]) == 10
    assert {c["component"] for c in tree["components"]} == {"dynamic", "instance", "class"}
    assert "no proof" in tree["class_effect"]


@pytest.mark.slow
def test_without_interventions_the_causal_readings_say_what_makes_them(recording: Recording, tmp_path: Path) -> None:
    other = synthetic_recording(tmp_path / "run", classes=6, per_class=20)
    made = write_outcomes_of(other, tmp_path / "outcomes", {("SE_5_2", "one"): 0.0})
    assess(other, interventions=made)
    assert (other.path / EFFECTS).is_file()
    found = assess(other, interventions="none").claim("C7").readings["causal"]
    assert found.verdict == "not applicable"
    assert "senet-viz intervene" in found.reason
    assert read_effects(other) is None
    assert not (other.path / EFFECTS).exists()
    assert read_tree(other)["effects"] is None  # type: ignore[index]


def test_what_was_not_intervened_on_names_the_command(recording: Recording, tmp_path: Path) -> None:
    other = synthetic_recording(tmp_path / "run", classes=6, per_class=20)
    made = write_outcomes_of(other, tmp_path / "outcomes", {("SE_5_2", "one"): 0.0, ("stage 5", "one"): 0.0})
    causal = {c.id: c.readings["causal"] for c in assess(other, interventions=made).claims if "causal" in c.readings}
    expected = {
        "C1": "`senet-viz intervene … --targets stages --baselines between` does",
        "C2": "`senet-viz intervene … --targets blocks --baselines within` does",
        "C5": "`senet-viz intervene … --targets blocks --baselines one` does",
        "C7": "`senet-viz intervene … --targets blocks --baselines mean` does",
        "C10": "`senet-viz intervene … --targets all --baselines predicted_class_mean` does",
    }
    for claim, sentence in expected.items():
        reasons = [part.reason for part in causal[claim].parts]
        assert any(sentence in reason for reason in reasons), reasons
        assert causal[claim].verdict == "not applicable"
    missing = next(b for b in causal["C8"].parts[0].beside if "SE_5_2 and SE_5_3" in b.words)
    assert np.isnan(missing.value)
    assert "--blocks SE_5_2,SE_5_3 --baselines one" in missing.spread


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"model": {"sha256": "1" * 64}}, "on another network than .*: intervene on the same weights"),
        ({"data": {"digest": "other", "images": 2400}}, "on other images than .*: intervene on the same images"),
        ({"preprocessing": {"input_size": [3, 32, 32]}}, "of another preprocessing than"),
        (
            {"mapping": LabelMapping((None,) * 20, "none")},
            "on other outputs for the classes than .* the same label map",
        ),
    ],
)
def test_interventions_of_something_else_are_refused(
    recording: Recording, outcomes: Outcomes, changed: dict, sentence: str
) -> None:
    other = Outcomes(outcomes.path, dataclasses.replace(outcomes.manifest, **changed))
    check_outcomes(outcomes, recording)
    with pytest.raises(ArgumentError, match=sentence):
        check_outcomes(other, recording)
    before = (recording.path / ASSESSMENT).read_bytes()
    with pytest.raises(ArgumentError, match=sentence):
        assess(recording, interventions=other)
    assert (recording.path / ASSESSMENT).read_bytes() == before


def test_a_folder_that_holds_none_is_refused(recording: Recording) -> None:
    with pytest.raises(RecordingError, match="intervene"):
        assess(recording, interventions=recording.path)


def test_effects_of_other_interventions_are_stale(
    recording: Recording, outcomes: Outcomes, report: ClaimReport
) -> None:
    other = Outcomes(outcomes.path, dataclasses.replace(outcomes.manifest, id="cd" * 16))
    with pytest.raises(RecordingError, match=r"is of other interventions than .* assess again with --interventions"):
        read_effects(recording, other)


def test_damaged_effects_are_recognised(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", classes=6, per_class=20)
    assess(recording, interventions=write_outcomes_of(recording, tmp_path / "outcomes", {("SE_5_2", "one"): 0.0}))
    path = recording.path / ASSESSMENT
    tree = json.loads(path.read_text("utf-8"))
    del tree["effects"]["effects"][0]["top1"]
    edit_json(path, effects=tree["effects"])
    with pytest.raises(
        RecordingError, match=r"effects\.effects\[0\]: Object missing required field `top1`; assess the recording again"
    ):
        read_effects(recording)
    assert read_measures(recording) is not None
    (recording.path / EFFECTS).write_bytes(b"")
    with pytest.raises(RecordingError, match=r"is not the one that assessment\.json was written with"):
        read_tree(recording)


def test_beside_a_slim_form_it_is_of_the_full_recording(tmp_path: Path) -> None:
    full = synthetic_recording(tmp_path / "full", classes=6, per_class=20)
    slim = slim_recording(full, tmp_path / "slim", per_class=2)
    made = write_outcomes_of(full, tmp_path / "outcomes", {("SE_5_2", "one"): 0.0, ("SE_4_6", "one"): 20.0})
    report = assess(full, into=slim, interventions=made)
    back = read_effects(open_recording(slim.path), made)
    assert back is not None
    assert back.images == 120
    assert report.claim("C5").readings["causal"].verdict != "not applicable"
    assert not (full.path / EFFECTS).exists()


def test_claims_read_full_strength_alone() -> None:
    labels = np.repeat(np.arange(3), 20)
    said = planted_said(labels, {("SE_5_2", "one"): 10.0})
    said[make_variant("SE_5_1", "one", strength=0.5)] = said[None]
    effects = claim_effects(measure_effects(make_outcomes(labels.tolist(), said, classes=3)))
    assert [(e.target, e.measure) for e in effects] == [(("layer4.1.se",), "top1"), (("layer4.1.se",), "top5")]
    assert effects[0].value < -5


@pytest.mark.slow
def test_a_kill_between_the_files_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = synthetic_recording(tmp_path / "run", classes=6, per_class=20)
    assess(recording, seed=1)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("senet_viz.claims.assessment.replace_json", killed)
    with pytest.raises(KeyboardInterrupt):
        assess(recording, seed=2)
    for read in (read_tree, read_measures):
        with pytest.raises(RecordingError, match="interrupted: assess the recording again"):
            read(recording)
    (recording.path / ASSESSMENT).unlink()
    assert read_tree(recording) is None
    with pytest.raises(RecordingError, match=r"stands without assessment\.json, as after an interrupted assessment"):
        read_measures(recording)
    monkeypatch.undo()
    assess(recording, seed=2)
    assert read_measures(recording) is not None
    assert (recording.path / MEASURES).is_file()
