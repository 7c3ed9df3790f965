"""One image before and after: predictions, the sentence, the lines of a dose curve, the table."""

import numpy as np
import pytest

from senet_viz.analysis.trial import Trial, check_strengths
from senet_viz.errors import ArgumentError
from tests.support.synthetic import PAPER_BLOCKS, make_gates


def make_trial(rows: list[list[float]], strengths: tuple[float, ...] = (0.0, 1.0)) -> Trial:
    gates = make_gates(PAPER_BLOCKS)[-2:]
    names = tuple("abcdefgh"[: len(rows[0])])
    return Trial("r", "photo.jpg", gates, "one", (4, 4), (0.1, 0.2), strengths, np.array(rows, dtype=np.float32), names)


def test_a_prediction_that_changes_is_told_with_both_probabilities() -> None:
    trial = make_trial([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1]])
    assert trial.answer() == (
        "With the gates of SE_5_2 + SE_5_3 moved to one at strength 1 the prediction changes from a (70.0% before, 30.0% "
        "after) to b (20.0% before, 60.0% after)."
    )
    assert [p.name for p in trial.predictions(0.0)] == ["a", "b", "c"]
    assert [p.name for p in trial.predictions(1.0)] == ["b", "a", "c"]


def test_one_that_stays_is_told_to_stay() -> None:
    assert "stays a: 70.0% before, 60.0% after" in make_trial([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]]).answer()


def test_the_table_has_the_first_five_of_every_strength() -> None:
    first, last = np.zeros(8), np.zeros(8)
    first[:5], last[3:] = 0.2, 0.2
    table = make_trial([first.tolist(), last.tolist()]).table()
    assert table["name"].tolist() == list("abcdefgh")
    assert table["strength 1"].tolist() == pytest.approx(last.tolist())


def test_leading_outputs_are_those_that_come_first_then_the_probable() -> None:
    trial = make_trial([[0.5, 0.4, 0.1, 0], [0.3, 0.35, 0.3, 0.05], [0.1, 0.3, 0.6, 0]], (0.0, 0.5, 1.0))
    assert trial.leading(3) == (0, 1, 2)
    assert trial.leading(4) == (0, 1, 2, 3)
    with pytest.raises(ArgumentError, match=r"not run at strength 0\.25"):
        trial.row(0.25)


def test_strengths_are_sorted_with_nought_and_checked() -> None:
    assert check_strengths((1, 0.5)) == (0.0, 0.5, 1.0)
    with pytest.raises(ArgumentError, match=r"strength is 1\.5"):
        check_strengths((1.5,))
