"""A backbone is recorded, assessed, compared and exported without accuracy; what needs its answers refuses in a sentence."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from torch import nn
from typer.testing import CliRunner

import senet_viz as sv
from senet_viz.analysis.comparison.stability import Stability, measure_spread
from senet_viz.analysis.comparison.summary import answer_comparison
from senet_viz.cli import app
from senet_viz.errors import ModelError, SourceError
from senet_viz.models.zoo import Model
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.reader import Recording
from senet_viz.workflows.attribution import attribute_gate, estimate_seconds
from senet_viz.workflows.comparison import PreparedImage, prepare_images
from senet_viz.workflows.evaluate import evaluate
from senet_viz.workflows.interventions.making import intervene
from senet_viz.workflows.output_attribution import attribute_output, compute_grad_cam
from senet_viz.workflows.plan import plan_recording
from senet_viz.workflows.record import record, summarize
from senet_viz.workflows.stability import vary_image
from senet_viz.workflows.trial import try_intervention
from senet_viz.workflows.walkthrough import step_block
from tests.support.tiny import tiny_png, write_tiny_parquet

BACKBONE = "tests.support.tiny:tiny_backbone"
SAID = ("output_label", "prediction", "confidence", "loss", "correct")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_parquet(tmp_path_factory.mktemp("data") / "tiny.parquet", 120)


@pytest.fixture(scope="module")
def model() -> Model:
    return sv.load_model(BACKBONE, device="cpu")


@pytest.fixture(scope="module")
def recording(model: Model, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return sv.record(model, data, tmp_path_factory.mktemp("runs") / "backbone")


@pytest.fixture
def image(model: Model) -> PreparedImage:
    (found,) = prepare_images([("one.png", tiny_png(3))], model.preprocess)
    assert isinstance(found, PreparedImage)
    return found


def test_gates_are_those_of_the_classifier_and_nothing_is_said_of_answers(
    recording: Recording, data: Path, tmp_path: Path
) -> None:
    whole = record(sv.load_model("tests.support.tiny:tiny_se", device="cpu"), data, tmp_path / "whole")
    for gate in recording.blocks:
        assert np.array_equal(recording.gates(gate.name), whole.gates(gate.name))
    about = recording.manifest
    assert recording.samples.select(SAID).to_pandas().isna().all(axis=None)
    assert recording.samples.schema == whole.samples.schema
    assert about.model["outputs"] == 0
    assert set(about.mapping.outputs) == {None}
    assert (
        "The network returns no class outputs (shallow (1, 16, 8, 8), deep (1, 32, 4, 4)): gates are recorded"
        in about.notes[0]
    )
    found = summarize(recording)
    assert (found["top1"], found["judged"], found["images"]) == (None, 0, 120)
    assert not recording.has_class_outputs
    assert whole.has_class_outputs


def test_it_is_resumed_and_found_again(model: Model, recording: Recording, data: Path) -> None:
    assert sv.record(model, data, recording.path).id == recording.id
    assert sv.load_recorded_model(recording.manifest, model=BACKBONE, device="cpu").outputs == 0


def test_claims_about_answers_do_not_apply_and_say_why(recording: Recording) -> None:
    report = sv.assess(recording)
    causal = [claim.readings["causal"] for claim in report.claims if "causal" in claim.readings]
    tried = [reading.reason for reading in causal if "network without class outputs" in reading.reason]
    assert {reading.verdict for reading in causal} == {"not applicable"}
    assert tried
    assert not any("senet-viz intervene" in reading.reason for reading in causal)
    stored = json.loads((recording.path / "assessment.json").read_text())
    assert "network without class outputs" in stored["outcomes"]["reason"]


def test_statistics_are_exported(recording: Recording, tmp_path: Path) -> None:
    sv.export_statistics(recording, tmp_path / "out.parquet")
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == (16 + 32) * 11


def test_images_are_compared_without_predictions(model: Model, recording: Recording) -> None:
    found = sv.compare_images(model, [("a.png", tiny_png(1)), ("b.png", tiny_png(2))], recording)
    assert [image.predictions for image in found.images] == [(), ()]
    assert "no class outputs" in answer_comparison(found)
    assert any("nothing is predicted" in note for note in found.notes)
    assert found.predictions_table().empty
    assert found.blocks[0].rms[0, 1] > 0


def test_changed_copies_keep_no_prediction(model: Model, recording: Recording) -> None:
    varied = vary_image(model, ("a.png", tiny_png(1)), recording)
    stability = Stability(varied, measure_spread(recording, None))
    assert "no class outputs" in stability.answer(1)
    assert stability.to_json()["prediction"] is None
    assert stability.table()["prediction kept"].isna().all()


def test_a_block_is_walked_through_and_a_gate_explained(
    model: Model, recording: Recording, image: PreparedImage
) -> None:
    steps = step_block(model, image, recording, "se2")
    assert steps.prediction == ""
    assert steps.residual < 1e-5
    assert attribute_gate(model, image.pixels, "se2", [0]).values.any()
    assert estimate_seconds(model, image.pixels, 8) > 0


def test_what_needs_answers_is_refused_in_a_sentence(
    model: Model, recording: Recording, data: Path, image: PreparedImage, tmp_path: Path
) -> None:
    refused = "needs class outputs and tests.support.tiny:tiny_backbone returns none"
    with pytest.raises(ModelError, match=f"Moving or freezing gates {refused}"):
        intervene(model, data, tmp_path / "moved")
    with pytest.raises(ModelError, match=refused):
        sv.advise_freezing(model, data, tmp_path / "frozen", loss=1.0)
    with pytest.raises(ModelError, match=refused):
        try_intervention(model, image, recording, ["se2"], "mean")
    with pytest.raises(ModelError, match=refused):
        attribute_output(model, image.pixels, "se2", 0)
    with pytest.raises(ModelError, match=refused):
        compute_grad_cam(model, image.pixels, "se2", 0)
    with pytest.raises(SourceError, match="no class outputs that classes could be mapped to"):
        record(model, data, tmp_path / "mapped", options=RecordOptions(label_map=Path("outputs")))
    with pytest.raises(SourceError, match="because the network returns none"):
        evaluate(model, sv.open_images(data))
    assert not list(tmp_path.iterdir())


def test_a_plan_says_that_no_class_has_an_output(model: Model, data: Path, tmp_path: Path) -> None:
    plan = plan_recording(model, sv.open_images(data), tmp_path / "run", RecordOptions())
    assert plan["outputs"] == []
    assert "the network returns none" in plan["mapping"]["note"]
    assert any("no class outputs" in note for note in plan["notes"])


def encoder() -> nn.Module:
    """timm's features of every stage."""
    return timm.create_model("seresnext26d_32x4d", pretrained=False, features_only=True)


