"""Parts of the page Distributions: one channel's gate over images, and the classes and images where it is extreme."""

import math
from collections.abc import Mapping

import streamlit as st

from senet_viz.analysis.distributions.class_map import ChannelRanking
from senet_viz.analysis.distributions.extremes import ExtremeImages, KeptImage
from senet_viz.dashboard import captions, glossary, links
from senet_viz.dashboard.controls import SPREAD_VIEWS, pick, pick_one, row
from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import show_downloads, show_figure, show_result
from senet_viz.dashboard.results import (
    get_distribution,
    get_extreme_classes,
    get_extreme_images,
    get_ranking,
    name_channel,
)
from senet_viz.dashboard.uploads import RECORDING, THUMBNAIL, ask_for_source, find_source, read_pictures
from senet_viz.dashboard.waiting import read_channel
from senet_viz.figures.distributions import draw_distribution, draw_extreme_classes
from senet_viz.recording.export import file_stem
from senet_viz.recording.statistics import block_word
from senet_viz.schema import Gate

SECTION = "images"
_TILE, _PICTURE = 124, 112  # px
_NAME = 15  # letters


def show_extreme_images(page: Opened, images: ExtremeImages) -> None:
    """Thumbnails where the source is at hand, else their names and how to have them; each leads to its own gates."""
    st.subheader("Images with the highest and the lowest gate", anchor=SECTION)
    block = page.label(images.block)
    source, sentence = find_source(page)
    st.caption(escape(f"Among {images.among}; below each its gate s and its class. {images.ties}".strip()))
    pictures: Mapping[str, bytes | str] = {}
    if source is None:
        ask_for_source(page, sentence)
    else:
        ids = tuple(image.sample_id for image in (*images.highest, *images.lowest))
        pictures = read_pictures(source, source.digest, ids, THUMBNAIL)
    for title, shown in (("Highest", images.highest), ("Lowest", images.lowest)):
        if not shown:
            continue
        st.markdown(f"**{title}**")
        with st.container(horizontal=True, gap="small"):
            for image in shown:
                with st.container(width=_TILE, gap=None):
                    _show_tile(image, pictures.get(image.sample_id), block)
    if source is not None:
        st.caption(f"{escape(sentence)} An image leads to the page Compare images, with its gates in all blocks.")
    _show_onwards(images, block)
    label = block_word(page.recording, images.block)
    name = file_stem("extreme-images", page.recording.id, label, f"channel-{images.channel}")
    show_downloads(images.table(), None, key="extreme_images", name=name)


def _show_tile(image: KeptImage, picture: bytes | str | None, block: str) -> None:
    about = f"{image.label}, gate {image.gate:.3f}"
    if isinstance(picture, bytes):
        st.image(picture, width=_PICTURE, alt=f"{image.name}: {about}")
    else:
        with st.container(border=True, width=_PICTURE, height=_PICTURE, horizontal_alignment="center",
                          vertical_alignment="center"):  # fmt: skip
            st.markdown(":gray[:material/image_not_supported:]", help=escape(picture) if picture else None)
    st.markdown(f":small[**{image.gate:.3f}** · {escape(image.label)}]")
    name = image.name if len(image.name) <= _NAME else f"{image.name[: _NAME - 1]}…"
    links.link_page(
        "compare", name, "compare", {"images": RECORDING, "sample": [image.sample_id], "compare_block": block},
        explained=f"{escape(image.name)}: its gates in all blocks, on the page Compare images",
    )  # fmt: skip


def _show_onwards(images: ExtremeImages, block: str) -> None:
    first = [image.sample_id for image in images.highest]
    both = [*first[:3], *(image.sample_id for image in images.lowest[:3])]
    with st.container(horizontal=True):
        links.link_page(
            "compare", "Compare the three highest with the three lowest", "compare",
            {"images": RECORDING, "sample": both, "compare_block": block},
        )  # fmt: skip
        links.link_page(
            "lab", f"Move channel {images.channel} for the highest", "tune",
            {"images": RECORDING, "sample": first[:1], "try_block": [block], "try_channels": str(images.channel)}, at="try",
        )  # fmt: skip


CHANNEL_KEY, CHANNEL_SECTION = "channel", "one-channel"
NONE_KEPT = (
    "This recording kept no gates of single images, so a distribution cannot be drawn: record again with `--keep all` or, for "
    "large sets, `--keep 50` (at most 50 images a class)."
)


