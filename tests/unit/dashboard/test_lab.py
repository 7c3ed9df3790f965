"""The page Gate lab without a browser: stored effects, none, stale ones, and the live panel."""

from functools import partial
from pathlib import Path

import pytest

import senet_viz as sv
from senet_viz.claims.assess import assess
from senet_viz.dashboard.lab.effects import make_commands
from senet_viz.dashboard.lab.live import parse_channels
from senet_viz.errors import ArgumentError
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.reader import Recording
from senet_viz.workflows.record import record
from tests.support.edited import edit_json
from tests.support.pages import Opener, figures, page_opener, said
from tests.support.synthetic import PAPER_BLOCKS, synthetic_recording
from tests.support.synthetic_outcomes import PAPER_COSTS, write_outcomes_of
from tests.support.tiny import tiny_png, write_tiny_parquet


@pytest.fixture(scope="module")
def assessed(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A synthetic recording with planted interventions."""
    folder = tmp_path_factory.mktemp("lab")
    made = synthetic_recording(folder / "run", classes=20, per_class=20, blocks=PAPER_BLOCKS)
    assess(made, interventions=write_outcomes_of(made, folder / "outcomes", PAPER_COSTS))
    return made


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of a real network without interventions."""
    folder = tmp_path_factory.mktemp("tiny")
    data = write_tiny_parquet(folder / "tiny.parquet", 60)
    record(sv.load_model("tests.support.tiny:tiny_se", device="cpu"), data, folder / "run", options=RecordOptions())
    return folder / "run"


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Opener:
    return partial(page_opener(monkeypatch), "lab")


@pytest.mark.slow
def test_stored_effects_are_answered_drawn_and_chosen_among(open_page: Opener, assessed: Recording) -> None:
    app = open_page(assessed.path)
    assert not app.exception
    text = said(app)
    assert "costs most at **SE\\_5\\_1**" in text or "costs most at **SE_5_1**" in text
    assert "no proof of what the untouched network uses" in text
    assert "Losers and winners" in text
    assert figures(app) == 3, "costs, parts, classes; no image yet"
    assert app.selectbox(key="lab_target").value == "SE_5_1"
    app.selectbox(key="lab_target").set_value("stage 5").run()
    assert not app.exception
    assert app.selectbox(key="lab_to").value == "one"
    app.button_group(key="lab_measure").set_value(["Loss"]).run()
    assert not app.exception
    app.button_group(key="lab_kind").set_value(["Stages"]).run()
    assert not app.exception
    assert figures(app) == 3


def test_a_link_sets_what_is_shown_and_strangers_are_told(open_page: Opener, assessed: Recording) -> None:
    app = open_page(assessed.path, lab_target="stage 2", lab_to="between", lab_over="Classes", lab_measure="nothing")
    assert not app.exception
    assert app.selectbox(key="lab_target").value == "stage 2"
    assert app.selectbox(key="lab_to").value == "between"
    assert app.button_group(key="lab_over").value == "Classes"
    assert "link's measure" in said(app)


def test_without_a_baseline_the_page_asks_for_one(open_page: Opener, assessed: Recording) -> None:
    app = open_page(assessed.path)
    app.button_group(key="lab_baselines").set_value([]).run()
    assert not app.exception
    assert "Choose a baseline" in said(app)
    assert figures(app) == 0


def test_effects_that_are_stale_are_told_and_the_command_is_shown(open_page: Opener, tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "run", classes=3, blocks=PAPER_BLOCKS)
    assess(made, interventions=write_outcomes_of(made, tmp_path / "far" / "outcomes", {("SE_5_2", "mean"): 1.0}))
    app = open_page(made.path)
    assert not app.exception
    assert "No class changes" in said(app)
    assert figures(app) == 2
    path = made.path / "assessment.json"
    edit_json(path, recording_id="another")
    app = open_page(made.path)
    assert not app.exception
    assert "assess it again" in said(app)
    assert "senet-viz intervene --model" in said(app)


@pytest.mark.slow
def test_interventions_near_a_recording_are_shown_at_once(open_page: Opener, tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "run", classes=20, per_class=20, blocks=PAPER_BLOCKS)
    app = open_page(made.path)
    assert "senet-viz intervene --model" in said(app)
    assert figures(app) == 0
    write_outcomes_of(made, tmp_path / "another", PAPER_COSTS, model={**made.manifest.model, "sha256": "another"})
    assert figures(app.run()) == 0, "those of another network are not for this recording"
    write_outcomes_of(made, tmp_path / "run-interventions", PAPER_COSTS)
    app.run()
    assert not app.exception
    text = said(app)
    assert "senet-viz intervene --model" not in text
    assert f"Measured from the interventions in {tmp_path / 'run-interventions'}." in text
    assert figures(app) == 3
    assess(made, interventions=tmp_path / "run-interventions")
    numbers = [bar.proto.spec for bar in app.get("plotly_chart")]
    assert [bar.proto.spec for bar in app.run().get("plotly_chart")] == numbers, "what is stored says the same"
    assert "Measured from" not in said(app)


def test_without_interventions_commands_are_shown_and_an_image_can_be_tried(open_page: Opener, tiny: Path) -> None:
    app = open_page(tiny, model="tests.support.tiny:tiny_se")
    assert not app.exception
    text = said(app)
    assert "senet-viz intervene --model tests.support.tiny:tiny_se --data DATA" in text
    assert f"--baselines-from {tiny}" in text
    assert "Upload an image" in text
    app.file_uploader(key="upload_files").upload("a.png", tiny_png(1), "image/png")
    app.run()
    assert not app.exception
    assert not app.error
    assert "With the gates of" in said(app)
    assert figures(app) == 1
    app.selectbox(key="try_to").set_value("class_mean").run()
    app.slider(key="try_strength").set_value(0.5).run()
    app.toggle(key="try_dose").set_value(True).run()
    assert not app.exception
    assert not app.error
    assert figures(app) == 2
    assert "at strength 0.5" in said(app)


def test_channels_are_of_one_block_and_told_when_unknown(open_page: Opener, tiny: Path) -> None:
    app = open_page(tiny, model="tests.support.tiny:tiny_se")
    app.file_uploader(key="upload_files").upload("a.png", tiny_png(1), "image/png")
    app.run()
    app.text_input(key="try_channels").set_value("0-3").run()
    assert "(4 channels)" in said(app).replace("\\", "")
    app.text_input(key="try_channels").set_value("400").run()
    assert not app.exception
    assert "no channel 400" in said(app)
    labels = app.multiselect(key="try_block").options
    app.multiselect(key="try_block").set_value(labels).run()
    assert not app.exception
    assert " + ".join(labels) in said(app).replace("\\", "")
    app.multiselect(key="try_block").set_value([]).run()
    assert "Choose a block" in said(app)


def test_a_file_that_is_no_image_is_told(open_page: Opener, tiny: Path) -> None:
    app = open_page(tiny, model="tests.support.tiny:tiny_se")
    app.file_uploader(key="upload_files").upload("text.png", b"no image at all", "image/png")
    app.run()
    assert not app.exception
    assert "text" in " ".join(str(w.value) for w in app.warning)


def test_commands_name_what_is_known_and_quote_it(tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "a run", classes=2, per_class=3)
    intervene, judge = make_commands(made)
    assert f"--out '{made.path}-interventions'" in intervene
    assert judge == f"senet-viz assess '{made.path}' --interventions '{made.path}-interventions'"


@pytest.mark.parametrize(
    ("text", "channels"), [("", None), ("  ", None), ("3", (3,)), ("3, 10-12", (3, 10, 11, 12)), ("5 4;4", (4, 5))]
)
def test_channels_are_read_as_people_write_them(text: str, channels: tuple[int, ...] | None) -> None:
    assert parse_channels(text) == channels


@pytest.mark.parametrize("text", ["x", "3-", "9-3", "-1", "1.5"])
def test_what_is_no_channel_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="give"):
        parse_channels(text)
