"""Deep links: selections live in the URL, and what a link names in vain is told in a sentence."""

from collections.abc import Collection

import streamlit as st

_NOTICE = "link_notices"


def note_unknown(key: str, kind: str, options: Collection[str]) -> None:
    """Remembers values of a link that are none of the options; call it before the widget, which drops them.

    Args:
        key: of the widget and of the URL's parameter.
        kind: what its values are, e.g. "class".
        options: the known values.
    """
    unknown = [value for value in st.query_params.get_all(key) if value and value not in options]
    if unknown:
        names = ", ".join(repr(value) for value in unknown[:3]) + (" and others" if len(unknown) > 3 else "")
        are = "is no" if len(unknown) == 1 else "are none"
        sentence = f"The link's {kind} {names} {are} of this recording; the rest of the link was used."
        st.session_state.setdefault(_NOTICE, {})[key] = sentence


def escape(text: str) -> str:
    """Names are not markdown."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+-!|$~:<>" else c for c in text)


def show_notices() -> None:
    """What the link named in vain, until a selection changes."""
    for sentence in st.session_state.get(_NOTICE, {}).values():
        st.warning(escape(sentence), icon=":material/link_off:")


def forget_notices() -> None:
    """To be called when a person selects something."""
    st.session_state.pop(_NOTICE, None)


def keep_known(key: str, options: Collection[str]) -> None:
    """Drops what a widget remembers from another recording; with nothing left it shows its default."""
    value = st.session_state.get(key)
    if value is None:
        return
    if isinstance(value, list):
        known = [item for item in value if item in options]
        if value and not known:
            del st.session_state[key]
        elif known != value:
            st.session_state[key] = known
    elif value not in options:
        del st.session_state[key]
