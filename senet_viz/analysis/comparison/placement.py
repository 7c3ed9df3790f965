"""Where the gates of a few images lie among those of the recorded images, one block at a time."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from senet_viz.analysis.comparison.reference import Reference, Survey, distances_from, look_through, read_reference
from senet_viz.errors import ArgumentError
from senet_viz.recording.reader import Recording
from senet_viz.schema import Floats, Gate

Source = Literal["gates", "histogram", "moments", "none"]
ENOUGH_IMAGES = 20
_STEPS = 2  # half-precision steps that a gate must vary by for its kept values to be ranked


@dataclass(frozen=True, eq=False)
class Placement:
    """n images among the recorded images of one block, or among those of one class.

    Attributes:
        block: the gate.
        among: what the images were placed among, e.g. "all images" or "goldfish".
        images: recorded images of that set.
        percentiles: mid-rank percentile of every gate among that set, (n, C): 100 · (share of images with a smaller
            gate + half the share with an equal one). None where it is not known.
        gates_from: "gates" (all are kept; compared in half precision, as they are kept), "histogram" (linear within a
            bin) or "none".
        gates_note: where the percentiles come from, or why there are none, in a sentence.
        distance: RMS distance of every image from the recorded mean over **all** images, (n,), in units of s.
        lower, upper: bounds of the mid-rank percentile of that distance among the distances of the set's images from
            the same mean, each (n,): equal where `distance_from` is "gates"; NaN where the set is empty.
        distance_from: "gates" (of kept images), "moments" (an interval that holds whatever the correlation of channels)
            or "none".
        distance_images: images whose distances were looked at.
        distance_note: where the percentile comes from, in a sentence.
    """

    block: Gate
    among: str
    images: int
    percentiles: Floats | None
    gates_from: Source
    gates_note: str
    distance: Floats
    lower: Floats
    upper: Floats
    distance_from: Source
    distance_images: int
    distance_note: str

    def table(self) -> pd.DataFrame:
        """A row per image: its distance from the recorded mean and the bounds of its percentile."""
        return pd.DataFrame(
            {
                "image": np.arange(1, len(self.distance) + 1),
                "block": self.block.label,
                "module": self.block.name,
                "among": self.among,
                "images among": self.distance_images,
                "distance from recorded mean": self.distance,
                "percentile, lower bound": self.lower,
                "percentile, upper bound": self.upper,
                "source": self.distance_from,
            }
        )

    def gates_table(self) -> pd.DataFrame:
        """A row per image and channel: the gate's percentile; no row where it is not known."""
        shown = np.zeros((0, self.block.channels)) if self.percentiles is None else self.percentiles
        n, width = shown.shape
        return pd.DataFrame(
            {
                "image": np.repeat(np.arange(1, n + 1), width),
                "block": self.block.label,
                "module": self.block.name,
                "channel": np.tile(np.arange(width), n),
                "among": self.among,
                "images among": self.images,
                "percentile": shown.ravel(),
                "source": self.gates_from,
            }
        )


def place_gates(
    recording: Recording,
    block: Gate,
    gates: NDArray[np.float32],
    class_index: int | None = None,
    *,
    single_images: bool = True,
) -> Placement:
    """Percentiles of n images' gates, and of their distance from the recorded mean, in one block.

    Only this block is read. Gates: from the kept ones when all are kept (and take no more than 1 GiB), else from the
    histogram of all images (64 bins) or of the class (32 bins, where the recording holds them).

    Distances: among those of the kept images when there are at least 20 (a sample where not all are kept), else an
    interval: with D the squared distance, E[D] is exact from the recording's moments, SD(D) ≤ mean over channels of
    SD((s_c − mean_c)²) (Minkowski 1896), the fourth moments bounded by the farther edges of the histogram's bins or by
    the recorded extremes; Cantelli's inequality (1928) and Markov's then bound the share of images at least, or at
    most, as far. See `bounds`.

    Args:
        recording: full or slim.
        block: one of its gates.
        gates: (n, C) float32 of the images to place.
        class_index: place among the images of this class; among all images, labelled or not, where None.
        single_images: else kept gates are not read, which takes seconds where they are many: percentiles are those of
            histograms and bounds, as if none were kept.

    Raises:
        ArgumentError: no such class, or gates of another shape.
        RecordingError: a file is missing or damaged.
    """
    if gates.ndim != 2 or gates.shape[1] != block.channels:
        raise ArgumentError(f"Gates of {block.label} have the shape {gates.shape}, (n, {block.channels}) expected.")
    reference = read_reference(recording, block, class_index, single_images=single_images)
    survey = _look(reference, gates)
    percentiles, gates_from, gates_note = _place_channels(reference, survey, gates)
    lower, upper, distance_from, distance_images, distance_note = _place_distances(reference, survey, gates)
    return Placement(
        block=block,
        among=reference.name,
        images=reference.images,
        percentiles=percentiles,
        gates_from=gates_from,
        gates_note=gates_note,
        distance=distances_from(gates, reference.centre),
        lower=100 * lower,
        upper=100 * upper,
        distance_from=distance_from,
        distance_images=distance_images,
        distance_note=distance_note,
    )


