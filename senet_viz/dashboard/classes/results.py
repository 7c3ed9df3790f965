"""Results of the page Classes, kept by the recording and what was chosen."""

from collections.abc import Callable

from senet_viz.analysis.classes.confusions import (
    BlockAgreement,
    ClassPairs,
    Confusions,
    agree_with_confusions,
    count_confusions,
    pair_classes,
)
from senet_viz.analysis.classes.distinctness import (
    ClassAccuracy,
    ClassDistinctness,
    count_correct,
    measure_distinctness,
)
from senet_viz.analysis.classes.neighbours import (
    ClassComparison,
    NearestClasses,
    ProfilePlane,
    compare_classes,
    find_nearest,
    place_classes,
)
from senet_viz.analysis.classes.profiles import ClassProfiles, read_class_profiles
from senet_viz.dashboard.results import Loaded, keep
from senet_viz.recording.layout import Quantity
from senet_viz.recording.reader import Recording
from senet_viz.schema import Gate

_MOST_PROFILES = 20  # blocks; one of a thousand classes and two thousand channels takes 16 MB


def _read_once(page: Loaded) -> Callable[[Recording, Gate], ClassProfiles]:
    """Reads class profiles, of all blocks once for all parts of the page."""
    return lambda _, gate: _get_profiles(page, gate.name)


@keep(_MOST_PROFILES, shared=True)
def _get_profiles(page: Loaded, block: str) -> ClassProfiles:
    """`read_class_profiles`: not to be written to."""
    return read_class_profiles(page.recording, page.recording.block(block))


@keep(8, spinner="Measuring how distinct every class is…")
def get_distinctness(page: Loaded, intervals: bool) -> ClassDistinctness:
    """`measure_distinctness`; with intervals kept gates are read."""
    return measure_distinctness(page.recording, intervals=intervals, read=_read_once(page))


@keep(16)
def get_accuracy(page: Loaded) -> ClassAccuracy:
    """`count_correct`."""
    return count_correct(page.recording)


@keep(64, spinner="Reading class means…")
def get_class_comparison(page: Loaded, classes: tuple[int, ...]) -> ClassComparison:
    """`compare_classes`."""
    return compare_classes(page.recording, classes, read=_read_once(page))


@keep(64, spinner="Reading class means…")
def get_nearest(page: Loaded, index: int) -> NearestClasses | None:
    """`find_nearest`."""
    return find_nearest(page.recording, index, read=_read_once(page))


@keep(64)
def get_plane(page: Loaded, block: str) -> ProfilePlane | None:
    """`place_classes`."""
    return place_classes(page.recording, page.recording.block(block), read=_read_once(page))


@keep(4, shared=True)
def get_confusions(page: Loaded) -> Confusions:
    """`count_confusions`."""
    return count_confusions(page.recording)


@keep(256)
def get_agreement(page: Loaded, block: str, quantity: Quantity) -> BlockAgreement | None:
    """`agree_with_confusions` of one block; None where it has no such quantity."""
    gate = page.recording.block(block)
    if quantity == "squeeze" and gate.squeeze_missing is not None:
        return None
    of_gates = quantity == "gate"
    profiles = _get_profiles(page, block) if of_gates else read_class_profiles(page.recording, gate, quantity)
    return agree_with_confusions(profiles, get_confusions(page))


@keep(4, shared=True)
def get_pairs(page: Loaded, block: str) -> ClassPairs:
    """`pair_classes` of one block."""
    return pair_classes(_get_profiles(page, block), get_confusions(page))
