"""Selections that two pages share: Streamlit gives a widget of the same key on another page its default again."""

import contextlib
import uuid
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

SHARED = (
    "recording", "block", "class", "order", "seed", "map_block", "map_view", "map_top", "channel", "spread", "camera",
    "lab_target", "lab_to", "images", "sample", "try_block", "try_channels", "compare_block",
)  # fmt: skip
SAYS = "says"
"""Parameter of a link: the keys that it says something of."""
_BEFORE, _VISIT = "page_before", "page_visit"


def carry_selections(page: str) -> None:
    """Hands the values of shared keys over to the page that opens; to be called before it runs.

    What the link says of a key comes before what another page has chosen for it.

    Args:
        page: its path, the same for all runs of one page.
    """
    before = st.session_state.get(_BEFORE)
    if before != page:
        st.session_state[_BEFORE], st.session_state[_VISIT] = page, uuid.uuid4().hex
        if before is not None:
            _take_whole_link()
    if SAYS in st.query_params:
        del st.query_params[SAYS]
    if before in (None, page):
        return
    for key in SHARED:
        if key in st.query_params:
            st.session_state.pop(key, None)
        elif key in st.session_state:
            st.session_state[key] = st.session_state[key]


def current_visit() -> str:
    """A word for the time from a page's opening until another page opens."""
    return str(st.session_state.get(_VISIT, ""))


def say_keys(query: Mapping[str, str | Sequence[str]]) -> str:
    """What a link says, as the value of `SAYS`: its keys, with the number of values where it is not one."""
    sizes = {key: 1 if isinstance(value, str) else len(value) for key, value in query.items()}
    return ",".join(key if size == 1 else f"{key}.{size}" for key, size in sizes.items())


def read_link(query_string: str, *, step_back: bool) -> dict[str, list[str]] | None:
    """What a link says by what the browser sends when another page opens; None where it names no keys.

    The browser sends the selections of the page that is left and, behind them, those of the link.

    Args:
        query_string: as it was sent.
        step_back: the browser's history was used: then it is the address alone.
    """
    sent = parse_qs(query_string, keep_blank_values=True)
    said = ",".join(sent.pop(SAYS, []))
    if step_back:
        return sent
    if not said:
        return None
    keys = [(name, int(size or 1)) for name, _, size in (word.partition(".") for word in said.split(",")) if name]
    return {key: sent[key][-size:] for key, size in keys if size and key in sent}


def _take_whole_link() -> None:
    """Gives the page what its link, or the step back, says.

    Streamlit 1.67 drops all that is said of a key that the page that is left has bound too, which is every shared one, and
    has no call to get it back. Where its own state is another one day, what was chosen last holds for shared keys.
    """
    context = get_script_run_ctx()
    with contextlib.suppress(AttributeError, TypeError, ValueError):
        if context is None or not context.query_string:
            return
        said = read_link(context.query_string, step_back=context.is_history_navigation)
        if said is None:
            return
        with context.session_state.query_params() as known:
            known.populate_from_query_string(urlencode(said, doseq=True))
            known.set_initial_query_params_from_current()
        st.query_params.from_dict({key: st.query_params.get_all(key) for key in st.query_params})  # the address bar too
