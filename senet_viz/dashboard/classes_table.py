"""The page Classes: the table of all classes, searched and ordered, and the classes picked from it."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from senet_viz.analysis.classes import SORTS, ClassOverview, SortBy
from senet_viz.analysis.classes.neighbours import MOST_COMPARED
from senet_viz.analysis.profiles import count_decimals, label_blocks
from senet_viz.dashboard import glossary, links
from senet_viz.dashboard.controls import prepare
from senet_viz.dashboard.frame import Opened
from senet_viz.recording.export import block_word, file_stem
from senet_viz.schema import Gate
from senet_viz.stats.effects import EffectTable, TargetEffect
from senet_viz.stats.effects.answers import BASELINE_WORDS, find_costliest


@dataclass(frozen=True)
class _Order:
    by: SortBy
    text: str


def pick_effect(table: EffectTable | None) -> TargetEffect | None:
    """The intervention whose effect on each class is a column; at first the costliest one, at its largest strength."""
    if table is None:
        return None
    strength = max(effect.strength for effect in table.effects)
    made = [effect for effect in table.effects if effect.strength == strength]
    first = find_costliest(made)
    target = _select("Gates of", list(dict.fromkeys(e.target for e in made)), "lab_target", "target", first.target)
    baselines = [effect.baseline for effect in made if effect.target == target]
    default = first.baseline if first.baseline in baselines else baselines[0]
    baseline = _select("Moved to", baselines, "lab_to", "baseline", default)
    return table.find(target, baseline, strength=strength)


def _select(title: str, options: list[str], key: str, kind: str, default: str) -> str:
    prepare(key, kind, options)
    chosen = st.selectbox(
        title, options, index=options.index(default), key=key, bind="query-params", persist_state="session", width=180,
        on_change=links.forget_notices, help=glossary.COSTS,
    )  # fmt: skip
    return chosen or default


def show_table(page: Opened, overview: ClassOverview, block: Gate, order: _Order) -> None:
    """All classes that match, in the chosen order."""
    at = block.depth
    rows = overview.order(order.by, at)
    rows = rows[overview.search(order.text)[rows]]
    if not len(rows):
        st.info("No class has this in its name.", icon=":material/search_off:")
        return
    table = overview.table(at).iloc[rows]
    label = label_blocks(page.recording.blocks)[at]
    shares = {
        name: 2 for name in table.columns if name.startswith("accuracy")
    }  # n of some fifty carries whole percents
    picked = st.dataframe(
        table.round(shares), hide_index=True, height=min(420, 37 + 35 * len(table)), column_config=_columns(overview, at, label),
        on_select="rerun", selection_mode="multi-row", key=f"class_rows_{order.by}_{len(rows)}_{at}",
        alt=f"Table: classes, how distinct their gates are in {label}, and how often they are right",
    )  # fmt: skip
    names = [str(table["class"].iloc[i]) for i in picked.selection.rows if i < len(table)]
    with st.container(horizontal=True, vertical_alignment="center"):
        _offer_choice(names)
        name = file_stem("classes", page.recording.id, block_word(page.recording, block), order.by)
        st.download_button(
            "Table (CSV)", lambda: table.to_csv(index=False).encode(), file_name=f"{name}.csv", mime="text/csv",
            key="csv_classes", on_click="ignore", icon=":material/download:",
        )  # fmt: skip
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


def pick_order(overview: ClassOverview) -> _Order:
    """The text that is searched for and the order of the rows."""
    words = {SORTS[by]: by for by in overview.sorts()}
    text = st.text_input("Search", key="class_search", bind="query-params", persist_state="session", width=180,
                         placeholder="part of a name", on_change=links.forget_notices)  # fmt: skip
    prepare("class_sort", "order", list(words))
    chosen = st.selectbox(
        "Order", list(words), key="class_sort", bind="query-params", persist_state="session", width=190,
        on_change=links.forget_notices, help=glossary.CLASS_ORDER,
    )  # fmt: skip
    return _Order(words[chosen or next(iter(words))], text or "")


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
