"""What `assessment.json` may hold beside its estimates: the types of its tables and claims, and what must fit what."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

from senet_viz.claims.declarations import CLAIMS
from senet_viz.claims.evidence import ClaimReport
from senet_viz.errors import RecordingError
from senet_viz.schema import Gate, Place, from_tree

_Cell = str | bool | int | float | None
_Decoded = TypedDict(
    "_Decoded",
    {
        "block": str, "depth": Place, "chance": float, "matched accuracy": float | None, "matched low": float | None,
        "matched high": float | None, "full accuracy": float | None, "full low": float | None, "full high": float | None,
    },
)  # fmt: skip


class _Decoding(TypedDict):
    reason: str
    rows: list[_Decoded]


class _Table(TypedDict):
    reason: str
    rows: list[dict[str, _Cell]]


class _Tables(TypedDict, total=False):
    decoding: _Decoding | None
    decoding_squeeze: _Decoding | None
    cka: _Table | None
    superclasses: _Table | None
    outcomes: _Table | None
    effects: dict[str, Any] | None
    claims: dict[str, Any]


def check_tables(tree: Mapping[str, Any], gates: Sequence[Gate], where: str, advice: str) -> None:
    """Refuses tables and claims of other types, and what does not fit a recording of these gates.

    Raises:
        RecordingError: names the path of what is wrong.
    """
    known = {key: tree[key] for key in _Tables.__annotations__ if key in tree}
    tables = from_tree(_Tables, known, where, advice)
    found = [*_table_misfits(tables, gates)]
    if "claims" in tables:
        report = ClaimReport.from_json(tables["claims"], f"{where}, claims")
        found += _claim_misfits(report, gates)
        if report.recording_id != tree["recording_id"]:
            found.append("claims.recording_id: it is not that of the assessment")
    if found:
        raise RecordingError(f"{where}, {found[0]}; {advice}.")


def _table_misfits(tables: _Tables, gates: Sequence[Gate]) -> Iterator[str]:
    decoding, cka = tables.get("decoding"), tables.get("cka")
    for key, table in (("decoding", decoding), ("cka", cka)):
        if table and len(table["rows"]) not in (0, len(gates)):
            yield f"{key}.rows: {len(table['rows'])} rows, the recording has {len(gates)} blocks"
    for at, row in enumerate(cka["rows"] if cka else ()):
        numbers = {name: value for name, value in row.items() if name != "block"}
        if "classes" not in row:
            yield f"cka.rows[{at}]: it has no similarity with the classes"
        for name, value in numbers.items():
            if isinstance(value, (str, bool)):
                yield f"cka.rows[{at}].{name}: expected a number or null, got {type(value).__name__}"


def _claim_misfits(report: ClaimReport, gates: Sequence[Gate]) -> Iterator[str]:
    declared = {claim.id: claim for claim in CLAIMS}
    ids = [claim.id for claim in report.claims]
    if sorted(ids) != sorted(declared):
        yield f"claims.claims: {', '.join(ids) or 'none'}, expected {', '.join(declared)} once each"
        return
    for claim in report.claims:
        if {*claim.readings} - {*declared[claim.id].readings} or not claim.readings:
            yield f"claims: {claim.id} has the readings {', '.join(claim.readings) or 'none'}, which it was not declared with"
    labels = {gate.label for gate in gates}
    for role, label in report.roles.items():
        if label not in labels:
            yield f"claims.roles.{role}: {label[:40]!r} is no block of the recording"
