"""The page Record without a browser: what can be started when, what is said of jobs, what happens to recordings."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from senet_viz.dashboard.jobs.plan import Plan
from senet_viz.dashboard.jobs.request import RecordRequest
from senet_viz.dashboard.jobs.running import find_jobs, read_status
from senet_viz.dashboard.recordings import find_recordings, name_of, recordings_folder
from senet_viz.errors import RecordingError
from senet_viz.models.origins import bundled_folder
from senet_viz.recording.folder import FolderLock
from senet_viz.recording.reader import open_recording
from tests.support.synthetic import synthetic_recording
from tests.unit.dashboard.jobs.test_plan import plan_tree

APP = str(Path(__file__).parents[3] / "app.py")
PAGE = "senet_viz/dashboard/pages/record.py"
STAND_IN = Path(__file__).parent / "jobs" / "stand_in.py"


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The folder of recordings; jobs run a stand-in of the command line."""
    monkeypatch.setenv("SENET_VIZ_RECORDINGS", str(tmp_path / "runs"))
    monkeypatch.setattr(
        "senet_viz.dashboard.jobs.running.command_line",
        lambda arguments: [sys.executable, "-S", str(STAND_IN), *arguments],
    )
    yield tmp_path / "runs"
    for job in find_jobs(tmp_path / "runs"):
        if job.process.lives():
            os.kill(job.process.pid, signal.SIGKILL)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets what a check answers."""

    def answer(**changes: object) -> None:
        plan = Plan.from_json(plan_tree(**changes))
        monkeypatch.setattr("senet_viz.dashboard.record.form.plan_request", lambda request, out: plan)

    return answer


def open_app() -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60).run()
    app.switch_page(PAGE).run()
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.success, *app.code, *app.title]
    return re.sub(r"\\([^a-z0-9])", r"\1", "\n".join(str(part.value) for part in parts))


def factory(app: AppTest, what: str) -> None:
    """Chooses a factory as model; the stand-in takes its name as an order."""
    app.selectbox(key="record_model").select("Python factory").run()
    app.text_input(key="record_model_Python factory").set_value(what).run()


@pytest.mark.slow
def test_every_bundled_model_can_be_chosen(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def plan(request: RecordRequest, out: Path) -> Plan:
        asked.append(request.model)
        return Plan.from_json(plan_tree())

    monkeypatch.setattr("senet_viz.dashboard.record.form.plan_request", plan)
    app = open_app()
    for label in app.selectbox(key="record_model").options:
        if label.startswith("Bundled"):
            app.selectbox(key="record_model").select(label).run()
            app.button(key="record_check").click().run()
    folders = {path.parent for path in Path(APP).parent.glob("checkpoints/*/config.json")}
    assert {bundled_folder(model.removeprefix("bundled:")) for model in asked} == folders
    assert len(asked) == len(folders)


def wait_for_state(root: Path, *states: str) -> None:
    deadline = time.monotonic() + 20
    while read_status(find_jobs(root)[0]).state not in states:
        assert time.monotonic() < deadline, read_status(find_jobs(root)[0])
        time.sleep(0.02)


def test_a_newcomer_sees_three_choices_and_no_start_before_a_check(root: Path) -> None:
    app = open_app()
    assert app.title[0].value == "Record"
    assert app.button(key="record_start").disabled
    assert not app.button(key="record_check").disabled
    assert "There is none yet" in said(app)
    assert f"In the folder {root}" in said(app)
    assert app.text_input(key="record_name").placeholder == "bundled-digits"
    assert not root.exists(), "looking writes nothing"


@pytest.mark.slow
def test_a_job_is_started_seen_by_another_session_cancelled_and_resumed(
    root: Path, planned: Callable[..., None]
) -> None:
    planned()
    app = open_app()
    factory(app, "hang")
    app.button(key="record_check").click().run()
    assert "1 of 3 classes have an output" in said(app)
    assert app.button(key="record_start").disabled
    app.get_by_key("record_mapping").set_value("Go on without accuracy").run()
    app.button(key="record_start").click().run()
    assert not app.exception
    assert not app.error
    wait_for_state(root, "running")
    other = open_app()
    assert "40 of 100 images" in str(other.get("progress")[0].proto)
    name = find_jobs(root)[0].name
    other.button(key=f"job_cancel_{name}").click().run()
    wait_for_state(root, "cancelled")
    app.run()
    app.button(key=f"job_resume_{name}").click().run()
    wait_for_state(root, "running")
    assert find_jobs(root)[0].request.model == "hang"


@pytest.mark.slow
def test_outputs_without_names_are_mapped_in_order_when_told_so(root: Path, planned: Callable[..., None]) -> None:
    planned(outputs=[{"name": None, "key": str(index)} for index in range(3)])
    app = open_app()
    factory(app, "refuse")
    app.button(key="record_check").click().run()
    app.get_by_key("record_mapping").set_value("Same order").run()
    assert "cat is output 0, … dog is output 2" in said(app)
    app.button(key="record_start").click().run()
    job = find_jobs(root)[0]
    label_map = Path(job.arguments[job.arguments.index("--label-map") + 1])
    assert json.loads(label_map.read_text(encoding="utf-8")) == {"cat": "0", "cow": "1", "dog": "2"}
    wait_for_state(root, "failed")
    app.run()
    assert "No model is called 'refuse': give another." in said(app)
    assert "senet" in app.code[-1].value
    assert "--model refuse" in app.code[-1].value


@pytest.mark.slow
def test_the_table_of_outputs_must_name_one(root: Path, planned: Callable[..., None]) -> None:
    planned()
    app = open_app()
    app.button(key="record_check").click().run()
    app.get_by_key("record_mapping").set_value("Choose outputs").run()
    assert not app.exception
    assert app.button(key="record_start").disabled
    assert "for one class at least" in said(app)


@pytest.mark.slow
def test_columns_the_map_outputs_and_the_networks_input_are_asked_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def plan(request: RecordRequest, out: Path) -> Plan:
        asked.append(request)
        return Plan.from_json(plan_tree())

    monkeypatch.setattr("senet_viz.dashboard.record.form.plan_request", plan)
    app = open_app()
    app.selectbox(key="record_images").select("Parquet").run()
    app.text_input(key="record_images_Parquet").set_value("a.parquet")
    app.text_input(key="record_image_column").set_value("jpg")
    app.text_input(key="record_label_column").set_value("cls")
    app.checkbox(key="record_output_indices").check()
    app.number_input(key="record_input_size").set_value(32)
    app.text_input(key="record_mean").set_value("0.5")
    app.text_input(key="record_std").set_value("0.25")
    app.text_input(key="record_crop").set_value("squash")
    app.text_input(key="record_logits").set_value("main")
    app.text_input(key="record_outputs").set_value("imagenet-1k")
    app.text_input(key="record_weights_key").set_value("ema")
    app.selectbox(key="record_interpolation").select("bicubic").run()
    app.button(key="record_check").click().run()
    assert not app.exception
    assert asked == [
        RecordRequest(
            "bundled", "a.parquet", image_column="jpg", label_column="cls", label_map="outputs", input_size=32, mean="0.5",
            std="0.25", crop="squash", logits="main", interpolation="bicubic", outputs="imagenet-1k", weights_key="ema",
        )
    ]  # fmt: skip


@pytest.mark.slow
def test_tars_are_named_by_a_pattern_and_their_endings(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[RecordRequest] = []

    def plan(request: RecordRequest, _: Path) -> Plan:
        asked.append(request)
        return Plan.from_json(plan_tree())

    monkeypatch.setattr("senet_viz.dashboard.record.form.plan_request", plan)
    app = open_app()
    app.selectbox(key="record_images").select("WebDataset tars").run()
    app.text_input(key="record_images_WebDataset tars").set_value("https://me:secret@host/{00..09}.tar?token=secret")
    app.text_input(key="record_image_ending").set_value("left.jpg")
    app.text_input(key="record_label_ending").set_value("species").run()
    assert "secret" not in app.text_input(key="record_name").placeholder
    app.button(key="record_check").click().run()
    assert not app.exception
    spec = "https://me:secret@host/{00..09}.tar?token=secret"
    assert asked == [RecordRequest("bundled", spec, image_column="left.jpg", label_column="species")]


@pytest.mark.slow
def test_a_change_after_the_check_asks_for_another(root: Path, planned: Callable[..., None]) -> None:
    planned(classes=[{"name": "cat", "key": "cat", "images": 6, "output": 1}])
    app = open_app()
    app.button(key="record_check").click().run()
    assert not app.button(key="record_start").disabled
    app.number_input(key="record_limit").set_value(50).run()
    assert app.button(key="record_start").disabled


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"problem": "The disk is too small."}, "The disk is too small."), ({"classes": []}, "no labels")],
)
def test_what_a_plan_says_is_told(
    root: Path, planned: Callable[..., None], changes: dict[str, object], sentence: str
) -> None:
    planned(**changes)
    app = open_app()
    app.button(key="record_check").click().run()
    assert sentence in said(app)
    assert app.button(key="record_start").disabled == ("problem" in changes)


def test_a_check_that_fails_is_a_sentence(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(request: object, out: object) -> Plan:
        raise RecordingError("There is no *such* model.")

    monkeypatch.setattr("senet_viz.dashboard.record.form.plan_request", refuse)
    app = open_app()
    app.button(key="record_check").click().run()
    assert app.error[0].value == "There is no \\*such\\* model."
    assert app.button(key="record_start").disabled


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sentence"), [("a/b", "use letters"), ("one", "exists already")])
def test_unusable_names_are_told_at_once(root: Path, name: str, sentence: str) -> None:
    synthetic_recording(root / "one")
    app = open_app()
    app.text_input(key="record_name").set_value(name).run()
    assert sentence in said(app)
    assert app.button(key="record_check").disabled


@pytest.mark.slow
def test_what_is_not_filled_in_is_named(root: Path) -> None:
    app = open_app()
    app.selectbox(key="record_model").select("Weights file").run()
    assert "Name the model." in said(app)
    app.text_input(key="record_model_Weights file").set_value("w.safetensors").run()
    assert "loaded into" in said(app)
    app.text_input(key="record_arch").set_value("timm:seresnet50").run()
    app.selectbox(key="record_images").select("Folder").run()
    assert "Name the images." in said(app)
    app.text_input(key="record_images_Folder").set_value("data").run()
    assert not app.button(key="record_check").disabled


@pytest.mark.slow
def test_recordings_are_renamed_and_deleted_after_a_second_question(root: Path) -> None:
    synthetic_recording(root / "one")
    app = open_app()
    app.button(key="kept_rename_one").click().run()
    app.text_input(key="rename_one").set_value("two")
    app.button(key="rename_confirm").click().run()
    assert open_recording(root / "two").complete
    app.run()
    app.button(key="kept_delete_two").click().run()
    assert open_recording(root / "two").complete, "the first click deletes nothing"
    assert str(root / "two") in said(app)
    app.button(key="delete_confirm").click().run()
    assert not (root / "two").exists()
    assert not app.exception


@pytest.mark.slow
def test_a_recording_that_is_written_can_not_be_touched(root: Path) -> None:
    lock = FolderLock(synthetic_recording(root / "one").path)
    lock.acquire()
    app = open_app()
    assert app.button(key="kept_delete_one").disabled
    assert app.button(key="kept_rename_one").disabled
    lock.release()


@pytest.mark.slow
def test_a_recording_anywhere_is_opened_by_its_path(root: Path, tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "elsewhere" / "one", classes=3)
    app = open_app()
    app.text_input(key="record_path").set_value(str(tmp_path))
    app.button(key="record_path_open").click().run()
    assert "holds no recording: give a folder that" in said(app)
    app.text_input(key="record_path").set_value(str(made.path))
    app.button(key="record_path_open").click().run()
    assert app.title[0].value == "Distributions"
    assert app.query_params["recording"] == str(made.path)
    assert app.selectbox(key="recording").value == str(made.path)


def test_new_recordings_go_to_the_first_folder_that_is_none(tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "one")
    folders = os.pathsep.join([str(made.path), str(tmp_path / "runs")])
    assert recordings_folder({"SENET_VIZ_RECORDINGS": folders}) == tmp_path / "runs"
    assert recordings_folder({}) == Path.cwd() / "runs"
    found = find_recordings({"SENET_VIZ_RECORDINGS": str(tmp_path)})
    assert name_of(made.path, found) == str(made.path)
    assert name_of(tmp_path / "other", found) == str(tmp_path / "other")
