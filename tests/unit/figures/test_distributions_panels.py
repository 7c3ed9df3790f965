"""Fig. 6 and 7: what is drawn, not how it looks."""

import re
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from senet_viz.analysis.distributions.panels import ChannelOrder, ClassPanels, profile_classes
from senet_viz.figures.distributions import draw_panels
from senet_viz.figures.theme import DARK, GREY, LIGHT, Look, colour_classes
from senet_viz.recording.reader import Recording
from tests.support.synthetic import synthetic_recording, unlabelled_recording

BLOCKS = {"SE_2_3": 8, "SE_3_4": 64, "SE_4_6": 12, "SE_5_1": 16}
CLASSES = (2, 0, 4)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("r") / "r", blocks=BLOCKS, classes=5)


def profile(
    recording: Recording, classes: tuple[int, ...] = CLASSES, order: ChannelOrder = "channel", seed: int = 7
) -> ClassPanels:
    return profile_classes(recording, recording.blocks, classes, order=order, seed=seed)


def texts(figure: go.Figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_a_line_a_class_over_the_broader_mean_in_every_panel(recording: Recording, look: Look) -> None:
    panels, colours = profile(recording), colour_classes(CLASSES)
    figure = draw_panels(panels, colours, look)
    assert {trace.type for trace in figure.data} == {"scatter"}
    assert len(figure.data) == 4 * (1 + 3)
    for i, panel in enumerate(panels.panels):
        overall, *lines = figure.data[4 * i : 4 * i + 4]
        np.testing.assert_allclose(overall.y, panel.overall, rtol=1e-6)
        assert (overall.name, overall.line.color) == ("all 5 classes", look.ink)
        for j, line in enumerate(lines):
            np.testing.assert_array_equal(line.x, np.arange(1, len(panel.channels) + 1))
            np.testing.assert_allclose(line.y, panel.means[j], rtol=1e-6)
            np.testing.assert_array_equal(line.customdata[:, 0], panel.channels)
            assert line.line.color == colours[CLASSES[j]]
            assert line.line.width < overall.line.width
    assert figure.layout.paper_bgcolor == look.paper


def test_the_legend_names_each_class_once(recording: Recording) -> None:
    figure = draw_panels(profile(recording), colour_classes(CLASSES), LIGHT)
    shown = [trace.name for trace in figure.data if trace.showlegend]
    assert shown == ["all 5 classes", "class 2", "class 0", "class 4"]


@pytest.mark.parametrize(
    ("order", "words"),
    [("channel", "by channel number"), ("mean", "by all-class mean"), ("class share", "by class share, largest first")],
)
def test_the_title_tells_n_seed_and_order(recording: Recording, order: ChannelOrder, words: str) -> None:
    title = draw_panels(profile(recording, order=order), {}, LIGHT).layout.title.text
    assert title == f"Mean gate, n = 20 images a class · 50 channels drawn uniformly (seed 7), {words}"


def test_classes_of_different_size_are_told_as_a_range_and_no_class_as_none(tmp_path: Path) -> None:
    uneven = synthetic_recording(tmp_path / "r", blocks=[4], classes=3, per_class=10, unreadable=(0, 1, 2, 3))
    title = draw_panels(profile(uneven, (0, 1, 2)), {}, LIGHT).layout.title.text
    assert re.fullmatch(r"Mean gate, n = \d to \d+ images a class · all channels, by channel number", title)
    bare = draw_panels(profile(unlabelled_recording(tmp_path / "bare"), ()), {}, LIGHT)
    assert bare.layout.title.text == "Mean gate · all channels, by channel number"
    assert [trace.name for trace in bare.data] == ["all 12 images"]
    assert texts(bare) == ["<b>SE_2_1</b> · 3 channels"]


def test_bands_are_mean_plus_and_minus_sd(recording: Recording) -> None:
    panels = profile(recording)
    figure = draw_panels(panels, colour_classes(CLASSES), LIGHT, bands=True)
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    assert len(bands) == 4 * 3
    panel = panels.panels[0]
    upper, lower = np.split(np.asarray(bands[0].y), 2)
    np.testing.assert_allclose(upper, panel.means[0] + panel.sds[0], rtol=1e-6)
    np.testing.assert_allclose(lower[::-1], panel.means[0] - panel.sds[0], rtol=1e-6)
    assert bands[0].name == "class 2 ± SD"
    assert figure.layout.title.text.startswith("Mean gate ± SD over images, n = 20")


def test_panels_are_headed_by_their_block_and_share_their_axes(recording: Recording) -> None:
    figure = draw_panels(profile(recording), {}, LIGHT)
    heads = texts(figure)
    assert [re.match(r"<b>(SE_\d_\d)</b> · (\d+) channels · distance 0\.\d{3}$", h).groups() for h in heads] == [
        ("SE_2_3", "8"),
        ("SE_3_4", "64"),
        ("SE_4_6", "12"),
        ("SE_5_1", "16"),
    ]
    assert figure.layout.yaxis.title.text == "gate s"
    assert figure.layout.xaxis4.title.text == "channel (position)"
    assert figure.layout.yaxis.range == (-0.02, 1.02)
    assert figure.layout.xaxis.range == (0, 51)


def test_a_narrow_figure_has_two_panels_a_row_and_shorter_words(recording: Recording) -> None:
    wide = draw_panels(profile(recording), {}, LIGHT)
    narrow = draw_panels(profile(recording), {}, LIGHT, per_row=2)
    assert len({trace.xaxis for trace in narrow.data}) == 4
    assert narrow.layout.xaxis2.domain[1] == wide.layout.xaxis3.domain[1] == 1
    assert texts(narrow)[0].startswith("<b>SE_2_3</b> · distance")
    assert narrow.layout.title.text.count("<br>") == 2
    assert max(len(line) for line in narrow.layout.title.text.split("<br>")) <= 44


def test_a_ninth_class_is_grey_and_behind(tmp_path: Path) -> None:
    many = synthetic_recording(tmp_path / "r", blocks=[4], classes=9, per_class=3)
    classes = tuple(range(9))
    colours = colour_classes(classes) | {0: GREY}
    figure = draw_panels(profile(many, classes), colours, LIGHT)
    grey = [i for i, trace in enumerate(figure.data) if trace.line.color == GREY]
    assert grey == [1, 2]
    assert all(figure.data[i].opacity < 1 for i in grey)
