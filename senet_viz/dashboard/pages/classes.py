"""Classes: which classes do the gates tell apart, where along the depth, and does the network use it?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from senet_viz.analysis.classes.distinctness import ClassDistinctness
from senet_viz.analysis.classes.neighbours import MOST_COMPARED, ClassComparison
from senet_viz.analysis.classes.overview import ClassOverview, answer_distinctness, answer_plane, answer_use
from senet_viz.dashboard import captions, glossary, links
from senet_viz.dashboard.classes.results import (
    get_accuracy,
    get_class_comparison,
    get_distinctness,
    get_nearest,
    get_plane,
)
from senet_viz.dashboard.classes.tables import pick_order, show_class_rows, show_confusable
from senet_viz.dashboard.controls import pick, pick_block, pick_effect, pick_figure_classes, pick_one, row
from senet_viz.dashboard.frame import Opened, assign_colours, open_page
from senet_viz.dashboard.lab.effects import find_effects
from senet_viz.dashboard.links import escape, escape_all_but_bold
from senet_viz.dashboard.parts import keep_figure, offer_table, show_answer, show_result, telling_problems
from senet_viz.figures.classes import draw_class_distances, draw_class_matrix, draw_distinctness, draw_plane
from senet_viz.recording.export import file_stem, name_classes
from senet_viz.recording.statistics import block_word
from senet_viz.schema import Gate, label_classes

UNITS = {"Units of s": False, "Within-class SDs": True}
_UNASKED = 20_000_000  # kept gates that are read for intervals without a question


@dataclass(frozen=True)
class ClassChoice:
    """What the sidebar chooses: at most eight classes with their colours, a block, the unit."""

    classes: tuple[int, ...]
    colours: Mapping[int, str]
    block: Gate
    relative: bool


def choose_compared(page: Opened) -> ClassChoice:
    """The sidebar's controls; they are shared with the other pages."""
    recording = page.recording
    with st.sidebar:
        classes = pick_figure_classes(recording, "Classes")
        if len(classes) > MOST_COMPARED:
            st.caption(f"The first {MOST_COMPARED} are compared on this page.")
        block = pick_block(recording, width="stretch")
        unit = pick_one("Distances in", list(UNITS), "class_unit", help_text=glossary.CLASS_RELATIVE)
    colours = assign_colours(page, classes)
    return ClassChoice(classes[:MOST_COMPARED], colours, block, UNITS[unit])


def measure(page: Opened) -> ClassDistinctness:
    """Of all classes; where many gates are kept they are read for intervals at a click only."""
    recording = page.recording
    values = recording.n_kept * sum(gate.channels for gate in recording.blocks)
    asked = values <= _UNASKED or st.session_state.get(f"intervals_{page.stamp}", False)
    return get_distinctness(page, bool(asked) and values > 0)


def offer_intervals(page: Opened, found: ClassDistinctness) -> None:
    """Why there are no intervals, or the button that computes them."""
    key, kept = f"intervals_{page.stamp}", page.recording.n_kept
    if found.has_intervals or len(found.classes) < 2:
        return
    if not kept or st.session_state.get(key) or found.missing:
        st.caption(found.missing or "No intervals: this recording kept no gates of single images.")
        return
    st.caption(f"Intervals are computed from the gates of {kept:,} kept images, which takes some seconds to read.")
    if st.button("Compute intervals", icon=":material/unfold_more:", key="intervals_now"):
        st.session_state[key] = True
        st.rerun()


def show_class_table(page: Opened, chosen: ClassChoice, found: ClassDistinctness) -> None:
    """The answer and the table of all classes."""
    effects = find_effects(page)
    answer = f"{answer_distinctness(found, chosen.block.depth)}\n\n{answer_use(effects)}"
    show_answer(answer, explained=glossary.CLASS_DISTANCE)
    offer_intervals(page, found)
    st.header("All classes", anchor=False, help=glossary.CLASS_EMERGENCE)
    with row("class_table"):
        effect = images = None
        if effects is not None:
            largest = max(each.strength for each in effects.effects)
            effect = pick_effect(effects, largest, width=180, help_text=glossary.COSTS)
            images = effects.class_images
        overview = ClassOverview(found, get_accuracy(page), effect, images)
        order, text = pick_order(overview)
    if missing := explain_missing_columns(overview):
        st.caption(missing)
    show_class_rows(page, overview, chosen.block, order, text)


