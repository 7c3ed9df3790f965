"""The page Gate lab of a recording without interventions: what would make them, as commands to copy."""

import shlex

import streamlit as st

from senet_viz.dashboard.commands import show_command
from senet_viz.recording import Recording

_BY_NAME = ("bundled", "timm", "torchvision", "factory")
_DATA_BY_NAME = ("digits", "torchvision")


def explain_missing(recording: Recording) -> None:
    """Why there are no effects here, and the two commands that make them."""
    st.info(
        "No interventions on this network's gates are stored with this recording, so this page can not say yet what its "
        "gates do. The panel below works all the same.",
        icon=":material/science:",
    )
    st.markdown(
        "Two commands make them: the first moves the gates of every block and stage on every image and keeps what the network "
        "then says (it tells how long it takes, and goes on where it was stopped), the second judges it:"
    )
    for command in make_commands(recording):
        show_command(command)


def make_commands(recording: Recording) -> tuple[str, str]:
    """`intervene` and `assess` for a recording's model and data; what it does not store is in capitals."""
    path, out = str(recording.path), _out(recording, "interventions")
    slim = recording.form == "slim"
    judged = ["FULL_RECORDING", "--interventions", out, "--into", path] if slim else [path, "--interventions", out]
    words = _inputs(recording, out)
    return f"senet-viz intervene {shlex.join(words)}", f"senet-viz assess {shlex.join(judged)}"


def make_freeze_command(recording: Recording) -> str:
    """`freeze` for a recording's model and data, likewise; the result comes to lie beside the recording."""
    words = _inputs(recording, _out(recording, "freezing"))
    if "--baselines-from" not in words:
        words += ["--into", str(recording.path)]
    return f"senet-viz freeze {shlex.join(words)}"


def _out(recording: Recording, what: str) -> str:
    return f"runs/{recording.path.name}-{what}" if recording.form == "slim" else f"{recording.path}-{what}"


def _inputs(recording: Recording, out: str) -> list[str]:
    """Model, data and what baselines are from, as options."""
    about, data, options = recording.manifest.model, recording.manifest.data, recording.manifest.options
    model = str(about.get("name")) if about.get("source") in _BY_NAME else "MODEL"
    images = str(data.get("name")) if data.get("kind") in _DATA_BY_NAME else "DATA"
    words = ["--model", model]
    if about.get("weights") == "random":
        words += ["--weights", "random", "--seed", str(about.get("seed") or 0)]
    words += ["--data", images, "--out", out]
    if options.get("limit") is not None:
        words += ["--limit", str(options["limit"])]
    if recording.form != "slim" and recording.keeps_all and options.get("precision") == "fp32":
        words += ["--baselines-from", str(recording.path)]
    return words
