"""Interventions near a recording: the right ones are found, all others passed over."""

import dataclasses
import os
from pathlib import Path

import pytest

from senet_viz.recording.outcomes import MANIFEST
from senet_viz.recording.outcomes_nearby import find_outcomes
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.schema import to_tree
from tests.support.edited import edit_json
from tests.support.synthetic import PAPER_BLOCKS, synthetic_recording
from tests.support.synthetic_outcomes import write_outcomes_of

COSTS = {("SE_5_2", "mean"): 1.0}


@pytest.fixture
def made(tmp_path: Path) -> Recording:
    return synthetic_recording(tmp_path / "runs" / "mine", classes=3, per_class=8, blocks=PAPER_BLOCKS)


@pytest.mark.parametrize("place", ["mine-interventions", "interventions", "interventions/mine", "mine/interventions"])
def test_interventions_in_or_beside_a_recording_are_found(made: Recording, place: str) -> None:
    assert find_outcomes(made) is None
    folder = made.path.parent / place
    write_outcomes_of(made, folder, COSTS)
    assert find_outcomes(made) == folder


def test_interventions_elsewhere_take_a_root(made: Recording, tmp_path: Path) -> None:
    folder = tmp_path / "others" / "outcomes"
    write_outcomes_of(made, folder, COSTS)
    assert find_outcomes(made) is None
    assert find_outcomes(made, [tmp_path / "others", tmp_path / "nowhere"]) == folder


def test_interventions_for_something_else_are_passed_over(made: Recording) -> None:
    about, runs = made.manifest, made.path.parent
    others = {
        "model": {**about.model, "sha256": "another"},
        "data": {**about.data, "digest": "another"},
        "preprocessing": {**about.preprocessing, "size": 7},
        "mapping": dataclasses.replace(about.mapping, outputs=(2, 1, 0)),
    }
    for field, value in others.items():
        write_outcomes_of(made, runs / field, COSTS, **{field: value})
    (runs / "broken").mkdir()
    (runs / "broken" / MANIFEST).write_text("{", "utf-8")
    unfinished = write_outcomes_of(made, runs / "unfinished", COSTS).path / MANIFEST
    edit_json(unfinished, complete=False)
    cut = write_outcomes_of(made, runs / "cut", COSTS)
    (cut.path / cut.manifest.files[-1].name).write_bytes(b"")
    assert find_outcomes(made) is None


def test_those_of_this_very_recording_come_first_then_the_latest(made: Recording) -> None:
    runs = made.path.parent
    for at, name in enumerate(("b", "a")):
        manifest = write_outcomes_of(made, runs / name, COSTS).path / MANIFEST
        os.utime(manifest, ns=(at, at))
    assert find_outcomes(made) == runs / "a"
    manifest = runs / "b" / MANIFEST
    edit_json(manifest, baselines={"recording": made.id})
    os.utime(manifest, ns=(0, 0))
    assert find_outcomes(made) == runs / "a", "a manifest of the same time is not read again"
    os.utime(manifest, ns=(0, 7))
    assert find_outcomes(made) == runs / "b"


def test_the_interval_of_a_histogram_makes_no_other_network(made: Recording) -> None:
    gates, runs = made.manifest.gates, made.path.parent
    write_outcomes_of(made, runs / "form", COSTS, gates=tuple(dataclasses.replace(g, form="x + s·x") for g in gates))
    assert find_outcomes(made) is None
    write_outcomes_of(
        made, runs / "moved", COSTS, gates=tuple(dataclasses.replace(g, histogram=(-1.0, 2.0)) for g in gates)
    )
    assert find_outcomes(made) == runs / "moved"


def test_interventions_of_which_no_class_has_an_output_tell_nothing_of_accuracy(made: Recording) -> None:
    mapping = dataclasses.replace(made.manifest.mapping, outputs=(None,) * 3)
    edit_json(made.path / MANIFEST, mapping=to_tree(mapping))
    folder = made.path.parent / "unjudged"
    write_outcomes_of(made, folder, COSTS, mapping=mapping)
    recording = open_recording(made.path)
    assert find_outcomes(recording) is None
    assert find_outcomes(recording, judged=False) == folder
