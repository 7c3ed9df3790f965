"""Results of attribution made up for tests of what reads them: no network is run."""

import numpy as np

from senet_viz.analysis.attribution import ChannelAttribution, Completeness, GradCam, PixelAttribution
from senet_viz.schema import Gate

SIDE = 12
BLOCK = Gate("layer3.5.se", "SE_4_6", 4, 12, 64, 4, "timm SEModule", "sigmoid")


def _picture() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def draw_pixel_values(
    *, channels: tuple[int, ...] = (7,), completeness: Completeness | None = None, scale: float = 1e-3
) -> PixelAttribution:
    return PixelAttribution(
        block=BLOCK,
        channels=channels,
        method="gradient" if completeness is None else "integrated",
        values=scale * np.random.default_rng(0).normal(size=(3, SIDE, SIDE)),
        gate=0.6,
        picture=_picture(),
        completeness=completeness,
    )


def draw_channel_values(*, channels: int = 64) -> ChannelAttribution:
    generator = np.random.default_rng(2)
    gate, gradient = generator.uniform(0, 1, channels), generator.normal(size=channels)
    return ChannelAttribution(BLOCK, 3, "goldfish", gate, gradient, gate * gradient, logit=4.5)


def draw_cam() -> GradCam:
    coarse = np.random.default_rng(3).uniform(0, 2, (3, 3))
    enlarged = np.kron(coarse, np.ones((SIDE // 3, SIDE // 3)))
    return GradCam(BLOCK, 3, "goldfish", "layer3.5", "Bottleneck", coarse, enlarged, 4.5, _picture())
