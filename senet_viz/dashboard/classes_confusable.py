"""The page Classes: are classes whose gates are alike taken for each other?"""

import streamlit as st

from senet_viz.analysis.classes import ConfusionAgreement, Confusions, answer_agreement, gather_agreement
from senet_viz.analysis.classes.agreement import FEWEST
from senet_viz.analysis.profiles import count_decimals, label_blocks, label_classes
from senet_viz.dashboard import glossary
from senet_viz.dashboard.classes_results import get_agreement, get_confusions, get_pairs
from senet_viz.dashboard.controls import pick_one
from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.parts import show_downloads, show_figure
from senet_viz.figures.classes import draw_agreement
from senet_viz.recording.export import block_word, file_stem
from senet_viz.schema import Gate

LISTS = ("Most confused", "Closest gates")
_AT_ONCE = 400  # classes whose pairs are compared unasked: about a second
_MOST = 25


def show_confusable(page: Opened, block: Gate) -> None:
    """Closeness in gate space against confusion along the depth, and the pairs of one block."""
    st.header("Are classes with similar gates confused?", anchor=False, help=glossary.CONFUSABLE)
    confusions = get_confusions(page.recording, page.stamp)
    _tell_left_out(confusions)
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


def _tell_left_out(confusions: Confusions) -> None:
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
        blocks.append(get_agreement(recording, page.stamp, gate.name, "gate"))
        squeeze.append(get_agreement(recording, page.stamp, gate.name, "squeeze"))
    bar.empty()
    return gather_agreement(confusions, [found for found in blocks if found is not None], squeeze)


def _show_depth(page: Opened, found: ConfusionAgreement) -> None:
    st.markdown(answer_agreement(found))
    figure = draw_agreement(found, page.screen.look, narrow=page.screen.narrow)
    name = f"classes-confusable-{page.recording.id[:8]}"
    show_figure(figure, name=name, alt="Rank correlation between closeness of class profiles and confusion, by block.")
    st.caption(
        "Above the grey band: pairs of classes whose mean gates are close are taken for each other more often than shuffled "
        "classes would be. It does not show that the gates cause it: what makes two classes look alike makes both.",
        help=glossary.CONFUSABLE,
    )
    show_downloads(found.table(), figure, key="confusable", name=name)


def _show_pairs(page: Opened, confusions: Confusions, block: Gate) -> None:
    label = label_blocks(page.recording.blocks)[block.depth]
    st.subheader(f"Pairs of classes in {label}", anchor=False)
    chosen = pick_one("Pairs", list(LISTS), "class_pairs")
    pairs = get_pairs(page.recording, page.stamp, block.name)
    rows = pairs.most_confused(_MOST) if chosen == LISTS[0] else pairs.closest(_MOST)
    if not len(rows) and chosen == LISTS[0]:
        st.info("No image of one of these classes is taken for another of them.", icon=":material/check:")
        return
    if not len(rows):
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
    st.download_button(
        "Table (CSV)", lambda: table.to_csv(index=False).encode(), file_name=f"{name}.csv", mime="text/csv",
        key="csv_pairs", on_click="ignore", icon=":material/download:",
    )  # fmt: skip
