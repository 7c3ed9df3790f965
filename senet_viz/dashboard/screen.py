"""What the browser looks like: light or dark, wide or narrow."""

import time
import uuid
from dataclasses import dataclass

import streamlit as st

from senet_viz.dashboard.links import SECTION, current_visit
from senet_viz.figures.theme import Look, Theme, look_of

_WATCH = """
export default function ({ data, setStateValue }) {
  const tell = () => {
    const narrow = window.innerWidth < 700
    if (narrow !== data.narrow) setStateValue("narrow", narrow)
  }
  tell()
  window.addEventListener("resize", tell)
  return () => window.removeEventListener("resize", tell)
}
"""
_SCROLL = """
const done = new Set()
export default function ({ data }) {
  if (!data.asked || done.has(data.asked)) return
  done.add(data.asked)
  const kinds = ["wheel", "touchstart", "pointerdown", "keydown"]
  const until = performance.now() + 2500
  let timer = 0
  const stop = () => { clearInterval(timer); kinds.forEach((kind) => window.removeEventListener(kind, stop)) }
  const go = () => {
    if (performance.now() > until) stop()
    document.getElementById(data.section)?.scrollIntoView({ behavior: "instant", block: "start" })
  }
  kinds.forEach((kind) => window.addEventListener(kind, stop, { passive: true }))
  timer = setInterval(go, 200)
  go()
}
"""
_KEY, _ASKED = "screen", "section_asked"
_DRAWN = "first_figure_drawn"
_FIRST_DRAW = 0.8  # seconds
_probe = st.components.v2.component("senet_viz_screen", js=_WATCH)
_scroller = st.components.v2.component("senet_viz_section", js=_SCROLL)


# Captions are faded as a whole, links and code in them too, which leaves these unreadable: a muted ink fades the words alone.
_CAPTION_STYLE = """<style>
[data-testid="stCaptionContainer"] { opacity: 1; color: %s }
[data-testid="stCaptionContainer"] p, [data-testid="stCaptionContainer"] li { color: inherit }
</style>"""
_CAPTION_INKS: dict[Theme, str] = {"light": "#5b6472", "dark": "#a3acb9"}
# Where the keyboard is: Streamlit only tints links of the navigation, and Plotly's buttons have a black outline, unseen in the dark.
_FOCUS_STYLE = """<style>
[data-testid="stSidebarNavLink"]:focus-visible, .modebar-btn:focus-visible { outline: 2px solid %s !important; outline-offset: -2px }
</style>"""
_FOCUS_INKS: dict[Theme, str] = {"light": "#0f6e84", "dark": "#5cc4da"}
# Side by side the buttons of a choice share a border; in a second row the first one would have none at its left.
_CHOICE_STYLE = """<style>
[data-testid="stButtonGroup"] [role="radiogroup"] button[role="radio"]:not([aria-checked="true"]):not(:first-of-type) {
  border-left-color: %s !important; margin-left: -1px }
[data-testid="stButtonGroup"] [role="radiogroup"] button[aria-checked="true"] { position: relative; z-index: 1 }
</style>"""
_CHOICE_INKS: dict[Theme, str] = {"light": "#d7dce2", "dark": "#303b4a"}  # borderColor of .streamlit/config.toml
# In the dark theme the primary colour carries white letters, so it is too dark to be the letters of what is selected.
_DARK_STYLE = """<style>
button[data-selected="true"] p, button[aria-checked="true"] p, [data-testid="stSliderThumbValue"] p { color: #5cc4da }
</style>"""


def style_page() -> None:
    """What the theme's settings leave unreadable."""
    theme: Theme = "dark" if st.context.theme.type == "dark" else "light"
    shared = (
        _CAPTION_STYLE % _CAPTION_INKS[theme] + _FOCUS_STYLE % _FOCUS_INKS[theme] + _CHOICE_STYLE % _CHOICE_INKS[theme]
    )
    st.html(shared + (_DARK_STYLE if theme == "dark" else ""))


@dataclass(frozen=True)
class Screen:
    """The reader's screen.

    Attributes:
        theme: of the page.
        narrow: less than 700 px, where panels stand two in a row.
    """

    theme: Theme
    narrow: bool

    @property
    def look(self) -> Look:
        """Inks of the figures."""
        return look_of(self.theme)


def watch_screen() -> Screen:
    """The screen as it is; the page runs again when it becomes narrow or wide."""
    narrow = bool(st.session_state.get(_KEY, {}).get("narrow", False))
    # A component's state is kept only where something listens.
    _probe(key=_KEY, data={"narrow": narrow}, height="content", on_narrow_change=lambda: None)
    return Screen("dark" if st.context.theme.type == "dark" else "light", narrow)


def ask_for_section(section: str) -> None:
    """The next run scrolls to a section: it was opened from elsewhere on the page."""
    st.session_state[_ASKED] = (uuid.uuid4().hex, section)


def scroll_to_section() -> None:
    """Brings the section that was asked for, or that the link names, into view, once; to be called at the page's end.

    Figures above it that are drawn late push it down: it is held for a moment, or until the reader moves.
    """
    named = st.query_params.get(SECTION, "")
    word, section = st.session_state.pop(_ASKED, None) or (f"{current_visit()} {named}" if named else "", named)
    _scroller(key="section_scroller", data={"asked": word, "section": section})


def let_first_figure_draw() -> None:
    """Holds the rest of a page back, once a session, while the browser fetches Plotly and draws.

    Plotly is 4.7 MB of code. On two cores, what follows at once (a hundred small elements, and the server that makes
    them) takes the time that the first figure needs: see `benchmarks/page_speed.py`.
    """
    if not st.session_state.get(_DRAWN, False):
        st.session_state[_DRAWN] = True
        time.sleep(_FIRST_DRAW)
