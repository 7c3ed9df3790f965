"""The page's answers in sentences."""

import numpy as np

from senet_viz.analysis.blocks.health import BlockHealth

SATURATED = 0.3


def describe_health(health: BlockHealth) -> str:
    """Which block is nearest to 1, which moves least and most, and how many channels are dead."""
    return " ".join(part for part in (_nearest_to_one(health), _least(health), _dead(health)) if part)


def describe_saturation(health: BlockHealth, at: int) -> str:
    """What must be known before a selectivity index of this block is read; "" where little is saturated.

    The index (μ_max − μ_rest)/(μ_max + μ_rest) was made for ReLUs, whose baseline is 0. A saturated sigmoid's is 1: μ_max
    and μ_rest are both near 1, and the index is small whatever the classes do.
    """
    share = health.near_one[at]
    if not share >= SATURATED:
        return ""
    return (
        f"{share:.0%} of the gates of {health.labels[at]} are above .9. The selectivity index was made for ReLUs, whose "
        "baseline is 0: divided by two means that are both near 1 it becomes half the largest class's distance in units of s, "
        "small whatever the classes do. Do not compare its size between blocks; read ω², d′ or AUC instead."
    )


def _nearest_to_one(health: BlockHealth) -> str:
    if not np.isfinite(health.near_one).any():
        return "Shares near 1 and near 0 are told of gates between 0 and 1 only."
    at = int(np.nanargmax(health.near_one))
    share = health.near_one[at]
    if share < 0.01:
        return "**No block is near 1:** everywhere less than 1 % of the gates are above .9."
    sure = "" if share < 0.5 else ", so that it mostly passes its channels on unchanged"
    if len(health.gates) == 1:
        return f"**{share:.0%}** of the gates of {health.labels[at]} are above .9{sure}."
    rest = np.delete(health.near_one, at)
    return (
        f"**{health.labels[at]} is nearest to 1:** {share:.0%} of its gates are above .9{sure} "
        f"(median of the other blocks: {np.nanmedian(rest):.0%})."
    )


def _least(health: BlockHealth) -> str:
    spread = health.spread
    if not np.isfinite(spread).any():
        return ""
    low, high = int(np.nanargmin(spread)), int(np.nanargmax(spread))
    if low == high:
        return f"Over the images a gate moves by {spread[low]:.3f} (SD, units of s)."
    return (
        f"**{health.labels[low]} moves least:** over the images a gate's SD is {spread[low]:.3f} there and "
        f"{spread[high]:.3f} in {health.labels[high]}, where it moves most (units of s)."
    )


def _dead(health: BlockHealth) -> str:
    if not np.isfinite(health.dead).any():
        return ""
    total, channels = int(np.nansum(health.dead)), sum(g.channels for g in health.gates)
    if not total:
        return f"None of the {channels:,} channels is dead (SD under .001)."
    blocks = [label for label, dead in zip(health.labels, health.dead) if dead > 0]
    where = blocks[0] if len(blocks) == 1 else f"{len(blocks)} blocks"
    one = "is" if total == 1 else "are"
    return f"**{total:,} of {channels:,} channels {one} dead** (SD under .001), in {where}."
