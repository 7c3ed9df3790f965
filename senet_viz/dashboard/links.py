"""Selections that pages share, and deep links: they live in the address, and what a link names in vain is told in a sentence."""

import contextlib
import re
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from senet_viz.dashboard.mode import hide_paths

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


PAGES = Path(__file__).parent / "pages"
SECTION = "at"
_MARKS = frozenset(r"\`*_{}[]()#+-!|$~:<>&@")
_HARMLESS = re.compile(r"(?:[^\W_]|[ .,'()/-]|(?<=\w)_(?=\w))*")
_ADDRESS = re.compile(r"\b(www)\.", re.IGNORECASE)  # which GitHub's Markdown makes a link
_STARRED, _STAR = "starred_names", "\ue000"  # a character that nobody uses
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


def note_unknown(key: str, kind: str, options: Collection[str], *, owner: str = "this recording") -> None:
    """Remembers values of a link that are none of the options; call it before the widget, which drops them.

    Args:
        key: of the widget and of the URL's parameter.
        kind: what its values are, e.g. "class".
        options: the known values.
        owner: whose they are.
    """
    unknown = [value for value in st.query_params.get_all(key) if value and value not in options]
    if unknown:
        names = ", ".join(repr(value) for value in unknown[:3]) + (" and others" if len(unknown) > 3 else "")
        are = "is no" if len(unknown) == 1 else "are none"
        sentence = f"The link's {kind} {names} {are} of {owner}; the rest of the link was used."
        st.session_state.setdefault(_NOTICE, {})[key] = sentence


def escape(text: str) -> str:
    """Names are neither Markdown nor HTML nor links; in public, paths are not told."""
    literal = "".join(f"\\{c}" if c in _MARKS else c for c in hide_paths(text))
    return _ADDRESS.sub(r"\1\\.", literal)


def escape_option(name: str) -> str:
    """For options that Streamlit reads as Markdown and puts into the link: what nobody would misread stays as it is."""
    return name if _HARMLESS.fullmatch(name) else escape(name)


def escape_all_but_bold(text: str) -> str:
    """Names are not markdown, the numbers that matter are: what stands between `**` stays bold, but for a name's own stars."""
    for name in st.session_state.get(_STARRED, ()):
        text = text.replace(name, name.replace("*", _STAR))
    return "**".join(escape(part).replace(_STAR, r"\*") for part in text.split("**"))


def remember_names(names: Iterable[str]) -> None:
    """Names of a recording that may stand in a sentence with `**`; of those that hold stars."""
    starred = {name for name in names if "**" in name}
    if starred or _STARRED in st.session_state:
        known = starred.union(st.session_state.get(_STARRED, ()))
        st.session_state[_STARRED] = sorted(known, key=len, reverse=True)  # the longest first: one may hold another


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
