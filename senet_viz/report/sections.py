"""The figures and tables of the report, each in a section of its own."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from senet_viz.analysis.profiles import (
    choose_blocks,
    choose_classes,
    describe_distances,
    label_classes,
    map_classes,
    profile_classes,
)
from senet_viz.claims.assessment import Assessment
from senet_viz.figures import colour_classes, draw_class_map, draw_depth, draw_panels
from senet_viz.recording import Recording
from senet_viz.report.markup import figure, paragraph, section, table
from senet_viz.report.texts import WORDS
from senet_viz.schema import Gate
from senet_viz.stats.measures import measure_selectivity

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


def measure_blocks(recording: Recording) -> pd.DataFrame:
    """A row a block: gate health and measures."""
    found = measure_selectivity(recording, per="block")
    found["reduced"] = [gate.reduced_channels for gate in recording.blocks]
    return found


def block_of_largest_sd(measures: pd.DataFrame, recording: Recording) -> Gate | None:
    """The block in which classes move gates most; None where that is not defined."""
    spread = measures["between_sd"].to_numpy(dtype=np.float64)
    return recording.blocks[int(np.nanargmax(spread))] if np.isfinite(spread).any() else None


def show_health(measures: pd.DataFrame) -> str:
    """Are gates stuck, saturated, dead?"""
    return section(
        "Gate health", "health",
        paragraph(
            "Shares are of all gates of a block on all images; SDs are in units of s. Effective ranks count the directions that "
            "class means, or single gates, really use."
        ),
        table(_columns(measures, ("label", "channels", "reduced", *_HEALTH)), "Gate health of every block"),
    )  # fmt: skip


def show_measures(measures: pd.DataFrame) -> str:
    """How much gates depend on the class, block by block."""
    return section(
        "Measures per block", "measures",
        paragraph(
            "Pooled ω² weights channels by their variance; the mean of channels' ω² does not. The selectivity index is squeezed by "
            "a sigmoid's baseline and grows with the number of classes: it is shown for comparison with other work."
        ),
        table(_columns(measures, ("label", *_MEASURES)), "Measures of every block"),
    )  # fmt: skip


def _columns(measures: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    shown = measures[[name for name in names if name in measures]]
    if "dead" in shown and shown["dead"].notna().all():
        shown = shown.astype({"dead": int})
    return shown.rename(columns=WORDS)


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
    return [_stored(tree.get(key) or {}, heading, key, text) for key, heading, text in parts]


def _stored(found: Mapping[str, Any], heading: str, anchor: str, text: str) -> str:
    if not found.get("rows"):
        reason = found.get("reason") or "The assessment holds no such table."
        return section(heading, anchor, paragraph(f"Not there: {reason}"))
    return section(heading, anchor, paragraph(text), table(pd.DataFrame(found["rows"]), heading))
