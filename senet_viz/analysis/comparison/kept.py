"""Kept gates of recorded images, looked through some rows at a time: a large block is never held as a whole."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.recording import Recording
from senet_viz.schema import Gate

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_ROWS_AT_ONCE = 256
_COUNTED_AT_ONCE = 255  # rows whose hits fit into a byte


@dataclass(frozen=True, eq=False)
class KeptGates:
    """Of the images of a set, N_kept of them, in one block of C channels.

    Attributes:
        recording: whose they are.
        block: the gate.
        rows: which of the recording's kept images are in the set, (all kept,); all of them where None.
        images: N_kept.
    """

    recording: Recording
    block: Gate
    rows: NDArray[np.bool_] | None
    images: int

    @classmethod
    def of(cls, recording: Recording, block: Gate, class_index: int | None) -> "KeptGates":
        """Of the images of a class, or of all."""
        if class_index is None:
            return cls(recording, block, None, recording.n_kept)
        rows = np.equal(recording.kept_samples["label"].to_numpy(), class_index)
        return cls(recording, block, rows, int(rows.sum()))

    def parts(self) -> Iterator[NDArray[np.float16]]:
        """Some rows after the other, (n, C)."""
        start = 0
        for part in self.recording.gates_by_parts(self.block.name):
            if self.rows is None:
                yield part
            else:
                mine = self.rows[start : start + len(part)]
                start += len(part)
                yield part[mine]


@dataclass(frozen=True, eq=False)
class Survey:
    """n images among the kept ones.

    Attributes:
        shares: of kept gates below each image's gate plus half of those that equal it, (n, C).
        distances: RMS distance of every kept image from the centre, ascending, (N_kept,).
    """

    shares: Floats
    distances: Floats


def look_through(kept: KeptGates, gates: NDArray[np.float16], centre: Floats) -> Survey:
    """Reads the kept gates once.

    Args:
        kept: at least one image's.
        gates: of the n images, (n, C), rounded as the kept ones are.
        centre: what distances are from, (C,).
    """
    below, most = np.zeros((2, *gates.shape), dtype=np.int64)
    distances = []
    for part in kept.parts():
        fewer, up_to = count_up_to(part, gates)
        below += fewer
        most += up_to
        distances.append(distances_from(part, centre))
    return Survey((below + most) / (2 * kept.images), np.sort(np.concatenate(distances)))


def distances_from(gates: NDArray[np.floating], centre: Floats) -> Floats:
    """RMS distance of every row from a point, (n,): √(mean over channels of (s_c − centre_c)²)."""
    parts = [
        np.sqrt(((gates[start : start + _ROWS_AT_ONCE].astype(np.float64) - centre) ** 2).mean(axis=1))
        for start in range(0, len(gates), _ROWS_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def count_up_to(known: NDArray[np.float16], gates: NDArray[np.float16]) -> tuple[Integers, Integers]:
    """How many known gates are below each gate, and how many below or equal, (n, C) each.

    Args:
        known: (N, C), finite.
        gates: (n, C), finite.
    """
    below, most = np.zeros((2, *gates.shape), dtype=np.int64)
    values = _order(gates)
    for start in range(0, len(known), _COUNTED_AT_ONCE):
        rows = _order(known[start : start + _COUNTED_AT_ONCE])
        for at, value in enumerate(values):
            below[at] += _count(rows < value)
            most[at] += _count(rows <= value)
    return below, most


def _count(hits: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Of at most 255 rows, per column: in bytes it is ten times as fast as in words."""
    return np.asarray(np.add.reduce(hits.view(np.uint8), axis=0, dtype=np.uint8))


def _order(gates: NDArray[np.float16]) -> NDArray[np.int16]:
    """Integers in the order of half-precision numbers, −0 as 0: processors compare these many at once."""
    bits = np.ascontiguousarray(gates).view(np.int16)
    ordered = np.asarray(bits ^ ((bits >> 15) & 0x7FFF), dtype=np.int16)
    ordered[ordered == -1] = 0
    return ordered
