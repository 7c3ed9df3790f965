"""The page Classes without a browser: every state of a recording, search, order, blocks and links."""

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from senet_viz.claims.assess import assess
from senet_viz.dashboard.classes import tables
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.writer import RecordingWriter
from senet_viz.schema import ClassTable, LabelMapping
from tests.support.pages import Opener, figures, page_opener, said
from tests.support.synthetic import (
    PAPER_BLOCKS,
    choose_keep,
    make_batches,
    make_gates,
    make_manifest,
    synthetic_recording,
    synthetic_values,
    unlabelled_recording,
)
from tests.support.synthetic_outcomes import PAPER_COSTS, write_outcomes_of


@pytest.fixture(scope="module")
def assessed(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("classes")
    made = synthetic_recording(folder / "run", classes=9, per_class=12, blocks=PAPER_BLOCKS)
    assess(made, interventions=write_outcomes_of(made, folder / "outcomes", PAPER_COSTS))
    return made


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Opener:
    return partial(page_opener(monkeypatch), "classes", model=None)


def rows(app: AppTest) -> list[str]:
    return app.dataframe[0].value["class"].tolist()


@pytest.mark.slow
def test_everything_is_shown_with_an_assessment(open_page: Opener, assessed: Recording) -> None:
    app = open_page(assessed.path)
    assert not app.exception
    text = said(app)
    assert "classes are told from those of the others" in text
    assert "Whether the network uses it" in text
    assert "costs most at **SE_5_1**" in text
    assert "The table has no" not in text
    assert figures(app) == 5, "distinctness, distances, matrix, map, agreement"
    table = app.dataframe[0].value
    assert len(table) == 9
    assert {"distance", "low", "emerges at", "accuracy", "Δ top-1, shrunken"} <= set(table.columns)
    assert table["distance"].is_monotonic_decreasing


@pytest.mark.slow
def test_search_order_block_and_target_change_the_table(open_page: Opener, assessed: Recording) -> None:
    app = open_page(assessed.path, class_sort="Loss by intervention", class_search="CLASS", map_block="SE_2_3")
    assert not app.exception
    assert app.dataframe[0].value["Δ top-1, shrunken"].is_monotonic_increasing
    app.text_input(key="class_search").set_value("class 7").run()
    assert rows(app) == ["class 7"]
    app.text_input(key="class_search").set_value("nothing").run()
    assert "No class has this in its name" in said(app)
    app.text_input(key="class_search").set_value("").run()
    app.selectbox(key="lab_target").set_value("stage 5").run()
    assert not app.exception
    assert app.selectbox(key="lab_to").value == "one"
    app.selectbox(key="class_sort").set_value("Name").run()
    assert rows(app) == [f"class {k}" for k in range(9)]
    app.selectbox(key="map_block").set_value("SE_5_2").run()
    assert not app.exception
    assert "Pairs of classes in SE_5_2" in "\n".join(str(h.value) for h in app.subheader).replace("\\", "")


def test_a_link_chooses_classes_and_what_it_names_in_vain_is_told(open_page: Opener, assessed: Recording) -> None:
    app = open_page(assessed.path, **{"class": ["class 2", "class 5", "no such"], "class_from": "class 5"})
    assert not app.exception
    assert app.multiselect(key="class").value == ["class 2", "class 5"]
    assert app.selectbox(key="class_from").value == "class 5"
    assert "Nearest to class 5" in "\n".join(str(h.value) for h in app.subheader).replace("\\", "")
    assert "no such" in said(app)


def test_of_more_than_eight_classes_the_first_eight_are_compared(open_page: Opener, assessed: Recording) -> None:
    app = open_page(assessed.path, **{"class": [f"class {k}" for k in range(9)]})
    assert not app.exception
    assert "The first 8 are compared" in said(app)
    assert len(app.selectbox(key="class_from").options) == 8
    app.multiselect(key="class").set_value([]).run()
    assert not app.exception
    assert "Choose classes in the sidebar" in said(app)
    assert figures(app) == 3


def test_without_assessment_and_kept_gates_the_rest_is_there_and_says_what_is_missing(
    open_page: Opener, tmp_path: Path
) -> None:
    made = synthetic_recording(tmp_path / "run", classes=5, blocks=[4, 4], keep="none")
    app = open_page(made.path)
    assert not app.exception
    text = said(app)
    assert "kept no gates" in text
    assert "no intervals" in text
    assert "can not be told here" in text
    assert "no loss by intervention" in text
    assert figures(app) == 5
    assert "low" not in app.dataframe[0].value


@pytest.mark.parametrize(("classes", "expected"), [(1, 1), (2, 3), (3, 4)])
def test_few_classes_leave_out_what_needs_more(open_page: Opener, tmp_path: Path, classes: int, expected: int) -> None:
    made = synthetic_recording(tmp_path / "run", classes=classes, blocks=[4])
    app = open_page(made.path)
    assert not app.exception
    assert figures(app) == expected
    assert f"there are {classes}" in said(app)
    if classes == 1:
        assert "no second class" in said(app)


def test_no_labels_at_all_are_told(open_page: Opener, tmp_path: Path) -> None:
    named = synthetic_recording(tmp_path / "named", classes=3, per_class=0, blocks=[4], unlabelled=9)
    for made in (unlabelled_recording(tmp_path / "none"), named):
        app = open_page(made.path)
        assert not app.exception
        assert "No image of this recording has a label" in said(app)
        assert figures(app) == 0


def test_one_image_a_class_has_no_distances_and_no_word_too_many(open_page: Opener, tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "run", classes=6, per_class=1, blocks=[4, 4])
    app = open_page(made.path)
    assert not app.exception
    text = said(app)
    assert "no class has two images" in text
    assert "no image of these classes is taken for another" not in text, "one is, and the table names it"
    pairs = app.dataframe[-1].value
    assert len(pairs) == 1
    assert pairs["place by distance"].isna().all()
    app.segmented_control(key="class_pairs").set_value("Closest gates").run()
    assert not app.exception
    assert "take two images in some class" in said(app)


def test_too_few_kept_gates_for_intervals_are_told(open_page: Opener, tmp_path: Path) -> None:
    app = open_page(synthetic_recording(tmp_path / "run", classes=6, per_class=9, blocks=[4], keep="2").path)
    assert not app.exception
    text = said(app)
    assert "No intervals: they need kept gates" in text
    assert "by chance alone" in text
    assert "are told from" not in text


def test_names_of_classes_are_not_markdown(open_page: Opener, tmp_path: Path) -> None:
    gates, labels = make_gates([4]), np.repeat(np.arange(2, dtype=np.int32), 12)
    values = synthetic_values(gates, labels, n_classes=2, shares={}, seed=0)
    draft = dataclasses.replace(make_manifest(gates, n_classes=2, images=24), classes=ClassTable(("a_b", "*"), ()))
    with RecordingWriter(tmp_path / "run", draft) as writer:
        for batch in make_batches(labels, values, choose_keep(labels, "all")):
            writer.append(batch)
        writer.finish(throughput={"images": 24, "seconds": 1.0, "images_per_second": 24.0})
    app = open_page(tmp_path / "run")
    assert not app.exception
    answer = next(str(part.value) for part in app.markdown if "mean gates" in str(part.value))
    assert answer.startswith("**In SE\\_2\\_1 the mean gates of 2 of 2 classes are told")
    assert "The two lie" in answer


def without_outputs(folder: Path) -> Path:
    """A recording whose classes the network has no output for."""
    gates = make_gates([4, 4])
    labels = np.repeat(np.arange(5, dtype=np.int32), 6)
    values = synthetic_values(gates, labels, n_classes=5, shares={}, seed=0)
    draft = dataclasses.replace(make_manifest(gates, n_classes=5, images=30), mapping=LabelMapping((None,) * 5, "none"))
    with RecordingWriter(folder, draft) as writer:
        for batch in make_batches(labels, values, choose_keep(labels, "all")):
            writer.append(dataclasses.replace(batch, output_labels=np.full(len(batch.labels), -1, dtype=np.int32)))
        writer.finish(throughput={"images": 30, "seconds": 1.0, "images_per_second": 30.0})
    return open_recording(folder).path


def test_classes_without_outputs_have_gates_but_no_confusions(open_page: Opener, tmp_path: Path) -> None:
    app = open_page(without_outputs(tmp_path / "run"))
    assert not app.exception
    text = said(app)
    assert "5 classes have no output of their own" in text
    assert "no accuracy" in text
    assert "accuracy" not in app.dataframe[0].value
    assert figures(app) == 4


def test_many_classes_are_paired_at_a_click_only(
    open_page: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_AT_ONCE", 5)
    made = synthetic_recording(tmp_path / "run", classes=30, per_class=3, blocks=[4])
    app = open_page(made.path)
    assert not app.exception
    before = figures(app)
    assert "435 pairs of classes" in said(app)
    app.button(key="agreement_now").click().run()
    assert not app.exception
    assert figures(app) == before + 1
    assert "Spearman's ρ" in said(app)
