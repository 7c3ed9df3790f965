"""How well each block tells the class: which kept images take part (the same for all blocks, seeded), and decoding them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import RecordingError
from senet_viz.recording.layout import Quantity
from senet_viz.recording.reader import Recording
from senet_viz.schema import Gate
from senet_viz.stats.lda import DecodingAccuracy, balanced_accuracy, fit_discriminant
from senet_viz.stats.permutation import draw_per_class
from senet_viz.stats.tables import measured_blocks

if TYPE_CHECKING:
    import pandas as pd


Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ChosenImages:
    """Images of several classes.

    Attributes:
        rows: indices into the kept images, ascending, (n,).
        labels: class of each from 0 to K′ − 1, a place in `classes`, (n,).
        classes: the data's class indices, ascending, (K′,).
        per_class: most images of one class.
        left_out: classes with too few kept images.
        not_drawn: classes that had enough images but were not drawn, because there are too many of them.
        seed: of the draw.
    """

    rows: Ints
    labels: Ints
    classes: Ints
    per_class: int
    left_out: int
    not_drawn: int
    seed: int


def choose_per_class(
    labels: NDArray[np.integer], *, at_least: int, at_most: int, in_all: int, seed: int = 0
) -> ChosenImages:
    """Choose as equally many images of every class as there are.

    Args:
        labels: (N_kept,) class indices; −1 for none, which is never chosen.
        at_least: classes with fewer kept images are left out.
        at_most: images of one class; fewer where so many of each would be more than `in_all`.
        in_all: most images altogether; where even `at_least` of each class would be more, classes are drawn.
        seed: of the draw.

    Raises:
        RecordingError: fewer than two classes have enough images.
    """
    found, counts = np.unique(labels[labels >= 0], return_counts=True)
    enough = found[counts >= at_least]
    if len(enough) < 2:
        raise RecordingError(
            f"{len(enough)} of {len(found)} classes have at least {at_least} labelled images whose gates are kept, and decoding "
            "takes two: record more images of each, with --keep all."
        )
    generator = np.random.default_rng(seed)
    drawn = np.sort(generator.permutation(enough)[: max(2, in_all // at_least)])
    eligible = np.where(np.isin(labels, drawn), labels, -1)
    per_class = _largest_cap(counts[np.isin(found, drawn)], at_least, at_most, in_all)
    rows = draw_per_class(eligible, per_class=per_class, seed=seed)
    return ChosenImages(
        rows=rows,
        labels=np.searchsorted(drawn, labels[rows]).astype(np.int64),
        classes=drawn.astype(np.int64),
        per_class=per_class,
        left_out=len(found) - len(enough),
        not_drawn=len(enough) - len(drawn),
        seed=seed,
    )


def _largest_cap(counts: NDArray[np.integer], at_least: int, at_most: int, in_all: int) -> int:
    """Most images of one class such that all together are not more than `in_all`; never below `at_least`."""
    cap = min(at_most, int(counts.max()))
    while cap > at_least and int(np.minimum(counts, cap).sum()) > in_all:
        cap -= 1
    return cap


def split_images(chosen: ChosenImages, *, test_share: float = 0.2) -> tuple[Ints, Ints]:
    """Split the chosen images, class by class.

    Of every class the rounded share, and at least one image, is for testing.

    Returns:
        Places in `chosen.rows` for training and for testing, ascending.
    """
    order = np.random.default_rng((chosen.seed, 1)).permutation(len(chosen.labels))
    order = order[np.argsort(chosen.labels[order], kind="stable")]
    counts = np.bincount(chosen.labels)
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    tested = place < np.maximum(1, np.rint(test_share * counts))[chosen.labels[order]]
    return np.sort(order[~tested]), np.sort(order[tested])


FEWEST_PER_CLASS = 5
MOST_PER_CLASS = 50
MOST_IMAGES = 20_000
FEWEST_CHANNELS = 32
SUBSETS = 3
MOST_WORK = 2e11  # training images × channels²: about 10 s on one core


@dataclass(frozen=True, eq=False)
class DecodingPlan:
    """What is decoded, the same for all blocks and for s and z.

    Attributes:
        chosen: the images.
        train, test: places among them, stratified 80/20.
        dimension: channels of the matched decoding: the smallest C among the blocks; None where that is under 32.
        unlabelled: kept images without a label, left out.
    """

    chosen: ChosenImages
    train: Ints
    test: Ints
    dimension: int | None
    unlabelled: int

    def subset(self, block: Gate, index: int) -> Ints:
        """Channels of a matched decoding, drawn with the seed for each block and index, ascending."""
        generator = np.random.default_rng((self.chosen.seed, 2, block.depth, index))
        return np.sort(generator.choice(block.channels, self.dimension or 0, replace=False))

    def affordable(self, block: Gate) -> Ints:
        """Channels of the full decoding: all, or a random subset where all would take too long."""
        most = int(np.sqrt(MOST_WORK / len(self.train)))
        if block.channels <= most:
            return np.arange(block.channels)
        generator = np.random.default_rng((self.chosen.seed, 3, block.depth))
        return np.sort(generator.choice(block.channels, most, replace=False))


@dataclass(frozen=True, eq=False)
class BlockDecoding:
    """How well one block's values tell the class.

    Attributes:
        block: the gate.
        matched: with as many channels as the smallest block has, mean over the subsets; None where that is under 32.
        subsets: balanced accuracy of each random subset of channels, (3,); one where all channels are taken.
        full: with all channels. It grows with the number of channels, so that blocks of different width cannot be
            compared by it.
        full_channels: how many channels that were: C, or fewer (drawn at random) where C would take too long.
        constant: channels that do not vary in training; the classifier leaves them out.
    """

    block: Gate
    matched: DecodingAccuracy | None
    subsets: tuple[float, ...]
    full: DecodingAccuracy
    full_channels: int
    constant: int


@dataclass(frozen=True, eq=False)
class ClassDecoding:
    """Decoding from every block of a recording.

    Attributes:
        plan: images and channels.
        blocks: in order of depth.
    """

    plan: DecodingPlan
    blocks: tuple[BlockDecoding, ...]

    def table(self) -> "pd.DataFrame":
        """A row per block; columns of the matched decoding are empty where there is none."""
        import pandas as pd

        return pd.DataFrame([_row(self.plan, decoded) for decoded in self.blocks])


def _row(plan: DecodingPlan, decoded: BlockDecoding) -> dict[str, object]:
    matched = decoded.matched
    return {
        "block": decoded.block.label,
        "depth": decoded.block.depth,
        "channels": decoded.block.channels,
        "chance": decoded.full.chance,
        "matched channels": plan.dimension,
        "matched accuracy": np.nan if matched is None else matched.value,
        "matched low": np.nan if matched is None else matched.low,
        "matched high": np.nan if matched is None else matched.high,
        "full channels (confounded by width)": decoded.full_channels,
        "full accuracy": decoded.full.value,
        "full low": decoded.full.low,
        "full high": decoded.full.high,
        "channels constant": decoded.constant,
        "classes": len(plan.chosen.classes),
        "classes left out": plan.chosen.left_out + plan.chosen.not_drawn,
        "training images": len(plan.train),
        "test images": len(plan.test),
        "most images per class": plan.chosen.per_class,
    }


def plan_decoding(labels: NDArray[np.integer], channels: Sequence[int], *, seed: int = 0) -> DecodingPlan:
    """Choose at most 50 images per class and 20,000 in all of classes that have at least 5, and split them.

    Args:
        labels: (N_kept,) class indices of the kept images; −1 for none.
        channels: C of every block.
        seed: of images, split and channels.

    Raises:
        RecordingError: fewer than two classes have 5 kept images.
    """
    chosen = choose_per_class(labels, at_least=FEWEST_PER_CLASS, at_most=MOST_PER_CLASS, in_all=MOST_IMAGES, seed=seed)
    train, test = split_images(chosen)
    smallest = min(channels)
    dimension = smallest if smallest >= FEWEST_CHANNELS else None
    return DecodingPlan(chosen, train, test, dimension, int((np.asarray(labels) < 0).sum()))


def decode_block(plan: DecodingPlan, block: Gate, values: NDArray[np.floating]) -> BlockDecoding:
    """Decode the class from one block.

    Args:
        plan: of the recording.
        block: the gate.
        values: s or z of all kept images, (N_kept, C).
    """
    values = values[plan.chosen.rows]
    everything = plan.affordable(block)
    full, informative = _decode(plan, values, everything)
    truth = plan.chosen.labels[plan.test]
    nothing = DecodingAccuracy(math.nan, math.nan, math.nan, 1 / len(plan.chosen.classes))
    whole = balanced_accuracy(truth, [full]) if informative else nothing
    matched, subsets = None, []
    if informative and plan.dimension is not None:
        draws = SUBSETS if plan.dimension < block.channels else 1
        answers = [_decode(plan, values, plan.subset(block, index))[0] for index in range(draws)]
        matched = balanced_accuracy(truth, answers)
        subsets = [balanced_accuracy(truth, [one]).value for one in answers]
    return BlockDecoding(block, matched, tuple(subsets), whole, len(everything), len(everything) - informative)


def _decode(plan: DecodingPlan, values: NDArray[np.floating], channels: Ints) -> tuple[Ints, int]:
    """Decoded class of every test image, and how many of the channels vary in training."""
    discriminant = fit_discriminant(values[plan.train][:, channels], plan.chosen.labels[plan.train])
    return discriminant.predict(values[plan.test][:, channels]), discriminant.informative


def decode_classes(
    recording: Recording,
    *,
    quantity: Quantity = "gate",
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> ClassDecoding:
    """Decode the class from every block that has the quantity, one block in memory at a time.

    s and z are decoded from the same images and channels. Decodable does not mean that the network uses it.

    Args:
        recording: with kept gates.
        quantity: "squeeze" for z, where that is kept.
        seed: of images, split and channels.
        on_progress: called with blocks done and all blocks; may raise to stop.

    Raises:
        RecordingError: too few kept images, z is not kept, or a file is damaged.
    """
    labels = recording.kept_samples["label"].to_numpy()
    plan = plan_decoding(labels, [g.channels for g in recording.blocks], seed=seed)
    blocks = list(measured_blocks(recording, quantity))
    decoded = []
    for block in blocks:
        decoded.append(decode_block(plan, block, recording.gates(block.name, quantity)))
        if on_progress is not None:
            on_progress(len(decoded), len(blocks))
    return ClassDecoding(plan, tuple(decoded))
