"""The tables of interventions on disk, packed small: they are committed with a checkpoint."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from senet_viz.errors import RecordingError
from senet_viz.recording.files import HashingFile, write_file
from senet_viz.recording.outcomes.layout import MANIFEST, OutcomesManifest
from senet_viz.schema import FileEntry

_LEVEL = 15


def write_outcomes(folder: Path, name: str, table: pa.Table) -> FileEntry:
    """One slice of the images: a single row group, so that what variants have in common is found by the compressor."""

    def fill(sink: HashingFile) -> None:
        pq.write_table(
            table,
            sink,
            row_group_size=table.num_rows,
            compression="zstd",
            compression_level=_LEVEL,
            use_dictionary=["prediction", "variant"],
            column_encoding={"loss": "BYTE_STREAM_SPLIT", "sample": "DELTA_BINARY_PACKED"},
            write_statistics=False,
            write_page_checksum=True,
        )

    return write_file(folder, name, "outcomes", table.num_rows, fill)


def stored_outcomes(folder: Path) -> OutcomesManifest | None:
    """The manifest of a folder; None where there is none yet.

    Raises:
        RecordingError: it can not be read, or is not of interventions.
    """
    path = folder / MANIFEST
    try:
        tree = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RecordingError(f"{path} could not be read ({error}): copy the folder again or make it again.") from error
    if not isinstance(tree, dict):
        raise RecordingError(f"{path} is no manifest of interventions: give another folder.")
    return OutcomesManifest.from_json(tree, str(path))
