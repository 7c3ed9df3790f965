"""What must hold of any folder that is opened, whoever changed a file of it: the numbers that were written, or one sentence."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.hostile import GOOD, Judge
from benchmarks.hostile_cases import Case, edited, make_cases, make_home
from senet_viz.errors import RecordingError
from senet_viz.recording.files import SEAL
from senet_viz.recording.layout import MANIFEST
from senet_viz.recording.reader import Recording, open_recording
from tests.support.synthetic import synthetic_recording


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    home = tmp_path_factory.mktemp("hostile")
    make_home(home)
    return Judge(home)


@pytest.mark.slow
def test_a_change_of_any_file_is_refused_or_changes_no_number(judge: Judge) -> None:
    cases = make_cases(judge.home, edits=40, flips=30, others=30, seed=1)
    assert {case.kind for case in cases} == {"edits", "flips", "cuts", "swaps", "not plain"}
    found = [(case.file, case.what, *judge.ask(case)) for case in cases]
    assert {answer for _, _, answer, _ in found} >= {"refused", "same numbers"}
    assert not [each for each in found if each[2] not in GOOD]


def test_the_judge_knows_other_numbers_and_tracebacks(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    """With bytes that nobody hashes it finds what was found before they were."""
    monkeypatch.setattr("senet_viz.recording.checked.CheckedFile._check", lambda self: ())
    monkeypatch.setattr("senet_viz.recording.checked.CheckedFile._refuse_change", lambda self, state: None)
    moments = judge.home / "run" / "moments-00000.safetensors"
    flips = [
        Case("flips", "run/moments-00000.safetensors", str(at), lambda path, at=at: _flip(path, at))
        for at in range(2000, moments.stat().st_size, moments.stat().st_size // 12)
    ]
    assert "other numbers" in {judge.ask(case)[0] for case in flips}


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 64
    path.write_bytes(data)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, str]:
    folder = tmp_path_factory.mktemp("named") / "run"
    recording = synthetic_recording(folder, classes=3, per_class=4, blocks=[3, 4], unreadable=(2,))
    return recording, (folder / MANIFEST).read_text("utf-8")


@pytest.fixture
def recording(made: tuple[Recording, str]) -> Iterator[Recording]:
    yield made[0]
    (made[0].path / MANIFEST).write_text(made[1], "utf-8")


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("gates", 0, "channels"), 0, r"gates\[0\]\.channels"),
        (("gates", 0, "channels"), 2**40, r"gates\[0\]\.channels"),
        (("gates", 0, "channels"), 5, "the manifest has 3 and 5: verify it"),
        (("gates", 0, "range"), [1.0, 0.0], "goes from 1 to 0"),
        (("gates", 0, "depth"), 1, "do not stand in order of depth"),
        (("gates",), [], "gates: there is none"),
        (("classes", "names", 0), "\ud800", "half of a surrogate pair"),
        (("files", 0, "name"), "../run/manifest.json", "no name of a file in the folder"),
        (("files", 0, "rows"), 7, "rows, the manifest counts"),
        (("files", 0, "sha256"), "0" * 64, "is not as it was written"),
        (("files", 1, "role"), "rubbish", "has the role 'rubbish', which is none of samples"),
        (("mapping", "outputs"), [0], "1 outputs for 3 classes"),
        (("data", "images"), "many", r"data\.images: Expected `int`, got `str`"),
        (("options", "shard_size"), 0, r"options\.shard_size: Expected `int` >= 1"),
    ],
)
def test_each_contradiction_is_named(recording: Recording, where: tuple, value: object, said: str) -> None:
    tree = json.loads((recording.path / MANIFEST).read_text("utf-8"))
    del tree[SEAL]
    (recording.path / MANIFEST).write_text(edited(tree, where, value), "utf-8")
    with pytest.raises(RecordingError, match=said):
        read(recording.path)


def read(folder: Path) -> None:
    opened = open_recording(folder)
    _ = (opened.samples, opened.errors)
    for gate in opened.blocks:
        opened.moments(gate.name)
        opened.gates(gate.name)


def test_an_edit_that_keeps_the_checksum_is_refused_whatever_it_is(recording: Recording) -> None:
    tree = json.loads((recording.path / MANIFEST).read_text("utf-8"))
    (recording.path / MANIFEST).write_text(edited(tree, ("classes", "names", 0), "another"), "utf-8")
    with pytest.raises(RecordingError, match=r'is not as it was written .* leave out its "checksum" if it was changed'):
        open_recording(recording.path)
    shuffled = random.Random(0).sample([*tree.items()], len(tree))
    (recording.path / MANIFEST).write_text(json.dumps(dict(shuffled), indent=4), "utf-8")
    read(recording.path)  # laid out anew, it says the same


def test_two_gates_of_one_name_are_refused(recording: Recording) -> None:
    tree = json.loads((recording.path / MANIFEST).read_text("utf-8"))
    del tree[SEAL]
    name = tree["gates"][0]["name"]
    (recording.path / MANIFEST).write_text(edited(tree, ("gates", 1, "name"), name), "utf-8")
    with pytest.raises(RecordingError, match=f"gates: '{name}' stands there twice"):
        open_recording(recording.path)


@pytest.mark.parametrize("text", ["[" * 100_000 + "]" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000])
def test_too_many_levels_are_one_sentence(recording: Recording, text: str) -> None:
    (recording.path / MANIFEST).write_text(text, "utf-8")
    with pytest.raises(RecordingError, match="could not be read"):
        open_recording(recording.path)


def test_a_manifest_of_many_megabytes_is_refused_before_it_is_read(recording: Recording) -> None:
    with (recording.path / MANIFEST).open("r+b") as file:
        file.truncate(65_000_000)
    with pytest.raises(RecordingError, match="it has more than 64,000,000 bytes"):
        open_recording(recording.path)
