"""The page's answer in a sentence, computed from the panels it stands above."""

import numpy as np

from senet_viz.profiles.panels import ClassPanels, Panel


def describe_distances(panels: ClassPanels) -> str:
    """How far the chosen classes lie from the all-class mean in the first, the farthest and the last block.

    Distances are mean absolute differences over all channels of a block, in units of s; the distance that as many
    random images would have stands beside them.
    """
    if not panels.n_classes:
        return (
            f"The recording has no labels, so the figure shows the mean gate over all **{panels.images:,} images** only."
        )
    if not panels.classes:
        return "No class is chosen: the figure shows the mean over all images only."
    if not any(c.images for c in panels.classes):
        return "The chosen classes have no image in this recording."
    if all(c.images in (0, panels.images) for c in panels.classes):
        return "All images are of one class, so there is no other class to differ from."
    return _sentence(panels)


def _sentence(panels: ClassPanels) -> str:
    first, last = panels.panels[0], panels.panels[-1]
    far = max(panels.panels, key=lambda p: p.distance)
    who = "This class's mean gate lies" if len(panels.classes) == 1 else "The mean gates of these classes lie"
    start = f"{who} **{_number(far.distance)}** from the all-class mean in {far.block.label}"
    rest = [p for p in (first, last) if p is not far]
    seen: list[Panel] = []
    for panel in rest:
        if panel not in seen:
            seen.append(panel)
    where = " and ".join(f"**{_number(p.distance)}** in {p.block.label}" for p in seen)
    begin = f"{start}, the farthest of these blocks" if len(panels.panels) > 1 else start
    chances = np.array([p.chance for p in panels.panels])
    low, high = _number(float(chances.min())), _number(float(chances.max()))
    chance = low if low == high else f"{low} to {high}"
    tail = f"; {where}" if where else ""
    return f"{begin}{tail}. As many random images would lie {chance} away (in units of s, averaged over all channels)."


def _number(value: float) -> str:
    """Three decimals: a class mean of some fifty gates carries no more."""
    return "less than 0.001" if value < 0.0005 else f"{value:.3f}"
