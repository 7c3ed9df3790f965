"""Debiased linear CKA: how alike two blocks arrange the same images, and how alike a block and the classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError
from senet_viz.recording.layout import Quantity
from senet_viz.recording.reader import Recording
from senet_viz.schema import Floats, Gate, label_blocks
from senet_viz.stats.decoding import ChosenImages, choose_per_class
from senet_viz.stats.tables import measured_blocks

if TYPE_CHECKING:
    import pandas as pd


PER_CLASS = 10
MOST_IMAGES = 2_000
MOST_BYTES = 700_000_000  # of all blocks' Gram matrices together
_PIECE = 1 << 18  # entries of each Gram matrix that are multiplied at a time

Gram = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RepresentationSimilarity:
    """Debiased linear CKA on the same images; at most 1, near 0 for independent representations, also below it.

    Attributes:
        chosen: the images.
        blocks: B, in order of depth.
        with_classes: of each block with the one-hot labels, (B,); NaN where no channel of the block varies.
        between: of each pair of blocks, (B, B), 1 on the diagonal; NaN likewise.
    """

    chosen: ChosenImages
    blocks: tuple[Gate, ...]
    with_classes: Floats
    between: Floats

    def table(self) -> "pd.DataFrame":
        """A row per block: CKA with the classes, and with every block, each under a label that no other block has."""
        import pandas as pd

        labels = list(label_blocks(self.blocks))
        table = pd.DataFrame(self.between, columns=labels)
        table.insert(0, "classes", self.with_classes)
        table.insert(0, "block", labels)
        return table


def choose_for_similarity(labels: NDArray[np.integer], *, blocks: int, seed: int = 0) -> ChosenImages:
    """At most 10 images per class and 2,000 in all, of classes that have two; the same for all blocks.

    Fewer where the Gram matrices of all blocks would take more than 700 MB (4·B·n² bytes).

    Args:
        labels: (N_kept,) class indices of the kept images; −1 for none.
        blocks: B.
        seed: of the draw.

    Raises:
        RecordingError: fewer than two classes have two kept images.
    """
    most = min(MOST_IMAGES, int(np.sqrt(MOST_BYTES / (4 * (blocks + 1)))))
    return choose_per_class(labels, at_least=2, at_most=PER_CLASS, in_all=most, seed=seed)


def center_gram(values: NDArray[np.floating]) -> Gram:
    """U-centred Gram matrix of n images, brought to unit Frobenius norm.

    With K = X·Xᵀ, its diagonal set to 0, and r its row sums: A_ij = K_ij − (r_i + r_j)/(n − 2) + Σr/((n − 1)(n − 2)) off
    the diagonal, 0 on it (Székely and Rizzo 2014). Then Σ_ij A_ij B_ij / (n(n − 3)) is the unbiased HSIC₁ of Song et al.
    2012, so that the CKA of two sets of features (Kornblith et al. 2019, debiased as in Nguyen et al. 2021) is the sum
    over the products of their matrices.

    Args:
        values: (n, C).

    Returns:
        (n, n) float32, symmetric; NaN where no column varies.

    Raises:
        ArgumentError: fewer than four images.
    """
    n = len(values)
    if n < 4:
        raise ArgumentError(f"{n} images came, at least four are needed for a debiased CKA.")
    centred = values.astype(np.float64)
    centred -= centred[0].copy()  # so that a constant channel is 0 exactly
    centred -= centred.mean(axis=0)
    gram = centred @ centred.T
    np.fill_diagonal(gram, 0)
    rows = gram.sum(axis=1) / (n - 2)
    gram -= rows[:, None]
    gram -= rows
    gram += rows.sum() / (n - 1)
    np.fill_diagonal(gram, 0)
    norm = np.sqrt(np.vdot(gram, gram))
    return (gram / norm if norm > 0 else np.full_like(gram, np.nan)).astype(np.float32)


def multiply_grams(grams: Sequence[Gram]) -> Floats:
    """CKA of all pairs of m centred Gram matrices, (m, m), summed in float64."""
    flat = [gram.reshape(-1) for gram in grams]
    products = np.zeros((len(flat), len(flat)))
    for start in range(0, flat[0].size, _PIECE):
        piece = np.stack([one[start : start + _PIECE] for one in flat]).astype(np.float64)
        products += piece @ piece.T
    return products


def compare_grams(grams: Sequence[Gram], labels: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """CKA of each of B blocks with the classes, (B,), and of each pair, (B, B).

    Args:
        grams: from `center_gram`, of the same images.
        labels: of these images, (n,), from 0.
    """
    one_hot = np.eye(int(labels.max()) + 1)[labels]
    products = multiply_grams([*grams, center_gram(one_hot)])
    between = products[:-1, :-1]
    np.fill_diagonal(between, np.where(np.isnan(np.diag(between)), np.nan, 1.0))
    return products[:-1, -1], between


def compare_representations(
    recording: Recording, *, quantity: Quantity = "gate", seed: int = 0
) -> RepresentationSimilarity:
    """CKA of every block that has the quantity with the classes and with every other such block.

    One block's values and B Gram matrices are in memory: 4·B·n² bytes.

    Raises:
        RecordingError: too few kept images, z is not kept, or a file is damaged.
    """
    blocks = tuple(measured_blocks(recording, quantity))
    labels = recording.kept_samples["label"].to_numpy()
    chosen = choose_for_similarity(labels, blocks=len(blocks), seed=seed)
    grams = [center_gram(recording.gates(block.name, quantity)[chosen.rows]) for block in blocks]
    with_classes, between = compare_grams(grams, chosen.labels)
    return RepresentationSimilarity(chosen, blocks, with_classes, between)
