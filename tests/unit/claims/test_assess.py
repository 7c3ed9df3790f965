"""The whole assessment: both files beside the recording or beside its slim form, and nothing half-written."""

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import senet_viz as sv
from senet_viz.claims.assess import assess
from senet_viz.claims.assessment import read_assessment, read_measures, read_tree
from senet_viz.claims.evidence import ClaimReport
from senet_viz.cli.options import app
from senet_viz.errors import ArgumentError
from senet_viz.recording.layout import ASSESSMENT, MEASURES
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.slim import slim_recording
from senet_viz.stats.decoding import decode_classes
from senet_viz.stats.tables import measure_selectivity
from tests.support.synthetic import PAPER_BLOCKS, synthetic_recording
from tests.support.synthetic_outcomes import PAPER_COSTS, write_outcomes_of


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    shares = {"SE_2_3": 0.02, "SE_5_1": 0.8, "SE_5_2": 0.1}
    return synthetic_recording(tmp_path_factory.mktemp("whole") / "run", classes=6, per_class=20, shares=shares)


@pytest.fixture(scope="module")
def report(recording: Recording) -> ClaimReport:
    return assess(recording, control=recording, seed=1)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_report_is_what_is_stored(recording: Recording, report: ClaimReport) -> None:
    tree = read_tree(recording)
    assert tree is not None
    assert tree["seed"] == 1
    assert ClaimReport.from_json(tree["claims"]).to_json() == report.to_json()
    assert report.recording_id == recording.id
    assert report.claim("C3").readings["relative"].verdict == "supported"
    for key in ("decoding", "cka", "outcomes"):
        assert len(tree[key]["rows"]) == len(PAPER_BLOCKS), tree[key]["reason"]
    assert tree["superclasses"]["rows"] == []
    assert tree["superclasses"]["reason"].endswith(".")


def test_the_measures_are_those_of_every_channel(recording: Recording, report: ClaimReport) -> None:
    assert report.images == 120
    stored = read_measures(recording)
    assert stored is not None
    assert len(stored) == sum(PAPER_BLOCKS.values())
    pd.testing.assert_frame_equal(
        read_measures(recording, quantity="squeeze"), measure_selectivity(recording, quantity="squeeze", seed=1)
    )
    pd.testing.assert_frame_equal(stored, measure_selectivity(recording, seed=1))


def test_the_same_seed_gives_the_same_files(recording: Recording, report: ClaimReport) -> None:
    before = files(recording.path)
    assess(recording, control=recording, seed=1)
    assert files(recording.path) == before


def test_progress_counts_up_to_the_end(recording: Recording) -> None:
    told: list[tuple[int, int, str]] = []
    assess(recording, control=recording, seed=1, on_progress=lambda *step: told.append(step))
    done = [step[0] for step in told]
    assert done == sorted(done)
    assert {step[1] for step in told} == {done[-1]}
    assert all(step[2] for step in told if step[0] < done[-1])


@pytest.mark.parametrize("steps", [1, 8, 15, 22])
def test_stopped_in_the_middle_it_leaves_what_was_there(recording: Recording, report: ClaimReport, steps: int) -> None:
    before, calls = files(recording.path), 0

    def stop(_done: int, _total: int, _what: str) -> None:
        nonlocal calls
        calls += 1
        if calls == steps:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        assess(recording, seed=2, on_progress=stop)
    assert files(recording.path) == before


def test_beside_a_slim_form_it_bears_that_ones_id(recording: Recording, tmp_path: Path) -> None:
    full = synthetic_recording(tmp_path / "full", classes=6, per_class=20)
    slim = slim_recording(full, tmp_path / "slim", per_class=2)
    report = assess(full, into=slim)
    assert not (full.path / ASSESSMENT).exists()
    assert not (full.path / MEASURES).exists()
    found = read_assessment(open_recording(slim.path))
    assert found is not None
    assert (found.recording_id, found.computed_from) == (slim.id, full.id)
    assert found.images == 120
    assert report.recording_id == slim.id


def test_beside_a_slim_form_of_another_it_is_refused(recording: Recording, tmp_path: Path) -> None:
    others = {
        "images": synthetic_recording(tmp_path / "images", classes=6, per_class=19),
        "network": synthetic_recording(tmp_path / "network", classes=6, per_class=20, model={"sha256": "1" * 64}),
    }
    for name, other in others.items():
        slim = slim_recording(other, tmp_path / f"slim {name}", per_class=2)
        with pytest.raises(ArgumentError, match="is no slim form of"):
            assess(recording, into=slim)
        assert not (slim.path / ASSESSMENT).exists()
    with pytest.raises(ArgumentError, match="is no slim form of"):
        assess(recording, into=others["images"])


