"""Which classes the network takes for each other, from its recorded predictions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording import Recording

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Confusions:
    """Predictions of the images of R classes.

    Attributes:
        classes: indices of the classes that have an image and an output of their own, (R,).
        images: of each, n_k, (R,).
        counts: images of class k (row) whose prediction is the output of class l (column), (R, R).
        left_out: classes with an image that have no output of the network, or share theirs with another class.
        elsewhere: images of the R classes whose prediction is the output of none of them.
    """

    classes: NDArray[np.int64]
    images: NDArray[np.int64]
    counts: NDArray[np.int64]
    left_out: int
    elsewhere: int

    @property
    def shares(self) -> Floats:
        """Share of the images of k that are taken for l, and of l for k, averaged, (R, R): symmetric, 0 on the diagonal."""
        directed = self.counts / self.images[:, None]
        shares = (directed + directed.T) / 2
        np.fill_diagonal(shares, 0)
        return np.asarray(shares)

    @property
    def pairs(self) -> int:
        """R·(R − 1)/2."""
        return len(self.classes) * (len(self.classes) - 1) // 2

    @property
    def confused(self) -> int:
        """Images taken for another of the R classes."""
        return int(self.counts.sum() - np.trace(self.counts))


def count_confusions(recording: Recording) -> Confusions:
    """Counts predictions of labelled images; the label mapping of the recording says which output is which class.

    Raises:
        RecordingError: a file is missing or damaged.
    """
    samples, size = recording.samples, len(recording.classes)
    labels = samples["label"].to_numpy()
    predicted = samples["prediction"].fill_null(-1).to_numpy()
    present = np.bincount(labels[labels >= 0], minlength=size) > 0
    outputs = np.array([-1 if o is None else o for o in recording.manifest.mapping.outputs], dtype=np.int64)
    shared = np.bincount(outputs[outputs >= 0], minlength=1) > 1
    own = present & (outputs >= 0) & ~shared[np.maximum(outputs, 0)]
    classes = np.flatnonzero(own)
    row_of_class = np.full(size + 1, -1)  # the last stands for no label
    row_of_class[classes] = np.arange(len(classes))
    highest = int(max(outputs.max(initial=0), predicted.max(initial=0)))
    row_of_output = np.full(highest + 2, -1)  # the last stands for no prediction
    row_of_output[outputs[classes]] = np.arange(len(classes))
    rows, columns = row_of_class[labels], row_of_output[predicted]
    mine = rows >= 0
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (rows[mine & (columns >= 0)], columns[mine & (columns >= 0)]), 1)
    images = np.bincount(rows[mine], minlength=len(classes))
    return Confusions(classes, images, counts, int(present.sum()) - len(classes), int(images.sum() - counts.sum()))
