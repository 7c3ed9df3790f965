import numpy as np
import pytest

from senet_viz.text import count_decimals, defuse, undo_defuse


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        (0.25, 3), (12.0, 3), (0.01, 3), (0.0042, 4), ([0.0009, -0.00012], 5), (1e-12, 6), (0.0, 3), ([], 3),
        ([np.nan, 0.002, -np.inf], 4),
    ],
)  # fmt: skip
def test_the_largest_number_has_two_significant_digits(values: float | list[float], decimals: int) -> None:
    assert count_decimals(values) == decimals


@pytest.mark.parametrize(
    "name", ["=1", "+1", "-x", "@y", "\t=2", "\rz", " =3", "'=4", "''-5", "＝6", "'", "it's", "a=b", "", "'a"]
)
def test_a_cell_is_no_formula_and_gives_its_name_back(name: str) -> None:
    cell = defuse(name)
    assert undo_defuse(cell) == name
    assert cell.lstrip()[:1] not in ("=", "+", "-", "@", "＝")
    assert (cell == name) == (name in ("", "'", "it's", "a=b", "'a"))
