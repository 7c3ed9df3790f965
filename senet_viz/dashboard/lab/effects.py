"""Parts of the page Gate lab on what is stored: effects, freeze advice, and the commands that would make them."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import streamlit as st

from senet_viz.analysis.freezing import FreezePath
from senet_viz.analysis.freezing_files import answer_freezing, find_freezing_path
from senet_viz.claims.assessment_claims import read_effects
from senet_viz.dashboard import captions, glossary, links
from senet_viz.dashboard.controls import pick_effect, pick_one, prepare_choice, row
from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import show_answer, show_downloads, show_figure, show_result, show_shell_command
from senet_viz.dashboard.recordings import recording_roots
from senet_viz.dashboard.results import Loaded, keep
from senet_viz.dashboard.visitors import keep_place
from senet_viz.errors import SenetVizError
from senet_viz.figures.freezing import draw_changed_classes, draw_freezing
from senet_viz.figures.interventions import Over, draw_components, draw_costs
from senet_viz.recording.layout import ASSESSMENT, FREEZING
from senet_viz.recording.outcomes import MANIFEST, open_outcomes
from senet_viz.recording.outcomes_nearby import find_outcomes, nearby_folders
from senet_viz.recording.reader import Recording
from senet_viz.schema import label_classes
from senet_viz.stats import effect_parts
from senet_viz.stats.effect_measuring import measure_effects
from senet_viz.stats.effects import EffectTable, Measure, judge_equivalence, say_change

T = TypeVar("T")
_BY_NAME = ("bundled", "timm", "torchvision", "hf", "factory")
_DATA_BY_NAME = ("digits", "torchvision")


def explain_missing(recording: Recording) -> None:
    """Why there are no effects here, and the two commands that make them."""
    st.info(
        "No interventions on this network's gates are stored with this recording, so this page can not say yet what its "
        "gates do. The panel below works all the same.",
        icon=":material/science:",
    )
    st.markdown(
        "Two commands make them: the first moves the gates of every block and stage on every image and keeps what the network "
        "then says (it tells how long it takes, and goes on where it was stopped; this page shows it as soon as it is finished), the second "
        "judges it:"
    )
    for command in make_commands(recording):
        show_shell_command(command)


def make_commands(recording: Recording) -> tuple[str, str]:
    """`intervene` and `assess` for a recording's model and data; what it does not store is in capitals."""
    path, out = str(recording.path), _out(recording, "interventions")
    slim = recording.form == "slim"
    judged = ["FULL_RECORDING", "--interventions", out, "--into", path] if slim else [path, "--interventions", out]
    words = _inputs(recording, out)
    return f"senet-viz intervene {shlex.join(words)}", f"senet-viz assess {shlex.join(judged)}"


def make_freeze_command(recording: Recording) -> str:
    """`freeze` for a recording's model and data, likewise; the result comes to lie beside the recording."""
    words = _inputs(recording, _out(recording, "freezing"))
    if "--baselines-from" not in words:
        words += ["--into", str(recording.path)]
    return f"senet-viz freeze {shlex.join(words)}"


def _out(recording: Recording, what: str) -> str:
    return f"runs/{recording.path.name}-{what}" if recording.form == "slim" else f"{recording.path}-{what}"


def _inputs(recording: Recording, out: str) -> list[str]:
    """Model, data and what baselines are from, as options."""
    about, data, options = recording.manifest.model, recording.manifest.data, recording.manifest.options
    model = str(about.get("name")) if about.get("source") in _BY_NAME else "MODEL"
    images = str(data.get("name")) if data.get("kind") in _DATA_BY_NAME else "DATA"
    words = ["--model", model]
    if about.get("weights") == "random":
        words += ["--weights", "random", "--seed", str(about.get("seed") or 0)]
    words += ["--data", images, "--out", out]
    if options.get("limit") is not None:
        words += ["--limit", str(options["limit"])]
    if recording.form != "slim" and recording.keeps_all and options.get("precision") == "fp32":
        words += ["--baselines-from", str(recording.path)]
    return words


MEASURE_NAMES: dict[str, Measure] = {"Top-1": "top1", "Top-5": "top5", "Loss": "loss"}
OVER_NAMES: dict[str, Over] = {"Images": "images", "Classes": "classes"}
KIND_NAMES = {"Blocks": "block", "Stages": "stage", "Cumulative": "cumulative", "Sets": "set", "All blocks": "all"}


@dataclass(frozen=True)
class _Choice:
    """What figures show."""

    measure: Measure
    over: Over
    baselines: tuple[str, ...]
    strength: float


def find_effects(page: Opened) -> EffectTable | None:
    """The effects beside the recording's assessment, else of interventions that are found near it.

    None where there are none, after a warning where they are damaged.
    """
    stored = _read_or_warn(lambda: _stored_effects(page))
    return stored if stored is not None else _read_or_warn(lambda: _effects_nearby(page))


