"""Figures of classes: what is drawn where, in both looks, wide and narrow, and how much is sent."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from senet_viz.analysis.classes.confusions import ConfusionAgreement, agree_with_confusions, count_confusions
from senet_viz.analysis.classes.distinctness import measure_distinctness
from senet_viz.analysis.classes.neighbours import compare_classes, place_classes
from senet_viz.analysis.classes.profiles import read_class_profiles
from senet_viz.figures.classes import (
    draw_agreement,
    draw_class_distances,
    draw_class_matrix,
    draw_distinctness,
    draw_plane,
)
from senet_viz.figures.theme import DARK, LIGHT, Look, colour_classes
from senet_viz.recording.reader import Recording
from senet_viz.text import count_decimals
from tests.support.synthetic import PAPER_BLOCKS, make_gates, synthetic_recording
from tests.unit.analysis.classes.planted import distinct


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("figures") / "run", classes=24, per_class=6, blocks=PAPER_BLOCKS)


COLOURS = colour_classes([3, 1])


def named(figure: go.Figure, name: str) -> list[go.Scatter]:
    return [trace for trace in figure.data if (trace.name or "").startswith(name)]


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("narrow", [False, True])
def test_chosen_classes_are_lines_in_their_colours_with_intervals(
    recording: Recording, look: Look, narrow: bool
) -> None:
    found = measure_distinctness(recording)
    figure = draw_distinctness(found, [3, 1, 99], COLOURS, look, narrow=narrow)
    band, line = named(figure, "class 3")
    np.testing.assert_allclose(line.y, found.distance()[3], rtol=1e-5)
    assert line.line.color == COLOURS[3]
    np.testing.assert_allclose(band.y[:6], found.distance(found.high)[3], rtol=1e-5)
    assert len(named(figure, "class ")) == 4, "a class that was not recorded is not drawn"
    median = named(figure, "median")[0]
    assert median.line.color == look.ink
    np.testing.assert_allclose(median.y, np.median(found.distance(), axis=0), rtol=1e-5)
    np.testing.assert_allclose(named(figure, "noise")[0].y, np.median(found.distance(found.noise), axis=0), rtol=1e-5)
    assert "n = 144 images, 24 classes" in figure.layout.title.text
    assert "(n = 6)" in line.name
    assert figure.layout.paper_bgcolor == look.paper


def test_relative_distances_are_drawn_in_within_class_sds() -> None:
    found = distinct(np.array([[0.2, 0.4], [0.1, 0.1], [0.0, 0.3]]), within=np.array([0.04, 0.16]))
    figure = draw_distinctness(found, [0], COLOURS, LIGHT, relative=True)
    np.testing.assert_allclose(named(figure, "class 0")[0].y, [1, 1], rtol=1e-6)
    assert "within-class SDs" in figure.layout.yaxis.title.text
    assert "bands" not in figure.layout.title.text


def test_distances_from_one_class_have_their_noise_dotted(recording: Recording) -> None:
    found = compare_classes(recording, [3, 1, 5])
    figure = draw_class_distances(found, 1, COLOURS, LIGHT)
    lines = [t for t in figure.data if t.line.dash == "solid"]
    assert [t.name for t in lines] == ["class 3 (n = 6)", "class 5 (n = 6)"]
    np.testing.assert_allclose(lines[0].y, found.distance[:, 1, 0], rtol=1e-5)
    noise = next(t for t in figure.data if t.line.dash == "dot")
    np.testing.assert_allclose(noise.y, found.chance[:, 1, 0], rtol=1e-5)
    assert noise.showlegend is False
    assert "Distance from class 1" in figure.layout.title.text


@pytest.mark.parametrize("narrow", [False, True])
def test_the_matrix_shows_every_pair_and_no_diagonal(recording: Recording, narrow: bool) -> None:
    found = compare_classes(recording, [3, 1, 5])
    (heat,) = draw_class_matrix(found, 4, LIGHT, narrow=narrow).data
    assert np.isnan(np.diag(heat.z)).all()
    assert heat.z[0, 2] == pytest.approx(found.distance[4, 0, 2], rel=1e-5)
    assert "n = 6" in heat.customdata[0][2]
    assert f"{found.chance[4, 0, 2]:.4f}" in heat.customdata[0][2]
    assert heat.texttemplate == "%{z:.3f}"


def test_small_distances_are_not_written_as_zero(recording: Recording) -> None:
    found = compare_classes(recording, [3, 1, 5])
    small = dataclasses.replace(found, squared=found.squared * 1e-6, noise=found.noise * 1e-6)
    (heat,) = draw_class_matrix(small, 4, LIGHT).data
    assert heat.texttemplate == f"%{{z:.{count_decimals(small.distance[4])}f}}" != "%{z:.3f}"


def test_the_map_puts_chosen_classes_in_front_with_one_scale(recording: Recording) -> None:
    found = place_classes(recording, recording.blocks[3])
    assert found is not None
    figure = draw_plane(found, [3, 1], COLOURS, DARK)
    behind, front = figure.data
    assert (len(behind.x), len(front.x)) == (22, 2)
    assert list(front.marker.color) == [COLOURS[3], COLOURS[1]]
    assert list(front.text) == ["class 3", "class 1"]
    np.testing.assert_allclose([front.x[0], front.y[0]], found.positions[3], rtol=1e-5)
    assert figure.layout.yaxis.scaleanchor == "x"
    assert f"{found.shares[0]:.0%}" in figure.layout.xaxis.title.text
    assert all("n = 6" in text for text, _ in behind.customdata)
    assert [index for _, index in front.customdata] == [3, 1]


def test_agreement_has_its_interval_the_null_and_z(recording: Recording) -> None:
    confusions = count_confusions(recording)
    both = [
        [
            agree_with_confusions(read_class_profiles(recording, g, q), confusions, permutations=39)
            for g in recording.blocks
        ]
        for q in ("gate", "squeeze")
    ]
    found = ConfusionAgreement(confusions, *both)
    figure = draw_agreement(found, LIGHT)
    line = named(figure, "gates s")[-1]
    np.testing.assert_allclose(line.y, found.values, rtol=1e-5)
    np.testing.assert_allclose(named(figure, "squeeze z")[0].y, found.squeeze_values, rtol=1e-5)
    low, high = found.null_band
    np.testing.assert_allclose(named(figure, "shuffled")[0].y, [*high, *low[::-1]], rtol=1e-5)
    assert "276 pairs of 24 classes" in figure.layout.title.text
    narrow = draw_agreement(ConfusionAgreement(confusions, both[0], [None] * 6), DARK, narrow=True)
    assert not named(narrow, "squeeze z")


def test_a_thousand_classes_send_less_than_three_megabytes(tmp_path: Path) -> None:
    made = synthetic_recording(tmp_path / "run", classes=1000, per_class=2, blocks=[4, 4])
    found, plane = measure_distinctness(made, intervals=False), place_classes(made, made.blocks[0])
    assert plane is not None
    chosen = list(range(8))
    for figure in (
        draw_distinctness(found, chosen, colour_classes(chosen), LIGHT),
        draw_plane(plane, chosen, colour_classes(chosen), LIGHT),
    ):
        assert len(figure.to_json()) < 500_000
        assert json.loads(figure.to_json())["layout"]["title"]["text"]


def test_labels_are_plain_text() -> None:
    found = distinct(np.array([[0.1], [0.2], [0.3]]))
    odd = type(found)(**{**vars(found), "labels": ("<b>x</b>%{y}", "b", "c"), "gates": make_gates([4])})
    name = draw_distinctness(odd, [0], COLOURS, LIGHT).data[-1].name
    assert "<b>" not in name
    assert "%{y}" not in name