def show_channel(page: Opened, block: Gate, classes: tuple[int, ...], colours: dict[int, str]) -> None:
    """The distribution of one channel's gate per class, and where it is highest and lowest."""
    st.header("One channel: all images", anchor=CHANNEL_SECTION)
    ranking = get_ranking(page, block.name)
    options = [str(c) for c in ranking.channels]
    with row("one_channel"):
        picked = pick(
            f"Channel of {escape(block.label)}", options, CHANNEL_KEY, kind=f"channel of {block.label}", default=str(ranking.example),
            width=210, help_text=f"Channels with the largest class share come first. {glossary.CLASS_SHARE}",
        )  # fmt: skip
        view = SPREAD_VIEWS[pick_one("Draw", list(SPREAD_VIEWS), "spread")]
    channel = int(picked)
    gates = read_channel(page, block, channel) if page.recording.n_kept else None
    if page.recording.n_kept and gates is None:
        return  # they are being read
    distribution = get_distribution(page, block.name, channel, classes, _gates=gates)
    if distribution is None:
        st.info(NONE_KEPT, icon=":material/inventory_2:")
    else:
        screen, place = page.screen, ranking.channels.tolist().index(channel)
        figure = draw_distribution(distribution, colours, screen.look, view=view, narrow=screen.narrow)
        show_result(
            figure, distribution.table(), name=name_channel(page.recording, block.name, channel, view, classes), key="channel",
            explained=glossary.CLASS_SHARE, alt=f"Distribution of the gate of channel {channel} in {block.label} per class.",
            caption=f"{captions.DISTRIBUTIONS[view]} {distribution.note}{_describe(ranking, place)}",
        )  # fmt: skip
    show_extreme_classes(page, block, channel, colours)
    images = get_extreme_images(page, block.name, channel, _gates=gates)
    if images is not None:
        show_extreme_images(page, images)
    link_effects(page, block, channel)


def _describe(ranking: ChannelRanking, place: int) -> str:
    share, sd = ranking.share[place], ranking.sd[place]
    if not math.isfinite(share):
        return ""
    first = " First shown is, of the 64 channels with the largest class share, the one that classes move most."
    return f" Class share {share:.2f}; classes move this gate by {sd:.3f} (between-class SD, units of s).{first}"


def show_extreme_classes(page: Opened, block: Gate, channel: int, colours: Mapping[int, str]) -> None:
    """The classes with the highest and the lowest mean gate."""
    extremes = get_extreme_classes(page, block.name, channel)
    if extremes is None:
        return
    st.subheader("Classes with the highest and the lowest gate", anchor=False)
    figure = draw_extreme_classes(extremes, colours, page.screen.look, narrow=page.screen.narrow)
    name = file_stem("extreme-classes", page.recording.id, block_word(page.recording, block), f"channel-{channel}")
    alt = f"Classes with the highest and lowest mean gate of channel {channel} in {block.label}."
    show_figure(figure, name=name, key="extreme_classes", alt=alt)
    st.caption(
        f"Mean gates over a class's images, the highest above. The extremes of {extremes.classes:,} classes lie far out by chance "
        "too: an interval is of its class alone, and a high gate does not say that the network uses it.",
        help=glossary.CLASS_SHARE,
    )
    links.link_page(
        "classes", "These classes on the page Classes", "category",
        {"class": [row.label for row in (*extremes.highest[:4], *extremes.lowest[:4])],
         "map_block": page.label(block)},
    )  # fmt: skip
    show_downloads(extremes.table(), figure, key="extreme_classes", name=name)


def link_effects(page: Opened, block: Gate, channel: int) -> None:
    """Where what the block and the channel do is measured."""
    label = page.label(block)
    st.subheader("What it does", anchor=False)
    st.caption(
        escape(f"A gate that differs between classes need not matter. What it costs to move the gates of {label} is on the page Gate ")
        + "lab, for all images and for one."
    )  # fmt: skip
    with st.container(horizontal=True):
        links.link_page("lab", f"Cost of moving {label}", "science", {"lab_target": label}, at="losers")
        links.link_page(
            "lab", f"Move channel {channel} for one image", "tune",
            {"try_block": [label], "try_channels": str(channel)}, at="try",
        )  # fmt: skip
        links.link_page("blocks", f"All measures of {label}", "view_column", {"map_block": label}, at="one-block")
