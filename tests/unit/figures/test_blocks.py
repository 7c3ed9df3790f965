"""Figures of blocks and of two recordings: traces, values, what is left out."""

import dataclasses

import numpy as np
import pytest

from senet_viz.analysis.blocks import gather_health, gather_measures, gather_similarity
from senet_viz.analysis.pair import PairSide, pair_recordings
from senet_viz.claims.assess import assess
from senet_viz.claims.assessment import Assessment, read_assessment, read_measures, read_tree
from senet_viz.figures.blocks import (
    draw_block_measures,
    draw_channels_scatter,
    draw_correlations,
    draw_gate_health,
    draw_similarity,
)
from senet_viz.figures.pair import draw_pair, draw_pair_differences
from senet_viz.figures.theme import DARK, LIGHT, Look
from senet_viz.recording.reader import Recording
from senet_viz.stats.tables import correlate_measures
from tests.support.synthetic import synthetic_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    blocks = {"SE_2_1": 8, "SE_3_1": 12, "SE_4_1": 12}
    made = synthetic_recording(tmp_path_factory.mktemp("r") / "r", classes=5, blocks=blocks)
    assess(made)
    return made


@pytest.fixture(scope="module")
def assessment(recording: Recording) -> Assessment:
    found = read_assessment(recording)
    assert found is not None
    return found


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_health_stacks_shares_and_writes_dead_channels(assessment: Assessment, look: Look) -> None:
    health = gather_health(assessment)
    changed = dataclasses.replace(
        health, near_one=np.array([0.1, 0.5, 0.9]), near_zero=np.array([0.1, 0.0, 0.05]), dead=np.array([0.0, 2.0, 0.0])
    )
    figure = draw_gate_health(changed, look)
    bars = [t for t in figure.data if t.type == "bar"]
    assert [b.name for b in bars] == ["s > .9", ".1 to .9", "s < .1"]
    np.testing.assert_allclose(np.sum([b.y for b in bars], axis=0), 1, rtol=1e-6)
    texts = {a.text: a for a in figure.layout.annotations}
    assert "How far they move: SD, in s · number: dead channels" in texts
    assert (texts["2"].x, texts["2"].textangle, texts["2"].yref) == (1, 0, "y2 domain")
    assert {t.legend for t in figure.data} == {"legend", "legend2", "legend3"}
    assert figure.layout.paper_bgcolor == look.paper


def test_numbers_of_dead_channels_do_not_touch(assessment: Assessment) -> None:
    health = dataclasses.replace(gather_health(assessment), dead=np.array([0.0, 2.0, 1e16]))
    angles = [
        [a.textangle for a in draw_gate_health(health, LIGHT, narrow=narrow).layout.annotations if a.text == "2"]
        for narrow in (False, True)
    ]
    assert angles == [[0], [-90]]


@pytest.mark.parametrize("sd", [0.0, np.nan])
def test_gates_that_are_all_constant_have_an_axis(assessment: Assessment, sd: float) -> None:
    still = {"between_sd": np.full(3, sd), "within_sd": np.full(3, sd), "dead": np.full(3, 4.0)}
    low, high = draw_gate_health(dataclasses.replace(gather_health(assessment), **still), LIGHT).layout.yaxis2.range
    assert low == 0 < high


def test_health_of_other_ranges_says_so(assessment: Assessment) -> None:
    unknown = dataclasses.replace(gather_health(assessment), near_one=np.full(3, np.nan), gate_rank=np.full(3, np.nan))
    figure = draw_gate_health(unknown, LIGHT, narrow=True)
    assert not [t for t in figure.data if t.type == "bar"]
    assert any("between 0 and 1 only" in a.text for a in figure.layout.annotations)
    assert "rank of gates" not in {t.name for t in figure.data}


@pytest.mark.parametrize("narrow", [False, True])
def test_measures_have_bands_where_known_and_dots_where_confounded(
    recording: Recording, assessment: Assessment, narrow: bool
) -> None:
    measures = gather_measures(assessment, read_tree(recording) or {})
    figure = draw_block_measures(measures, LIGHT, narrow=narrow)
    lines = {t.name: t for t in figure.data if t.mode == "lines+markers"}
    assert {c.words for c in measures.curves if c.panel == "share"} >= {"class share ω² of z, pooled"}
    assert len(lines) == len(measures.curves), "every curve of the table is drawn"
    np.testing.assert_allclose(lines["class share ω², pooled"].y, assessment.curve("omega_squared"), rtol=1e-6)
    assert lines["class share ω², pooled"].line.dash == "solid"
    assert lines["class share ω², mean of channels"].line.dash == "dash"
    assert lines["decoding, all channels (confounded by width)"].line.dash == "dot"
    assert [t.y[0] for t in figure.data if t.name == "chance"] == [pytest.approx(0.2)]
    bands = {t.name for t in figure.data if t.fill == "toself"}
    assert {"class share ω², pooled", "between-class SD"} <= bands
    assert "class share ω², mean of channels" not in bands
    assert len(figure.layout.xaxis.domain) == 2
    assert (figure.layout.xaxis.domain[1] > 0.9) == narrow


