"""What a number was made with: processor, threads, versions."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from senet_viz import __version__

PACKAGES = (
    "torch", "torchvision", "timm", "captum", "numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "safetensors",
    "pillow", "plotly", "streamlit", "typer",
)  # fmt: skip


def installed_version(package: str) -> str | None:
    """Version of an installed package; None where it is missing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def describe_device(device: torch.device) -> str:
    """Name of the GPU, or of the processor with its number of cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{processor_name()}, {count_cores()} cores"


def count_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def processor_name() -> str:
    """The processor's name as the system tells it, or its architecture."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Device, threads, system and versions, for manifests, model cards and benchmark results."""
    return {
        "device": describe_device(device),
        "device_type": device.type,
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {"senet-viz": __version__, **{name: installed_version(name) for name in PACKAGES}},
    }
