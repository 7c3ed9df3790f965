"""Superclasses of classes, and the semantic partition of a gate's variance: superclass, class within it, image within class."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.paths import expand_home
from senet_viz.recording.layout import Quantity
from senet_viz.recording.moments import Moments
from senet_viz.recording.reader import Recording
from senet_viz.schema import ClassTable, Floats, Gate
from senet_viz.stats.tables import measured_blocks

if TYPE_CHECKING:
    import pandas as pd


NO_SUPERCLASS = -1
_IMAGENET = Path(__file__).with_name("imagenet_superclasses.csv")
_COLUMNS = ("class", "superclass")


@dataclass(frozen=True, eq=False)
class Superclasses:
    """A partition of classes into groups of meaning.

    Attributes:
        names: of the S superclasses that have a class, sorted.
        of_class: superclass of each class, (K,); −1 where a class has none.
        source: where the partition comes from, one sentence.
    """

    names: tuple[str, ...]
    of_class: NDArray[np.int64]
    source: str

    @classmethod
    def from_names(cls, named: Mapping[int, str], n_classes: int, source: str) -> Self:
        """Of K classes, those with an entry in `named` (class index → superclass)."""
        names = tuple(sorted(set(named.values())))
        of_class = np.full(n_classes, NO_SUPERCLASS, dtype=np.int64)
        of_class[list(named)] = [names.index(name) for name in named.values()]
        return cls(names, of_class, source)


def wordnet_superclasses(classes: ClassTable) -> Superclasses:
    """The superclasses of ImageNet classes by their wnids.

    A class gets the superclass of its nearest ancestor in WordNet 3.0 among the synsets in `superclass_cuts.csv` (the
    fewest steps up; the first listed among equals). Classes outside the 1,000 of ILSVRC 2012 have none.

    Raises:
        ArgumentError: no class is one of ImageNet's by its wnid.
    """
    with _IMAGENET.open(encoding="utf-8", newline="") as file:
        table = {row["wnid"]: row["superclass"] for row in csv.DictReader(file)}
    named = {index: table[wnid] for index, wnid in enumerate(classes.wnids) if wnid in table}
    if not named:
        raise ArgumentError(
            "No class has the wnid of an ImageNet class, so WordNet gives no superclasses: "
            "give a CSV with the columns class,superclass."
        )
    return Superclasses.from_names(named, len(classes), "WordNet 3.0, nearest of the listed synsets above each class")


def read_superclasses(path: str | Path, classes: ClassTable) -> Superclasses:
    """A user's partition: a CSV with the columns class and superclass.

    A class is given by its wnid, its name, the name's first synonym, or its index from 0, tried in this order. Classes
    that are not listed have no superclass.

    Raises:
        ArgumentError: the file cannot be read, lacks a column, names no class, an unknown one, or one twice; the
            message gives the line.
    """
    named: dict[int, str] = {}
    path = expand_home(path)
    for line, row in _read_rows(path):
        index = _find_class(row["class"], classes, f"{path.name}, line {line}")
        if index in named:
            raise ArgumentError(f"{path.name}, line {line}: class {row['class']!r} is listed twice; keep one line.")
        named[index] = row["superclass"]
    if not named:
        raise ArgumentError(f"{path.name} lists no class: give a line class,superclass for each.")
    return Superclasses.from_names(named, len(classes), f"the table {path.name}")


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Line number and stripped cells of every row that has any."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            repeated = [name for name, times in Counter(reader.fieldnames or ()).items() if times > 1]
            if repeated or not set(_COLUMNS) <= set(reader.fieldnames or ()):
                raise ArgumentError(
                    f"{path.name} needs the columns class and superclass, each once, in its first line."
                )
            rows = [(reader.line_num, {name: (row[name] or "").strip() for name in _COLUMNS}) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ArgumentError(f"{path} cannot be read as a CSV table in UTF-8: {error}.") from error
    for line, row in rows:
        if not all(row.values()):
            raise ArgumentError(
                f"{path.name}, line {line}: a class and its superclass are needed, one of them is empty."
            )
    return rows


def _find_class(wanted: str, classes: ClassTable, where: str) -> int:
    try:
        return classes.find(wanted)
    except ArgumentError as error:
        if wanted.isascii() and wanted.isdigit() and int(wanted) < len(classes):
            return int(wanted)
        raise ArgumentError(f"{where}: {error}") from error


LEVELS = ("superclass", "class within superclass", "image within class")
_ROUNDING = 1e-12  # relative: deviations below it are float64's, not the gate's


@dataclass(frozen=True, eq=False)
class NestedPartition:
    """Variance of C channels, split by a nested analysis of variance; rows are in the order of `LEVELS`.

    Model (random effects): gate = mean + superclass + class + image, with the variances σ²_a, σ²_b, σ²_e. They aim at
    superclasses and classes *like these*: like ICC, and unlike ω², they divide by the number of groups less one.

    Attributes:
        superclasses: a, that have an image.
        classes: b, that have an image and a superclass.
        images: N, of those classes.
        left_out: classes that have an image and no superclass.
        degrees: of freedom: a − 1, b − a, N − b.
        squares: sums of squares of each level, (3, C), in squared units of s.
        components: σ²_a, σ²_b, σ²_e, (3, C), in squared units of s. Unbiased and never clipped, so that they may be
            negative. NaN where they are not defined: σ²_e where no class has two images; σ²_b moreover where every
            superclass has one class; σ²_a moreover where there is one superclass.
        constant: channels without variance, (C,): their shares are NaN.
    """

    superclasses: int
    classes: int
    images: int
    left_out: int
    degrees: tuple[int, int, int]
    squares: Floats
    components: Floats
    constant: NDArray[np.bool_]

    @property
    def shares(self) -> Floats:
        """Each level's share of the variance of every channel, σ² / Σσ², (3, C); NaN where a level is not defined."""
        total = self.components.sum(axis=0)
        known = ~self.constant & (total > 0)
        return np.asarray(self.components / np.where(known, total, np.nan))

    @property
    def undefined(self) -> int:
        """Channels whose shares are NaN."""
        return int(np.isnan(self.shares[0]).sum())

    @property
    def pooled_shares(self) -> Floats:
        """Each level's share of the variance of all channels together, (3,): Σ_c σ²_c / Σ_c Σσ²_c."""
        pooled = self.components.sum(axis=1)
        total = pooled.sum()
        return np.asarray(pooled / (total if total > 0 and not self.constant.all() else np.nan))

    @property
    def sds(self) -> Floats:
        """Standard deviation of each level in units of s, (3,): √max(0, mean over channels of σ²)."""
        return np.asarray(np.sqrt(np.maximum(0, self.components.mean(axis=1))))


