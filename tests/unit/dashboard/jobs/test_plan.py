"""Requests, names and plans: what is asked of the command line, and what its answer means."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from senet_viz.dashboard.jobs.plan import Plan, plan_request
from senet_viz.dashboard.jobs.request import RecordRequest, check_name, suggest_name
from senet_viz.dashboard.jobs.running import last_sentence
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.images.labels import map_labels
from senet_viz.schema import ClassTable, from_tree, to_tree
from tests.e2e.command import run


def leave_job(root: Path, name: str, request: RecordRequest | None = None) -> None:
    """The trace of a job that has ended."""
    folder = root / ".jobs" / name
    folder.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()
    holder = {"pid": process.pid, "host": "elsewhere", "started": "2026-01-01T00:00:00+00:00", "birth": 1}
    from senet_viz.recording.folder import Holder

    holder["host"] = Holder.of(os.getpid()).host
    tree = {"request": to_tree(request or RecordRequest("bundled", "digits")), "mapped": False,
            "workplace": str(root), "process": holder, "cancelled": None}  # fmt: skip
    (folder / "command.json").write_text(json.dumps(tree), encoding="utf-8")


_FIELDS_BEFORE = (
    "model", "data", "arch", "weights", "seed", "calibrate", "device", "precision", "batch_size", "workers", "keep",
    "keep_squeeze", "limit", "label_map",
)  # fmt: skip


def test_a_request_becomes_the_options_that_record_knows(tmp_path: Path) -> None:
    from typer.main import get_command

    from senet_viz.cli.options import app

    request = RecordRequest(
        model="w.safetensors", data="my images; rm -rf", arch="timm:seresnet50", weights="random", seed=3, calibrate="d",
        device="cpu", precision="bf16", batch_size=8, workers=1, keep="5", keep_squeeze=True, limit=9, label_map="m.json",
        image_column="jpg", label_column="cls", logits="out", input_size=32, mean="0.5,0.5,0.5", std="0.2,0.2,0.2",
        interpolation="bicubic", crop="squash",
    )  # fmt: skip
    arguments = request.arguments(tmp_path)
    assert shlex.split(shlex.join(arguments)) == list(arguments)
    command = get_command(app).commands["record"]
    called = {option: parameter.name for parameter in command.params for option in parameter.opts}
    with command.make_context("record", list(arguments[1:])) as context:
        for name, value in to_tree(request).items():
            assert str(context.params[called["--" + name.replace("_", "-")]]) == str(value), name
    assert from_tree(RecordRequest, to_tree(request), "command.json", "start it anew") == request
    older = {name: value for name, value in to_tree(RecordRequest("m", "d")).items() if name in _FIELDS_BEFORE}
    assert from_tree(RecordRequest, older, "command.json", "start it anew") == RecordRequest("m", "d")
    assert RecordRequest("m", "d").arguments(Path("o")) == ("record", "--model", "m", "--data", "d", "--out", "o")


@pytest.mark.parametrize(
    "name", ["", "  ", "a/b", "a\\b", "..", ".hidden", "a\nb", "a\0b", "what?", "x" * 121, "ä" * 61]
)
def test_names_that_are_no_folder_are_refused(name: str) -> None:
    with pytest.raises(ArgumentError):
        check_name(name)


@pytest.mark.parametrize("name", ["digits", "Größe 2", "a.b-c_d", "雪", "-x"])
def test_ordinary_names_are_taken(name: str) -> None:
    assert check_name(f" {name} ") == name


def test_a_suggested_name_is_free_and_usable(tmp_path: Path) -> None:
    assert suggest_name(tmp_path, "timm:seresnet50", "data/val-*.parquet") == "seresnet50-val-_.parquet"
    (tmp_path / "bundled-digits").mkdir()
    assert suggest_name(tmp_path, "bundled", "digits") == "bundled-digits-2"
    for model, data in (("", ""), ("../..", "?*"), ("C:\\x\\", "/"), ("ö" * 99, "ö" * 99)):
        assert check_name(suggest_name(tmp_path, model, data))


def plan_tree(**changes: Any) -> dict[str, Any]:
    classes = [{"name": n, "key": n, "images": 2, "output": o} for n, o in (("cat", 1), ("cow", None), ("dog", None))]
    outputs = [{"name": name, "key": key} for name, key in (("dog, hound", "n1"), ("cat", "cat"), ("crane", None))]
    return {
        "model": "m", "data": "d", "blocks": 2, "images": 6, "kept": 6, "seconds": None, "disk_bytes": 1, "present_bytes": 0,
        "free_bytes": 9, "memory_bytes": 1, "problem": None, "mapping": {"method": "name", "note": ""},
        "classes": classes, "outputs": outputs, "notes": [], **changes,
    }  # fmt: skip


def test_a_plan_becomes_a_label_map_that_the_command_line_reads_as_meant(tmp_path: Path) -> None:
    plan = Plan.from_json(plan_tree())
    assert ([row.name for row in plan.missing], plan.mapped) == (["cow", "dog"], 1)
    assert plan.output_labels == ("0: dog, hound", "1: cat")
    assert not plan.has_same_order
    label_map = plan.label_map({"dog": "0: dog, hound"})
    assert label_map == {"cat": "cat", "cow": None, "dog": "n1"}
    (tmp_path / "map.json").write_text(json.dumps(label_map), encoding="utf-8")
    outputs = ClassTable(("dog, hound", "cat", "crane"), ("n1", "", ""))
    classes = ClassTable(("cat", "cow", "dog"))
    assert map_labels(classes, "classes", outputs, 3, label_map=tmp_path / "map.json").outputs == (1, None, 0)
    with pytest.raises(ArgumentError, match="no output"):
        plan.label_map({"dog": "7: x"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": "6"}, "images: Expected `int`, got `str`; check again"),
        ({"notes": [1]}, r"notes\[0\]: Expected `str`, got `int`; check again"),
        ({"classes": [{"name": "cat"}]}, r"classes\[0\]: Object missing required field `key`; check again"),
        ({"mapping": {"method": "name"}}, "Object missing required field `note`; check again"),
        ({"outputs": 3}, "check again"),
    ],
)
def test_a_plan_of_another_type_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(RecordingError, match=f"^The plan of a recording(, |: ).*{said}"):
        Plan.from_json(plan_tree(**change))


def test_outputs_without_names_can_be_taken_in_order() -> None:
    plan = Plan.from_json(plan_tree(outputs=[{"name": None, "key": str(index)} for index in range(3)]))
    assert plan.output_labels == ("0", "1", "2")
    assert plan.has_same_order
    assert plan.label_map_in_order() == {"cat": "0", "cow": "1", "dog": "2"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Usage: x\n\nError: Missing option '--out'.\n", "Missing option '--out'."),
        ("5 of 9 images\nsenet-viz: It is full: free it.\n", "It is full: free it."),
        ("Traceback\n  line\ntorch.OutOfMemoryError: no memory\n", "torch.OutOfMemoryError: no memory"),
        ("senet-viz: old\n--- 2026\n", ""),
        ("5 of 9 images", ""),
        ("", ""),
    ],
)
def test_the_last_line_tells_why_a_command_failed(text: str, sentence: str) -> None:
    assert last_sentence(text) == sentence


def run_loaded(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[bytes]:
    """As `subprocess.run`, by a process that has loaded torch; what refuses a null character is asked as ever."""
    if any("\0" in part for part in command):
        return subprocess.run(command, check=False)
    assert tuple(command[:3]) == (sys.executable, "-m", "senet_viz")
    done = run(*command[3:])
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.encode(), done.stderr.encode())


@pytest.mark.slow
def test_the_command_lines_plan_is_read_and_its_refusal_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead = SimpleNamespace(run=run_loaded, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired)
    monkeypatch.setattr("senet_viz.dashboard.jobs.plan.subprocess", instead)
    plan = plan_request(RecordRequest("tests.support.tiny:tiny_se", "digits", limit=20, device="cpu"), tmp_path / "run")
    assert (plan.images, plan.blocks, len(plan.classes), plan.mapped) == (20, 2, 10, 0)
    assert plan.seconds is not None
    assert plan.has_same_order
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RecordingError, match="nowhere"):
        plan_request(RecordRequest("bundled", str(tmp_path / "nowhere")), tmp_path / "run")
    with pytest.raises(RecordingError, match="could not be started"):
        plan_request(RecordRequest("a\0b", "digits"), tmp_path / "run")