def _look(reference: Reference, gates: NDArray[np.float32]) -> Survey | None:
    """Among the kept images; None where there are none, or they can tell nothing."""
    if reference.kept is None or not reference.kept.images:
        return None
    if not reference.keeps_all and not _tells_distances(reference):
        return None
    return look_through(reference.kept, gates.astype(np.float16), reference.centre)


def _tells_distances(reference: Reference) -> bool:
    """Whether there are enough kept images, and half precision tells them apart."""
    known_well = bool(np.sqrt((reference.spread**2).mean()) >= _STEPS * reference.step.mean())
    return _are_enough(reference) and known_well


def _are_enough(reference: Reference) -> bool:
    return reference.kept is not None and (reference.kept.images >= ENOUGH_IMAGES or reference.keeps_all)


def _place_channels(
    reference: Reference, survey: Survey | None, gates: NDArray[np.float32]
) -> tuple[Floats | None, Source, str]:
    if not reference.images:
        return None, "none", f"No image of {reference.name} was recorded."
    if survey is not None and reference.keeps_all:
        note = f"From the gates of all {reference.images:,} images, in half precision."
        return _leave_out(survey.shares, reference.spread < _STEPS * reference.step, "gates", note)
    if reference.counts is not None:
        width = float((reference.edges[1] - reference.edges[0]).max())
        note = (
            f"From histograms of all {reference.images:,} images: each gate is known to {width:.3f}, and gates in one bin "
            "are spread evenly over it."
        )
        shares = _share_in_bins(reference.counts, reference.edges, gates)
        return _leave_out(shares, reference.spread < width / 4, "histogram", note)
    return None, "none", reference.missing


def _leave_out(
    shares: Floats, still: NDArray[np.bool_], source: Source, note: str
) -> tuple[Floats | None, Source, str]:
    """Percentiles without those of channels that vary less than what they are known to: ties would look exact."""
    if still.all():
        return None, "none", "The gates of this block vary less than what recorded gates are known to."
    percentiles = 100 * shares
    percentiles[:, still] = np.nan
    if still.any():
        note = f"{note} {still.sum():,} channels vary less than that and have no percentile."
    return percentiles, source, note


def _share_in_bins(counts: NDArray[np.int64], edges: tuple[Floats, Floats], gates: NDArray[np.float32]) -> Floats:
    """The same from counts per bin, (C, T): a bin's images lie evenly over it, those of a one-value bin at that value."""
    lower, upper = edges
    width = upper - lower
    share = np.zeros(gates.shape)
    values = gates.astype(np.float64)
    for at in range(len(lower)):
        if width[at] > 0:
            part = np.clip((values - lower[at]) / width[at], 0, 1)
        else:
            part = np.where(values == lower[at], 0.5, (values > lower[at]).astype(np.float64))
        share += part * counts[:, at]
    return np.asarray(share / counts.sum(axis=1))


def _place_distances(
    reference: Reference, survey: Survey | None, gates: NDArray[np.float32]
) -> tuple[Floats, Floats, Source, int, str]:
    if not reference.images:
        nothing = np.full(len(gates), np.nan)
        return nothing, nothing, "none", 0, f"No image of {reference.name} was recorded."
    if survey is not None and _tells_distances(reference):
        known = survey.distances
        own = distances_from(gates.astype(np.float16), reference.centre)
        share = (np.searchsorted(known, own, "left") + np.searchsorted(known, own, "right")) / (2 * len(known))
        note = f"Among the distances of all {len(known):,} images."
        if len(known) < reference.images:
            note = f"Among the distances of the {len(known):,} of {reference.images:,} images whose gates are kept: a sample."
        return share, share, "gates", len(known), note
    lower, upper = reference.share_below(distances_from(gates, reference.centre))
    note = (
        f"Bounds that are certain for the {reference.images:,} recorded images (inequalities of Cantelli and Markov), "
        f"since {'half precision can not tell kept gates apart here' if _are_enough(reference) else reference.unread}."
    )
    return lower, upper, "moments", reference.images, note
