"""In public, how many visitors the app serves at once: others wait in a queue that they see."""

import threading
import time
from collections.abc import Callable

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from senet_viz.dashboard.mode import PublicOptions, read_public

_EVERY = 2.0  # seconds
FULL = -1


class Door:
    """Who is inside, since when without a click, and who waits, in order."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._inside: dict[str, float] = {}
        self._queue: list[str] = []

    def ask(self, session: str, options: PublicOptions, lives: Callable[[str], bool], *, clicked: bool = True) -> int:
        """A session's place in the queue: 0 when it is inside, `FULL` when it may not even wait.

        Args:
            session: its id.
            options: how many are let in, may wait, and may be idle for how long.
            lives: whether a session is still there.
            clicked: this is a step of its visitor, not of the page that waits.
        """
        with self._lock:
            now = self._clock()
            self._inside = {each: seen for each, seen in self._inside.items() if lives(each)}
            self._queue = [each for each in self._queue if lives(each)]
            if session in self._inside:
                if clicked:
                    self._inside[session] = now
            elif session not in self._queue:
                if len(self._queue) >= options.waiting:
                    return FULL
                self._queue.append(session)
            if self._queue:
                idle = now - 60 * options.idle_minutes
                self._inside = {each: seen for each, seen in self._inside.items() if seen >= idle}
            while self._queue and len(self._inside) < options.sessions:
                self._inside[self._queue.pop(0)] = now
            if session in self._inside:
                return 0
            if session not in self._queue:  # it was idle, and its place went to one who waited
                self._queue.append(session)
            return self._queue.index(session) + 1

    def has(self, session: str) -> bool:
        """Whether a session is inside."""
        with self._lock:
            return session in self._inside


_door = Door()


def has_place(session: str) -> bool:
    """Whether a visitor is inside, as seen at the last click."""
    return _door.has(session)


def keep_place() -> None:
    """For a fragment in which a visitor works: it counts as a click, and who has lost the place waits again."""
    options, context = read_public(), get_script_run_ctx()
    if options is not None and context is not None and _door.ask(context.session_id, options, _lives) != 0:
        st.rerun()


def let_in() -> bool:
    """Whether this visitor may see pages; else the page says which place in the queue is theirs, and opens by itself."""
    options, context = read_public(), get_script_run_ctx()
    if options is None or context is None:
        return True
    place = _door.ask(context.session_id, options, _lives)
    if place == 0:
        return True
    st.title("Please wait", anchor=False)
    if place == FULL:
        st.warning(
            f"{_say_here(options)} and {options.waiting} wait: come again in some minutes.",
            icon=":material/groups:",
        )
    else:
        _wait(context.session_id, options)
    return False


@st.fragment(run_every=_EVERY)
def _wait(session: str, options: PublicOptions) -> None:
    place = _door.ask(session, options, _lives, clicked=False)
    if place == 0:
        st.rerun()
    st.info(
        f"{_say_here(options)}, as many as this server takes. You are number {place} in the queue; the page "
        "opens by itself when it is your turn.",
        icon=":material/groups:",
    )


def _say_here(options: PublicOptions) -> str:
    return "One visitor is here" if options.sessions == 1 else f"{options.sessions} visitors are here"


def _lives(session: str) -> bool:
    return not runtime.exists() or runtime.get_instance().is_active_session(session)
