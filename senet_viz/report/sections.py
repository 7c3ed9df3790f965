"""The sections of the report: claims, effects, figures and tables, methods and limits, where the numbers come from."""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from senet_viz.analysis.distributions.class_map import map_classes
from senet_viz.analysis.distributions.panels import choose_blocks, choose_classes, describe_distances, profile_classes
from senet_viz.claims import sentences
from senet_viz.claims.assessment import Assessment
from senet_viz.claims.declaring import READINGS, ReadingName, say_number
from senet_viz.claims.evidence import ClaimReport, Evidence, JudgedClaim
from senet_viz.claims.statistics import Verdict
from senet_viz.figures.claims import draw_depth
from senet_viz.figures.distributions import draw_class_map, draw_panels
from senet_viz.figures.theme import colour_classes
from senet_viz.recording.options import describe_precision
from senet_viz.recording.reader import Recording
from senet_viz.report.markup import facts, figure, fold, paragraph, section, table
from senet_viz.schema import Gate, label_classes
from senet_viz.stats.effect_parts import (
    CLASS_EFFECT_MEANING,
    COMPONENT_WORDS,
    COMPONENTS,
    FORMULAS,
    decompose,
    describe_components,
    tabulate_components,
)
from senet_viz.stats.effects import MEASURE_WORDS, EffectTable
from senet_viz.stats.tables import measure_selectivity

METHODS = (
    "Class share (ω²): the share of a gate's variance over the images that lies between classes, less what chance alone puts "
    "there; of a block, weighted by each channel's variance. Between-class SD: how far class means scatter, in units of s, the "
    "noise of finite classes taken out. The first is relative, the second absolute: a gate that hardly moves can have a large "
    "share.",
    "Intervals are over images, for these classes: a delete-a-group jackknife with 10 groups (5 where a class has fewer than 10 "
    "images) and Student's t. Claims that something is small use 90 % intervals (two one-sided tests), others 95 %. The bounds "
    "were declared before any data was read.",
    "A claim is supported when the whole interval lies on the claimed side of its bound, refuted when it lies wholly on the "
    "other, inconclusive when it reaches across. A claim of several parts is supported when every part is, refuted when one is.",
    "Nulls and controls: 200 permutations of the labels in every block on at most ten images a class; the squeeze z, the gate's "
    "own input; networks of the same architecture with random weights.",
    "Interventions: gates are moved to a baseline that comes from other images (five folds), and the same images are judged with "
    "and without; donors are drawn several times and averaged image by image. Intervals leave out the same groups of images, or "
    "single classes, of both at once, so that they are paired. Per class: exact sign-flip test, Benjamini–Hochberg at .05.",
    "Decoding: linear discriminants with shrunken covariance, trained on 80 % of the images and judged on the others by balanced "
    "accuracy; with as many channels in every block, since more channels alone decode more. CKA: debiased and linear, on at most "
    "ten images a class.",
)
LIMITS = (
    "Verdicts are for this network on these images.",
    "What a gate tells about the class need not be used by the network: only interventions on gates can show that, and they show "
    "what a wrong gate does, not how the untouched network decides.",
    "Blocks of one network are no independent replicates, and its channels are correlated.",
    "Classes that mean similar things, or that differ in colour and brightness alone, give a share too; the superclasses and the "
    "random weights show how much.",
    "A constant factor of a gate can be taken over by the normalisation before it, so that closeness to 1 depends on the recipe of "
    "training.",
)
SOURCES = (
    "Hu, Shen, Albanie, Sun, Wu: Squeeze-and-Excitation Networks, arXiv 1709.01507 (Fig. 6 and 7).",
    "Stripe Observation, ECCV 2024, arXiv 2304.06345 (gates that approach constants).",
    "Morcos et al. 2018, arXiv 1803.06959 (class selectivity index).",
    "Kornblith et al. 2019, arXiv 1905.00414 (CKA).",
    "DerSimonian and Laird 1986; Efron and Morris 1973 (shrunken class effects); Schuirmann 1987 (two one-sided tests).",
    "Ledoit and Wolf 2004 (shrinkage of the covariance); Phipson and Smyth 2010 (permutation p-values).",
)
WORDS = {
    "block": "block", "label": "block", "channels": "channels C", "reduced": "C/r",
    "near_one": "s > .9", "near_zero": "s < .1", "at_lower": "at lower bound", "at_upper": "at upper bound",
    "dead": "dead channels (SD < .001)", "profile_rank": "rank of class profiles", "gate_rank": "rank of gates",
    "gate_rank_images": "images for the rank of gates", "omega_squared": "ω² (pooled)",
    "omega_squared_mean": "ω² (mean of channels)", "defined_channels": "channels with ω²",
    "between_sd": "between-class SD", "within_sd": "within-class SD", "icc_mean": "ICC, mean",
    "selectivity_index_mean": "selectivity index, mean", "d_prime_mean": "d′ of best class, mean", "images": "images",
    "classes": "classes", "single_classes": "classes with one image",
}  # fmt: skip

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
        ("Images", f"{data.get('name')}: {images:,}, {labelled:,} of them labelled, {recording.describe_classes()}"),
        ("Digest of the data", str(data.get("digest", ""))[:_SHORT]),
        ("Gates kept", f"of {recording.n_kept:,} images; means, SDs and histograms are of all"),
        ("Form", "slim (computed from a full recording, numbers of the assessment too)" if recording.form == "slim" else "full"),
        ("Precision", describe_precision(options)),
        ("Device", f"{environment.get('device', '')}, {environment.get('threads', '')} threads"),
        ("Recording", recording.id),
    ]  # fmt: skip
    if assessment is not None:
        controls = "; ".join(c.name + ("" if c.seed is None else f" (seed {c.seed})") for c in assessment.controls)
        pairs += [("Assessed with", f"senet-viz {assessment.code_version}"), ("Controls", controls)]
    more = [(name, str(value)) for name, value in versions.items() if value]
    notes = "".join(paragraph(f"Note: {note}", "soft") for note in manifest.notes)
    return section(
        "What was recorded",
        "recorded",
        facts(pairs),
        notes,
        fold("Versions and preprocessing", facts(more), facts((k, str(v)) for k, v in manifest.preprocessing.items())),
    )


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


