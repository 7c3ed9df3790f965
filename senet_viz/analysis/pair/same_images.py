"""Whether two recordings are of the same images, so that their replicates can be paired."""

from senet_viz.claims.assessment import Assessment
from senet_viz.recording import Recording


def explain_pairing(
    first: Recording, second: Recording, mine: Assessment | None, theirs: Assessment | None
) -> tuple[bool, str]:
    """Whether the jackknife's groups hold the same images in both, and what is assumed, in a sentence."""
    if mine is None or theirs is None or not mine.groups or not theirs.groups:
        lacking = [n for n, a in (("first", mine), ("second", theirs)) if a is None or not a.groups]
        return False, f"Differences have no intervals: the {' and the '.join(lacking)} recording has no replicates."
    if _same_images(first, second) and (mine.images, mine.groups) == (theirs.images, theirs.groups):
        return True, (
            "Both recordings are of the same images, so intervals are paired: each group of images is left out of both at "
            "once, and what both have in common cancels."
        )
    return False, (
        "The recordings are not of the same list of images: intervals assume that the two sets are independent. Where they "
        "share images that is too wide. A difference may come from the images or their classes as well as from the network."
    )


def _same_images(first: Recording, second: Recording) -> bool:
    """The same list, all of it or the same draw, none skipped: then the order and the groups are the same too."""
    one, other = first.manifest, second.manifest
    if one.data.get("digest") != other.data.get("digest") or one.classes != other.classes:
        return False
    drawn = [(m.options.get("limit"), m.options.get("seed") if m.options.get("limit") else None) for m in (one, other)]
    skipped = one.progress.get("errors", 0) or other.progress.get("errors", 0)
    return drawn[0] == drawn[1] and not skipped
