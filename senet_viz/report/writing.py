"""The report of a recording, from what is stored: nothing is assessed here."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from senet_viz import __version__
from senet_viz.claims.assessment import Assessment, read_assessment, read_tree
from senet_viz.claims.assessment_claims import read_effects
from senet_viz.claims.evidence import ClaimReport
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.figures.theme import plotly_script
from senet_viz.paths import expand_home, name_beside
from senet_viz.recording.files import as_recording_errors, replacing
from senet_viz.recording.reader import Recording
from senet_viz.report import sections
from senet_viz.report.markup import contents, page, paragraph, section
from senet_viz.stats.effects import EffectTable

_SECTIONS = (
    ("Claims", "claims"), ("Along the depth", "depth"), ("What the gates do", "effects"), ("Class profiles", "profiles"), ("Classes and channels", "map"),
    ("Gate health", "health"), ("Measures", "measures"), ("Decoding", "decoding"), ("CKA", "cka"),
    ("Superclasses", "superclasses"), ("Right and wrong", "outcomes"), ("What was recorded", "recorded"),
    ("Methods and limits", "methods"), ("How it was made", "made"),
)  # fmt: skip


def write_report(recording: Recording, out: str | Path, *, command: str = "") -> Path:
    """Write the report; the file is whole or not there.

    Args:
        recording: complete, full or slim; assessed, if claims are to be in it.
        out: the HTML file, replaced if it is there.
        command: that makes the report, to be named in it.

    Returns:
        The file.

    Raises:
        ArgumentError: the name does not end in .html.
        RecordingError: not complete, a damaged file, or the report can not be written.
    """
    path = expand_home(out)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ArgumentError(f"The report is a web page: {path} must end in .html.")
    html = make_report(recording, command=command)
    advice = "Give a folder that exists and can be written."
    with as_recording_errors(f"Writing {path}", advice), replacing(path, temporary=name_beside(path)) as file:
        file.write(html.encode("utf-8"))
    return path


def make_report(recording: Recording, *, command: str = "") -> str:
    """The report as one HTML page; arguments and errors as in `write_report`."""
    if not recording.complete:
        raise RecordingError(f"{recording.path} is not finished: run the command that records it again, then report.")
    title = f"Gates of {recording.manifest.model.get('name')} on {recording.manifest.data.get('name')}"
    tree, assessment, effects, problem = _read(recording)
    measures = sections.measure_for_report(recording)
    block = sections.block_of_largest_sd(measures, recording)
    shown = [
        _show_claims(tree, problem),
        "" if assessment is None else sections.show_depth(assessment),
        "" if effects is None else sections.show_effects(effects),
        sections.show_profiles(recording),
        "" if block is None else sections.show_map(recording, block),
        *sections.show_measures(measures),
        *([] if tree is None else sections.show_stored(tree)),
        sections.show_manifest(recording, assessment),
        sections.show_methods(),
        sections.show_command(command or "senet_viz.report", __version__),
    ]
    there = [(heading, anchor) for heading, anchor in _SECTIONS if any(f'id="{anchor}"' in part for part in shown)]
    lead = "What the channel gates of a squeeze-and-excitation network do, and which of the paper's claims about them hold here."
    body = "\n".join([f"<header><h1>{escape(title)}</h1>{paragraph(lead, 'soft')}</header>", contents(there), *shown])
    return page(title, body, plotly_script())


def _read(recording: Recording) -> tuple[dict[str, Any] | None, Assessment | None, EffectTable | None, str]:
    """What `assess` stored, or why there is nothing to show of it."""
    try:
        tree = read_tree(recording)
        return tree, read_assessment(recording), read_effects(recording), ""
    except RecordingError as error:
        return None, None, None, str(error)


def _show_claims(tree: Mapping[str, Any] | None, problem: str) -> str:
    if tree is None:
        why = problem or "This recording has not been assessed: run senet-viz assess on it, then make the report again."
        return section("Claims", "claims", paragraph(why, "answer"))
    return section(
        "Claims", "claims", *sections.show_claims(ClaimReport.from_json(tree.get("claims"), "The stored assessment"))
    )