def _read_or_warn(read: Callable[[], T | None]) -> T | None:
    """What is read; None after a warning where it is damaged: the page goes on without it."""
    try:
        return read()
    except (SenetVizError, OSError) as error:
        st.warning(escape(str(error)), icon=":material/history:")
        return None


def _stored_effects(page: Opened) -> EffectTable | None:
    path = page.recording.path / ASSESSMENT
    return _read(page, path.stat().st_mtime_ns if path.is_file() else 0)


@keep(4, shared=True)
def _read(page: Loaded, changed: int) -> EffectTable | None:
    del changed
    return read_effects(page.recording)


def _effects_nearby(page: Opened) -> EffectTable | None:
    folder = find_outcomes(page.recording, recording_roots(), judged=False)
    return None if folder is None else _measure(page, str(folder), (folder / MANIFEST).stat().st_mtime_ns)


@keep(4, shared=True, spinner="Measuring what the interventions near this recording did…")
def _measure(_page: Loaded, folder: str, changed: int) -> EffectTable:
    """Of finished interventions; `changed` says when."""
    del changed
    table = measure_effects(open_outcomes(folder))
    source = f"Measured from the interventions in {folder}. `senet-viz assess` judges the claims with them."
    return replace(table, note=f"{table.note} {source}".strip())


def show_all_effects(page: Opened, table: EffectTable) -> None:
    """All sections on stored effects."""
    show_answer(effect_parts.answer_effects(table), explained=glossary.COSTS)
    if table.note:
        st.caption(escape(table.note))
    choice = _choose(table)
    if not choice.baselines:
        st.info("Choose a baseline, or several: what gates are moved to.", icon=":material/tune:")
        return
    show_moving_costs(page, table, choice)
    show_components(page, table, choice)
    show_losers(page, table, choice)


def _choose(table: EffectTable) -> _Choice:
    made = list(dict.fromkeys(effect.baseline for effect in table.effects))
    strengths = sorted({effect.strength for effect in table.effects}, reverse=True)
    with row("lab_measure"):
        measure = MEASURE_NAMES[pick_one("Measure", list(MEASURE_NAMES), "lab_measure", help_text=glossary.COSTS)]
        over = OVER_NAMES[pick_one("Intervals over", list(OVER_NAMES), "lab_over", help_text=glossary.INTERVAL_OVER)]
        strength = strengths[0]
        if len(strengths) > 1:
            strength = float(pick_one("Strength", [f"{s:g}" for s in strengths], "lab_strength"))
    prepare_choice("lab_baselines", "baseline", made)
    picked = st.pills(
        "Gates are moved to", made, selection_mode="multi", default=made, key="lab_baselines", format_func=links.escape_option, bind="query-params",
        persist_state="session", on_change=links.forget_notices, help=glossary.COSTS,
    )  # fmt: skip
    return _Choice(measure, over, tuple(b for b in made if b in picked), strength)


def show_moving_costs(page: Opened, table: EffectTable, choice: _Choice) -> None:
    """What moving gates costs along the depth."""
    st.header("What it costs, along the depth", anchor="costs", help=glossary.COSTS)
    figure = draw_costs(
        table, page.recording.blocks, page.screen.look, baselines=choice.baselines, measure=choice.measure,
        over=choice.over, strength=choice.strength, narrow=page.screen.narrow,
    )  # fmt: skip
    name = f"gate-costs-{page.recording.id[:8]}"
    show_figure(figure, name=name, alt="Effect of moving the gates of every block and stage, with intervals.")
    st.caption(
        "Intervened − clean, on the same images: marks below the line are costs in accuracy (in loss, those above). A grey bar "
        f"spans the blocks that were moved together. {captions.COSTS_LIMITS}",
        help=glossary.INTERVAL_OVER,
    )
    if equivalent := effect_parts.describe_equivalence(table, choice.baselines, strength=choice.strength):
        st.markdown(equivalent)
    show_downloads(table.table(), figure, key="lab_costs", name=name)


