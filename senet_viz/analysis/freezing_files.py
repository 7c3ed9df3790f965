"""`freezing.json`: a path as it grows, replaced whole with every step; the advice in sentences and in plain numbers."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Required, TypedDict

from senet_viz.analysis.freezing import Candidate, Cost, FreezeAdvice, FreezePath, FreezeStep, least_reach
from senet_viz.errors import RecordingError
from senet_viz.paths import expand_home, explain_refusal
from senet_viz.recording.files import as_recording_errors, read_json, replace_json
from senet_viz.recording.layout import FREEZING
from senet_viz.recording.reader import Recording
from senet_viz.schema import Gate, Layout, are_same_gates, check_text, from_tree, to_tree
from senet_viz.stats.effects import say_limits
from senet_viz.text import number_text

FREEZING_VERSION = 1
_KIND = "freezing"
_RENAMED = {".top1.working": ".top1", ".top1.replicates": ".replicates"}
_ADVICE = "copy it again, or delete it and freeze again"


def write_freezing(folder: Path, path: FreezePath) -> None:
    """Replace the file; a reader sees the old one or the new one.

    Raises:
        RecordingError: the folder can not be written.
    """
    with as_recording_errors(f"Writing {FREEZING} in {folder}", "Give a folder that can be written."):
        replace_json(folder, FREEZING, to_json(path), sealed=True)


def stored_freezing(folder: Path) -> FreezePath | None:
    """The path in a folder, finished or not; None where there is none.

    Raises:
        RecordingError: it can not be read.
    """
    file = folder / FREEZING
    tree = read_json(file, _ADVICE)
    return None if tree is None else from_json(tree, str(file))


def open_freezing(folder: str | Path) -> FreezePath:
    """Open what `senet-viz freeze` wrote.

    Raises:
        RecordingError: there is none, or it can not be read.
    """
    place = expand_home(folder)
    if reason := explain_refusal(place):
        raise RecordingError(f"{place} could not be opened ({reason}): check the path and its permissions.")
    found = stored_freezing(place)
    if found is None:
        raise RecordingError(f"{place} has no {FREEZING}: give a folder that `senet-viz freeze` wrote.")
    return found


def read_freezing(recording: Recording) -> FreezePath | None:
    """The path that was stored beside a recording; None where there is none.

    Raises:
        RecordingError: damaged, or of another network or other images.
    """
    found = stored_freezing(recording.path)
    if found is not None:
        check_freezing(found, recording)
    return found


def find_freezing_path(recording: Recording, folders: Iterable[Path]) -> FreezePath | None:
    """The finished path beside a recording, else that of the first folder that holds one for it; None where none does.

    What lies in the folders and is damaged, unfinished or of another network or other images is passed over.

    Raises:
        RecordingError: the one beside the recording is damaged, or of another network or other images.
    """
    found = read_freezing(recording)
    if found is not None and found.complete:
        return found
    for folder in folders:
        with contextlib.suppress(RecordingError):
            found = stored_freezing(folder)
            if found is not None and found.complete:
                check_freezing(found, recording)
                return found
    return None


def check_freezing(path: FreezePath, recording: Recording) -> None:
    """Refuse a path that does not speak of what was recorded.

    Raises:
        RecordingError: another network, preprocessing, images or outputs of the classes.
    """
    about, where = recording.manifest, f"The {FREEZING} of {recording.path}"
    model, data = path.identity["model"], path.identity["data"]
    if about.model.get("sha256") != model.get("sha256") or not are_same_gates(recording.blocks, path.gates):
        raise RecordingError(f"{where} is of another network than was recorded: freeze again with this one.")
    if about.data.get("digest") != data.get("digest"):
        raise RecordingError(f"{where} is of other images than were recorded: freeze again on these.")
    if dict(about.preprocessing) != path.identity.get("preprocessing"):
        raise RecordingError(f"{where} is of images of another preprocessing: freeze again with the recording's.")
    if list(about.mapping.outputs) != path.identity.get("outputs"):
        raise RecordingError(
            f"{where} maps classes to other outputs than the recording: freeze again with its label map."
        )


def to_json(path: FreezePath) -> dict[str, Any]:
    """Plain values; what is not a number is null."""
    head = {"freezing_version": FREEZING_VERSION, "kind": _KIND, "id": path.id, "complete": path.complete}
    return dict(to_tree({**head, **vars(path), "steps": [_step_tree(step) for step in path.steps]}))


def from_json(tree: Mapping[str, Any], where: str = FREEZING) -> FreezePath:
    """The inverse of `to_json`.

    Raises:
        RecordingError: it is no such tree.
    """
    version, kind = tree.get("freezing_version"), tree.get("kind")
    if kind != _KIND or version != FREEZING_VERSION:
        raise RecordingError(
            f"{where} could not be read (version {version!r} of {kind!r}, not {FREEZING_VERSION}): {_ADVICE}."
        )
    check_text(tree, where, _ADVICE)
    layouts: Mapping[type, Layout] = {FreezePath: dict, FreezeStep: dict, Candidate: dict, Cost: _cost}
    found = from_tree(FreezePath, tree, where, _ADVICE, layouts=layouts, renamed=_RENAMED)
    from_tree(_Identity, found.identity, where, _ADVICE, path="identity")
    if misfits := [*_misfits(found)]:
        raise RecordingError(f"{where}, {misfits[0]}; {_ADVICE}.")
    return found


class _Identity(TypedDict, total=False):
    model: Required[dict[str, Any]]
    data: Required[dict[str, Any]]
    preprocessing: dict[str, Any]
    outputs: list[int | None]


def _misfits(path: FreezePath) -> Iterator[str]:
    names, order = [gate.name for gate in path.gates], path.order
    if not names or len({*names}) < len(names) or [gate.depth for gate in path.gates] != [*range(len(names))]:
        yield "gates: expected each block once, in order of depth"
    if {*order} - {*names} or len({*order}) < len(order):
        yield "steps: expected blocks of the network, each once"
    for at, step in enumerate(path.steps):
        if {candidate.block for candidate in step.candidates} - {*names}:
            yield f"steps[{at}].candidates: expected blocks of the network"
        if path.complete and step.confirming is None:
            yield f"steps[{at}].confirming: a path that is complete was confirmed"
        for name, cost in (("choosing", step.choosing), ("confirming", step.confirming)):
            if cost is not None and cost.top1.replicates.ndim != 1:
                yield f"steps[{at}].{name}.replicates: expected a list of numbers"
    if path.timing is not None and path.timing.ratios.shape[:-1] != (len(order),):
        yield f"timing.ratios: expected a row for each of {len(order)} steps"
    if {name for unit in path.shared for name in unit} - {*names}:
        yield "shared: expected blocks of the network"


def _step_tree(step: FreezeStep) -> dict[str, Any]:
    return {
        "block": step.block,
        "choosing": _cost_tree(step.choosing),
        "confirming": None if step.confirming is None else _cost_tree(step.confirming),
        "candidates": step.candidates,
    }


def _cost_tree(cost: Cost) -> dict[str, Any]:
    return {
        "images": cost.images, "loss": cost.loss, "top1": cost.top1.value, **to_tree(cost.interval()),
        "replicates": cost.top1.replicates,
    }  # fmt: skip


def _cost(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**tree, "top1": {"working": tree["top1"], "replicates": tree["replicates"]}}


def answer_freezing(advice: FreezeAdvice) -> str:
    """What can be frozen, whether it is confirmed, and what it saves; a paragraph each."""
    if not advice.size:
        return _explain_nothing(advice)
    return "\n\n".join([_describe_set(advice), _describe_savings(advice)])


def _explain_nothing(advice: FreezeAdvice) -> str:
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


def _describe_set(advice: FreezeAdvice) -> str:
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


def _describe_savings(advice: FreezeAdvice) -> str:
    path, size = advice.path, advice.size
    saved = path.parameters_saved(size)
    share = f" ({abs(saved) / path.parameters:.1%} of the network's)" if path.parameters else ""
    effect = f"{'saves' if saved >= 0 else 'adds'} **{abs(saved):,} parameters**{share}"
    sentence = f"Freezing {'it' if size == 1 else f'all {size}'} {effect}"
    if path.timing is None:
        return f"{sentence}; the time saved was not measured."
    timing, share_of_time = path.timing, path.timing.saved(size)
    low, high = timing.spread(size)
    if share_of_time >= 0:
        time = f"and **{share_of_time:.1%} of a forward's time**"
    else:
        time = f"and no time: a forward takes {-share_of_time:.1%} longer"
    return (
        f"{sentence} {time} (median of {timing.rounds} rounds of {timing.images} images, quartiles {number_text(low, 'z.1%')} to "
        f"{number_text(high, 'z.1%')}, {timing.device}, {timing.threads} thread{'s' * (timing.threads != 1)})."
    )


def say_cost(cost: Cost) -> str:
    """Δ top-1 with its 90 % interval: "−0.42 [−0.80, −0.04]"."""
    limits = cost.interval()
    value = number_text(cost.top1.value, "z.2f")
    return value if limits.low != limits.low else f"{value} {say_limits(limits)}"


def _points(loss: float) -> str:
    return f"{loss:g} point" if loss == 1 else f"{loss:g} points"


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
                "choosing": _summarize_cost(step.choosing),
                "confirming": None if step.confirming is None else _summarize_cost(step.confirming),
                "parameters_saved": path.parameters_saved(size),
                "time_saved": None if timing is None else timing.saved(size),
            }
            for size, step in enumerate(path.steps, start=1)
        ],
        "notes": list(path.notes),
    }  # fmt: skip


def _summarize_cost(cost: Cost) -> dict[str, float | None]:
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
        time = "" if path.timing is None else number_text(-path.timing.saved(size), "z.1%")
        confirming = "" if step.confirming is None else say_cost(step.confirming)
        lines.append(
            f"{size:>3}  {path.gate(step.block).label:<{width}}{say_cost(step.choosing):<26}{confirming:<26}"
            f"{number_text(-path.parameters_saved(size), '+,'):>11}  {time}"
        )
    return "\n".join([*lines, *(f"note: {note}" for note in path.notes)])
