"""The commands as a person types them: results on stdout, one sentence on stderr, the right exit status."""

import json
import signal
from pathlib import Path

import pandas as pd
import pytest

from tests.e2e.command import run, run_and_kill
from tests.support.image_files import draw_text, draw_truncated_jpeg, write_file, write_hostile_folder
from tests.support.planted import write_marked_parquet
from tests.support.tiny import tiny_png, write_tiny_parquet

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    data = write_tiny_parquet(folder / "tiny.parquet", 120)
    done = run("record", "--model", "tests.support.tiny:tiny_se", "--data", data, "--out", folder / "run", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["images"], summary["kept"], summary["blocks"], summary["errors"]) == (120, 120, 2, 0)
    assert "120 images" in done.stderr
    return folder / "run"


def test_inspect_lists_blocks_and_the_formula() -> None:
    done = run("inspect", "timm:seresnet18", "--weights", "random", "--json")
    found = json.loads(done.stdout)
    assert [block["label"] for block in found["blocks"]] == [f"SE_{s}_{i}" for s in range(2, 6) for i in (1, 2)]
    assert all(block["parameters"] == block["formula_parameters"] for block in found["blocks"])
    text = run("inspect", "timm:seresnet18", "--weights", "random").stdout
    assert "SE_5_2" in text
    assert "layer4.1.se" in text


