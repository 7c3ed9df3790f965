"""Selections that two pages share: Streamlit gives a widget of the same key on another page its default again."""

import streamlit as st

SHARED = (
    "recording", "block", "class", "order", "seed", "map_block", "map_view", "map_top", "channel", "spread", "camera",
)  # fmt: skip
_BEFORE = "page_before"


def carry_selections(page: str) -> None:
    """Hands the values of shared keys over to the page that opens; to be called before it runs.

    Args:
        page: its path, the same for all runs of one page.
    """
    before = st.session_state.get(_BEFORE)
    st.session_state[_BEFORE] = page
    if before is None or before == page:
        return
    for key in SHARED:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]
