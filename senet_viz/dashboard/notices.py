"""What a button on the page Record leads to: a refusal told in a sentence, or a recording opened."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import streamlit as st

from senet_viz.dashboard.frame import escape
from senet_viz.dashboard.shelf import find_recordings, name_of
from senet_viz.errors import SenetVizError

Colour = Literal["red", "orange", "blue", "green", "gray"]
_REFUSAL = "record_refusal"
_DISTRIBUTIONS = Path(__file__).parent / "pages" / "distributions.py"


def attempt(action: Callable[[], object]) -> None:
    """Do it and draw the page anew; why it was refused stands on top of that."""
    try:
        action()
    except SenetVizError as error:
        st.session_state[_REFUSAL] = str(error)
    st.rerun()


def show_refusal() -> None:
    """Why the last action was refused, until the next."""
    if refusal := st.session_state.pop(_REFUSAL, None):
        st.error(escape(refusal), icon=":material/block:")


def open_recording_page(path: Path) -> None:
    """Leave for the page Distributions with a recording opened."""
    st.session_state.pop("recording", None)  # what was picked before
    st.switch_page(_DISTRIBUTIONS, query_params={"recording": name_of(path, find_recordings())})
