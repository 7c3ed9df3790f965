"""Results of the page Classes, kept by the recording's stamp and what was chosen."""

import streamlit as st

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
from senet_viz.recording.layout import Quantity
from senet_viz.recording.reader import Recording
from senet_viz.schema import Gate

_MOST_PROFILES = 20  # blocks; one of a thousand classes and two thousand channels takes 16 MB


class _Profiles:
    """Reads class profiles, of all blocks once for all parts of the page."""

    def __init__(self, stamp: str) -> None:
        self._stamp = stamp

    def __call__(self, recording: Recording, gate: Gate) -> ClassProfiles:
        return _get_profiles(recording, self._stamp, gate.name)


@st.cache_resource(max_entries=_MOST_PROFILES, show_spinner=False)
def _get_profiles(_recording: Recording, stamp: str, block: str) -> ClassProfiles:
    """`read_class_profiles`, kept by `stamp` and the block: not to be written to."""
    del stamp
    return read_class_profiles(_recording, _recording.block(block))


@st.cache_data(max_entries=8, show_spinner="Measuring how distinct every class is…")
def get_distinctness(_recording: Recording, stamp: str, intervals: bool) -> ClassDistinctness:
    """`measure_distinctness`, kept by `stamp` and whether kept gates were read for intervals."""
    return measure_distinctness(_recording, intervals=intervals, read=_Profiles(stamp))


@st.cache_data(max_entries=16, show_spinner=False)
def get_accuracy(_recording: Recording, stamp: str) -> ClassAccuracy:
    """`count_correct`, kept by `stamp`."""
    del stamp
    return count_correct(_recording)


@st.cache_data(max_entries=64, show_spinner="Reading class means…")
def get_comparison(_recording: Recording, stamp: str, classes: tuple[int, ...]) -> ClassComparison:
    """`compare_classes`, kept by `stamp` and the classes."""
    return compare_classes(_recording, classes, read=_Profiles(stamp))


@st.cache_data(max_entries=64, show_spinner="Reading class means…")
def get_nearest(_recording: Recording, stamp: str, index: int) -> NearestClasses | None:
    """`find_nearest`, kept by `stamp` and the class."""
    return find_nearest(_recording, index, read=_Profiles(stamp))


@st.cache_data(max_entries=64, show_spinner=False)
def get_plane(_recording: Recording, stamp: str, block: str) -> ProfilePlane | None:
    """`place_classes`, kept by `stamp` and the block."""
    return place_classes(_recording, _recording.block(block), read=_Profiles(stamp))


@st.cache_resource(max_entries=4, show_spinner=False)
def get_confusions(_recording: Recording, stamp: str) -> Confusions:
    """`count_confusions`, kept by `stamp`."""
    del stamp
    return count_confusions(_recording)


@st.cache_data(max_entries=256, show_spinner=False)
def get_agreement(_recording: Recording, stamp: str, block: str, quantity: Quantity) -> BlockAgreement | None:
    """`agree_with_confusions` of one block, kept by `stamp` and the block; None where it has no such quantity."""
    gate = _recording.block(block)
    if quantity == "squeeze" and gate.squeeze_missing is not None:
        return None
    of_gates = quantity == "gate"
    profiles = _get_profiles(_recording, stamp, block) if of_gates else read_class_profiles(_recording, gate, quantity)
    return agree_with_confusions(profiles, get_confusions(_recording, stamp))


@st.cache_resource(max_entries=4, show_spinner=False)
def get_pairs(_recording: Recording, stamp: str, block: str) -> ClassPairs:
    """`pair_classes` of one block, kept by `stamp` and the block."""
    profiles = _get_profiles(_recording, stamp, block)
    return pair_classes(profiles, get_confusions(_recording, stamp))