def explain_missing_columns(overview: ClassOverview) -> str:
    """Which columns the table has not, and why."""
    parts = []
    if not overview.has_accuracy:
        parts.append("no accuracy, as no class has an output of the network")
    if overview.effect is None:
        parts.append("no loss by intervention, as none are stored with this recording (the page Gate lab says how)")
    return f"The table has {'; it has '.join(parts)}." if parts else ""


def show_depths(page: Opened, chosen: ClassChoice, found: ClassDistinctness) -> None:
    """How distinct the chosen classes are along the depth."""
    st.header("Along the depth", anchor=False, help=glossary.CLASS_DISTANCE)
    screen, colours = page.screen, tuple(chosen.colours.items())
    figure = keep_figure(  # another block leaves it as it is
        ("distinctness", page.stamp, found.has_intervals, chosen.classes, colours, chosen.relative, screen),
        lambda: draw_distinctness(
            found, chosen.classes, chosen.colours, screen.look, relative=chosen.relative, narrow=screen.narrow
        ),
    )
    unit = "relative" if chosen.relative else "absolute"
    name = file_stem("class-distinctness", page.recording.id, unit, name_classes(chosen.classes))
    show_result(
        figure, found.table(chosen.classes or None), name=name, key="distinctness", explained=glossary.CLASS_DISTANCE,
        alt="How distinct the chosen classes' gates are in every block.",
        caption="How far a class's mean gates lie from the mean of the other classes, with the noise of few images taken off: at or "
        "below 0 a class is not told from the others. It is about class means, not about single images, whose gates overlap.",
    )  # fmt: skip


def show_comparison(page: Opened, chosen: ClassChoice) -> int | None:
    """The chosen classes against each other; returns the class that distances are from."""
    st.header("Chosen classes against each other", anchor=False, help=glossary.CLASS_DISTANCE)
    comparison = get_class_comparison(page, chosen.classes) if chosen.classes else None
    if comparison is None or not comparison.classes:
        st.info("Choose classes in the sidebar, or tick rows of the table.", icon=":material/label:")
        return None
    options = list(comparison.labels)
    picked = pick("Distances from", options, "class_from", kind="class", width=260, help_text=glossary.CLASS_DISTANCE)
    position = options.index(picked)
    if len(comparison.classes) > 1 and np.isfinite(comparison.distance).all():
        draw_comparison(page, chosen, comparison, position)
    else:
        st.info("Distances take a second class, and two images in some class.", icon=":material/label_off:")
    link_onwards(comparison.labels[position], page.label(chosen.block))
    return comparison.classes[position]


def draw_comparison(page: Opened, chosen: ClassChoice, comparison: ClassComparison, position: int) -> None:
    """Distances from one class along the depth, and all pairs in the block."""
    look, narrow = page.screen.look, page.screen.narrow
    figure = keep_figure(
        ("class distances", page.stamp, comparison.classes, position, tuple(chosen.colours.items()), page.screen),
        lambda: draw_class_distances(comparison, position, chosen.colours, look, narrow=narrow),
    )
    stem = file_stem("class-distances", page.recording.id, name_classes(comparison.classes))
    name = f"{stem}-from-{comparison.classes[position]}"
    show_result(
        figure, comparison.table(), name=name, key="distances", explained=glossary.CLASS_NOISE,
        alt="Distance of the chosen classes from one of them, by block.",
        caption="RMS over channels between two class means, less the noise in both: the dotted lines are what that noise alone would "
        "give. A distance does not say whether the network uses it.",
    )  # fmt: skip
    matrix = draw_class_matrix(comparison, chosen.block.depth, look, narrow=narrow)
    label = page.label(chosen.block)
    name = file_stem("class-matrix", page.recording.id, block_word(page.recording, chosen.block), name_classes(comparison.classes))  # fmt: skip
    show_result(
        matrix, comparison.table(chosen.block.depth), name=name, key="matrix", explained=glossary.CLASS_DISTANCE,
        alt=f"Distance of each pair of the chosen classes in {label}.", caption=captions.CLASS_MATRIX,
    )  # fmt: skip