def test_without_kept_gates_the_rest_says_why(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", keep="none")
    assess(recording)
    tree = json.loads((recording.path / ASSESSMENT).read_text("utf-8"))
    for key in ("decoding", "cka", "outcomes"):
        assert tree[key]["rows"] == []
        assert tree[key]["reason"]
    verdicts = {e["verdict"] for claim in tree["claims"]["claims"] for e in claim["readings"].values()}
    assert verdicts <= {"not applicable", "inconclusive"}


def test_superclasses_that_can_not_be_read_are_refused_before_the_work(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", blocks=[2], classes=4)
    with pytest.raises(ArgumentError, match=r"none\.csv cannot be read"):
        assess(recording, superclasses=tmp_path / "none.csv", on_progress=lambda *_: pytest.fail("it began"))


def test_a_users_superclasses_are_taken(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", classes=4)
    table = tmp_path / "groups.csv"
    table.write_text("class,superclass\n" + "".join(f"class {k},{'ab'[k % 2]}\n" for k in range(4)), encoding="utf-8")
    assess(recording, superclasses=table)
    tree = read_tree(recording)
    assert tree is not None
    assert {row["level"] for row in tree["superclasses"]["rows"]} == {
        "superclass",
        "class within superclass",
        "image within class",
    }


def test_the_command_takes_interventions(tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "run", classes=6, per_class=20)
    costs = {("SE_5_2", "one"): 0.0, ("SE_4_6", "one"): 30.0}
    write_outcomes_of(made, tmp_path / "outcomes", costs)
    done = CliRunner().invoke(app, ["assess", str(made.path), "--interventions", str(tmp_path / "outcomes"), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert Path(told["files"]["effects"]).is_file()
    causal = next(claim for claim in told["claims"] if claim["id"] == "C5")["readings"]["causal"]
    assert causal["parts"][1]["verdict"] == "supported"
    other = synthetic_recording(tmp_path / "other", classes=6, per_class=20, model={"sha256": "1" * 64})
    with pytest.raises(ArgumentError, match="on another network"):
        CliRunner().invoke(
            app, ["assess", str(other.path), "--interventions", str(tmp_path / "outcomes")], catch_exceptions=False
        )


def test_it_is_in_the_public_interface(recording: Recording, report: ClaimReport) -> None:
    assert sv.assess is assess
    found = sv.read_assessment(recording)
    assert found is not None
    figure = sv.figures.draw_depth(found, sv.figures.LIGHT)
    assert {axis.title.text for axis in figure.select_yaxes()} == {"class share ω²", "between-class SD, in s"}
    assert dataclasses.is_dataclass(found)


@pytest.mark.slow
def test_z_is_decoded_where_it_is_kept_and_else_the_reason_is_told(recording: Recording, tmp_path: Path) -> None:
    kept = synthetic_recording(tmp_path / "kept", classes=6, per_class=20, keep_squeeze=True)
    assess(kept, seed=1)
    tree = read_tree(kept)
    assert tree is not None
    expected = decode_classes(kept, quantity="squeeze", seed=1).table().to_dict("records")
    assert [row["full accuracy"] for row in tree["decoding_squeeze"]["rows"]] == [r["full accuracy"] for r in expected]
    assess(recording, control=recording, seed=1)
    without = read_tree(recording)
    assert without is not None
    assert without["decoding_squeeze"]["rows"] == []
    assert "keep" in without["decoding_squeeze"]["reason"]


@pytest.mark.slow
def test_interventions_near_the_recording_are_found_unless_they_are_not_wanted(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "recording")
    without = assess(recording).claim("C7").readings["causal"]
    write_outcomes_of(recording, tmp_path / "what intervene made", PAPER_COSTS)
    found = assess(recording).claim("C7").readings["causal"]
    told = assess(recording, interventions=tmp_path / "what intervene made").claim("C7").readings["causal"]
    assert found == told
    assert found.verdict != "not applicable"
    assert assess(recording, interventions="none").claim("C7").readings["causal"] == without
    assert without.verdict == "not applicable"
