"""The page's answer in a sentence, computed from the panels it stands above."""

from senet_viz.analysis.profiles.panels import ClassPanels, Panel

_MORE = 1.25  # distances closer than this are told as about the same


def describe_distances(panels: ClassPanels) -> str:
    """How far the chosen classes lie from the all-class mean in the first and the last block, and where farthest.

    Distances are mean absolute differences over all channels of a block, in units of s; the distance that as many
    random images would have stands beside them.
    """
    if not panels.n_classes:
        return f"The recording has no labels, so the figure shows the mean gate over all **{panels.images:,} images** only."
    if not panels.classes:
        return "No class is chosen: the figure shows the mean over all images only."
    if not any(c.images for c in panels.classes):
        return "The chosen classes have no image in this recording."
    if all(c.images in (0, panels.images) for c in panels.classes):
        return "All images are of one class, so there is no other class to differ from."
    return _sentence(panels)


def _sentence(panels: ClassPanels) -> str:
    one = len(panels.classes) == 1
    who = "this class's mean gate lies" if one else "a class's mean gate lies"
    first, last = panels.panels[0], panels.panels[-1]
    if first is last:
        return (
            f"In {first.block.label}, {who} **{_number(first.distance)}** from the all-class mean on average over all "
            f"channels; the mean of as many random images would lie {_number(first.chance)} away (units of s)."
        )
    far = max(panels.panels, key=lambda p: p.distance)
    farthest = "" if far in (first, last) else f", farthest in {far.block.label} with **{_number(far.distance)}**"
    return (
        f"**{_verdict(first, last, one=one)}** On average over all channels {who} **{_number(first.distance)}** from the "
        f"all-class mean in {first.block.label} and **{_number(last.distance)}** in {last.block.label}{farthest}. The mean of "
        f"as many random images would lie {_number(first.chance)} and {_number(last.chance)} away (units of s)."
    )


def _verdict(first: Panel, last: Panel, *, one: bool) -> str:
    """Plain words for the comparison; the numbers follow."""
    differs = "This class differs from the rest" if one else "These classes differ from each other"
    if last.distance >= _MORE * first.distance:
        return f"{differs} more in the last of these blocks than in the first."
    if first.distance >= _MORE * last.distance:
        return f"{differs} more in the first of these blocks than in the last."
    return f"{differs} about as much in the first of these blocks as in the last."


def _number(value: float) -> str:
    """Three decimals: a class mean of some fifty gates carries no more."""
    return "less than 0.001" if value < 0.0005 else f"{value:.3f}"