ICONS: dict[Verdict, str] = {"supported": "✓", "refuted": "✗", "inconclusive": "?", "not applicable": "–"}


def show_claims(report: ClaimReport) -> list[str]:
    """Sentences, cards, and the table of every part."""
    answers = [
        *(sentences.summarize_reading(report, name) for name in READINGS),
        sentences.describe_disagreement(report),
    ]
    cards = "\n".join(_card(claim) for claim in report.claims)
    every = table(sentences.tabulate_report(report), "Claims, bounds and intervals")
    return [
        paragraph(sentences.PAPER_SAYS),
        *(paragraph(answer, "answer") for answer in answers if answer),
        paragraph(sentences.describe_scope(report), "soft"),
        f'<div class="cards">\n{cards}\n</div>',
        fold("Every claim, reading and part as a table", every),
    ]


def _card(claim: JudgedClaim) -> str:
    readings = "\n".join(_reading(name, evidence) for name, evidence in claim.readings.items())
    split = paragraph(sentences.describe_claim_disagreement(claim)) if claim.readings_disagree else ""
    return (
        f'<article class="card" aria-labelledby="claim-{claim.id}"><h3 id="claim-{claim.id}">{claim.id} · '
        f"{escape(claim.statement)}</h3>\n{readings}{split}\n{fold('What the paper shows', paragraph(claim.paper))}</article>"
    )


def _reading(name: ReadingName, evidence: Evidence) -> str:
    verdict = evidence.verdict
    kind = verdict.replace(" ", "-")
    word = (
        f'<p><span class="verdict {kind}"><span aria-hidden="true">{ICONS[verdict]}</span> {name}: {verdict}</span></p>'
    )
    if not evidence.parts:
        return word + paragraph(evidence.reason, "numbers")
    lines = [
        sentences.say_estimate(part)
        + (f"; {controls}" if (controls := sentences.say_controls(part)) else "")
        + "".join(
            f"; {beside.words} {say_number(beside.value, part.unit)}"
            for beside in part.beside
            if beside.kind == "other target"
        )
        for part in evidence.parts
    ]
    lines.append(sentences.explain_controls(name, evidence))
    told = "".join(paragraph(line, "numbers") for line in lines if line)
    why = paragraph(evidence.reason, "numbers") if verdict == "not applicable" else ""
    more = [paragraph(line) for line in (evidence.note, *sentences.list_nulls(name, evidence)) if line]
    return word + told + why + (fold("What it means, and nulls", "".join(more)) if more else "")


