"""Compare images: how the gates of a few images of one's own differ, block by block."""

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from senet_viz.analysis.comparison.blocks import StripeUnit
from senet_viz.analysis.comparison.result import Comparison
from senet_viz.analysis.comparison.summary import answer_comparison
from senet_viz.dashboard import captions, glossary, links
from senet_viz.dashboard.comparison.attribution import show_attribution
from senet_viz.dashboard.comparison.block import BLOCK_ANCHOR, BLOCK_KEY, show_block
from senet_viz.dashboard.comparison.results import get_image_comparison
from senet_viz.dashboard.comparison.stability import show_stability
from senet_viz.dashboard.controls import pick, pick_one, row
from senet_viz.dashboard.frame import Opened, open_page
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import (
    keep_figure,
    show_answer,
    show_downloads,
    show_result,
    telling_problems,
)
from senet_viz.dashboard.screen import ask_for_section, scroll_to_section
from senet_viz.dashboard.uploads import MOST_IMAGES, Uploads, choose_uploads
from senet_viz.dashboard.waiting import open_network, wait_for_networks
from senet_viz.figures.comparison import Distance, draw_distances, draw_emergence, draw_predictions
from senet_viz.figures.comparison_gates import draw_gate_grid
from senet_viz.figures.theme import chart_config, colour_images
from senet_viz.schema import label_blocks

if TYPE_CHECKING:
    from senet_viz.models.zoo import Model


UNITS: dict[str, StripeUnit] = {"Units of s": "s", "Recorded SDs": "sd"}
DISTANCES: dict[str, Distance] = {"RMS": "rms", "Cosine": "cosine", "From the recorded mean": "from mean"}
PRECISIONS = ("fp32", "bf16", "fp16")
_ALL_PAIRS = "all images"
_A_ROW = 4


def run(page: Opened, model: "Model", uploads: Uploads) -> Comparison:
    """The images through the network, with what went wrong told beside it."""
    with st.sidebar:
        precision = pick_one("Precision", PRECISIONS, "precision", help_text=glossary.PRECISION)
    with st.spinner(f"{len(uploads.images)} images through the network…", show_time=True):
        comparison = get_image_comparison(page, uploads.digest, precision, _model=model, _uploads=uploads)
    for failure in comparison.failures:
        st.warning(escape(failure.sentence), icon=":material/broken_image:")
    if comparison.differences:
        with st.container(horizontal=True, gap="small"):
            for sentence in comparison.differences:
                st.badge(escape(sentence.rstrip(".")), icon=":material/difference:", color="orange")
    for note in comparison.notes:
        st.caption(escape(note))
    return comparison


def show_seen_images(page: Opened, comparison: Comparison, stem: str) -> None:
    """What the network saw and said."""
    said = any(image.predictions for image in comparison.images)
    st.header("What the network saw and said" if said else "What the network saw", anchor=False)
    look = page.screen.look
    inks = colour_images(len(comparison.images))
    for start in range(0, len(comparison.images), _A_ROW):
        columns = st.columns(_A_ROW, gap="medium")
        for column, at in zip(columns, range(start, min(start + _A_ROW, len(comparison.images)))):
            image = comparison.images[at]
            with column:
                side = image.view.shape[0]
                st.image(image.view, width=168, alt=f"{image.name} as the network saw it")
                st.markdown(f"**{at + 1}. {escape(image.name)}**")
                st.caption(f"{image.size[0]} × {image.size[1]} px, seen as {side} × {side}")
                if not image.predictions:
                    continue
                figure = keep_figure(  # another block leaves it as it is
                    ("predictions", page.stamp, stem, comparison.precision, at, page.screen),
                    partial(draw_predictions, image, inks[at][0], look),
                )
                st.plotly_chart(
                    figure, theme=None, key=f"figure_said_{at}",
                    config={**chart_config(f"predictions-{at + 1}"), "displayModeBar": False},
                    alt=f"Predictions for {image.name}: " + ", ".join(f"{p.name} {p.probability:.0%}" for p in image.predictions),
                )  # fmt: skip
    if said:
        show_downloads(comparison.predictions_table(), None, key="said", name="predictions")


def show_grid(page: Opened, comparison: Comparison, stem: str) -> None:
    """The grid of gate vectors; a click opens a block below."""
    st.header("Gates, block by block", anchor=False)
    unit = UNITS[pick_one("Colours", list(UNITS), "unit", help_text=glossary.STRIPES)]
    labels = label_blocks(page.recording.blocks)
    picked = st.session_state.get(BLOCK_KEY) or st.query_params.get(BLOCK_KEY)
    chosen = page.recording.blocks[labels.index(picked)].name if picked in labels else page.recording.blocks[-1].name
    figure = draw_gate_grid(comparison, page.screen.look, unit=unit, chosen=chosen, narrow=page.screen.narrow)
    key = "grid_cells"
    st.plotly_chart(
        figure, theme=None, config=chart_config(f"compare-grid-{stem}-{unit}"), key=key, selection_mode="points",
        on_select=lambda: _open_cell(key, labels), alt="A row an image, a column a block: gates against the recorded mean.",
    )  # fmt: skip
    label = labels[page.recording.block(chosen).depth]
    st.caption(
        f"{captions.GATE_GRID} Click a cell to open its block below. [{escape(label)} is open: go to it](#{BLOCK_ANCHOR}). "
        "Blocks in bold have the roles of the paper's Fig. 6."
    )
    show_downloads(comparison.table(), figure, key="grid", name=f"compare-grid-{stem}-{unit}")


