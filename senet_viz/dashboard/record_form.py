"""The choices of a new recording: model, images, where; the rest in a fold."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from senet_viz.dashboard.frame import escape
from senet_viz.dashboard.jobs import RecordRequest, suggest_name


@dataclass(frozen=True)
class Kind:
    """A way to name a model or images: label of what is typed, an example, what is put before it."""

    label: str
    example: str
    prefix: str = ""


# What is chosen as it stands is what the command line calls it.
MODELS: dict[str, Kind | str] = {
    "Bundled SE-ResNet-50": "bundled",
    "Bundled SE-BN-Inception": "bundled:sebninception-w025-64px",
    "timm": Kind("Name in timm", "legacy_seresnet50.in1k", "timm:"),
    "torchvision": Kind("Name in torchvision", "efficientnet_b0", "torchvision:"),
    "Weights file": Kind("File", "weights.safetensors"),
    "Folder written by train": Kind("Folder", "checkpoints/mine"),
    "Python factory": Kind("package.module:factory", "mymodels:build"),
}
IMAGES: dict[str, Kind | str] = {
    "scikit-learn's digits": "digits",
    "Folder": Kind("Folder of class folders, or of images", "data/val"),
    "Parquet": Kind("File, folder or glob", "data/val-*.parquet"),
    "CSV of path,label": Kind("File", "data/val.csv"),
    "torchvision data set": Kind("Name in torchvision", "CIFAR10", "torchvision:"),
}
KEEPS = {"All": "all", "None": "none", "Some per class": ""}
PRECISIONS = ["fp32", "bf16", "fp16"]
_KEEP_HELP = (
    "Images whose gates are stored one by one. Class means, standard deviations and histograms are always of all images; "
    "for large sets keep some per class."
)
_CALIBRATE_HELP = (
    "An untrained network's batch norms do not know the scale of its activations. With this they are estimated on at most "
    "2,000 of the images, without their labels; gates without it hardly vary."
)
_NAME = "record_name"
_CLEAR = "record_clear_name"


@dataclass(frozen=True)
class Choices:
    """What is chosen: a request, None as long as `lacking` tells what it lacks, and the recording's name."""

    request: RecordRequest | None
    name: str
    lacking: str = ""


def choose_recording(root: Path) -> Choices:
    """The three choices and the fold."""
    if st.session_state.pop(_CLEAR, False):
        st.session_state[_NAME] = ""
    with st.container(border=True):
        model_side, images_side, where_side = st.columns(3, gap="medium")
        with model_side:
            kind, model = _choose("Model", MODELS, "record_model")
            arch = _type("Loaded into", "timm:seresnet50", "record_arch") if kind == "Weights file" else None
            random = kind != "Weights file" and _choose_weights()
            calibrate = random and st.checkbox(
                "Batch norm from these images",
                key="record_calibrate",
                persist_state="session",
                help=_CALIBRATE_HELP,
            )
        with images_side:
            _, data = _choose("Images", IMAGES, "record_images")
        with where_side:
            name = _choose_name(root, model, data)
        options = _choose_options()
    lacking = _tell_lacking(kind, model, data, arch)
    request = RecordRequest(
        model=model, data=data, arch=arch, weights="random" if random else "pretrained",
        calibrate=data if calibrate else None, **options,
    )  # fmt: skip
    return Choices(None if lacking else request, name, lacking)


def clear_name() -> None:
    """Empties the field of the name in the next run: the old one is taken."""
    st.session_state[_CLEAR] = True


def _choose(label: str, kinds: dict[str, Kind | str], key: str) -> tuple[str, str]:
    """The kind and what the command line calls the choice; "" where nothing was typed."""
    chosen = st.selectbox(label, list(kinds), key=key, persist_state="session") or next(iter(kinds))
    kind = kinds[chosen]
    if isinstance(kind, str):
        return chosen, kind
    typed = _type(kind.label, kind.example, f"{key}_{chosen}")
    return chosen, kind.prefix + typed.removeprefix(kind.prefix) if typed else ""


def _type(label: str, example: str, key: str) -> str:
    return str(st.text_input(label, key=key, placeholder=f"e.g. {example}", persist_state="session") or "").strip()


def _choose_weights() -> bool:
    """Whether weights are random."""
    weights = st.segmented_control(
        "Weights", ["Pretrained", "Random"], default="Pretrained", required=True, key="record_weights",
        persist_state="session", help="Random: the untrained control. Its seed is among the options.",
    )  # fmt: skip
    return weights == "Random"


def _choose_name(root: Path, model: str, data: str) -> str:
    suggestion = suggest_name(root, model or "model", data or "images")
    typed = st.text_input(
        "Name of the recording", key=_NAME, placeholder=suggestion, persist_state="session",
        help="Name of a new folder. Left empty, it is the one that is shown.",
    )  # fmt: skip
    st.caption(f"In the folder {escape(str(root))}")
    return str(typed or "").strip() or suggestion


def _tell_lacking(kind: str, model: str, data: str, arch: str | None) -> str:
    if not model:
        return "Name the model."
    if arch == "":
        return f"Say what network {kind.lower()} {model} is loaded into."
    return "" if data else "Name the images."


def _choose_options() -> dict[str, Any]:
    with st.expander("Options", icon=":material/tune:", key="record_options"):
        left, middle, right = st.columns(3, gap="medium")
        with left:
            keep = _choose_keep()
            squeeze = st.checkbox(
                "Keep squeeze vectors too", key="record_squeeze", persist_state="session",
                help="z of every kept image. Its means per class are always recorded.",
            )  # fmt: skip
            limit = st.number_input(
                "At most so many images", 1, None, None, 1, key="record_limit", persist_state="session", placeholder="all",
                help="Drawn by the seed, as equally many of every class as there are.",
            )  # fmt: skip
        with middle:
            precision = st.segmented_control(
                "Precision", PRECISIONS, default="fp32", required=True, key="record_precision", persist_state="session",
                help="fp32 is the reference. Half precision is faster on some devices; its difference is measured and stored.",
            )  # fmt: skip
            batch_size = _count("Batch size", 64, "record_batch")
            seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="record_seed", persist_state="session",
                                   help="Of random weights and of every choice of images.")  # fmt: skip
        with right:
            device = st.text_input("Device", "auto", key="record_device", persist_state="session",
                                   help="auto (CUDA where there is one), cpu, cuda, cuda:1, …")  # fmt: skip
            workers = _count("Threads that decode", 2, "record_workers")
            label_map = _type("Label map", "label-map.csv", "record_label_map")
    return {
        "keep": keep, "keep_squeeze": bool(squeeze), "limit": None if limit is None else int(limit),
        "precision": precision or "fp32", "batch_size": batch_size, "seed": int(seed or 0),
        "device": (device or "").strip() or "auto", "workers": workers, "label_map": label_map or None,
    }  # fmt: skip


def _choose_keep() -> str:
    chosen = st.segmented_control(
        "Keep gates of single images", list(KEEPS), default="All", required=True, key="record_keep",
        persist_state="session", help=_KEEP_HELP,
    )  # fmt: skip
    return KEEPS.get(chosen or "All") or str(_count("Images per class", 50, "record_per_class"))


def _count(label: str, value: int, key: str) -> int:
    return int(st.number_input(label, 1, None, value, 1, key=key, persist_state="session") or value)
