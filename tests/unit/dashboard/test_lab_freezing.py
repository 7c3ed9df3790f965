"""The section Freeze advice of the page Gate lab: a stored path, none, and one of something else."""

import dataclasses
import shutil
from functools import partial

import pytest

from senet_viz.analysis.freezing_files import write_freezing
from senet_viz.dashboard.lab.effects import make_freeze_command
from senet_viz.recording.layout import FREEZING
from senet_viz.recording.reader import Recording
from tests.support.frozen import make_cost, path_of
from tests.support.pages import Opener, page_opener, said
from tests.support.synthetic import PAPER_BLOCKS, synthetic_recording

COSTS = [make_cost(c, 0.3) for c in (-0.1, -0.2, -0.3, -2.0, -9.0, -60.0)]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("lab") / "a run", classes=3, per_class=4, blocks=PAPER_BLOCKS)


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, recording: Recording) -> Opener:
    return partial(page_opener(monkeypatch), "lab", recording.path, model=None)


def test_any_loss_is_answered_from_the_stored_path(open_page: Opener, recording: Recording) -> None:
    write_freezing(recording.path, path_of(recording, COSTS, COSTS, notes=("A note_of the path.",)))
    app = open_page()
    assert not app.exception
    text = said(app)
    assert "Freeze advice" in text
    assert "**3 of 6 gates** (SE_5_1, SE_5_2, SE_5_3) can be frozen to their means within 1 point of top-1." in text
    assert "**Confirmed**: Δ top-1 is −0.30 [−0.60, 0.00] points" in text
    assert "A note_of the path." in text
    assert "senet-viz freeze" not in text
    assert len(app.get("plotly_chart")) == 1
    app.slider(key="freeze_loss").set_value(3.0).run()
    assert not app.exception
    assert "**4 of 6 gates**" in said(app)
    app.slider(key="freeze_loss").set_value(0.1).run()
    assert "**No gate** can be frozen" in said(app)


def test_a_link_sets_the_loss(open_page: Opener, recording: Recording) -> None:
    write_freezing(recording.path, path_of(recording, COSTS, COSTS))
    app = open_page(freeze_loss="3.0")
    assert not app.exception
    assert app.slider(key="freeze_loss").value == 3.0
    assert "**4 of 6 gates**" in said(app)


def test_without_a_path_the_command_is_shown(open_page: Opener, recording: Recording) -> None:
    (recording.path / FREEZING).unlink(missing_ok=True)
    app = open_page()
    assert not app.exception
    assert make_freeze_command(recording) in said(app)
    assert not app.get("plotly_chart")


def test_a_path_beside_the_recordings_folder_is_shown_at_once(open_page: Opener, recording: Recording) -> None:
    (recording.path / FREEZING).unlink(missing_ok=True)
    path = path_of(recording, COSTS, COSTS)
    other = {**path.identity, "data": {"digest": "another"}}
    for name, found in (("for another", dataclasses.replace(path, identity=other)), ("a run-freezing", path)):
        folder = recording.path.parent / name
        folder.mkdir()
        write_freezing(folder, found)
        app = open_page()
        assert not app.exception
        assert not app.warning, "what is for another recording is passed over"
        assert ("**3 of 6 gates**" in said(app)) is (name == "a run-freezing")
    shutil.rmtree(recording.path.parent / "a run-freezing")


def test_the_command_names_what_is_known_and_quotes_it(recording: Recording) -> None:
    command = make_freeze_command(recording)
    assert command.startswith("senet-viz freeze --model MODEL --data DATA")
    assert f"--out '{recording.path}-freezing'" in command
    assert command.count(f"'{recording.path}'") == 1, "the recording is named once, as the means' or as the place"


def test_a_path_of_other_images_is_told(open_page: Opener, recording: Recording) -> None:
    path = path_of(recording, COSTS, COSTS)
    other = {**path.identity, "data": {"digest": "another"}}
    write_freezing(recording.path, dataclasses.replace(path, identity=other))
    app = open_page()
    assert not app.exception
    assert "is of other images than were recorded" in said(app)
    assert "senet-viz freeze --model" in said(app)
    write_freezing(recording.path, dataclasses.replace(path, complete=False))
    app = open_page()
    assert not app.exception
    assert "senet-viz freeze --model" in said(app)
