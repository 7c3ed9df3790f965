"""Names of figures' files: of which recording, which figure, and what was chosen for it."""

from collections.abc import Sequence

from senet_viz.analysis.profiles import ChannelOrder, MapView
from senet_viz.figures import DistributionView
from senet_viz.recording import Recording
from senet_viz.recording.export import block_word, file_stem, name_classes, name_several


def name_profiles(
    recording: Recording,
    blocks: Sequence[str],
    classes: Sequence[int],
    *,
    bands: bool,
    order: ChannelOrder = "channel",
    seed: int = 0,
) -> str:
    """Of Fig. 6 or, with bands, Fig. 7, e.g. "gates-fig6-1a2b3c4d-SE_2_3-SE_5_1-class-0-4"."""
    shown = name_several([block_word(recording, recording.block(name)) for name in blocks], "blocks")
    drawn = f"seed-{seed}" if seed else ""
    ordered = "" if order == "channel" else f"by-{order}"
    return file_stem(
        "gates-fig7" if bands else "gates-fig6", recording.id, shown, name_classes(classes), ordered, drawn
    )


def name_map(recording: Recording, block: str, top: int | None, view: MapView, classes: Sequence[int]) -> str:
    """Of a class × channel map and the classes that are marked in it."""
    label = block_word(recording, recording.block(block))
    return file_stem("class-map", recording.id, label, view, f"top-{top}" if top else "all", name_classes(classes))


def name_channel(recording: Recording, block: str, channel: int, view: DistributionView, classes: Sequence[int]) -> str:
    """Of the distribution of one channel's gate."""
    label = block_word(recording, recording.block(block))
    return file_stem("gate", recording.id, label, f"channel-{channel}", view, name_classes(classes))
