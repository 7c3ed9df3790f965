"""Controls whose selection lives in the link and survives page changes: blocks, classes, one of a few."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import streamlit as st

from senet_viz.analysis.distributions.class_map import MapView
from senet_viz.analysis.distributions.panels import ChannelOrder, choose_blocks, choose_classes
from senet_viz.dashboard import glossary, links
from senet_viz.figures.distributions import DistributionView
from senet_viz.recording.reader import Recording
from senet_viz.schema import Gate, label_blocks, label_classes
from senet_viz.stats.effect_parts import find_costliest
from senet_viz.stats.effects import EffectTable, TargetEffect

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


ORDERS: dict[str, ChannelOrder] = {"Channel number": "channel", "All-class mean": "mean", "Class share": "class share"}
MAP_VIEWS: dict[str, MapView] = {"Difference": "difference", "Gate": "gate"}
SPREAD_VIEWS: dict[str, DistributionView] = {"Violins": "violin", "Cumulative": "ecdf", "Boxes": "box"}
TOPS = {"Top 64": 64, "Top 256": 256, "All": None}
MOST_BLOCKS, MOST_CLASSES = 12, 24


def prepare_choice(key: str, kind: str, options: Sequence[str]) -> None:
    """To be called before a widget: tells what the link names in vain, drops what another recording left."""
    links.note_unknown(key, kind, options)
    links.keep_known(key, options)


def row(key: str) -> "DeltaGenerator":
    """Controls side by side. By its key the browser knows it again when something above it comes or goes; without one it would
    be built anew, and its controls would lose their ties to the link.
    """
    return st.container(horizontal=True, vertical_alignment="bottom", key=f"row_{key}")


def pick_one(
    label: str, options: Sequence[str], key: str, *, kind: str = "", default: str = "", help_text: str | None = None
) -> str:
    """One of a few options, side by side; the first is the default where none is named.

    `kind` is what a notice calls an option that a link names in vain: the label where it is not given.
    """
    prepare_choice(key, kind or label.lower(), options)
    first = default or options[0]
    chosen = st.segmented_control(
        label, options, default=first, required=True, key=key, bind="query-params", persist_state="session",
        on_change=links.forget_notices, help=help_text,
    )  # fmt: skip
    return chosen or first


def pick(
    label: str, options: Sequence[str], key: str, *, kind: str, default: str = "", width: int | Literal["stretch"] = "stretch",
    linked: bool = True, help_text: str | None = None,
) -> str:  # fmt: skip
    """One of many options, from a list; the first is the default where none is named.

    `linked` says whether the link keeps it, `kind` is as in `pick_one`.
    """
    prepare_choice(key, kind, options)
    first = default or options[0]
    chosen = st.selectbox(
        label, options, index=options.index(first), key=key, bind="query-params" if linked else None, persist_state="session",
        width=width, on_change=links.forget_notices, help=help_text,
    )  # fmt: skip
    return chosen or first


def pick_block(
    recording: Recording,
    *,
    key: str = "map_block",
    title: str = "Block",
    first: int = -1,
    width: int | Literal["stretch"] = 170,
) -> Gate:
    """One block, at first the one at the depth `first`; by its default key the one that all pages show."""
    labels = label_blocks(recording.blocks)
    label = pick(title, labels, key, kind="block", default=labels[first], width=width, help_text=glossary.BLOCK)
    return recording.blocks[labels.index(label)]


def pick_image(names: Sequence[str], key: str, *, first: int = 0, linked: bool = True) -> int:
    """The position of one of the images."""
    options = [f"{i}. {name}" for i, name in enumerate(names, start=1)]
    chosen = pick("Image", options, key, kind="image", default=options[first], width=230, linked=linked)
    return options.index(chosen)


def pick_effect(table: EffectTable, strength: float, *, width: int, help_text: str | None = None) -> TargetEffect:
    """The intervention of one strength whose effect on each class is shown; at first the costliest one."""
    made = [effect for effect in table.effects if effect.strength == strength]
    first, targets = find_costliest(made), list(dict.fromkeys(effect.target for effect in made))
    target = pick(
        "Gates of", targets, "lab_target", kind="target", default=first.target, width=width, help_text=help_text
    )
    baselines = [effect.baseline for effect in made if effect.target == target]
    default = first.baseline if first.baseline in baselines else baselines[0]
    baseline = pick("Moved to", baselines, "lab_to", kind="baseline", default=default, width=width, help_text=help_text)
    return table.find(target, baseline, strength=strength)


def pick_several(
    label: str, options: Sequence[str], key: str, *, kind: str, default: Sequence[str] = (), width: int | Literal["stretch"] = "stretch",
    most: int | None = None, placeholder: str | None = None, linked: bool = True, help_text: str | None = None,
) -> list[str]:  # fmt: skip
    """Some of many options, from a list, at most so many; `linked` and `kind` are as in `pick`."""
    prepare_choice(key, kind, options)
    return st.multiselect(
        label, options, default=default, key=key, bind="query-params" if linked else None, persist_state="session",
        width=width, max_selections=most, placeholder=placeholder, on_change=links.forget_notices, help=help_text,
    )  # fmt: skip


def pick_figure_blocks(recording: Recording, title: str = "Blocks of the figure") -> tuple[str, ...]:
    """Names of the blocks that figures show; at first those of the paper's Fig. 6."""
    labels = label_blocks(recording.blocks)
    default = [labels[g.depth] for g in choose_blocks(recording.blocks)]
    picked = pick_several(
        title, labels, "block", kind="block", default=default, most=MOST_BLOCKS, help_text=glossary.BLOCK
    )
    return tuple(recording.blocks[labels.index(label)].name for label in picked or default)


def pick_figure_classes(recording: Recording, title: str = "Classes of the figure") -> tuple[int, ...]:
    """Indices of the classes that figures show; at first the paper's or what stands in for them."""
    labels = label_classes(recording.classes)
    if not labels:
        return ()
    first = [labels[c.index] for c in choose_classes(recording.classes, recording.class_counts)]
    picked = pick_several(
        title, labels, "class", kind="class", default=first, most=MOST_CLASSES, help_text=glossary.CLASSES
    )
    return tuple(labels.index(label) for label in picked)


def pick_draw(*, width: int | Literal["stretch"] = "stretch") -> tuple[ChannelOrder, int]:
    """The order in which figures show the channels that they draw, and the seed of the draw."""
    order = pick_one("Order of channels", list(ORDERS), "order", help_text=glossary.ORDER)
    seed = st.number_input(
        "Seed of the draw", 0, 9999, 0, key="seed", bind="query-params", persist_state="session", help=glossary.SEED, width=width
    )  # fmt: skip
    return ORDERS[order], int(seed or 0)


def pick_map() -> tuple[MapView, int | None]:
    """What the class × channel map shows, and of how many channels; None for all."""
    view = pick_one("Show", list(MAP_VIEWS), "map_view")
    top = pick_one("Channels", list(TOPS), "map_top", help_text=glossary.CLASS_SHARE)
    return MAP_VIEWS[view], TOPS[top]
