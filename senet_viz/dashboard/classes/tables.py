"""Parts of the page Classes: the table of all classes, and whether classes whose gates are alike are confused."""

from typing import Any

import streamlit as st

from senet_viz.analysis.classes.confusions import FEWEST, ConfusionAgreement, Confusions
from senet_viz.analysis.classes.neighbours import MOST_COMPARED
from senet_viz.analysis.classes.overview import SORTS, ClassOverview, SortBy, answer_agreement
from senet_viz.dashboard import glossary, links
from senet_viz.dashboard.classes.results import get_agreement, get_confusions, get_pairs
from senet_viz.dashboard.controls import pick, pick_one
from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.links import escape, escape_all_but_bold
from senet_viz.dashboard.parts import offer_table, show_result
from senet_viz.figures.classes import draw_agreement
from senet_viz.recording.export import file_stem
from senet_viz.recording.statistics import block_word
from senet_viz.schema import Gate, label_classes
from senet_viz.stats.effect_parts import BASELINE_WORDS
from senet_viz.text import count_decimals


def show_class_rows(page: Opened, overview: ClassOverview, block: Gate, order: SortBy, text: str) -> None:
    """All classes that have the text in their names, in the chosen order."""
    at = block.depth
    rows = overview.order(order, at)
    rows = rows[overview.search(text)[rows]]
    if not len(rows):
        st.info("No class has this in its name.", icon=":material/search_off:")
        return
    table = overview.table(at).iloc[rows]
    label = page.label(block)
    shares = {
        name: 2 for name in table.columns if name.startswith("accuracy")
    }  # n of some fifty carries whole percents
    picked = st.dataframe(
        table.round(shares), hide_index=True, height=min(420, 37 + 35 * len(table)), column_config=_columns(overview, at, label),
        on_select="rerun", selection_mode="multi-row", key=f"class_rows_{order}_{len(rows)}_{at}",
        alt=f"Table: classes, how distinct their gates are in {label}, and how often they are right",
    )  # fmt: skip
    names = [str(table["class"].iloc[i]) for i in picked.selection.rows if i < len(table)]
    with st.container(horizontal=True, vertical_alignment="center"):
        _offer_choice(names)
        name = file_stem("classes", page.recording.id, block_word(page.recording, block), order)
        offer_table(table, key="classes", name=name)
        st.caption(f"{len(rows):,} of {len(overview.distinctness.classes):,} classes.")


def _offer_choice(names: list[str]) -> None:
    few = names[:MOST_COMPARED]
    label = f"Compare these {len(few)}" if len(few) > 1 else "Show this class" if few else "Tick rows to compare them"
    st.button(
        label, icon=":material/compare_arrows:", key="class_take", disabled=not few, on_click=_take, args=(few,),
        help=f"The ticked classes (at most {MOST_COMPARED}) become the chosen ones, here and on the other pages.",
    )  # fmt: skip


def _take(names: list[str]) -> None:
    links.forget_notices()
    st.session_state["class"] = names


def pick_order(overview: ClassOverview) -> tuple[SortBy, str]:
    """The order of the rows, and the text that is searched for."""
    words = {SORTS[by]: by for by in overview.sorts()}
    text = st.text_input("Search", key="class_search", bind="query-params", persist_state="session", width=180,
                         placeholder="part of a name", on_change=links.forget_notices)  # fmt: skip
    chosen = pick("Order", list(words), "class_sort", kind="order", width=190, help_text=glossary.CLASS_ORDER)
    return words[chosen], text or ""


def _columns(overview: ClassOverview, at: int, label: str) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    apart = f"%.{count_decimals(overview.distinctness.distance()[:, at])}f"
    told: dict[str, Any] = {
        "class": st.column_config.TextColumn("class", pinned=True, width=140),
        "distance": number(f"distance in {label}", format=apart, help=glossary.CLASS_DISTANCE),
        "low": number("low", format=apart, help="Lower 95 % limit, over images; signed like the distance."),
        "high": number("high", format=apart, help="Upper 95 % limit, over images."),
        "in within-class SDs": number(format="%.2f", help=glossary.CLASS_RELATIVE),
        "by chance": number(format=apart, help=glossary.CLASS_NOISE),
        "emerges at": st.column_config.TextColumn(help=glossary.CLASS_EMERGENCE),
        "largest at": st.column_config.TextColumn(help=glossary.CLASS_EMERGENCE),
        "until": st.column_config.TextColumn(help=glossary.CLASS_EMERGENCE),
        "accuracy": number(format="percent", help="Top-1 of the recorded predictions."),
        "accuracy, low": number(format="percent", help="Wilson's 95 % interval."),
        "accuracy, high": number(format="percent", help="Wilson's 95 % interval."),
        "q": number(format="%.2g", help=glossary.LOSERS),
    }
    if overview.effect is not None:
        effect = overview.effect
        words = f"{effect.target} moved to {effect.baseline} ({BASELINE_WORDS.get(effect.baseline, effect.baseline)})."
        told["Δ top-1, shrunken"] = number("Δ top-1, points", format="%.1f", help=f"{words} {glossary.LOSERS}")
    return told


