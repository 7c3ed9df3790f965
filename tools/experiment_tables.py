"""The answers and the networks of docs/experiments.md, from a stored result.

    python -m tools.experiment_tables experiments/placement-and-depth

With `--write docs/experiments.md` they replace those between the page's marks.
"""

from pathlib import Path

from senet_viz.analysis.experiments.answers import accuracy_text, answer_question, describe_stages, describe_state
from senet_viz.analysis.experiments.files import read_result
from senet_viz.analysis.experiments.result import ExperimentResult
from tools.pages import run


def make_parts(folder: Path) -> dict[str, str]:
    """The parts by the name of their marks: "answers" and "networks"."""
    result = read_result(folder)
    if result is None:
        raise SystemExit(f"{folder} has no result: run senet-viz experiment first.")
    return {"answers": _answers(result), "networks": _networks(result)}


def _answers(result: ExperimentResult) -> str:
    parts = [describe_state(result.experiment, result)]
    for found in result.answers:
        stages = describe_stages(result, found)
        parts.append(f"**{found.question.ask}** {answer_question(result, found)}" + (f"\n\n{stages}" if stages else ""))
    return "\n\n".join(parts)


def _networks(result: ExperimentResult) -> str:
    lines = [
        "| condition | seeds | top-1 [95 %] | parameters | in SE units | multiply-adds | in SE units | forward | training step |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    speeds = {} if result.timing is None else {speed.condition: speed for speed in result.timing.speeds}
    for condition in result.experiment.conditions:
        cost, speed = result.cost(condition.id), speeds.get(condition.id)
        accuracy = (result.accuracies or {}).get(condition.id)
        cells = (
            condition.title, str(len(result.cells_of(condition.id))), "–" if accuracy is None else accuracy_text(accuracy),
            f"{cost.parameters:,}", f"{cost.gate_parameters:,}", f"{cost.macs + cost.gate_macs:,}", f"{cost.gate_macs:,}",
            *(("–", "–") if speed is None else (f"{speed.inference[0]:.2f} ×", f"{speed.training[0]:.2f} ×")),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    run(__doc__, make_parts)
