"""The tables of docs/claims.md and docs/claims-inception.md, from a stored assessment.

    python -m tools.claims_tables checkpoints/seresnet50-w050-64px/recording

With `--write docs/claims.md` they replace those between the page's marks.
"""

from pathlib import Path
from typing import Any

from senet_viz.claims.assessment import Assessment, read_assessment, read_tree
from senet_viz.claims.declaring import SIDE_WORDS, say_interval, say_number
from senet_viz.claims.evidence import ClaimReport, PartEvidence
from senet_viz.recording.reader import open_recording
from tools.pages import run


def make_tables(folder: Path) -> dict[str, str]:
    """The tables by the name of their marks: "claims", "blocks" and "effects"."""
    recording = open_recording(folder)
    tree, assessment = read_tree(recording), read_assessment(recording)
    if tree is None or assessment is None:
        raise SystemExit(f"{folder} has no assessment: run senet-viz assess first.")
    report = ClaimReport.from_json(tree["claims"])
    of_z = {row["block"]: f"{row['matched accuracy']:.3f}" for row in tree["decoding_squeeze"]["rows"]}
    blocks = _blocks(assessment, tree["decoding"]["rows"], of_z, tree["cka"]["rows"])
    return {"claims": _claims(report), "blocks": blocks, "effects": _effects(tree["effects"])}


def _claims(report: ClaimReport) -> str:
    lines = [
        "| claim | reading | verdict | number and interval | declared | z | random weights |",
        "|---|---|---|---|---|---|---|",
    ]
    for claim in report.claims:
        for name, evidence in claim.readings.items():
            for i, part in enumerate(evidence.parts):
                head = f"{claim.id} | {name} | **{evidence.verdict}**" if i == 0 else " | | "
                number = (
                    f"{part.words}: {say_interval(part.estimate, part.interval, part.unit)} ({part.interval.level:.0%})"
                )
                bound = f"{SIDE_WORDS[part.side]} {part.bound:g}"
                lines.append(
                    f"| {head} | {number} | {bound} | {_beside(part, 'squeeze')} | {_beside(part, 'random weights')} |"
                )
    return "\n".join(lines)


def _beside(part: PartEvidence, kind: str) -> str:
    return next((say_number(b.value, part.unit) for b in part.beside if b.kind == kind), "–")


def _blocks(
    assessment: Assessment, decoding: list[dict[str, float]], of_z: dict[str, str], cka: list[dict[str, float]]
) -> str:
    lines = [
        "| block | ω² of s | ω² of z | random weights | between-class SD | within-class SD | s > .9 | rank of gates | decoding of s | of z | CKA with classes |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for at, (block, decoded, similar) in enumerate(zip(assessment.blocks, decoding, cka, strict=True)):
        random = sum(control.blocks[at].omega_squared for control in assessment.controls) / max(
            1, len(assessment.controls)
        )
        gate, squeeze = block.gate, block.squeeze
        cells = (
            block.block.label, f"{gate['omega_squared'].value:.3f}", "–" if squeeze is None else f"{squeeze.omega_squared:.3f}",
            f"{random:.3f}" if assessment.controls else "–", f"{gate['between_sd'].value:.4f}",
            f"{gate['within_sd'].value:.4f}", f"{gate['near_one'].value:.3f}", f"{block.gate_rank:.1f}",
            f"{decoded['matched accuracy']:.3f}", of_z.get(block.block.label, "–"), f"{similar['classes']:.3f}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _effects(tree: dict[str, list[dict[str, Any]]]) -> str:
    lines = [
        "| gates of | to 1 | dynamic: mean − clean | instance: within − clean | class: between − within |",
        "|---|---|---|---|---|",
    ]
    to_one = {e["target"]: e["top1"] for e in tree["effects"] if (e["baseline"], e["strength"]) == ("one", 1)}
    parts = {(c["target"], c["component"]): c["top1"] for c in tree["components"]}
    for target in dict.fromkeys(c["target"] for c in tree["components"]):
        cells = [to_one[target], *(parts[target, part] for part in ("dynamic", "instance", "class"))]
        lines.append(f"| {target} | {' | '.join(_points(cell) for cell in cells)} |")
    return "\n".join(lines)


def _points(change: dict[str, float]) -> str:
    return "{value:+.2f} [{low:+.2f}, {high:+.2f}]".format(**change).replace("-", "−")


if __name__ == "__main__":
    run(__doc__, make_tables)