_TOP1, _TOP5, _LOSS = (MEASURE_WORDS[measure] for measure in ("top1", "top5", "loss"))
_INTERVALS = [_TOP1, f"{_TOP1}, low", f"{_TOP1}, high", f"{_TOP1}, classes low", f"{_TOP1}, classes high"]
_EFFECTS = ["target", "baseline", *_INTERVALS, _TOP5, _LOSS, "predictions changed", "classes hurt", "classes helped"]
_PARTS = ["target", "component", "formula", *_INTERVALS, _LOSS, f"{_LOSS}, low", f"{_LOSS}, high"]
_MOST = 5


def show_effects(found: EffectTable) -> str:
    """All of it in one section."""
    components = decompose(found)
    meanings = "; ".join(f"{name} ({FORMULAS[name]}): {COMPONENT_WORDS[name]}" for name in COMPONENTS)
    parts = [
        paragraph(describe_components(components), "answer"),
        paragraph(
            f"Intervened less clean, on {found.images:,} images of {found.classes:,} classes; untouched, the network has "
            f"{found.clean['top1']:.2f} % top-1 and {found.clean['top5']:.2f} % top-5 accuracy and a loss of "
            f"{found.clean['loss']:.3f} nats. A cost in accuracy is negative, one in loss positive. Intervals are paired, at "
            "95 %: low and high for these classes, classes low and high for classes like these (from 20 classes on)."
        ),
        paragraph(found.note) if found.note else "",
        table(found.table()[_EFFECTS], "What moving the gates does", digits=2),
    ]
    if components:
        parts += [
            "<h3>What of it is class</h3>",
            paragraph(f"{meanings}. {CLASS_EFFECT_MEANING}"),
            table(tabulate_components(components)[_PARTS], "Dynamic, instance and class effect", digits=2),
        ]
    explained = paragraph(
        f"The {_MOST} classes that lose and win most under each intervention. Shrunken: moved towards the mean over classes by as "
        "much as a class's number is noise. q: exact sign-flip test, Benjamini–Hochberg over the classes; up to .05 it is found."
    )
    parts.append(fold("Classes that change most", explained, table(_extremes(found), "Losers and winners", digits=3)))
    return section("What the gates do", "effects", *parts)


def _extremes(found: EffectTable) -> pd.DataFrame:
    rows = [
        {
            "class": found.class_names[k], "target": effect.target, "baseline": effect.baseline,
            "images": int(found.class_images[k]), _TOP1: effect.changes["top1"].per_class[k],
            "shrunken": effect.tests.shrunken[k], "p": effect.tests.p[k], "q": effect.tests.q[k],
        }
        for effect in found.effects
        for side in found.extremes(effect, most=_MOST)
        for k in side.tolist()
    ]  # fmt: skip
    return pd.DataFrame(rows)


_HEALTH = ("near_one", "near_zero", "at_lower", "at_upper", "dead", "within_sd", "between_sd", "profile_rank", "gate_rank",
           "gate_rank_images")  # fmt: skip
_MEASURES = ("omega_squared", "omega_squared_mean", "defined_channels", "between_sd", "within_sd", "icc_mean",
             "selectivity_index_mean", "d_prime_mean", "images", "classes", "single_classes")  # fmt: skip


def show_depth(assessment: Assessment) -> str:
    """Class share and between-class SD along the depth."""
    drawn = figure(
        lambda look, narrow: draw_depth(assessment, look, narrow=narrow),
        "class-share-along-depth",
        "Class share of variance and between-class SD of the gates in every block",
        "Above: how much of a gate's variance lies between classes. Below: how far classes move a gate, in units of s. z is the "
        "gate's own input; networks with random weights show what low-level image statistics alone do. Blocks in bold have the "
        "roles of the paper's Fig. 6.",
        assessment.table(),
    )
    return section("Along the depth", "depth", paragraph(assessment.reason) if assessment.reason else "", drawn)


