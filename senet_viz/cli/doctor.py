"""What this machine has for senet_viz, what is missing, and how to get it."""

import shutil
from dataclasses import dataclass

from senet_viz.models.environment import PACKAGES, describe_device, installed_version
from senet_viz.models.origins import bundled_folder

NEEDED_BY_ALL = (
    "torch", "torchvision", "timm", "numpy", "scipy", "scikit-learn", "pandas", "pyarrow", "safetensors", "pillow", "typer",
)  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Check:
    """One thing looked for. `needed`: nothing works without it; else only what the remedy names is missing."""

    name: str
    ok: bool
    found: str
    needed: bool = False
    remedy: str = ""


def examine() -> tuple[Check, ...]:
    """Looks at packages, devices, the browser and the bundled model; changes nothing."""
    packages = (_package(name) for name in PACKAGES)
    return (*packages, _device(), _browser(), _bundled("model.safetensors"), _bundled("recording/manifest.json"))


def _package(name: str) -> Check:
    found = installed_version(name)
    needed = name in NEEDED_BY_ALL
    return Check(name, found is not None, found or "not installed", needed, f"pip install {name}")


def _device() -> Check:
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Check("device", True, f"{device.type} ({describe_device(device)}), {torch.get_num_threads()} threads")


def _browser() -> Check:
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    remedy = "only browser tests need it: install Debian's 'chromium'"
    return Check("chromium", path is not None, path or "not found", remedy=remedy)


def _bundled(file: str) -> Check:
    path = bundled_folder() / file
    found = f"{path.stat().st_size / 1e6:.1f} MB" if path.is_file() else "not found"
    remedy = "run from a clone of the repository, or set SENET_VIZ_CHECKPOINTS"
    return Check(f"bundled {file}", path.is_file(), found, remedy=remedy)
