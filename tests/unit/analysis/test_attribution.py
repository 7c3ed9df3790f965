"""Results of attribution: sentences, limits and tables, without torch."""

import numpy as np
import pytest

from senet_viz.analysis.attribution import ChannelAttribution, Completeness, GradCam, PixelAttribution, name_channels
from senet_viz.errors import ArgumentError
from tests.support.attributed import draw_cam, draw_channel_values, draw_pixel_values


def test_the_map_is_the_sum_over_colours_and_the_table_holds_both() -> None:
    found: PixelAttribution = draw_pixel_values()
    np.testing.assert_allclose(found.map, found.values[0] + found.values[1] + found.values[2])
    table = found.table()
    assert list(table.columns) == ["row", "column", "red", "green", "blue", "sum"]
    row = table[(table["row"] == 3) & (table["column"] == 5)].iloc[0]
    assert (row["green"], row["sum"]) == (found.values[1, 3, 5], found.map[3, 5])


def test_one_bright_pixel_does_not_set_the_colours_but_a_lone_one_does() -> None:
    values = np.full((3, 20, 20), 1 / 3)
    values[:, 4, 4] = -100
    picture = np.zeros((20, 20, 3), np.uint8)
    found = PixelAttribution(draw_pixel_values().block, (0,), "gradient", values, 0.5, picture)
    assert found.limit == pytest.approx(1)
    values = np.where(values < 0, values, 0)
    assert PixelAttribution(found.block, (0,), "gradient", values, 0.5, picture).limit == pytest.approx(300)
    assert PixelAttribution(found.block, (0,), "gradient", 0 * values, 0.5, picture).limit == 0


def test_answers_say_what_was_found() -> None:
    gradient = draw_pixel_values()
    row, column = np.unravel_index(np.abs(gradient.map).argmax(), gradient.map.shape)
    assert gradient.answer.startswith("s = 0.600; it reacts most to the pixel in row")
    assert f"row {row}, column {column} ({gradient.map[row, column]:+.1e}" in gradient.answer
    done = Completeness(baseline="white", baseline_gate=0.25, steps=8, residual=-0.002)
    integrated = draw_pixel_values(channels=(1, 2), completeness=done)
    assert integrated.answer.startswith("mean s = 0.600, and 0.250 for white: the pixels account for ")
    assert "of the +0.3500 (residual -2.0e-03 after 8 steps)" in integrated.answer


@pytest.mark.parametrize(
    ("baseline_gate", "residual", "words"),
    [
        (0.2, 0.0199, None),
        (0.2, -0.06, "miss 15% of the gate's change (the residual), so the map is rough: take more than 16 steps."),
        (0.6, 1e-9, "is the same for this image and for black"),
        (0.6, 0.0, None),
    ],
    ids=["small", "large", "no change", "nothing at all"],
)
def test_a_residual_over_five_percent_of_the_change_is_told(
    baseline_gate: float, residual: float, words: str | None
) -> None:
    done = Completeness("black", baseline_gate, steps=16, residual=residual)
    warning = draw_pixel_values(completeness=done).warning
    assert warning is None if words is None else words in str(warning)
    assert draw_pixel_values().warning is None, "a gradient has no residual"


def test_largest_channels_are_those_of_the_largest_size() -> None:
    found: ChannelAttribution = draw_channel_values()
    sizes = np.abs(found.values)
    assert list(found.largest(3)) == sorted(range(len(sizes)), key=lambda c: -sizes[c])[:3]
    assert len(found.largest(10_000)) == len(sizes)
    with pytest.raises(ArgumentError, match="0 channels were asked for"):
        found.largest(0)
    table = found.table().set_index("channel")
    assert table.loc[4, "value"] == pytest.approx(table.loc[4, "gate"] * table.loc[4, "gradient"])
    assert found.total == pytest.approx(table["value"].sum())


def test_a_cams_table_is_the_coarse_map() -> None:
    found: GradCam = draw_cam()
    table = found.table()
    assert len(table) == found.coarse.size
    assert table.iloc[-1]["value"] == found.coarse[-1, -1]
    assert found.limit == found.map.max()


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        ((7,), "channel 7"),
        ((1, 2, 5), "the mean of channels 1, 2 and 5"),
        (tuple(range(40)), "the mean of 40 channels"),
    ],
)
def test_channels_are_named(channels: tuple[int, ...], words: str) -> None:
    assert name_channels(channels) == words
