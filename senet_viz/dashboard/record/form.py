"""Parts of the page Record: the choices of a new recording and what it will take, told before it starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from senet_viz.dashboard.jobs.plan import Plan, plan_request
from senet_viz.dashboard.jobs.request import RecordRequest, suggest_name
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import telling_problems
from senet_viz.errors import SenetVizError
from senet_viz.images.labels import OUTPUTS_MAP
from senet_viz.models.options import INTERPOLATIONS
from senet_viz.recording.options import PRECISIONS
from senet_viz.text import bytes_text, seconds_text


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
    "Hugging Face": Kind("ORG/NAME on the hub, or ./FOLDER", "facebook/regnet-y-040", "hf:"),
    "Weights file": Kind("File", "weights.safetensors"),
    "Folder written by train": Kind("Folder", "checkpoints/mine"),
    "Python factory": Kind("package.module:factory", "mymodels:build"),
}
_TARS = "WebDataset tars"
IMAGES: dict[str, Kind | str] = {
    "scikit-learn's digits": "digits",
    "Folder": Kind("Folder of class folders, or of images", "data/val"),
    "Parquet": Kind("File, folder, pattern or URL", "data/val-*.parquet"),
    _TARS: Kind("File, folder, pattern or URL", "s3://bucket/val-{000..049}.tar"),
    "CSV of path,label": Kind("File", "data/val.csv"),
    "torchvision data set": Kind("Name in torchvision", "CIFAR10", "torchvision:"),
}
_TABLES = ("Parquet", _TARS, "CSV of path,label")
KEEPS = {"All": "all", "None": "none", "Some per class": ""}
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
            weights = "Pretrained" if kind == "Weights file" else st.segmented_control(
                "Weights", ["Pretrained", "Random"], default="Pretrained", required=True, key="record_weights",
                persist_state="session", help="Random: the untrained control. Its seed is among the options.",
            )  # fmt: skip
            calibrate = weights == "Random" and st.checkbox(
                "Batch norm from these images", key="record_calibrate", persist_state="session", help=_CALIBRATE_HELP
            )
        with images_side:
            images, data = _choose("Images", IMAGES, "record_images")
            columns = _choose_columns(images) if images in _TABLES else {}
        with where_side:
            name = _choose_name(root, model, data)
        options = _choose_options()
    lacking = _explain_lacking(kind, model, data, arch)
    request = RecordRequest(
        model=model, data=data, arch=arch, weights="random" if weights == "Random" else "pretrained",
        calibrate=data if calibrate else None, **columns, **options,
    )  # fmt: skip
    return Choices(None if lacking else request, name, lacking)


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


def _choose_columns(kind: str) -> dict[str, Any]:
    """Columns of a table, or endings in tars, that are not found by their names."""
    image, label = st.columns(2)
    with image:
        images = (
            _type("Ending of images", "jpg", "record_image_ending")
            if kind == _TARS
            else _type("Column of images", "image", "record_image_column")
        )
    with label:
        labels = (
            _type("Ending of labels", "cls, or a JSON field", "record_label_ending")
            if kind == _TARS
            else _type("Column of labels", "label", "record_label_column")
        )
    return {"image_column": images or None, "label_column": labels or None}


def _choose_name(root: Path, model: str, data: str) -> str:
    suggestion = suggest_name(root, model or "model", data or "images")
    typed = st.text_input(
        "Name of the recording", key=_NAME, placeholder=suggestion, persist_state="session",
        help="Name of a new folder. Left empty, it is the one that is shown.",
    )  # fmt: skip
    st.caption(f"In the folder {escape(str(root))}")
    return str(typed or "").strip() or suggestion


def _explain_lacking(kind: str, model: str, data: str, arch: str | None) -> str:
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
            batch_size = st.number_input(
                "Batch size", 1, None, None, 1, key="record_batch", persist_state="session", placeholder="16 on a CPU, 64 on a GPU",
                help="Images a forward.",
            )  # fmt: skip
            seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="record_seed", persist_state="session",
                                   help="Of random weights and of every choice of images.")  # fmt: skip
        with right:
            device = st.text_input("Device", "auto", key="record_device", persist_state="session",
                                   help="auto (CUDA where there is one), cpu, cuda, cuda:1, …")  # fmt: skip
            workers = st.number_input(
                "Threads that decode", 1, None, None, 1, key="record_workers", persist_state="session",
                placeholder="as many as keep up", help="By default as many as keep up with the network, found at the second batch.",
            )  # fmt: skip
            indices = st.checkbox(
                "Labels are indices of outputs", key="record_output_indices", persist_state="session",
                help="Class 7 is the network's output 7. Only you can know that.",
            )  # fmt: skip
            label_map = OUTPUTS_MAP if indices else _type("Label map", "label-map.csv", "record_label_map")
            allow_nonfinite = st.checkbox(
                "Continue at NaN or infinity", key="record_allow_nonfinite", persist_state="session",
                help="Images for which the network computes NaN or infinity are always left out and listed. Above 1 % the "
                "recording stops, unless this is chosen.",
            )  # fmt: skip
        network = _choose_input()
    return {
        "keep": keep, "keep_squeeze": bool(squeeze), "limit": None if limit is None else int(limit),
        "precision": precision or "fp32", "batch_size": None if batch_size is None else int(batch_size), "seed": int(seed or 0),
        "device": (device or "").strip() or "auto", "workers": None if workers is None else int(workers), "label_map": label_map or None,
        "allow_nonfinite": bool(allow_nonfinite),
        **network,
    }  # fmt: skip


def _choose_input() -> dict[str, Any]:
    """What is set by hand of the network's weights, input and outputs; left empty, its own is used."""
    st.caption("Only where the network's own is unknown or wrong:")
    left, middle, right = st.columns(3, gap="medium")
    with left:
        size = st.number_input("Input size in px", 1, None, None, 1, key="record_input_size", persist_state="session",
                               placeholder="its own")  # fmt: skip
        crop = _type("Crop", "0.875, or squash", "record_crop")
        outputs = _type("Names of the outputs", "imagenet-1k, or a file", "record_outputs")
    with middle:
        mean = _type("Mean per channel", "0.485,0.456,0.406", "record_mean")
        std = _type("SD per channel", "0.229,0.224,0.225", "record_std")
        entry = _type("Entry of the weights file", "state_dict_ema", "record_weights_key")
    with right:
        interpolation = st.selectbox("Interpolation", INTERPOLATIONS, index=None, key="record_interpolation",
                                     persist_state="session", placeholder="its own")  # fmt: skip
        logits = _type("Logits among its results", "logits", "record_logits")
    return {
        "input_size": None if size is None else int(size), "crop": crop or None, "mean": mean or None, "std": std or None,
        "interpolation": interpolation, "logits": logits or None, "outputs": outputs or None, "weights_key": entry or None,
    }  # fmt: skip