def show_profiles(recording: Recording) -> str:
    """The paper's Fig. 6: mean gates of the classes that a first visit shows."""
    chosen = choose_classes(recording.classes, recording.moments(recording.blocks[0].name).count)
    classes = [choice.index for choice in chosen]
    panels = profile_classes(recording, choose_blocks(recording.blocks), classes)
    names = label_classes(recording.classes)
    reasons = "; ".join(f"{names[choice.index]}: {choice.reason}" for choice in chosen)
    shown = ", ".join(c.label for c in panels.classes) or "all images"
    drawn = figure(
        lambda look, narrow: draw_panels(panels, colour_classes(classes), look, per_row=2 if narrow else 3),
        "class-profiles",
        f"Mean gate per channel and block for {shown}",
        "Mean gate of channels drawn uniformly, as in the paper's Fig. 6, over the mean of all classes. Where lines lie on each "
        "other, the class makes no difference; how much single images of a class differ is not shown."
        + (f" Classes: {reasons}." if reasons else ""),
        panels.table(),
    )
    return section("Class profiles (Fig. 6)", "profiles", paragraph(describe_distances(panels), "answer"), drawn)


def show_map(recording: Recording, block: Gate) -> str:
    """All classes against the leading channels of one block."""
    classes = map_classes(recording, block)
    drawn = figure(
        lambda look, narrow: draw_class_map(classes, look, narrow=narrow),
        f"class-map-{block.label}",
        f"Mean gate of every class less the mean of all, for the {len(classes.channels)} most class-specific channels of "
        f"{block.label}",
        f"{block.label} has the largest between-class SD of all blocks. Red: the class's mean gate is above the mean of all images; "
        "blue: below. How single images spread around these means is not shown. The table gives the mean gates.",
        classes.table(),
    )
    return section("Classes and channels", "map", drawn)


def measure_for_report(recording: Recording) -> pd.DataFrame:
    """A row a block: gate health and measures."""
    found = measure_selectivity(recording, per="block")
    found["reduced"] = [gate.reduced_channels for gate in recording.blocks]
    return found


def block_of_largest_sd(measures: pd.DataFrame, recording: Recording) -> Gate | None:
    """The block in which classes move gates most; None where that is not defined."""
    spread = measures["between_sd"].to_numpy(dtype=np.float64)
    return recording.blocks[int(np.nanargmax(spread))] if np.isfinite(spread).any() else None


def show_measures(measures: pd.DataFrame) -> list[str]:
    """Are gates stuck, saturated, dead; and how much do they depend on the class, block by block?"""
    if measures["dead"].notna().all():
        measures = measures.astype({"dead": int})
    parts = (
        ("Gate health", "health", "Gate health of every block", ("label", "channels", "reduced", *_HEALTH),
         "Shares are of all gates of a block on all images; SDs are in units of s. Effective ranks count the directions that "
         "class means, or single gates, really use."),
        ("Measures per block", "measures", "Measures of every block", ("label", *_MEASURES),
         "Pooled ω² weights channels by their variance; the mean of channels' ω² does not. The selectivity index is squeezed by "
         "a sigmoid's baseline and grows with the number of classes: it is shown for comparison with other work."),
    )  # fmt: skip
    return [
        section(
            heading, anchor, paragraph(text),
            table(measures[[name for name in names if name in measures]].rename(columns=WORDS), caption),
        )
        for heading, anchor, caption, names, text in parts
    ]  # fmt: skip


def show_stored(tree: Mapping[str, Any]) -> list[str]:
    """Tables that the assessment stored, or the sentence why one is missing."""
    parts = (
        ("decoding", "Decoding the class", "How well the class of a held-out image can be told from a block's gates. "
         "Decodable is not the same as used."),
        ("cka", "CKA", "How alike two blocks arrange the same images, and a block and the classes: 1 alike, 0 unrelated."),
        ("superclasses", "Superclasses", "The variance split into superclass, class within superclass, and image within class."),
        ("outcomes", "Right and wrong", "Images that the network classified correctly against those that it did not, in the same "
         "classes: class share of their gates, and distance from their class's mean."),
    )  # fmt: skip
    sections = []
    for key, heading, text in parts:
        found = tree.get(key) or {}
        if rows := found.get("rows"):
            told = [paragraph(text), table(pd.DataFrame(rows), heading)]
        else:
            told = [paragraph(f"Not there: {found.get('reason') or 'The assessment holds no such table.'}")]
        sections.append(section(heading, key, *told))
    return sections
