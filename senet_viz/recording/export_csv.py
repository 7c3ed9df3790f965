"""The statistics as CSV: quantiles that are in order as text too, and the form that Excel shows as it is."""

import codecs
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from senet_viz.recording.statistics import COLUMNS, Tables
from senet_viz.text import FORMULA

EXCEL_ROWS = 1_048_576
_FORMULA = rf"^({FORMULA})"


def write_csv(file: BinaryIO, schema: pa.Schema, tables: Tables, *, for_excel: bool = False) -> None:
    """Write tables, with an apostrophe before names that would be formulas (see `text.defuse`); for Excel with a byte order mark."""
    file.write(codecs.BOM_UTF8 if for_excel else b"")
    options = pacsv.WriteOptions(quoting_style="needed")
    with pacsv.CSVWriter(file, schema, write_options=options) as writer:
        for table in tables:
            writer.write_table(_defuse(_bound_quantiles(table)))


def describe_excel_limit(rows: int) -> str:
    """What a person must know of a file for Excel with so many rows; "" for nothing."""
    if rows < EXCEL_ROWS:  # one is the header
        return ""
    return (
        f"The file has {rows:,} rows and a header, and Excel shows {EXCEL_ROWS:,}: what is beyond is cut off there; export "
        "fewer blocks or classes."
    )


def _bound_quantiles(table: pa.Table) -> pa.Table:
    """Within min and max as text has them: float32 in few digits is a little more or less than its value."""
    low, high = (table[name].cast(pa.string()).cast(pa.float64()) for name in ("min", "max"))
    for at in range(len(COLUMNS), table.num_columns):
        bounded = pc.min_element_wise(pc.max_element_wise(table[at], low), high)
        table = table.set_column(at, table.schema.field(at), bounded)
    return table


def _defuse(table: pa.Table) -> pa.Table:
    for at, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            table = table.set_column(at, field, pc.replace_substring_regex(table[at], _FORMULA, r"'\1"))
    return table