def partition_variance(moments: Moments, superclasses: Superclasses) -> NestedPartition:
    """Split the variance of every channel of one block, from moments alone.

    Sums of squares, classes j within superclasses i, weighted by images: SS_a = Σ n_i (m_i − m)²,
    SS_b = Σ n_ij (m_ij − m_i)², SS_e = Σ M2_ij. Components by the method of moments for unequal numbers (Henderson
    1953, method 1; Searle, Casella and McCulloch 1992): with q = Σ_i (Σ_j n_ij²) / n_i,

    σ²_e = MS_e,  σ²_b = (MS_b − σ²_e) (b − a) / (N − q),
    σ²_a = (MS_a − σ²_e − σ²_b (q − Σ n_ij² / N) / (a − 1)) (a − 1) / (N − Σ n_i² / N).

    Args:
        moments: of one block, K classes; a slim recording's z and controls, which keep only SSW, will do where no class
            with an image is left out.
        superclasses: of the K classes.

    Raises:
        ArgumentError: superclasses of another number of classes.
        RecordingError: classes are left out and the moments keep only SSW of all.
    """
    group = superclasses.of_class
    if len(group) != len(moments.count):
        raise ArgumentError(f"Superclasses are given for {len(group)} classes, the recording has {len(moments.count)}.")
    used = (moments.count > 0) & (group != NO_SUPERCLASS)
    left_out = int(((moments.count > 0) & ~used).sum())
    _, rows = np.unique(group[used], return_inverse=True)
    counts = moments.count[used].astype(np.float64)
    squares, centre = _squares(counts, moments.mean[used], rows, _within(moments, used, left_out))
    images, a = int(counts.sum()), int(rows.max(initial=-1)) + 1
    degrees = (max(a - 1, 0), len(counts) - a, images - len(counts))
    return NestedPartition(
        superclasses=a,
        classes=len(counts),
        images=images,
        left_out=left_out,
        degrees=degrees,
        squares=squares,
        components=_components(squares, degrees, counts, rows),
        constant=np.asarray(squares.sum(axis=0) <= images * (_ROUNDING * centre) ** 2),
    )


