"""The paper's panels beside a recording's numbers, by the role of the blocks."""

import dataclasses
from pathlib import Path

import numpy as np

from senet_viz.analysis.blocks import BlockHealth, health_from_table, measures_from_table
from senet_viz.analysis.paper import SHARE, read_beside_paper
from senet_viz.recording.reader import Recording
from senet_viz.stats.tables import measure_selectivity
from tests.support.synthetic import PAPER_BLOCKS, synthetic_recording


def facts(recording: Recording) -> tuple:
    table = measure_selectivity(recording, per="block")
    return measures_from_table(recording.blocks, table), health_from_table(recording.blocks, table, 80), table


def test_each_role_gets_its_blocks_numbers(tmp_path: Path) -> None:
    measures, health, table = facts(synthetic_recording(tmp_path / "run", blocks=PAPER_BLOCKS, shares={"SE_5_1": 0.8}))
    rows = read_beside_paper(measures, health)
    assert [row.role for row in rows] == list(PAPER_BLOCKS)
    for row, omega, sd, near in zip(rows, table["omega_squared"], table["between_sd"], health.near_one):
        assert row.name == row.role
        assert (row.share[0], row.sd[0], row.near_one) == (omega, sd, near)
        assert "[" not in row.here
        assert f"ω² {omega:.2f}".replace("-", "−") in row.here


def test_intervals_are_told_where_they_are_known(tmp_path: Path) -> None:
    measures, health, _ = facts(synthetic_recording(tmp_path / "run", blocks=PAPER_BLOCKS))
    curves = tuple(
        dataclasses.replace(c, low=c.values - 0.1, high=c.values + 0.1) if c.words == SHARE else c
        for c in measures.curves
    )
    row = read_beside_paper(dataclasses.replace(measures, curves=curves), health)[0]
    low, value, high = row.share[1], row.share[0], row.share[2]
    assert f"ω² {value:.2f} [{low:.2f}, {high:.2f}]".replace("-", "−") in row.here
    tiny = dataclasses.replace(row, sd=(0.0001, float("nan"), float("nan")))
    assert "between-class SD less than 0.001" in tiny.here


def test_another_layout_plays_the_roles_it_can_and_one_class_knows_no_share(tmp_path: Path) -> None:
    recording = synthetic_recording(tmp_path / "run", classes=1, blocks={"SE_1_1": 8, "SE_2_1": 8, "SE_2_2": 8})
    measures, health, _ = facts(recording)
    rows = read_beside_paper(measures, health)
    assert [row.name for row in rows] == [
        "SE_1_1 (in the place of SE_2_3)", "SE_1_1 (in the place of SE_4_6)", "SE_2_1 (in the place of SE_5_1)",
        "SE_2_2 (in the place of SE_5_3)",
    ]  # fmt: skip
    assert all("ω² not known" in row.here for row in rows)
    assert isinstance(health, BlockHealth)
    assert np.isfinite([row.near_one for row in rows]).all()
