"""Where the numbers come from: what was recorded, with what, and the command that made the report."""

from html import escape

from senet_viz.claims.assessment import Assessment
from senet_viz.recording import Recording
from senet_viz.report.markup import facts, fold, paragraph, section
from senet_viz.report.texts import LIMITS, METHODS, SOURCES

_SHORT = 16


def show_manifest(recording: Recording, assessment: Assessment | None) -> str:
    """Network, images, precision, versions."""
    manifest = recording.manifest
    model, data, options, environment = manifest.model, manifest.data, manifest.options, manifest.environment
    versions = environment.get("versions") or {}
    images = recording.samples.num_rows
    labelled = int((recording.samples["label"].to_numpy() >= 0).sum()) if images else 0
    pairs = [
        ("Network", f"{model.get('name')} ({model.get('weights') or 'weights not named'})"),
        ("SHA-256 of the weights", str(model.get("sha256", ""))[:_SHORT]),
        ("Blocks", f"{len(recording.blocks)} with {sum(g.channels for g in recording.blocks):,} channels"),
        ("Images", f"{data.get('name')}: {images:,}, {labelled:,} of them labelled, {len(recording.classes):,} classes"),
        ("Digest of the data", str(data.get("digest", ""))[:_SHORT]),
        ("Gates kept", f"of {recording.n_kept:,} images; means, SDs and histograms are of all"),
        ("Form", "slim (computed from a full recording, numbers of the assessment too)" if recording.form == "slim" else "full"),
        ("Precision", str(options.get("precision", ""))),
        ("Device", f"{environment.get('device', '')}, {environment.get('threads', '')} threads"),
        ("Recording", recording.id),
        ("Assessed with", "" if assessment is None else f"senet-viz {assessment.code_version}"),
        ("Controls", "" if assessment is None else _controls(assessment)),
    ]  # fmt: skip
    more = [(name, str(value)) for name, value in versions.items() if value]
    notes = "".join(paragraph(f"Note: {note}", "soft") for note in manifest.notes)
    return section(
        "What was recorded",
        "recorded",
        facts(pairs),
        notes,
        fold("Versions and preprocessing", facts(more), facts((k, str(v)) for k, v in manifest.preprocessing.items())),
    )


def _controls(assessment: Assessment) -> str:
    return "; ".join(c.name + ("" if c.seed is None else f" (seed {c.seed})") for c in assessment.controls)


def show_methods() -> str:
    """How the numbers are made, what they do not say, and whose ideas they are."""
    return section(
        "Methods and limits",
        "methods",
        *(paragraph(text) for text in METHODS),
        "<h3>Limits</h3>",
        _bullets(LIMITS),
        "<h3>Sources</h3>",
        _bullets(SOURCES),
    )


def show_command(command: str, version: str) -> str:
    """What made the page."""
    return section(
        "How this page was made",
        "made",
        f"<p>By senet-viz {escape(version)} with <code>{escape(command)}</code>. It holds all that it shows and asks no host for "
        "anything.</p>",
    )


def _bullets(texts: tuple[str, ...]) -> str:
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"
