"""What version 0.1 wrote opens and says the same: tests/data/made_by_0_1 was written by it and is not to be made anew.

A recording of 80 images of `tests.support.tiny:tiny_se` with kept z, its assessment with interventions, its freeze advice, and the
interventions themselves.
"""

import hashlib
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import senet_viz as sv
from senet_viz.claims.assess import explain_guessing
from senet_viz.stats.effect_measuring import measure_effects

MADE = Path(__file__).parents[1] / "data" / "made_by_0_1"
MOMENTS = "2f71eeff5e1ce63d50134faac8b5157ccc45d21aa5e65ddfd8dc681eaef9749a"  # as 0.1 exported them
QUANTILES = "c0b1f3cd4b19736c63230986909580ce6d3a2f6ceac6b7d133a05572ab4096fd"  # the whole file: 24 quantiles beyond min or max moved since


@pytest.fixture
def recording(tmp_path: Path) -> sv.Recording:
    """A copy: what is judged anew is written beside it."""
    shutil.copytree(MADE / "recording", tmp_path / "recording")
    return sv.open_recording(tmp_path / "recording")


@pytest.mark.parametrize(
    "statement",
    [
        "from senet_viz.planning import RecordOptions",
        "from senet_viz.comparing import ImageInput, load_recorded_model",
        "from senet_viz.assessment import read_assessment, read_measures",
        "from senet_viz.attribution import attribute_gate, attribute_output, compute_grad_cam",
        "from senet_viz.blocks import describe_health, gather_health",
        "from senet_viz.claims import READINGS, summarize_reading, tabulate_report",
        "from senet_viz.figures import LIGHT, draw_depth, page_of",
        "from senet_viz.figures.gate_health import draw_gate_health",
        "from senet_viz.measures.correlations import correlate_measures",
        "from senet_viz.models.zoo import bundled_folder",
    ],
)
def test_what_its_documents_import_is_found(statement: str) -> None:
    found: dict[str, object] = {}
    exec(statement, found)
    names = statement.partition(" import ")[2].split(", ")
    assert all(found[name] is getattr(sv, name, getattr(sv.figures, name, None)) for name in names)


def test_what_it_never_named_is_not_found() -> None:
    with pytest.raises(ImportError, match="nonsense"):
        exec("from senet_viz.planning import nonsense", {})


def same(found: Any, expected: Any, where: str = "") -> None:
    """Words to the letter, numbers to nine digits: another processor may add in another order."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            same(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for k, value in enumerate(expected):
            same(found[k], value, f"{where}[{k}]")
    elif isinstance(expected, float):
        assert math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12), where
    else:
        assert found == expected, where


def test_the_recording_opens_and_its_bytes_are_known(recording: sv.Recording) -> None:
    assert sv.verify_recording(recording.path).problems == ()
    assert [block.label for block in recording.blocks] == ["SE_1_1", "SE_2_1"]
    assert (recording.samples.num_rows, recording.n_kept, len(recording.classes)) == (80, 80, 10)
    for quantity in ("gate", "squeeze"):
        kept, moments = recording.gates("SE_2_1", quantity), recording.moments("SE_2_1", quantity)
        np.testing.assert_allclose(kept.astype(np.float64).mean(axis=0), moments.mean.mean(axis=0), atol=2e-3)


def test_its_statistics_are_exported_to_the_same_bytes(recording: sv.Recording, tmp_path: Path) -> None:
    written = sv.export_statistics(recording, tmp_path / "stats.csv")
    text = Path(written).read_bytes()
    moments = b"".join(b",".join(line.split(b",")[:12]) + b"\n" for line in text.splitlines())
    assert hashlib.sha256(moments).hexdigest() == MOMENTS
    assert hashlib.sha256(text).hexdigest() == QUANTILES


def test_its_assessment_is_read_and_is_made_again(recording: sv.Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for causal verdicts on a network that guesses, as this one does: 0.1 gave some."""
    effects = measure_effects(sv.open_outcomes(MADE / "interventions"))
    assert "no more than guessing" in explain_guessing(effects, recording.manifest.model["outputs"])
    monkeypatch.setattr("senet_viz.claims.assess.explain_guessing", lambda *_: "")
    expected = json.loads((MADE / "expected_assessment.json").read_text(encoding="utf-8"))
    del expected["files"]
    stored = sv.read_assessment(recording)
    assert stored is not None
    assert stored.recording_id == recording.id
    report = sv.assess(recording, interventions=MADE / "interventions")
    same(json.loads(json.dumps(report.to_json())), expected)


def test_its_interventions_and_freeze_advice_are_read(recording: sv.Recording) -> None:
    outcomes = sv.open_outcomes(MADE / "interventions")
    assert len(outcomes.variants) == 36
    assert outcomes.manifest.complete
    freezing = json.loads((recording.path / "freezing.json").read_text(encoding="utf-8"))
    advice = sv.open_freezing(recording.path)
    assert advice.id == freezing["id"]
    assert [step.block for step in advice.steps] == [step["block"] for step in freezing["steps"]]
