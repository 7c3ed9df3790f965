"""Freeze advice in sentences and in plain numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from senet_viz.analysis.freezing.result import Cost, FreezeAdvice, least_reach
from senet_viz.schema import Gate
from senet_viz.stats.effects.result import say_limits


def answer_freezing(advice: FreezeAdvice) -> str:
    """What can be frozen, whether it is confirmed, and what it saves; a paragraph each."""
    if not advice.size:
        return _tell_nothing(advice)
    return "\n\n".join([_tell_set(advice), _tell_savings(advice)])


def _tell_nothing(advice: FreezeAdvice) -> str:
    first, images = advice.path.steps[0], advice.path.images[0]
    label = advice.path.gate(first.block).label
    sentence = (
        f"**No gate** can be frozen to its mean within {_points(advice.loss)} of top-1: the cheapest, {label}, changes it by "
        f"{say_cost(first.choosing)} points on the {images:,} images for choosing."
    )
    reach = least_reach(images)
    if reach > advice.loss:
        sentence += (
            f" {images:,} images can not tell less than {reach:.2f} points: take more of them, or accept a larger loss."
        )
    return sentence


def _tell_set(advice: FreezeAdvice) -> str:
    step = advice.step
    assert step is not None
    assert step.confirming is not None
    images, accepted = advice.path.images[1], _points(advice.loss)
    found = f"Δ top-1 is {say_cost(step.confirming)} points on {images:,} images that they were not chosen on"
    subject = f"**{advice.size} of {len(advice.path.gates)} gates** ({_list(advice.blocks)})"
    if advice.verdict == "confirmed":
        return f"{subject} can be frozen to their means within {accepted} of top-1. **Confirmed**: {found}."
    if advice.verdict == "refuted":
        sentence = f"{subject} seemed to be free to freeze within {accepted} of top-1. **Refuted**: {found}."
    elif advice.verdict == "inconclusive":
        sentence = (
            f"{subject} seem to be free to freeze within {accepted} of top-1. **Not confirmed**: {found}, which reaches "
            "beyond that loss."
        )
    else:
        return f"{subject} seem to be free to freeze within {accepted} of top-1. **Not confirmed**: {found}, too few for an interval."
    few = advice.confirmed_size
    if not few:
        return f"{sentence} No smaller set of the path is confirmed in its turn either."
    return f"{sentence} Confirmed in their turn are the first {few} of the path ({_list(advice.confirmed_blocks)})."


def _tell_savings(advice: FreezeAdvice) -> str:
    path, size = advice.path, advice.size
    saved = path.parameters_saved(size)
    share = f" ({saved / path.parameters:.1%} of the network's)" if path.parameters else ""
    sentence = f"Freezing {'it' if size == 1 else f'all {size}'} saves **{saved:,} parameters**{share}"
    if path.timing is None:
        return f"{sentence}; the time saved was not measured."
    timing, share_of_time = path.timing, path.timing.saved(size)
    low, high = timing.spread(size)
    if share_of_time >= 0:
        time = f"and **{share_of_time:.1%} of a forward's time**"
    else:
        time = f"and no time: a forward takes {-share_of_time:.1%} longer"
    return (
        f"{sentence} {time} (median of {timing.rounds} rounds of {timing.images} images, quartiles {_percent(low)} to "
        f"{_percent(high)}, {timing.device}, {timing.threads} thread{'s' * (timing.threads != 1)})."
    )


def say_cost(cost: Cost) -> str:
    """Δ top-1 with its 90 % interval: "−0.42 [−0.80, −0.04]"."""
    limits = cost.interval()
    value = f"{cost.top1.value:z.2f}".replace("-", "−")
    return value if limits.low != limits.low else f"{value} {say_limits(limits)}"


def _points(loss: float) -> str:
    return f"{loss:g} point" if loss == 1 else f"{loss:g} points"


def _percent(share: float) -> str:
    return f"{share:z.1%}".replace("-", "−")


def _list(gates: Sequence[Gate]) -> str:
    return ", ".join(gate.label for gate in gates)


def summarize_freezing(advice: FreezeAdvice, folder: Path | str) -> dict[str, Any]:
    """With documented keys (docs/json.md); numbers are null where they are not known."""
    path, timing = advice.path, advice.path.timing
    return {
        "freezing": str(folder),
        "id": path.id,
        "images": {"choosing": path.images[0], "confirming": path.images[1]},
        "clean": {"choosing": path.clean[0], "confirming": path.clean[1]},
        "loss": advice.loss,
        "size": advice.size,
        "blocks": [gate.label for gate in advice.blocks],
        "verdict": advice.verdict,
        "confirmed_size": advice.confirmed_size,
        "confirmed_blocks": [gate.label for gate in advice.confirmed_blocks],
        "parameters": path.parameters,
        "parameters_saved": path.parameters_saved(advice.size),
        "time_saved": None if timing is None else timing.saved(advice.size),
        "timing": None
        if timing is None
        else {
            "rounds": timing.rounds, "images": timing.images, "seconds": timing.seconds, "device": timing.device,
            "threads": timing.threads,
        },
        "steps": [
            {
                "block": path.gate(step.block).label,
                "choosing": _cost_tree(step.choosing),
                "confirming": None if step.confirming is None else _cost_tree(step.confirming),
                "parameters_saved": path.parameters_saved(size),
                "time_saved": None if timing is None else timing.saved(size),
            }
            for size, step in enumerate(path.steps, start=1)
        ],
        "notes": list(path.notes),
    }  # fmt: skip


def _cost_tree(cost: Cost) -> dict[str, float | None]:
    limits = cost.interval()
    tree = {"top1": cost.top1.value, "low": limits.low, "high": limits.high, "loss": cost.loss}
    return {name: None if value != value else value for name, value in tree.items()}


def describe_freezing(advice: FreezeAdvice) -> str:
    """For a terminal: the answer, then a line a step."""
    path = advice.path
    width = max(len(gate.label) for gate in path.gates) + 2
    lines = [answer_freezing(advice).replace("**", "").replace("\n\n", "\n"), ""]
    lines.append(
        f"{'':>3}  {'block':<{width}}{'Δ top-1, choosing':<26}{'confirming (90 %)':<26}{'parameters':>11}  time"
    )
    for size, step in enumerate(path.steps, start=1):
        time = "" if path.timing is None else _percent(-path.timing.saved(size))
        confirming = "" if step.confirming is None else say_cost(step.confirming)
        lines.append(
            f"{size:>3}  {path.gate(step.block).label:<{width}}{say_cost(step.choosing):<26}{confirming:<26}"
            f"{f'{-path.parameters_saved(size):,}'.replace('-', '−'):>11}  {time}"
        )
    return "\n".join([*lines, *(f"note: {note}" for note in path.notes)])