def test_networks_without_channel_gates_are_refused_by_name() -> None:
    done = run("inspect", "timm:resnet10t", "--weights", "random")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_export_holds_a_row_per_block_channel_and_class(recorded: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"stats.{ending}"
    done = run("export", recorded, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["file"] == str(out)
    table = pd.read_parquet(out) if ending == "parquet" else pd.read_csv(out)
    assert len(table) == (16 + 32) * 11
    assert set(table["class_id"]) == {-1, *range(10)}
    assert list(table.columns[:12]) == ["block", "label", "stage", "depth", "channel", "class_id", "class_name", "n", "mean", "std", "min", "max"]  # fmt: skip


def test_export_for_excel(recorded: Path, tmp_path: Path) -> None:
    done = run("export", recorded, "--out", tmp_path / "x.csv", "--for", "excel")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.csv").read_bytes()[:3] == b"\xef\xbb\xbf"
    refused = run("export", recorded, "--out", tmp_path / "x.csv", "--for", "word")
    assert (refused.returncode, "--for is 'word'; it is excel, or left out" in refused.stderr) == (2, True)


def test_verify_finds_one_flipped_bit(recorded: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(recorded, copy)
    assert run("verify", copy).returncode == 0
    victim = next(copy.glob("gates-*.parquet"))
    damaged = bytearray(victim.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    victim.write_bytes(damaged)
    done = run("verify", copy, "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert not report["ok"]
    assert victim.name in report["problems"][0]


def test_slim_keeps_what_was_asked_for(recorded: Path, tmp_path: Path) -> None:
    done = run("slim", recorded, "--out", tmp_path / "slim", "--per-class", 2, "--control", recorded, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bytes"] > 0
    from senet_viz import open_recording

    slim = open_recording(tmp_path / "slim")
    assert slim.form == "slim"
    assert slim.kept_samples.num_rows == 20


def test_compare_gives_the_recorders_gates(recorded: Path, tmp_path: Path) -> None:
    import numpy as np
    import torch

    import senet_viz as sv

    for index in range(3):
        write_file(tmp_path / "images" / f"{index}.png", tiny_png(2000 + index))
    arguments = ["compare", tmp_path / "images", "--recording", recorded, "--model", "tests.support.tiny:tiny_se"]
    done = run(*arguments, "--class", "n00000003", "--json", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    model = sv.load_model("tests.support.tiny:tiny_se", device="cpu")
    pixels = torch.stack([model.preprocess(sv.decode_image(tiny_png(2000 + index))) for index in range(3)])
    with torch.inference_mode(), sv.GateRecorder(model.module) as recorder:
        model.module(pixels.to(memory_format=torch.channels_last))
        expected = recorder.take()
    assert [Path(image["name"]).name for image in found["images"]] == ["0.png", "1.png", "2.png"]
    for block in found["blocks"]:
        gates = np.array([image["gates"][block["key"]] for image in found["images"]], dtype=np.float32)
        np.testing.assert_allclose(gates, expected[block["name"]].numpy(), atol=1e-6)
    assert found["class"] == "class 3"
    assert found["images"][0]["distances"]["SE_1_1"]["class_percentile"]["images"] == 12


def test_compare_lists_bad_files_beside_good_ones(recorded: Path, tmp_path: Path) -> None:
    good = [write_file(tmp_path / f"{index}.png", tiny_png(index)) for index in range(3)]
    bad = [write_file(tmp_path / "text.jpg", draw_text()), write_file(tmp_path / "cut.jpg", draw_truncated_jpeg())]
    arguments = ["--recording", recorded, "--model", "tests.support.tiny:tiny_se"]
    done = run("compare", *good, *bad, *arguments)
    assert done.returncode == 0, done.stderr
    assert "images compared: 3" in done.stdout
    assert done.stdout.count("left out: ") == 2
    assert run("compare", *good, *bad, *arguments, "--strict").returncode == 1
    nothing = run("compare", *bad, *arguments, "--json")
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "None of the 2 images could be compared" in nothing.stderr
    assert "Traceback" not in nothing.stderr


def test_compare_takes_the_bundled_recording_by_itself(tmp_path: Path) -> None:
    done = run("compare", write_file(tmp_path / "a.png", tiny_png(0)), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["blocks"]) == 16
    assert len(found["images"][0]["gates"]["SE_5_3"]) == 1024


def test_assess_judges_and_report_tells_of_it(recorded: Path, tmp_path: Path) -> None:
    import senet_viz as sv

    done = run("assess", recorded, "--control", recorded, "--json")
    assert done.returncode == 0, done.stderr
    assert "parts (" in done.stderr
    assert "images/s" not in done.stderr
    found = json.loads(done.stdout)
    assert (found["images"], found["classes"]) == (120, 10)
    assert [claim["id"] for claim in found["claims"]] == [f"C{number}" for number in range(1, 13)]
    assert all(Path(path).is_file() for path in found.pop("files").values())
    recording = sv.open_recording(recorded)
    tree = json.loads((recorded / "assessment.json").read_text("utf-8"))
    assert tree["claims"] == found
    assert sv.read_assessment(recording) is not None
    text = run("assess", recorded).stdout
    for claim in found["claims"]:
        for name, evidence in claim["readings"].items():
            assert any(
                line.split()[:2] == [claim["id"], name] and evidence["verdict"] in line for line in text.splitlines()
            )
    assert "Verdicts are for this network on these 120 images of 10 classes" in text
    written = run("report", recorded, "--out", tmp_path / "report.html", "--json")
    assert written.returncode == 0, written.stderr
    assert json.loads(written.stdout)["bytes"] == (tmp_path / "report.html").stat().st_size
    assert "On the relative reading" in (tmp_path / "report.html").read_text("utf-8")
    assert run("verify", recorded).returncode == 0


def test_assess_writes_beside_a_slim_form_and_refuses_to_assess_it(recorded: Path, tmp_path: Path) -> None:
    assert run("slim", recorded, "--out", tmp_path / "slim", "--per-class", 2).returncode == 0
    refused = run("assess", tmp_path / "slim")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "slim recording: assess the complete full recording" in refused.stderr
    assert "Traceback" not in refused.stderr
    done = run("assess", recorded, "--into", tmp_path / "slim", "--json")
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)["files"]["assessment"]).parent == tmp_path / "slim"
    assert run("assess", recorded, "--into", recorded).returncode == 2


def test_report_is_a_web_page_in_a_folder_that_exists(recorded: Path, tmp_path: Path) -> None:
    for name, status in (("report.pdf", 2), ("nowhere/report.html", 1)):
        refused = run("report", recorded, "--out", tmp_path / name)
        assert (refused.returncode, refused.stdout) == (status, "")
        assert "Traceback" not in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_doctor_tells_what_is_there() -> None:
    found = json.loads(run("doctor", "--json").stdout)
    assert found["usable"] is True
    assert {"torch", "streamlit", "chromium", "device"} <= {check["name"] for check in found["checks"]}


def test_train_writes_a_model_that_record_takes(tmp_path: Path) -> None:
    data = write_tiny_parquet(tmp_path / "train.parquet", 80)
    arguments = ["--data", data, "--val", data, "--phases", "1x16,1x32", "--batch-size", 20, "--base-channels", 8]
    first = run("train", *arguments, "--out", tmp_path / "model", "--stop-after", 0, "--json", "--device", "cpu")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["finished"] is False
    second = run("train", *arguments, "--out", tmp_path / "model", "--json", "--device", "cpu")
    result = json.loads(second.stdout)
    assert result["finished"], second.stderr
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert f"{result['top1']:.2%}" in card
    recorded = run(
        "record", "--model", tmp_path / "model", "--data", data, "--out", tmp_path / "run", "--json", "--device", "cpu"
    )
    assert json.loads(recorded.stdout)["top1"] == result["top1"]


def test_unreadable_images_are_counted_listed_and_strict(tmp_path: Path) -> None:
    outcomes = write_hostile_folder(tmp_path / "images")
    unreadable = {Path(name).name for name, outcome in outcomes.items() if outcome == "error"}
    arguments = ["--model", "tests.support.tiny:tiny_se", "--data", tmp_path / "images"]
    done = run("record", *arguments, "--out", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert {Path(error["path"]).name for error in summary["error_list"]} == unreadable
    assert summary["images"] == len(outcomes) - len(unreadable)
    assert any("empty" in note for note in summary["notes"])
    assert run("record", *arguments, "--out", tmp_path / "strict", "--strict").returncode == 1
    text = run("record", *arguments, "--out", tmp_path / "run").stdout
    assert "could not be read" in text


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["record", "--model", "bundled"], 2, "Missing option"),
        (["record", "--model", "x", "--data", "digits", "--out", "o", "--precision", "int4"], 2, "precision is 'int4'"),
        (["record", "--model", "x", "--data", "digits", "--out", "o"], 2, "No model is called 'x'"),
        (["record", "--model", "tests.support.tiny:tiny_se", "--data", "nowhere", "--out", "o"], 1, "nowhere"),
        (["verify", "nowhere"], 1, "nowhere"),
        (["export", "nowhere", "--out", "a.parquet"], 1, "nowhere"),
        (["compare"], 2, "Missing argument"),
        (["compare", "a.png", "--recording", "nowhere"], 1, "nowhere"),
        (["compare", "a.png", "--class", "unicorn"], 2, "No class is called 'unicorn'"),
        (["compare", ".", "a.png"], 2, "give it alone"),
        (["compare", *"abcdefghijklmnopq"], 2, "17 images were given: 1 to 16"),
        (["compare", "a.png", "--precision", "int4"], 2, "precision is 'int4'"),
        (["compare", "a.png", "--model", "tests.support.tiny:tiny_se"], 1, "made with bundled"),
        (["inspect", "timm:nothing"], 1, "timm has no model"),
        (["train", "--data", "digits", "--val", "digits", "--out", "o", "--phases", "4"], 2, "EPOCHSxPIXELS"),
        (["train", "--data", "digits", "--val", "digits", "--out", "o", "--device", "abacus"], 2, "Device 'abacus'"),
        (["train", "--data", "digits", "--val", "digits", "--out", __file__], 2, "can not be made"),
        (
            ["train", "--data", "digits", "--val", "digits", "--out", "o", "--base-channels", "0"],
            2,
            "base_channels is 0",
        ),
    ],
)
def test_bad_input_gets_one_sentence(
    arguments: list[str], status: int, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.returncode == status
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_cancelled_run_says_so_and_goes_on(tmp_path: Path) -> None:
    data = write_tiny_parquet(tmp_path / "tiny.parquet", 6_000)
    arguments = ["record", "--model", "tests.support.tiny:tiny_se", "--data", data, "--out", tmp_path / "run"]
    ended = run_and_kill(*arguments, once=tmp_path / "run" / "progress.json", sign=signal.SIGTERM)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines()[-1] == "senet-viz: stopped; what was committed is kept."
    assert "Traceback" not in ended.stderr
    assert json.loads((tmp_path / "run" / "progress.json").read_text(encoding="utf-8"))["state"] == "cancelled"
    assert not (tmp_path / "run" / "job.lock").exists()
    done = run(*arguments, "--json")
    assert json.loads(done.stdout)["images"] == 6_000, done.stderr


def test_ten_folders_in_another_order_are_matched_by_name(tmp_path: Path) -> None:
    """A class that the model knows under another position is never matched by its position."""
    from PIL import Image
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    wnids = [info.index_to_label_name(index) for index in (850, 3, 404, 1, 972, 254, 10, 600, 99, 777)]
    for folder, order in (("wnids", wnids), ("strangers", [f"stranger {k}" for k in range(10)])):
        for name in order:
            (tmp_path / folder / name).mkdir(parents=True)
            Image.new("RGB", (64, 64), "teal").save(tmp_path / folder / name / "a.png")
    arguments = ["--model", "timm:seresnet18", "--weights", "random", "--keep", "none", "--json"]
    known = json.loads(run("record", *arguments, "--data", tmp_path / "wnids", "--out", tmp_path / "a").stdout)
    assert known["judged"] == 10
    from senet_viz import open_recording

    mapping = open_recording(tmp_path / "a").manifest.mapping
    assert mapping.method == "wnid"
    assert [wnids.index(info.index_to_label_name(output)) for output in mapping.outputs] == [
        wnids.index(w) for w in sorted(wnids)
    ]
    strange = json.loads(run("record", *arguments, "--data", tmp_path / "strangers", "--out", tmp_path / "b").stdout)
    assert strange["judged"] == 0
    assert strange["top1"] is None
    assert strange["notes"]


def test_images_that_are_not_finite_are_told_or_stop_the_recording(tmp_path: Path) -> None:
    data = write_marked_parquet(tmp_path / "marked.parquet", 200, [3, 150])
    arguments = ["record", "--model", "tests.support.planted:inf_logit", "--data", data]
    done = run(*arguments, "--out", tmp_path / "few", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["images"], summary["errors"], summary["nonfinite"]) == (198, 2, 2)
    assert {row["kind"] for row in summary["error_list"]} == {"nonfinite"}
    assert any("For 2 of 200 images" in note for note in summary["notes"])
    text = run(*arguments, "--out", tmp_path / "few").stdout
    assert "2 images are not finite (NaN or infinite) and were left out:" in text
    assert run(*arguments, "--out", tmp_path / "few", "--strict").returncode == 1

    arguments[2] = "tests.support.planted:nan_everywhere"
    stopped = run(*arguments, "--out", tmp_path / "all")
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert "For 16 of the 16 images so far" in stopped.stderr
    assert "--allow-nonfinite" in stopped.stderr
    assert "Traceback" not in stopped.stderr

    arguments[2] = "tests.support.planted:infinite_bias"
    refused = run(*arguments, "--out", tmp_path / "weights")
    assert (refused.returncode, "se2.fc2.bias (1 of 32)" in refused.stderr) == (1, True)