def show_components(page: Opened, table: EffectTable, choice: _Choice) -> None:
    """Dynamic, instance and class."""
    st.header("How much of it is class?", anchor=False, help=effect_parts.CLASS_EFFECT_MEANING)
    components = effect_parts.decompose(table)
    if not components:
        st.info(
            "What is class and what is instance is told by the baselines mean, within and between at full strength, and none of "
            "them was made here.",
            icon=":material/label_off:",
        )
        return
    kinds = {name: kind for name, kind in KIND_NAMES.items() if any(c.kind == kind for c in components)}
    kind = kinds[pick_one("Targets", list(kinds), "lab_kind")] if len(kinds) > 1 else next(iter(kinds.values()))
    figure = draw_components(
        table, components, page.recording.blocks, page.screen.look, kind=kind, measure=choice.measure, over=choice.over,
        narrow=page.screen.narrow,
    )  # fmt: skip
    name = f"gate-components-{kind}-{page.recording.id[:8]}"
    show_figure(figure, name=name, alt="Instance and class effect stacked, with the dynamic effect and intervals.")
    st.markdown(effect_parts.describe_components(components, kind))
    formulas, words = effect_parts.FORMULAS, effect_parts.COMPONENT_WORDS
    meanings = "; ".join(f"**{c}** ({formulas[c]}): {words[c]}" for c in effect_parts.COMPONENTS)
    st.caption(f"{meanings}. {effect_parts.CLASS_EFFECT_MEANING}")
    show_downloads(effect_parts.tabulate_components(components), figure, key="lab_components", name=name)


def show_losers(page: Opened, table: EffectTable, choice: _Choice) -> None:
    """Losers and winners of one target and baseline."""
    st.header("Losers and winners", anchor="losers", help=glossary.LOSERS)
    with row("lab_losers"):
        effect = pick_effect(table, choice.strength, width=240)
    if not any(len(side) for side in table.extremes(effect)):
        st.info("No class changes: every image is as right or wrong as before.", icon=":material/drag_handle:")
        return
    labels = label_classes(page.recording.classes)
    figure = draw_changed_classes(table, effect, labels, page.screen.look, narrow=page.screen.narrow)
    name = f"gate-classes-{effect.target.replace(' ', '-')}-{effect.baseline}-{page.recording.id[:8]}"
    alt = f"Classes that lose and win most when {effect.target} is moved to {effect.baseline}."
    show_figure(figure, name=name, alt=alt)
    found = int(effect.tests.found.sum())
    whole = effect.changes["top1"]
    equivalent = judge_equivalence(whole.images, effect_parts.BOUND).describe()
    st.markdown(f"Over all classes: {say_change(whole, 'top1')} points. {equivalent}")
    st.caption(
        f"{captions.LOSERS} {found:,} of {table.classes:,} classes are told from no change (q ≤ .05); the smallest class has "
        f"{table.smallest_class:,} images.",
        help=glossary.LOSERS,
    )
    show_downloads(table.class_table(effect), figure, key="lab_classes", name=name)


_LEAST, _MOST, _DEFAULT, _STEP = 0.1, 10.0, 1.0, 0.1


@st.fragment
def show_freezing(page: Opened) -> None:
    """A fragment: another accepted loss leaves the rest of the page alone, and nothing is computed for it."""
    keep_place()
    st.header("Freeze advice", anchor=False, help=glossary.FREEZING)
    path = find_freezing(page)
    if path is None:
        _explain_missing(page.recording)
        return
    loss = st.slider(
        "Accepted loss of top-1 accuracy, points", _LEAST, _MOST, _DEFAULT, _STEP, format="%.1f",
        key="freeze_loss", bind="query-params", persist_state="session", width=420, on_change=links.forget_notices,
        help="Settle it before you look: a loss that is chosen to fit the figure confirms nothing.",
    )  # fmt: skip
    advice = path.advise(float(loss))
    show_answer(answer_freezing(advice), explained=glossary.FREEZING)
    for note in path.notes:
        st.caption(escape(note))
    figure = draw_freezing(advice, page.screen.look, narrow=page.screen.narrow)
    show_result(
        figure, path.table(), name=f"freeze-advice-{page.recording.id[:8]}", key="lab_freezing", named=True,
        alt="What freezing more and more gates costs, on both halves of the images.", caption=captions.FREEZING,
    )  # fmt: skip


def find_freezing(page: Opened) -> FreezePath | None:
    """The path beside the recording, else the latest one for it that is found near it.

    None where there is none, after a warning where the one beside it is damaged or of something else.
    """

    def read() -> FreezePath | None:
        places = (page.recording.path, *nearby_folders(page.recording, recording_roots()))
        files = [(path.stat().st_mtime_ns, str(place)) for place in places if (path := place / FREEZING).is_file()]
        return _read_advice(page, tuple(files))

    return _read_or_warn(read)


@keep(4, shared=True)
def _read_advice(page: Loaded, places: tuple[tuple[int, str], ...]) -> FreezePath | None:
    latest_first = sorted(places, key=itemgetter(0), reverse=True)
    return find_freezing_path(page.recording, [Path(place) for _, place in latest_first])


def _explain_missing(recording: Recording) -> None:
    st.info("Which gates can be frozen to constants is not stored with this recording.", icon=":material/ac_unit:")
    st.markdown(
        "One command finds it out and lays it here: it freezes gate after gate, chosen on one half of the images and confirmed on "
        "the other (it tells how long it takes, and goes on where it was stopped):"
    )
    show_shell_command(make_freeze_command(recording))
