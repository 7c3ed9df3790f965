"""What an intervention is: which gates were moved, to what, and how far."""

from dataclasses import dataclass

BASELINES = (
    "one",
    "zero",
    "mean",
    "group_mean",
    "class_mean",
    "predicted_class_mean",
    "within",
    "between",
)
DRAWN = ("group_mean", "within", "between")  # a matter of chance, hence made several times
CLEAN = "clean"


@dataclass(frozen=True, slots=True)
class Variant:
    """One intervention that was made on every image.

    Attributes:
        target: for people: "SE_5_2", "stage 5", "up to SE_3_4", "all blocks" or "SE_5_2 + SE_5_3".
        kind: "block", "stage", "cumulative", "all" or "set".
        blocks: names of the gates moved together, in order of depth.
        baseline: what they are moved to, one of `BASELINES`.
        repeat: which draw, from 0; always 0 where the baseline is no matter of chance.
        strength: t in s′ = lerp(s, b, t), 0 to 1.
    """

    target: str
    kind: str
    blocks: tuple[str, ...]
    baseline: str
    repeat: int
    strength: float