def _choose_keep() -> str:
    chosen = st.segmented_control(
        "Keep gates of single images", list(KEEPS), default="All", required=True, key="record_keep",
        persist_state="session", help=_KEEP_HELP,
    )  # fmt: skip
    return KEEPS.get(chosen or "All") or str(_count("Images per class", 50, "record_per_class"))


def _count(label: str, value: int, key: str) -> int:
    return int(st.number_input(label, 1, None, value, 1, key=key, persist_state="session") or value)


_PLAN = "record_plan"
TABLE, ORDER, WITHOUT = "Choose outputs", "Same order", "Go on without accuracy"
_SEARCH = "Double-click a cell and type to search."
_RULES = {
    "wnid": "found by their WordNet id",
    "name": "found by their name",
    "label map": "found in the label map",
    "output index": "labels are indices of outputs",
    "none": "no rule found one",
}


@dataclass(frozen=True)
class Checked:
    """What was asked, and the answer: a plan, or the sentence that says why there is none."""

    request: RecordRequest
    plan: Plan | None
    problem: str


@dataclass(frozen=True)
class Decision:
    """Whether the recording can start, and the label map that it is given; None for the command line's own rules."""

    ready: bool
    label_map: Mapping[str, str | None] | None = None


def check_choices(request: RecordRequest, out: Path) -> None:
    """Ask for a plan and remember the answer."""
    plan, problem = None, ""
    with st.spinner("The model and some images are loaded and timed …", show_time=True):
        try:
            plan = plan_request(request, out)
        except SenetVizError as error:
            problem = str(error)
        st.session_state[_PLAN] = Checked(request, plan, problem)  # at once: another click meanwhile ends this run here


