"""Colours of classes: a class keeps its own while the session lasts, on every page."""

from collections.abc import Sequence

import streamlit as st

from senet_viz.dashboard.frame import Opened
from senet_viz.figures import colour_classes


def assign_colours(page: Opened, classes: Sequence[int]) -> dict[int, str]:
    """Colours of these classes and of those that were shown before."""
    memory = st.session_state.setdefault("class_colours", {})
    memory[page.recording.id] = colour_classes(classes, memory.get(page.recording.id))
    colours: dict[int, str] = memory[page.recording.id]
    return colours
