"""What a recording will take, told before it starts, and the step that maps classes to outputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from senet_viz.dashboard.frame import escape
from senet_viz.dashboard.jobs import Plan, RecordRequest, plan_request
from senet_viz.errors import SenetVizError
from senet_viz.text import bytes_text, seconds_text

_PLAN = "record_plan"
TABLE, ORDER, WITHOUT = "Choose outputs", "Same order", "Go on without accuracy"
_SEARCH = "Double-click a cell and type to search."
_RULES = {
    "wnid": "found by their WordNet id",
    "name": "found by their name",
    "label map": "found in the label map",
    "output index": "labels are indices of outputs",
    "none": "no rule found one",
}


@dataclass(frozen=True)
class Checked:
    """What was asked, and the answer: a plan, or the sentence that says why there is none."""

    request: RecordRequest
    plan: Plan | None
    problem: str


@dataclass(frozen=True)
class Decision:
    """Whether the recording can start, and the label map that it is given; None for the command line's own rules."""

    ready: bool
    label_map: Mapping[str, str | None] | None = None


def check_choices(request: RecordRequest, out: Path) -> None:
    """Ask for a plan and remember the answer."""
    with st.spinner("The model and some images are loaded and timed …", show_time=True):
        try:
            found = Checked(request, plan_request(request, out), "")
        except SenetVizError as error:
            found = Checked(request, None, str(error))
        st.session_state[_PLAN] = found  # at once: another click meanwhile ends this run here


def last_check(request: RecordRequest | None) -> Checked | None:
    """The answer for these very choices; None where they were not checked."""
    found: Checked | None = st.session_state.get(_PLAN)
    same = found is not None and request is not None and found.request.to_json() == request.to_json()
    return found if same else None


def forget_check() -> None:
    """The recording was started."""
    st.session_state.pop(_PLAN, None)


def show_check(checked: Checked) -> Decision:
    """The estimate, the mapping and what is to be decided."""
    if checked.plan is None:
        st.error(escape(checked.problem), icon=":material/error:")
        return Decision(False)
    plan = checked.plan
    _show_estimate(plan)
    for note in plan.notes:
        st.caption(escape(note))
    if plan.problem:
        st.error(escape(plan.problem), icon=":material/hard_drive:")
        return Decision(False)
    return _show_mapping(plan)


def _show_estimate(plan: Plan) -> None:
    time = "unknown" if plan.seconds is None else seconds_text(plan.seconds)
    with st.grid(4, min_column_width=130):
        st.metric(
            "Images",
            f"{plan.images:,}",
            border=True,
            help=f"The gates of {plan.kept:,} are kept one by one, of {plan.blocks} blocks.",
        )
        st.metric(
            "Time",
            f"≈ {time}",
            border=True,
            help="From a few images on this machine as busy as it is now; loading is not counted.",
        )
        st.metric("On disk", bytes_text(plan.disk_bytes), border=True, help=f"{bytes_text(plan.free_bytes)} are free.")
        st.metric("In memory", bytes_text(plan.memory_bytes), border=True, help="Beside what the network itself takes.")


def _show_mapping(plan: Plan) -> Decision:
    if not plan.classes:
        st.info("The images have no labels: statistics are of the whole set.", icon=":material/label_off:")
        return Decision(True)
    rule = _RULES.get(plan.method, plan.method)
    if not plan.missing:
        st.success(
            f"All {len(plan.classes):,} classes have an output of the model ({rule}).", icon=":material/check_circle:"
        )
        return Decision(True)
    st.warning(
        f"**{plan.mapped:,} of {len(plan.classes):,} classes have an output of the model** ({rule}). For the others it can not "
        "be told whether a prediction is right; their gates are recorded in any case.",
        icon=":material/rule:",
    )  # fmt: skip
    options = [TABLE, *([ORDER] if plan.has_same_order else []), WITHOUT]
    chosen = st.segmented_control("Classes without an output", options, key="record_mapping", default=None)
    if chosen == TABLE:
        return _edit_outputs(plan)
    if chosen == ORDER:
        first, last = plan.classes[0].name, plan.classes[-1].name
        st.caption(
            f"{escape(first)} is output 0, … {escape(last)} is output {len(plan.classes) - 1}. Only you can know that."
        )
        return Decision(True, plan.label_map_in_order())
    if chosen == WITHOUT:
        st.caption("Loss and correct stay empty for them, and every page says so.")
        return Decision(True)
    st.caption("Decide before the start.")
    return Decision(False)


def _edit_outputs(plan: Plan) -> Decision:
    rows = [row for row in plan.missing if row.key is not None]
    table = pd.DataFrame({"Class": [row.name for row in rows], "Output": pd.Series([None] * len(rows), dtype=object)})
    table["Images"] = [row.images for row in rows]
    edited = st.data_editor(
        table, hide_index=True, disabled=["Class", "Images"], key=f"record_outputs_{plan.model}_{plan.data}",
        height=min(420, 36 * (len(rows) + 1) + 3), alt="Classes without an output, and the output to choose for each",
        column_config={
            "Output": st.column_config.SelectboxColumn(options=list(plan.output_labels), width="medium", help=_SEARCH),
            "Images": st.column_config.NumberColumn(width="small"),
        },
    )  # fmt: skip
    picked = zip(rows, edited["Output"])
    chosen = {row.key: label for row, label in picked if row.key is not None and isinstance(label, str)}
    if not chosen:
        st.caption("Choose an output for one class at least.")
        return Decision(False)
    try:
        label_map = plan.label_map(chosen)
    except SenetVizError as error:
        st.error(escape(str(error)), icon=":material/error:")
        return Decision(False)
    st.caption(f"{len(chosen):,} of {len(rows):,} chosen; the rest is recorded without accuracy.")
    return Decision(True, label_map)