def test_similarity_and_correlations_have_fixed_scales(recording: Recording) -> None:
    similarity = gather_similarity(recording.blocks, read_tree(recording) or {})
    assert similarity is not None
    (heat,) = draw_similarity(similarity, LIGHT).data
    np.testing.assert_allclose(heat.z, similarity.values, rtol=1e-5, atol=1e-7)
    assert (heat.zmin, heat.zmax) == (0, 1)
    stored = read_measures(recording)
    assert stored is not None
    channels = stored[stored["label"] == "SE_3_1"]
    correlations = correlate_measures(channels)
    figure = draw_correlations(correlations, "SE_3_1", LIGHT)
    (heat,) = figure.data
    assert (heat.zmin, heat.zmid, heat.zmax) == (-1, 0, 1)
    assert heat.customdata[0][1] == "class share ω² and between-class SD"
    assert "12 channels" in figure.layout.title.text
    assert draw_correlations(correlations, "SE_3_1", LIGHT, narrow=True).data[0].showscale is False


def test_points_are_channels_and_those_without_both_are_counted(recording: Recording) -> None:
    stored = read_measures(recording)
    assert stored is not None
    channels = stored[stored["label"] == "SE_3_1"].copy()
    channels.loc[channels.index[0], "auc"] = np.nan
    figure = draw_channels_scatter(channels, "SE_3_1", "omega_squared", "auc", DARK)
    (points,) = figure.data
    assert list(points.text) == list(range(1, 12))
    np.testing.assert_allclose(points.y, channels["auc"][1:], rtol=1e-6)
    assert "11 channels, 1 without both measures" in figure.layout.title.text


def test_two_recordings_share_blocks_or_relative_depth(assessment: Assessment) -> None:
    side = PairSide.from_assessment("a", assessment)
    shorter = dataclasses.replace(
        side, gates=side.gates[:2], estimates={name: found[:2] for name, found in side.estimates.items()}
    )
    same = draw_pair(pair_recordings(side, side, paired=True), LIGHT)
    lines = [t for t in same.data if t.mode == "lines+markers"]
    assert len(lines) == 6
    assert [t.line.dash for t in lines[::3]] == ["solid", "dash"]
    assert list(lines[0].x) == [0, 1, 2]
    assert sum(bool(t.showlegend) for t in same.data) == 2
    other = draw_pair(pair_recordings(side, shorter), DARK, narrow=True)
    assert [list(t.x) for t in other.data if t.mode == "lines+markers"][3] == [0, 1]
    assert other.layout.xaxis3.title.text.startswith("relative depth")


def test_differences_are_second_minus_first_with_whiskers(assessment: Assessment) -> None:
    side = PairSide.from_assessment("a", assessment)
    pair = pair_recordings(side, side)
    figure = draw_pair_differences(pair, LIGHT)
    assert "independent 95 % intervals" in figure.layout.title.text
    dots = figure.data[0]
    np.testing.assert_allclose(dots.y, 0, atol=1e-9)
    high = [d.interval.high for d in pair.differences["omega_squared"]]
    np.testing.assert_allclose(dots.error_y.array, high, rtol=1e-5)
    bare = {
        name: tuple(dataclasses.replace(e, replicates=np.zeros(0)) for e in es) for name, es in side.estimates.items()
    }
    unknown = draw_pair_differences(pair_recordings(side, dataclasses.replace(side, estimates=bare)), LIGHT)
    assert "no intervals" in unknown.layout.title.text


def test_no_empty_axes_stand_where_a_panel_has_no_curve(recording: Recording, assessment: Assessment) -> None:
    measures = gather_measures(assessment, read_tree(recording) or {})
    fewer = dataclasses.replace(measures, curves=tuple(c for c in measures.curves if c.panel != "decoding"))
    figure = draw_block_measures(fewer, LIGHT)
    assert len(list(figure.select_yaxes())) == 3
    assert len(figure.layout.shapes) == 3, "a band a panel"
