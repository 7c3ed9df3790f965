"""Class and instance information told apart, on networks whose gates carry one of them, or nothing."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import senet_viz as sv
from senet_viz.recording.outcomes import Outcomes
from tests.support.image_files import open_outputs
from tests.support.known_gates import write_colours

IMAGES = 600


class Effects(NamedTuple):
    """Per image, in points: mean − clean, within − clean, between − within; repeats averaged."""

    dynamic: NDArray[np.float64]
    instance: NDArray[np.float64]
    of_class: NDArray[np.float64]


def measure(outcomes: Outcomes) -> Effects:
    def correct(baseline: str) -> NDArray[np.float64]:
        rows = [outcomes.outcome(v).correct for v in outcomes.variants if v.baseline == baseline]
        return 100 * np.mean(rows, axis=0)

    clean = 100.0 * outcomes.clean.correct
    return Effects(correct("mean") - clean, correct("within") - clean, correct("between") - correct("within"))


def covers(values: NDArray[np.float64], truth: float) -> bool:
    """Whether the paired 95 % interval over images holds the truth; exactly it where all images agree."""
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return bool(abs(values.mean() - truth) <= half + 1e-9)


def make(name: str, folder: Path, *, xor: bool) -> Outcomes:
    generator = np.random.default_rng(4)
    r, g = (generator.permutation(np.arange(IMAGES) % 2) for _ in range(2))
    colours = (255 * np.stack([r, g, np.zeros(IMAGES)], axis=1)).astype(np.uint8)
    images = open_outputs(write_colours(folder / "colours.parquet", colours, r ^ g if xor else r))
    model = sv.load_model(f"tests.support.known_gates:{name}", device="cpu")
    baselines = ("mean", "within", "between")
    return sv.intervene(model, images, folder / "out", blocks=["SE_1_1"], baselines=baselines, repeats=4)


@pytest.mark.parametrize(
    ("name", "xor", "truth"),
    [
        ("class_gates", False, Effects(-50, 0, -100)),  # type: ignore[arg-type]
        ("coin_gates", True, Effects(-50, -50, 0)),  # type: ignore[arg-type]
        ("constant_gates", False, Effects(0, 0, 0)),  # type: ignore[arg-type]
    ],
)
def test_each_network_gets_its_decomposition(name, xor, truth, tmp_path):
    outcomes = make(name, tmp_path, xor=xor)
    assert outcomes.clean.correct.all()
    found = measure(outcomes)
    for values, expected in zip(found, truth):
        assert covers(values, expected), (values.mean(), expected)
    for values, expected in zip(found, truth):
        if expected == 0 and name != "coin_gates":
            assert not values.any()  # not one image changes
