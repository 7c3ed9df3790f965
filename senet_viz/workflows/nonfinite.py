"""What is done with images for which a network computes NaN or infinity: when a recording stops, and what it says."""

from collections.abc import Mapping, Sequence

from senet_viz.errors import RecordingError
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.rows import LOGITS, NONFINITE, count_nonfinite
from senet_viz.recording.writer import RecordingWriter

MOST_SHARE = 0.01
SETTLED_AFTER = 1000  # images; before, the share is of so many, so that one image among the first ten stops no long run
_ALLOW = "`record --allow-nonfinite` leaves such images out, lists them and continues"


def allowed_nonfinite(seen: int, total: int) -> float:
    """How many images may be left out as not finite when so many of all were seen: 1 %."""
    return MOST_SHARE * max(seen, min(total, SETTLED_AFTER))


def check_share_finite(writer: RecordingWriter, options: RecordOptions) -> None:
    """Stops where more than 1 % of the images are not finite; what was appended is kept.

    Raises:
        RecordingError: how many, where first, and what to try.
    """
    total = int(writer.draft.data["images"])
    if options.allow_nonfinite or writer.nonfinite <= allowed_nonfinite(writer.appended, total):
        return
    first = next(row for row in writer.read_errors() if row.get("kind") == NONFINITE)
    raise RecordingError(
        f"For {writer.nonfinite:,} of the {writer.appended:,} images so far, what the network computes is not finite; the "
        f"first is {first['path']}: {first['error']} {advise(options.precision)} {_ALLOW}. What was recorded remains in "
        f"{writer.folder}."
    )


def advise(precision: str) -> str:
    """What to try where values are not finite."""
    weights = "the weights and the images"
    if precision == "fp32":
        return f"Check {weights}."
    other = "bf16 or fp32, whose range is larger" if precision == "fp16" else "fp32"
    return f"Use {other}, or check {weights}."


def check_any_left(writer: RecordingWriter, name: str) -> None:
    """Refuses to finish a recording without an image of finite values.

    Raises:
        RecordingError: each image was left out, some as not finite.
    """
    if writer.nonfinite and not writer.images:
        raise RecordingError(
            f"No image of {name} is left to record: {describe_nonfinite(writer.read_errors(), writer.appended)} "
            f"{advise(str(writer.draft.options['precision']))}"
        )


def describe_nonfinite(errors: Sequence[Mapping[str, str]], total: int) -> str:
    """How many images were left out as not finite, and where; "" for none.

    Args:
        errors: rows of the recording's errors files.
        total: images of the plan.
    """
    counts = count_nonfinite(errors)
    if not counts:
        return ""
    where = [f"{count:,} in {place if place == LOGITS else f'block {place}'}" for place, count in counts.items()]
    more = f" and {len(where) - 4:,} more blocks" if len(where) > 4 else ""
    return (
        f"For {sum(counts.values()):,} of {total:,} images what the network computes is not finite (NaN or infinite), first "
        f"{', '.join(where[:4])}{more}: they are left out of samples, moments and accuracy and listed in the errors files."
    )
