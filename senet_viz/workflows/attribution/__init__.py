"""What drives a gate and what a gate drives, by gradients (Captum); its results are plain arrays."""

from senet_viz.analysis.attribution import (
    BASELINES,
    PIXEL_METHODS,
    Baseline,
    ChannelAttribution,
    Completeness,
    GradCam,
    PixelAttribution,
    PixelMethod,
)
from senet_viz.workflows.attribution.gate_pixels import Progress, attribute_gate
from senet_viz.workflows.attribution.output_channels import attribute_output
from senet_viz.workflows.attribution.output_places import compute_grad_cam
from senet_viz.workflows.attribution.session import estimate_seconds

__all__ = [
    "BASELINES",
    "PIXEL_METHODS",
    "Baseline",
    "ChannelAttribution",
    "Completeness",
    "GradCam",
    "PixelAttribution",
    "PixelMethod",
    "Progress",
    "attribute_gate",
    "attribute_output",
    "compute_grad_cam",
    "estimate_seconds",
]
