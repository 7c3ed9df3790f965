"""Commands for a terminal, shown so that they work as they stand where the app was started."""

import shlex
import shutil
import sys
from pathlib import Path

import streamlit as st

PROGRAM = "senet-viz"


def show_command(command: str) -> None:
    """A command that begins with `senet-viz`; where that would not be found, its path stands in its place."""
    _, space, rest = command.partition(" ")
    st.code(find_program() + space + rest, language=None, wrap_lines=True)


def find_program() -> str:
    """What starts this installation's program in a shell: its name, or its path where the environment is not activated."""
    beside = Path(sys.executable).with_name(PROGRAM)
    named = shutil.which(PROGRAM)
    if named is not None and Path(named).absolute() == beside.absolute():
        return PROGRAM
    if not beside.is_file():
        return f"{shlex.quote(sys.executable)} -m senet_viz"
    here = Path.cwd()
    near = beside.relative_to(here) if beside.is_relative_to(here) else beside
    return shlex.quote(str(near))
