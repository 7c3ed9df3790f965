"""The page Gate lab on stored effects: costs along the depth, what of it is class, losers and winners."""

from dataclasses import dataclass

import streamlit as st

from senet_viz.analysis.profiles import label_classes
from senet_viz.claims.assessment import ASSESSMENT, read_effects
from senet_viz.dashboard import captions, glossary, links
from senet_viz.dashboard.controls import pick_one, prepare, row
from senet_viz.dashboard.frame import Opened, escape
from senet_viz.dashboard.parts import show_answer, show_downloads, show_figure
from senet_viz.errors import SenetVizError
from senet_viz.figures.effects import Over, draw_changed_classes, draw_components, draw_costs
from senet_viz.recording import Recording
from senet_viz.stats.effects import (
    CLASS_EFFECT_MEANING,
    COMPONENT_WORDS,
    COMPONENTS,
    FORMULAS,
    EffectTable,
    Measure,
    decompose,
    describe_components,
    judge_equivalence,
    tabulate_components,
)
from senet_viz.stats.effects.answers import BOUND, answer_effects, find_costliest, tell_equivalence
from senet_viz.stats.effects.result import say_change

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
    """The effects beside the recording's assessment; None where there are none, after a warning where they are damaged."""
    try:
        path = page.recording.path / ASSESSMENT
        changed = path.stat().st_mtime_ns if path.is_file() else 0
        return _read(page.recording, f"{page.stamp}-{changed}")
    except (SenetVizError, OSError) as error:
        st.warning(escape(str(error)), icon=":material/history:")
        return None


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(_recording: Recording, stamp: str) -> EffectTable | None:
    del stamp
    return read_effects(_recording)


def show_effects(page: Opened, table: EffectTable) -> None:
    """All sections on stored effects."""
    show_answer(answer_effects(table), explained=glossary.COSTS)
    if table.note:
        st.caption(escape(table.note))
    choice = _choose(table)
    if not choice.baselines:
        st.info("Choose a baseline, or several: what gates are moved to.", icon=":material/tune:")
        return
    show_costs(page, table, choice)
    show_components(page, table, choice)
    show_classes(page, table, choice)


def _choose(table: EffectTable) -> _Choice:
    made = list(dict.fromkeys(effect.baseline for effect in table.effects))
    strengths = sorted({effect.strength for effect in table.effects}, reverse=True)
    with row("lab_measure"):
        measure = MEASURE_NAMES[pick_one("Measure", list(MEASURE_NAMES), "lab_measure", help_text=glossary.COSTS)]
        over = OVER_NAMES[pick_one("Intervals over", list(OVER_NAMES), "lab_over", help_text=glossary.INTERVAL_OVER)]
        strength = strengths[0]
        if len(strengths) > 1:
            strength = float(pick_one("Strength", [f"{s:g}" for s in strengths], "lab_strength"))
    prepare("lab_baselines", "baseline", made)
    picked = st.pills(
        "Gates are moved to", made, selection_mode="multi", default=made, key="lab_baselines", bind="query-params",
        persist_state="session", on_change=links.forget_notices, help=glossary.COSTS,
    )  # fmt: skip
    return _Choice(measure, over, tuple(b for b in made if b in picked), strength)


def show_costs(page: Opened, table: EffectTable, choice: _Choice) -> None:
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
    if equivalent := tell_equivalence(table, choice.baselines, strength=choice.strength):
        st.markdown(equivalent)
    show_downloads(table.table(), figure, key="lab_costs", name=name)


def show_components(page: Opened, table: EffectTable, choice: _Choice) -> None:
    """Dynamic, instance and class."""
    st.header("How much of it is class?", anchor=False, help=CLASS_EFFECT_MEANING)
    components = decompose(table)
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
    st.markdown(describe_components(components, kind))
    meanings = "; ".join(f"**{c}** ({FORMULAS[c]}): {COMPONENT_WORDS[c]}" for c in COMPONENTS)
    st.caption(f"{meanings}. {CLASS_EFFECT_MEANING}")
    show_downloads(tabulate_components(components), figure, key="lab_components", name=name)


def show_classes(page: Opened, table: EffectTable, choice: _Choice) -> None:
    """Losers and winners of one target and baseline."""
    st.header("Losers and winners", anchor="losers", help=glossary.LOSERS)
    made = [effect for effect in table.effects if effect.strength == choice.strength]
    targets = list(dict.fromkeys(effect.target for effect in made))
    first = find_costliest(made)
    with row("lab_losers"):
        target = _select("Gates of", targets, "lab_target", "target", first.target)
        baselines = [effect.baseline for effect in made if effect.target == target]
        default = first.baseline if first.baseline in baselines else baselines[0]
        baseline = _select("Moved to", baselines, "lab_to", "baseline", default)
    effect = table.find(target, baseline, strength=choice.strength)
    if not any(len(side) for side in table.extremes(effect)):
        st.info("No class changes: every image is as right or wrong as before.", icon=":material/drag_handle:")
        return
    labels = label_classes(page.recording.classes)
    figure = draw_changed_classes(table, effect, labels, page.screen.look, narrow=page.screen.narrow)
    name = f"gate-classes-{target.replace(' ', '-')}-{baseline}-{page.recording.id[:8]}"
    show_figure(figure, name=name, alt=f"Classes that lose and win most when {target} is moved to {baseline}.")
    found = int(effect.tests.found.sum())
    whole = effect.changes["top1"]
    st.markdown(
        f"Over all classes: {say_change(whole, 'top1')} points. {judge_equivalence(whole.images, BOUND).describe()}"
    )
    st.caption(
        f"{captions.LOSERS} {found:,} of {table.classes:,} classes are told from no change (q ≤ .05); the smallest class has "
        f"{table.smallest_class:,} images.",
        help=glossary.LOSERS,
    )
    show_downloads(table.class_table(effect), figure, key="lab_classes", name=name)


def _select(title: str, options: list[str], key: str, kind: str, default: str) -> str:
    prepare(key, kind, options)
    chosen = st.selectbox(
        title, options, index=options.index(default), key=key, bind="query-params", persist_state="session", width=240,
        on_change=links.forget_notices,
    )  # fmt: skip
    return chosen or default
