"""Deep links: selections live in the URL, and what a link names in vain is told in a sentence."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import streamlit as st

from senet_viz.dashboard.selections import SAYS, say_keys

PAGES = Path(__file__).parent / "pages"
SECTION = "at"
_NOTICE = "link_notices"
_RECORDING, _IMAGES = "recording", ("images", "sample")
_OF_IMAGES = ("compare", "lab", "how")  # pages
Selections = Mapping[str, str | Sequence[str]]


def link_page(
    page: str, label: str, icon: str, selections: Selections, *, at: str = "", explained: str | None = None
) -> None:
    """A link to another page of this recording, which a new tab understands too.

    Args:
        page: its file in `pages`, without ending.
        label: of the link; not markdown.
        icon: name of a Material symbol.
        selections: values of the page's controls by their keys; what is left out stays as it is.
        at: the section to which the page scrolls (see `screen.scroll_to_section`); "" for its beginning.
        explained: a tooltip.
    """
    st.page_link(
        PAGES / f"{page}.py", label=escape(label), icon=f":material/{icon}:", help=explained,
        query_params=query_of(page, selections, at=at),
    )  # fmt: skip


def leave_for(page: str, selections: Selections, *, at: str = "") -> None:
    """Opens another page at once, as a click on `link_page` would; not to be called from a callback.

    Streamlit sets no parameter that a control of the page that is left has bound: the recording goes with the session.
    """
    query = query_of(page, selections, at=at)
    st.switch_page(PAGES / f"{page}.py", query_params={k: v for k, v in query.items() if k not in (_RECORDING, SAYS)})


def query_of(page: str, selections: Selections, *, at: str = "") -> dict[str, str | list[str]]:
    """What stands behind the "?" of a link: this recording, the images that are looked at, and the selections."""
    recording = st.session_state.get(_RECORDING)
    query: dict[str, str | list[str]] = {_RECORDING: str(recording)} if recording else {}
    if page in _OF_IMAGES:
        query |= {key: st.query_params.get_all(key) for key in _IMAGES if key in st.query_params}
    query |= {key: value if isinstance(value, str) else list(value) for key, value in selections.items()}
    query |= {SECTION: at} if at else {}
    return query | {SAYS: say_keys(query)}


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