def _open_cell(key: str, labels: tuple[str, ...]) -> None:
    points = st.session_state[key].selection.points
    if points:
        _, depth = points[0]["customdata"]
        st.session_state[BLOCK_KEY] = labels[int(depth)]
        ask_for_section(BLOCK_ANCHOR)


def show_distances(page: Opened, comparison: Comparison, stem: str) -> None:
    """Distance along the depth."""
    st.header("How far apart", anchor=False)
    several = len(comparison.images) > 1
    options = list(DISTANCES) if several else list(DISTANCES)[-1:]
    image = None
    with row("distances"):
        distance = DISTANCES[pick_one("Distance", options, "distance", help_text=glossary.PAIR_DISTANCE)]
        if len(comparison.images) > 2 and distance != "from mean":
            names = [_ALL_PAIRS, *(f"{i}. {name}" for i, name in enumerate(comparison.names, start=1))]
            chosen = pick("Pairs with", names, "pairs_with", kind="image", width=230, linked=False)
            image = names.index(chosen) - 1 if chosen != _ALL_PAIRS else None
    screen = page.screen
    figure = keep_figure(
        ("image distances", page.stamp, stem, comparison.precision, distance, image, screen),
        lambda: draw_distances(comparison, screen.look, distance=distance, image=image, narrow=screen.narrow),
    )
    name = f"compare-distances-{stem}-{distance.replace(' ', '_')}{'' if image is None else f'-image-{image + 1}'}"
    table = comparison.pairs_table() if several and distance != "from mean" else comparison.table()
    show_result(
        figure, table, name=name, key="distances", alt="Distance of the images' gates in every block.",
        caption=captions.IMAGE_DISTANCES,
    )  # fmt: skip


def show_emergence(page: Opened, comparison: Comparison, stem: str) -> None:
    """The nearest class profile in every block."""
    st.header("When does the class emerge?", anchor=False)
    if comparison.classes_compared < 2:
        st.info(
            "The recording has fewer than two classes whose gates differ, so there are no class profiles to be near to.",
            icon=":material/label_off:",
        )
        return
    screen = page.screen
    figure = keep_figure(
        ("emergence", page.stamp, stem, comparison.precision, screen),
        lambda: draw_emergence(comparison, screen.look, narrow=screen.narrow),
    )
    frames = (
        " A frame is around the blocks from which on the nearest class stays the predicted one; without a frame it is not the "
        "nearest in the last block."
    )
    known = any(image.predicted is not None for image in comparison.images)
    alike = any(not block.classes_compared for block in comparison.blocks)
    none = " –: the class means of the block's gates differ by less than .001, so no class is nearest." if alike else ""
    show_result(
        figure, comparison.nearest_table(), name=f"compare-emergence-{stem}", key="emergence", named=True,
        explained=glossary.EMERGENCE, alt="Nearest class profile of every image in every block.",
        caption=f"Nearest: smallest RMS distance between the image's gates and a class's mean gate.{frames if known else ''}{none} {captions.EMERGENCE_LIMITS}",
    )  # fmt: skip


def show_compared(page: Opened, model: "Model", uploads: Uploads) -> None:
    """The whole page, once there are images and the network."""
    comparison = run(page, model, uploads)
    if not comparison.images:
        return
    stem = f"{page.recording.id[:8]}-images-{uploads.digest[:8]}"
    show_answer(answer_comparison(comparison), explained=glossary.PAIR_DISTANCE)
    show_seen_images(page, comparison, stem)
    show_grid(page, comparison, stem)
    show_distances(page, comparison, stem)
    show_emergence(page, comparison, stem)
    block = show_block(page, uploads, comparison)
    show_attribution(page, model, uploads, comparison, block)
    show_stability(page, model, uploads, comparison)


opened = open_page("Compare images", "How do the gates of your images differ, block by block?")
images = choose_uploads(opened)
links.show_notices()
with telling_problems():
    if images is None:
        st.info(
            f"Upload 1 to {MOST_IMAGES} images, or choose **Samples** or **Recording** above. For each image this page shows what the network "
            "predicts, the gate vector of every block against the recorded mean, how far images lie apart, which class profile "
            "is nearest in each block, and on request which pixels drive a gate.",
            icon=":material/compare:",
        )
    elif wait_for_networks(opened.recording, "your images appear here"):
        pass
    elif (network := open_network(opened)) is not None:
        show_compared(opened, network, images)
scroll_to_section()
