"""The columns of the statistics: name, type, unit and what each one says."""

from dataclasses import dataclass

import pyarrow as pa

from senet_viz.schema import UNLABELLED

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
ALL = UNLABELLED  # class_id of the whole set
ALL_NAME = "all"


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Attributes:
        name: as in the file.
        type: of its values.
        unit: of its values; "–" where they have none.
        definition: what it says, for people.
    """

    name: str
    type: pa.DataType
    unit: str
    definition: str


COLUMNS = (
    Column("block", pa.string(), "–", "Path of the module that returns s·x in the network."),
    Column("label", pa.string(), "–", "The paper's label of the block: stage and position within the stage."),
    Column("stage", pa.int32(), "–", "Resolution stage, as in the paper."),
    Column("depth", pa.int32(), "–", "Position of the block in the order of the forward pass, from 0."),
    Column("channel", pa.int32(), "–", "Channel of the block, from 0 to C − 1."),
    Column("class_id", pa.int32(), "–", "Index of the class; −1 is the whole set, unlabelled images included."),
    Column("class_name", pa.string(), "–", "The class as the data names it; `all` for the whole set."),
    Column("n", pa.int64(), "images", "Images of the class that were recorded. With 0 all that follows is empty."),
    Column("mean", pa.float64(), "s", "Mean gate over these images."),
    Column(
        "std",
        pa.float64(),
        "s",
        "Sample standard deviation over these images: the divisor is n − 1, and it is empty for n = 1.",
    ),
    Column("min", pa.float32(), "s", "Smallest gate over these images."),
    Column("max", pa.float32(), "s", "Largest gate over these images."),
)
QUANTILE_COLUMNS = tuple(
    Column(
        f"q{round(100 * q):02d}",
        pa.float64(),
        "s",
        f"{100 * q:.0f} % of these images have at most this gate (linear interpolation between gates in half precision).",
    )
    for q in QUANTILES
)


def statistics_columns(*, quantiles: bool) -> tuple[Column, ...]:
    """The columns in their order; the quantiles only where the gates of all images are kept."""
    return COLUMNS + QUANTILE_COLUMNS if quantiles else COLUMNS


def statistics_schema(*, quantiles: bool) -> pa.Schema:
    """Names and types of `statistics_columns`."""
    return pa.schema([(column.name, column.type) for column in statistics_columns(quantiles=quantiles)])
