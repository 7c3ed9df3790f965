"""One image with some gates moved: what the network said before and after, as frozen data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.comparison.result import Prediction
from senet_viz.errors import ArgumentError
from senet_viz.schema import Gate

TRIAL_BASELINES = ("one", "zero", "mean", "class_mean", "predicted_class_mean")
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
_TOP = 5


@dataclass(frozen=True, eq=False)
class Trial:
    """An image under one intervention, at one strength or several.

    Attributes:
        recording_id: of the recording that baselines are from.
        image: its name.
        blocks: whose gates were moved, in order of depth.
        baseline: what they were moved to, one of `TRIAL_BASELINES`.
        channels: how many were moved in each block.
        distances: RMS over the moved channels of baseline − gate, in units of s, of each block.
        strengths: ascending, the first is 0 (untouched), (T,).
        probabilities: softmax of each output at each strength, (T, O) float32.
        output_names: O short names.
        notes: what a reader must know.
    """

    recording_id: str
    image: str
    blocks: tuple[Gate, ...]
    baseline: str
    channels: tuple[int, ...]
    distances: tuple[float, ...]
    strengths: tuple[float, ...]
    probabilities: NDArray[np.float32]
    output_names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """The blocks' labels."""
        return " + ".join(gate.label for gate in self.blocks)

    def row(self, strength: float) -> NDArray[np.float32]:
        """Probabilities at one strength, (O,).

        Raises:
            ArgumentError: it was not computed.
        """
        if strength not in self.strengths:
            made = ", ".join(f"{t:g}" for t in self.strengths)
            raise ArgumentError(f"The image was not run at strength {strength:g}: there are {made}.")
        return np.asarray(self.probabilities[self.strengths.index(strength)])

    def predictions(self, strength: float) -> tuple[Prediction, ...]:
        """The five most probable outputs at one strength (all, where there are fewer), the most probable first."""
        row = self.row(strength)
        order = np.argsort(-row, kind="stable")[:_TOP]
        return tuple(Prediction(int(o), self.output_names[o], float(row[o])) for o in order)

    def leading(self, most: int = 6) -> tuple[int, ...]:
        """Outputs that come first at some strength or are probable at one, the most probable first."""
        best = self.probabilities.max(axis=0)
        first = dict.fromkeys(self.probabilities.argmax(axis=1).tolist())
        rest = [int(o) for o in np.argsort(-best, kind="stable") if int(o) not in first]
        return tuple([*first, *rest][:most])

    def answer(self) -> str:
        """Whether the prediction changes at the largest strength, with its probability before and after."""
        strength = self.strengths[-1]
        before, after = self.predictions(0.0)[0], self.predictions(strength)[0]
        now = self.row(strength)[before.output]
        moved = f"With the gates of {self.target} moved to {self.baseline} at strength {strength:g}"
        if before.output == after.output:
            return f"{moved} the prediction stays {before.name}: {before.probability:.1%} before, {now:.1%} after."
        was = self.row(0.0)[after.output]
        return (
            f"{moved} the prediction changes from {before.name} ({before.probability:.1%} before, {now:.1%} after) to "
            f"{after.name} ({was:.1%} before, {after.probability:.1%} after)."
        )

    def table(self) -> pd.DataFrame:
        """A row an output that is among the first five untouched or at some strength: its probability at each."""
        shown = dict.fromkeys(p.output for t in self.strengths for p in self.predictions(t))
        columns = {f"strength {t:g}": self.probabilities[i, list(shown)] for i, t in enumerate(self.strengths)}
        names = [self.output_names[o] for o in shown]
        return pd.DataFrame({"output": list(shown), "name": names, **columns})


def check_strengths(strengths: Sequence[float]) -> tuple[float, ...]:
    """Ascending and with 0.

    Raises:
        ArgumentError: one beyond 0 to 1.
    """
    for strength in strengths:
        if not 0 <= strength <= 1:
            raise ArgumentError(f"strength is {strength}: it is 0 (untouched) to 1 (the baseline).")
    return tuple(sorted({0.0, *map(float, strengths)}))
