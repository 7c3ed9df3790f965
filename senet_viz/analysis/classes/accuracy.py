"""How many images of each class the network gets right."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording import Recording
from senet_viz.stats.decoding.accuracy import wilson_interval

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassAccuracy:
    """Of all K classes, (K,) each.

    Attributes:
        judged: images of the class whose answer can be right or wrong; 0 where the class has no output of the network.
        correct: of them, right ones.
        low, high: Wilson's 95 % interval of correct/judged (Wilson 1927), in [0, 1]; NaN where no image is judged.
    """

    judged: NDArray[np.int64]
    correct: NDArray[np.int64]
    low: Floats
    high: Floats

    @property
    def share(self) -> Floats:
        """correct/judged; NaN where no image is judged."""
        share = np.full(len(self.judged), np.nan)
        return np.asarray(np.divide(self.correct, self.judged, out=share, where=self.judged > 0))


def count_correct(recording: Recording) -> ClassAccuracy:
    """Right answers of every class, from the recorded predictions of all images.

    Raises:
        RecordingError: a file is missing or damaged.
    """
    samples, size = recording.samples, len(recording.classes)
    labels = samples["label"].to_numpy()
    right = samples["correct"].cast("int8").fill_null(-1).to_numpy()
    known = (labels >= 0) & (right >= 0)
    judged = np.bincount(labels[known], minlength=size)
    correct = np.bincount(labels[known & (right == 1)], minlength=size)
    low, high = np.full((2, size), np.nan)
    for k in np.flatnonzero(judged):
        low[k], high[k] = wilson_interval(correct[k] / judged[k], float(judged[k]))
    return ClassAccuracy(judged, correct, low, high)
