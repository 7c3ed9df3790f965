"""One image through one SE block: the steps of a few channels side by side, and all channels of the block."""

from senet_viz.figures.steps.channels import draw_all_channels
from senet_viz.figures.steps.rows import draw_steps

__all__ = ["draw_all_channels", "draw_steps"]