def _within(moments: Moments, used: NDArray[np.bool_], left_out: int) -> Floats:
    """SS_e, (C,)."""
    if not left_out:
        return moments.ssw
    if moments.m2 is None:
        raise RecordingError(
            f"The sum of squares within the classes that have a superclass is not known, as {left_out} have none: "
            "give every class a superclass or use the full recording."
        )
    return np.asarray(moments.m2[used].sum(axis=0))


def _squares(counts: Floats, means: Floats, rows: NDArray[np.int64], within: Floats) -> tuple[Floats, Floats]:
    """Sums of squares (3, C) and the mean over the images (C,)."""
    if not len(counts):
        return np.stack([np.zeros_like(within)] * 2 + [within]), np.zeros_like(within)
    shifted = means - means[0]  # so that equal means differ by 0 exactly
    membership = np.zeros((int(rows.max()) + 1, len(counts)))  # images of each class in its superclass
    membership[rows, np.arange(len(counts))] = counts
    sizes = membership.sum(axis=1)
    group_means = membership @ shifted / sizes[:, None]
    centre = sizes @ group_means / sizes.sum()
    between = sizes @ (group_means - centre) ** 2
    nested = counts @ (shifted - group_means[rows]) ** 2
    return np.stack([between, nested, within]), centre + means[0]


def _components(squares: Floats, degrees: tuple[int, int, int], counts: Floats, rows: NDArray[np.int64]) -> Floats:
    """σ²_a, σ²_b, σ²_e, (3, C)."""
    if not len(counts):
        return np.full_like(squares, np.nan)
    free = np.where(np.array(degrees) > 0, np.array(degrees, dtype=np.float64), np.nan)
    mean_a, mean_b, image = squares / free[:, None]
    images = counts.sum()
    sizes = np.bincount(rows, weights=counts)
    q = (np.bincount(rows, weights=counts**2) / sizes).sum()
    nested = (mean_b - image) * free[1] / (images - q)
    mixed = nested * (q - (counts**2).sum() / images) / free[0]
    between = (mean_a - image - mixed) * free[0] / (images - (sizes**2).sum() / images)
    return np.stack([between, nested, image])


@dataclass(frozen=True, eq=False)
class SemanticPartition:
    """The partition of every block of a recording.

    Attributes:
        source: of the superclasses.
        blocks: the gates, in order of depth.
        partitions: one a block.
    """

    source: str
    blocks: tuple[Gate, ...]
    partitions: tuple[NestedPartition, ...]

    def table(self) -> "pd.DataFrame":
        """A row per block and level, with the pooled share and the SD in units of the quantity."""
        import pandas as pd

        rows = [
            {
                "block": block.label,
                "depth": block.depth,
                "level": level,
                "share": share,
                "sd": sd,
                "degrees of freedom": degrees,
                "superclasses": part.superclasses,
                "classes": part.classes,
                "images": part.images,
                "classes left out": part.left_out,
                "channels": block.channels,
                "channels undefined": part.undefined,
            }
            for block, part in zip(self.blocks, self.partitions)
            for level, share, sd, degrees in zip(LEVELS, part.pooled_shares, part.sds, part.degrees)
        ]
        return pd.DataFrame(rows)


def partition_recording(
    recording: Recording, superclasses: Superclasses, *, quantity: Quantity = "gate"
) -> SemanticPartition:
    """Partition every block that has the quantity, one block in memory at a time.

    Raises:
        ArgumentError, RecordingError: as in `partition_variance`, or a file is missing or damaged.
    """
    blocks = tuple(measured_blocks(recording, quantity))
    parts = tuple(partition_variance(recording.moments(g.name, quantity), superclasses) for g in blocks)
    return SemanticPartition(superclasses.source, blocks, parts)