def last_check(request: RecordRequest | None) -> Checked | None:
    """The answer for these very choices; None where they were not checked."""
    found: Checked | None = st.session_state.get(_PLAN)
    same = found is not None and request is not None and found.request == request
    return found if same else None


def forget_choices() -> None:
    """The recording was started: what it was checked with is done with, and its name, being taken, goes in the next run."""
    st.session_state.pop(_PLAN, None)
    st.session_state[_CLEAR] = True


def show_check(checked: Checked) -> Decision:
    """The estimate, the mapping and what is to be decided."""
    if checked.plan is None:
        st.error(escape(checked.problem), icon=":material/error:")
        return Decision(False)
    plan = checked.plan
    _show_estimate(plan)
    for note in plan.notes:
        st.caption(escape(note))
    if plan.problem:
        st.error(escape(plan.problem), icon=":material/hard_drive:")
        return Decision(False)
    return _show_mapping(plan)


def _show_estimate(plan: Plan) -> None:
    time = "unknown" if plan.seconds is None else seconds_text(plan.seconds)
    told = (
        ("Images", f"{plan.images:,}", f"The gates of {plan.kept:,} are kept one by one, of {plan.blocks} blocks."),
        ("Time", f"≈ {time}", "From a few images on this machine as busy as it is now; loading is not counted."),
        ("On disk", bytes_text(plan.disk_bytes), f"{bytes_text(plan.free_bytes)} are free."),
        ("In memory", bytes_text(plan.memory_bytes), "Beside what the network itself takes."),
    )
    with st.grid(4, min_column_width=130):
        for label, value, explained in told:
            st.metric(label, value, border=True, help=explained)


def _show_mapping(plan: Plan) -> Decision:
    if not plan.classes:
        st.info("The images have no labels: statistics are of the whole set.", icon=":material/label_off:")
        return Decision(True)
    if not plan.output_names:
        st.info(escape(plan.mapping_note), icon=":material/label_off:")
        return Decision(True)
    rule = _RULES.get(plan.method, plan.method)
    if not plan.missing:
        st.success(
            f"All {len(plan.classes):,} classes have an output of the model ({rule}).", icon=":material/check_circle:"
        )
        return Decision(True)
    st.warning(
        f"**{plan.mapped:,} of {len(plan.classes):,} classes have an output of the model** ({rule}). For the others it can not "
        "be told whether a prediction is right; their gates are recorded in any case.",
        icon=":material/rule:",
    )  # fmt: skip
    options = [TABLE, *([ORDER] if plan.has_same_order else []), WITHOUT]
    chosen = st.segmented_control("Classes without an output", options, key="record_mapping", default=None)
    if chosen == TABLE:
        return _edit_outputs(plan)
    if chosen == ORDER:
        first, last = plan.classes[0].name, plan.classes[-1].name
        st.caption(
            f"{escape(first)} is output 0, … {escape(last)} is output {len(plan.classes) - 1}. Only you can know that."
        )
        return Decision(True, plan.label_map_in_order())
    if chosen == WITHOUT:
        st.caption("Loss and correct stay empty for them, and every page says so.")
        return Decision(True)
    st.caption("Decide before the start.")
    return Decision(False)


def _edit_outputs(plan: Plan) -> Decision:
    rows = [row for row in plan.missing if row.key is not None]
    table = pd.DataFrame({"Class": [row.name for row in rows], "Output": pd.Series([None] * len(rows), dtype=object)})
    table["Images"] = [row.images for row in rows]
    edited = st.data_editor(
        table, hide_index=True, disabled=["Class", "Images"], key=f"record_outputs_{plan.model}_{plan.data}",
        height=min(420, 36 * (len(rows) + 1) + 3), alt="Classes without an output, and the output to choose for each",
        column_config={
            "Output": st.column_config.SelectboxColumn(options=list(plan.output_labels), width="medium", help=_SEARCH),
            "Images": st.column_config.NumberColumn(width="small"),
        },
    )  # fmt: skip
    picked = zip(rows, edited["Output"])
    chosen = {row.key: label for row, label in picked if row.key is not None and isinstance(label, str)}
    if not chosen:
        st.caption("Choose an output for one class at least.")
        return Decision(False)
    decision = Decision(False)
    with telling_problems():
        decision = Decision(True, plan.label_map(chosen))
        st.caption(f"{len(chosen):,} of {len(rows):,} chosen; the rest is recorded without accuracy.")
    return decision
