"""Stability on the page Compare images: changed copies of one photo, on demand, with their cost stated."""

from typing import TYPE_CHECKING

import streamlit as st

from senet_viz.analysis.comparison.result import Comparison
from senet_viz.analysis.comparison.stability import LEVELS, ClassSpread, Stability, VariedGates, measure_spread
from senet_viz.analysis.walkthrough import say_share
from senet_viz.dashboard import glossary
from senet_viz.dashboard.comparison.results import find_file, get_prepared, get_profiles
from senet_viz.dashboard.controls import pick, pick_image, pick_one, row
from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import agree_to_compute, show_answer, show_result, telling_problems
from senet_viz.dashboard.results import Loaded, keep
from senet_viz.dashboard.uploads import Image, Uploads, name_inputs, name_upload
from senet_viz.figures.comparison import draw_stability
from senet_viz.schema import label_classes

if TYPE_CHECKING:
    from senet_viz.models.zoo import Model
    from senet_viz.workflows.comparison import PreparedImage


_ASKED = "stability_asked"
_PREDICTED, _POOLED = "predicted class", "all classes, pooled"
_STRENGTHS = {word.capitalize(): level for level, word in enumerate(LEVELS)}


def show_stability(page: Opened, model: "Model", uploads: Uploads, comparison: Comparison) -> None:
    """The section: which image, against what, what it costs, and what was found."""
    st.header("How stable are these gates?", anchor=False, help=glossary.STABILITY)
    labels = label_classes(page.recording.classes)
    with row("stability"):
        image = pick_image(comparison.names, "stable_image")
        among = pick(
            "Against two images of", (_PREDICTED, _POOLED, *labels), "stable_class", kind="class", width=230,
            help_text=glossary.STABILITY,
        )  # fmt: skip
        level = _STRENGTHS[pick_one("Strength", list(_STRENGTHS), "stable_level", default="Medium")]
    asked = st.session_state.setdefault(_ASKED, set())
    file = find_file(uploads, comparison.images[image])
    key = (name_upload(model, file), comparison.precision)
    prepared = get_prepared(model, file)
    if key not in asked:
        if not _offer(model, prepared):
            return
        asked.add(key)
    with telling_problems():
        with st.spinner("Changed copies through the network…", show_time=True):
            varied = get_varied(page, *key, _model=model, _file=file)
        index = varied.predicted if among == _PREDICTED else labels.index(among) if among in labels else None
        _show(page, Stability(varied, get_spread(page, index)), prepared, level)


def _offer(model: "Model", prepared: "PreparedImage") -> bool:
    """The button with its price; whether it was pressed."""
    from senet_viz.workflows.stability import list_variations

    st.caption(
        f"{len(list_variations())} copies of the image: cropped, mirrored, rotated, blurred and made noisy, each through the network."
    )
    return agree_to_compute("Change and compare", _cost(model, name_inputs(model), prepared), key="stable_compute")


def _show(page: Opened, stability: Stability, prepared: "PreparedImage", level: int) -> None:
    show_answer(stability.answer(level), explained=glossary.STABILITY)
    if stability.spread.reason:
        instead = "Distances are shown in units of s instead: choose another class, or all classes."
        st.info(escape(f"{stability.spread.reason} {instead}"), icon=":material/rule:")
    _show_copies(stability, level)
    varied = stability.varied
    figure = draw_stability(stability, page.screen.look, level=level, narrow=page.screen.narrow)
    name = f"stability-{page.recording.id[:8]}-{prepared.sha256[:8]}-{LEVELS[level]}"
    show_result(
        figure, stability.table(), name=name, key="stability", explained=glossary.STABILITY,
        alt=f"Distance of changed copies of {varied.image} along the depth. {stability.answer(level)}",
        caption="The dashed line at 1: two different images of the class lie so far apart; a change below it moves the gates less than taking "
        "another image of the class would. Whiskers: smallest to largest of the copies; band: how well the line is known. It is one "
        "image: another one may be more or less stable, and stable gates are not yet right ones.",
    )  # fmt: skip


def _show_copies(stability: Stability, level: int) -> None:
    """The first copy of every change as the network saw it, and whether its prediction stays."""
    varied = stability.varied
    shown = {line.words: line for line in stability.lines(level)}
    firsts = [i for i, v in enumerate(varied.variations) if v.words in shown and v.draw == 0]
    with st.container(horizontal=True, gap="small"):
        for i in firsts:
            words = varied.variations[i].words
            line, (name, probability, kept) = shown[words], varied.say_prediction(i)
            said = "" if kept is None else f": {name} {say_share(probability)}; {line.kept} of {line.draws} kept"
            with st.container(width=132):
                st.image(varied.views[i], width=112, alt=f"{varied.image}, {words}")
                st.caption(escape(f"{words}{said}"))


@keep(16, shared=True)
def get_varied(page: Loaded, name: str, precision: str, *, _model: "Model", _file: Image) -> VariedGates:
    """`vary_image`, kept by `name_upload` and the precision."""
    from senet_viz.workflows.stability import vary_image

    del name
    return vary_image(_model, _file, page.recording, precision=precision, profiles=get_profiles(page))


@keep(64, shared=True)
def get_spread(page: Loaded, class_index: int | None) -> ClassSpread:
    """`measure_spread`, kept by the class."""
    return measure_spread(page.recording, class_index)


@st.cache_data(max_entries=16, show_spinner=False)
def _cost(_model: "Model", network: str, _prepared: "PreparedImage") -> float:
    from senet_viz.workflows.stability import estimate_seconds, list_variations

    del network
    return estimate_seconds(_model, _prepared, list_variations())