def link_onwards(label: str, block: str) -> None:
    """Other pages about the same class and block."""
    st.markdown(f"More about **{escape(label)}** in {escape(block)}:")
    here = {"class": [label], "map_block": block}
    with st.container(horizontal=True):
        links.link_page("distributions", f"{label}: distributions", "ssid_chart", here)
        links.link_page("distributions", f"{block}: all classes", "grid_on", {"map_block": block}, at="one-block")
        links.link_page("blocks", f"{block}: all measures", "view_column", {"map_block": block}, at="one-block")
        links.link_page(
            "compare", f"Images of yours among {label}", "compare", {"among": label, "compare_block": block}
        )
        links.link_page("lab", f"Cost of moving {block}", "science", {"lab_target": block}, at="losers")


def show_plane(page: Opened, chosen: ClassChoice, reference: int | None) -> None:
    """The map of all classes in one block, and the nearest classes of one along the depth."""
    st.header("Map of classes", anchor=False, help=glossary.CLASS_PLANE)
    plane = get_plane(page, chosen.block.name)
    if plane is None:
        st.info("A map takes three classes.", icon=":material/label_off:")
        return
    st.markdown(escape_all_but_bold(answer_plane(plane)))
    figure = draw_plane(plane, chosen.classes, chosen.colours, page.screen.look, narrow=page.screen.narrow)
    name = file_stem("class-plane", page.recording.id, block_word(page.recording, chosen.block))
    label = page.label(chosen.block)
    show_result(
        figure, plane.table(), name=name, key="plane", on_point=lambda point: choose_class(page, point),
        explained=glossary.CLASS_PLANE, alt=f"Class profiles of {label} on their first two principal axes.",
        caption="A point a class: near points have similar mean gates as far as these two axes show them; what lies along other axes "
        "is not seen, so classes that touch here may be apart. A click on a point adds its class to the chosen ones.",
    )  # fmt: skip
    if reference is not None:
        show_nearest(page, reference)


def choose_class(page: Opened, point: Mapping[str, Any]) -> None:
    """A click on a class of the map chooses it, and shows its neighbours."""
    labels = label_classes(page.recording.classes)
    name = labels[int(point["customdata"][1])]
    before = [label for label in st.session_state.get("class") or [] if label != name]
    links.forget_notices()
    st.session_state["class"] = [*before[: MOST_COMPARED - 1], name]
    st.session_state["class_from"] = name


def show_nearest(page: Opened, reference: int) -> None:
    """The classes nearest to one in every block."""
    nearest = get_nearest(page, reference)
    if nearest is None:
        return
    st.subheader(f"Nearest to {escape(nearest.label)}", anchor=False, help=glossary.CLASS_DISTANCE)
    rows, alt = nearest.rows(), f"Table: classes nearest to {nearest.label} by block"
    st.dataframe(rows, hide_index=True, height=min(320, 37 + 35 * len(rows)), alt=alt)
    st.caption(
        f"Of {nearest.compared:,} other classes, all channels, RMS distance without noise in units of s; below 0: nearer than noise "
        f"explains. n = {nearest.images:,} images of {escape(nearest.label)}."
    )
    name = file_stem("nearest-classes", page.recording.id, name_classes([reference]))
    offer_table(nearest.table(), key="nearest", name=name)


opened = open_page(
    "Classes", "Which classes do the gates tell apart, where along the depth, and does the network use it?"
)
with telling_problems("folder_off"):
    if not opened.recording.class_counts.any():
        st.info(
            "No image of this recording has a label, so there are no classes to tell apart.",
            icon=":material/label_off:",
        )
    else:
        selection = choose_compared(opened)
        links.show_notices()
        distinctness = measure(opened)
        show_class_table(opened, selection, distinctness)
        show_depths(opened, selection, distinctness)
        compared = show_comparison(opened, selection)
        show_plane(opened, selection, compared)
        show_confusable(opened, selection.block)