def pooled() -> nn.Module:
    """timm's pooled features: two axes, and no logits."""
    return timm.create_model("mobilenetv3_small_050", pretrained=False, num_classes=0)


@pytest.mark.parametrize("factory", ["encoder", "pooled"])
@pytest.mark.slow
def test_timms_encoders_are_recorded(factory: str, data: Path, tmp_path: Path) -> None:
    model = sv.load_model(f"tests.unit.workflows.test_record_without_outputs:{factory}", device="cpu")
    assert model.outputs == 0
    found = sv.record(model, data, tmp_path / "run", options=RecordOptions(limit=4, keep="none"))
    assert found.samples["prediction"].null_count == 4
    assert torch.isfinite(torch.from_numpy(found.moments(found.blocks[-1].name).mean[:4])).any()


@pytest.mark.slow
def test_the_commands_do_the_same(data: Path, tmp_path: Path) -> None:
    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(words))
        return result.exit_code, f"{result.output}{result.exception or ''}"

    out, given = str(tmp_path / "run"), ["--model", BACKBONE, "--data", str(data), "--device", "cpu"]
    code, text = run("record", *given, "--out", out)
    assert code == 0, text
    assert "top-1 unknown" in text
    assert run("assess", out)[0] == 0
    assert run("export", out, "--out", str(tmp_path / "stats.csv"))[0] == 0
    photo = tmp_path / "one.png"
    photo.write_bytes(tiny_png(1))
    code, text = run("compare", str(photo), "--recording", out, "--model", BACKBONE, "--stability")
    assert code == 0, text
    assert "no class outputs" in text
    assert run("report", out, "--out", str(tmp_path / "report.html"))[0] == 0
    for command in ("intervene", "freeze"):
        code, text = run(command, *given, "--out", str(tmp_path / command))
        assert code == 1, text
        assert "needs class outputs" in text
