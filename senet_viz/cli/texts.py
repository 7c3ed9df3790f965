"""What people read of an estimate, a plan and a finished recording."""

import math
from typing import TYPE_CHECKING, Any

from senet_viz.text import bytes_text, seconds_text

if TYPE_CHECKING:
    from senet_viz.claims import ClaimReport, Evidence


def estimate_text(e: dict[str, Any]) -> str:
    """An estimate or a plan in one line."""
    seconds = math.nan if e["seconds"] is None else e["seconds"]
    return (
        f"{e['images']:,} images ({e['kept']:,} kept), about {seconds_text(seconds)}, {bytes_text(e['disk_bytes'])} on disk "
        f"({bytes_text(e['free_bytes'])} free), {bytes_text(e['memory_bytes'])} of memory beside the network's"
    )


def plan_text(plan: dict[str, Any]) -> str:
    lines = [estimate_text(plan)]
    outputs = [row["output"] for row in plan["classes"]]
    if outputs:
        mapped = sum(output is not None for output in outputs)
        lines.append(f"{mapped:,} of {len(outputs):,} classes have an output (found by: {plan['mapping']['method']})")
    lines += [f"note: {note}" for note in (plan["mapping"]["note"], *plan["notes"]) if note]
    if plan["problem"]:
        lines.append(f"It would be refused: {plan['problem']}")
    return "\n".join(lines)


def summary_text(summary: dict[str, Any]) -> str:
    top1 = summary["top1"]
    right = (
        f"top-1 {top1:.2%} of {summary['judged']:,}" if top1 is not None else "top-1 unknown: no class has an output"
    )
    lines = [
        f"{summary['recording']}: {summary['images']:,} images, {summary['kept']:,} kept, {summary['classes']} classes, "
        f"{summary['blocks']} blocks, {right}"
    ]
    if summary["errors"]:
        lines.append(f"{summary['errors']:,} images could not be read and were left out:")
        lines += [f"  {error['path']}: {error['error']}" for error in summary["error_list"][:20]]
        if summary["errors"] > 20:
            lines.append("  … the rest is in the recording's errors files")
    lines += [f"note: {note}" for note in summary["notes"]]
    return "\n".join(lines)


def claims_text(report: "ClaimReport") -> str:
    """Judged claims: in sentences, then a line per claim, reading and part."""
    from senet_viz.claims import READINGS, describe_disagreement, describe_scope, summarize_reading

    lines = [*(summarize_reading(report, name) for name in READINGS), describe_scope(report)]
    if disagreement := describe_disagreement(report):
        lines.append(disagreement)
    row = "{:<4} {:<9} {:<15} {}"
    lines += ["", row.format("", "reading", "verdict", "estimate [interval], declared bound")]
    for claim in report.claims:
        for name, evidence in claim.readings.items():
            first, *rest = _parts(evidence)
            lines.append(row.format(claim.id, name, evidence.verdict, first))
            lines += [row.format("", "", "", part) for part in rest]
    return "\n".join(lines)


def _parts(evidence: "Evidence") -> list[str]:
    from senet_viz.claims import say_bound, say_interval

    return [
        f"{part.formula} = {say_interval(part.estimate, part.interval, part.unit)} ({part.interval.level:.0%}), "
        f"{say_bound(part.side, part.bound)}" + (f": {part.reason}" if part.verdict == "not applicable" else "")
        for part in evidence.parts
    ] or [evidence.reason]