LISTS = ("Most confused", "Closest gates")
_AT_ONCE = 400  # classes whose pairs are compared unasked: about a second
_MOST = 25


def show_confusable(page: Opened, block: Gate) -> None:
    """Closeness in gate space against confusion along the depth, and the pairs of one block."""
    st.header("Are classes with similar gates confused?", anchor=False, help=glossary.CONFUSABLE)
    confusions = get_confusions(page)
    _show_left_out(confusions)
    if len(confusions.classes) < FEWEST:
        st.info(
            f"This takes {FEWEST} classes that have an image and an output of the network of their own; there are "
            f"{len(confusions.classes)}.",
            icon=":material/label_off:",
        )
        return
    if (found := _compute(page, confusions)) is not None:
        _show_depth(page, found)
    _show_pairs(page, confusions, block)


def _show_left_out(confusions: Confusions) -> None:
    parts = []
    if confusions.left_out:
        one = confusions.left_out == 1
        have = "class has no output of its own and is" if one else "classes have no output of their own and are"
        parts.append(f"{confusions.left_out:,} {have} left out")
    if confusions.elsewhere:
        are = "image is" if confusions.elsewhere == 1 else "images are"
        parts.append(f"{confusions.elsewhere:,} {are} taken for what is none of these classes")
    if parts:
        told = "; ".join(parts)
        st.caption(f"{told[0].upper()}{told[1:]}.")


def _compute(page: Opened, confusions: Confusions) -> ConfusionAgreement | None:
    """All blocks, with a bar that tells how far it is; of many classes at a click only."""
    recording = page.recording
    asked = f"agreement_{page.stamp}"
    if len(confusions.classes) > _AT_ONCE and not st.session_state.get(asked):
        st.markdown(
            f"{confusions.pairs:,} pairs of classes in {len(recording.blocks)} blocks take some time to compare."
        )
        if not st.button("Compare all pairs", icon=":material/grid_on:", key="agreement_now"):
            return None
        st.session_state[asked] = True
    bar, blocks, squeeze = st.empty(), [], []
    for at, gate in enumerate(recording.blocks):
        if at:
            bar.progress(at / len(recording.blocks), f"Comparing pairs of classes: {gate.label}")
        blocks.append(get_agreement(page, gate.name, "gate"))
        squeeze.append(get_agreement(page, gate.name, "squeeze"))
    bar.empty()
    return ConfusionAgreement(confusions, [found for found in blocks if found is not None], squeeze)


def _show_depth(page: Opened, found: ConfusionAgreement) -> None:
    st.markdown(escape_all_but_bold(answer_agreement(found)))
    figure = draw_agreement(found, page.screen.look, narrow=page.screen.narrow)
    name = f"classes-confusable-{page.recording.id[:8]}"
    show_result(
        figure, found.table(), name=name, key="confusable", named=True, explained=glossary.CONFUSABLE,
        alt="Rank correlation between closeness of class profiles and confusion, by block.",
        caption="Above the grey band: pairs of classes whose mean gates are close are taken for each other more often than shuffled "
        "classes would be. It does not show that the gates cause it: what makes two classes look alike makes both.",
    )  # fmt: skip


def _show_pairs(page: Opened, confusions: Confusions, block: Gate) -> None:
    label = page.label(block)
    st.subheader(f"Pairs of classes in {escape(label)}", anchor=False)
    chosen = pick_one("Pairs", list(LISTS), "class_pairs")
    pairs = get_pairs(page, block.name)
    rows = pairs.most_confused(_MOST) if chosen == LISTS[0] else pairs.closest(_MOST)
    if not len(rows):
        if chosen == LISTS[0]:
            st.info("No image of one of these classes is taken for another of them.", icon=":material/check:")
        else:
            st.info("Distances between class means take two images in some class.", icon=":material/label_off:")
        return
    table = pairs.table(label_classes(page.recording.classes), rows)
    st.dataframe(
        table, hide_index=True, height=min(320, 37 + 35 * len(table)), alt=f"Table: {chosen.lower()} pairs of classes in {label}",
        column_config={
            "confused": st.column_config.NumberColumn(format="percent", help="Both ways averaged."),
            "distance, in s": st.column_config.NumberColumn(
                format=f"%.{count_decimals(table['distance, in s'])}f", help=glossary.CLASS_DISTANCE
            ),
            "place by distance": st.column_config.NumberColumn(
                format="localized", help=f"1: the closest of {confusions.pairs:,} pairs."
            ),
        },
    )  # fmt: skip
    name = file_stem("class-pairs", page.recording.id, block_word(page.recording, block), chosen.lower())
    offer_table(table, key="pairs", name=name)
