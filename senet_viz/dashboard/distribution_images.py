"""The kept images with the highest and the lowest gate of one channel, on the page Distributions."""

from collections.abc import Mapping, Sequence

import streamlit as st

from senet_viz.analysis.profiles import ExtremeImages, KeptImage, label_blocks
from senet_viz.dashboard import links
from senet_viz.dashboard.frame import Opened, escape
from senet_viz.dashboard.parts import show_table
from senet_viz.dashboard.recorded_images import THUMBNAIL, ask_for_source, find_source, read_pictures
from senet_viz.dashboard.uploads import RECORDING
from senet_viz.recording.export import block_word, file_stem

SECTION = "images"
_TILE, _PICTURE = 124, 112  # px
_NAME = 15  # letters


def show_images(page: Opened, images: ExtremeImages) -> None:
    """Thumbnails where the source is at hand, else their names and how to have them; each leads to its own gates."""
    st.subheader("Images with the highest and the lowest gate", anchor=SECTION)
    block = label_blocks(page.recording.blocks)[images.block.depth]
    source, sentence = find_source(page)
    st.caption(escape(f"Among {images.among}; below each its gate s and its class. {images.ties}".strip()))
    pictures: Mapping[str, bytes | str] = {}
    if source is None:
        ask_for_source(page, sentence)
    else:
        ids = tuple(image.sample_id for image in (*images.highest, *images.lowest))
        pictures = read_pictures(source, source.digest, ids, THUMBNAIL)
    for title, shown in (("Highest", images.highest), ("Lowest", images.lowest)):
        if shown:
            _show_row(title, shown, pictures, block)
    if source is not None:
        st.caption(f"{escape(sentence)} An image leads to the page Compare images, with its gates in all blocks.")
    _show_onwards(images, block)
    label = block_word(page.recording, images.block)
    name = file_stem("extreme-images", page.recording.id, label, f"channel-{images.channel}")
    show_table(images.table(), key="extreme_images", name=name)


def _show_row(title: str, images: Sequence[KeptImage], pictures: Mapping[str, bytes | str], block: str) -> None:
    st.markdown(f"**{title}**")
    with st.container(horizontal=True, gap="small"):
        for image in images:
            with st.container(width=_TILE, gap=None):
                _show_tile(image, pictures.get(image.sample_id), block)


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
