"""Folders in timm's form, as `timm.models.push_to_hf_hub` and `save_for_hf` write them: config.json and the weights."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from senet_viz.errors import ModelError
from senet_viz.models.output_names import imagenet_classes, tabulate_outputs
from senet_viz.schema import ClassTable

_NOT_FROM_A_FILE = ("pretrained", "checkpoint_path", "cache_dir", "features_only")


@dataclasses.dataclass(frozen=True)
class TimmFolder:
    """What the config.json of a folder says.

    Attributes:
        architecture: timm's name of it.
        arguments: of `timm.create_model`; its `pretrained_cfg` among them.
        config: that `pretrained_cfg`, whole.
        classes: names of the outputs; empty where the folder has none.
        notes: where names come from that it does not list.
    """

    architecture: str
    arguments: Mapping[str, Any]
    config: Mapping[str, Any]
    classes: ClassTable
    notes: tuple[str, ...]


def is_timm_config(config: object) -> bool:
    """Whether a config.json is timm's, and not one that `senet-viz train` wrote."""
    return isinstance(config, Mapping) and "architecture" in config and (
        "pretrained_cfg" in config or "num_classes" in config
    ) and "arguments" not in config  # fmt: skip


def read_timm_config(tree: Mapping[str, Any], where: str) -> TimmFolder:
    """Reads the tree of a config.json.

    Raises:
        ModelError: a value of another kind; or arguments that would fetch or read weights elsewhere.
    """
    from timm.models import PretrainedCfg

    inner = tree.get("pretrained_cfg", tree)
    arguments = tree.get("model_args") or {}
    if (
        not isinstance(inner, Mapping)
        or not isinstance(arguments, Mapping)
        or not isinstance(tree["architecture"], str)
    ):
        raise ModelError(
            f"{where} is not as timm writes it: architecture is a name, pretrained_cfg and model_args objects."
        )
    config = {**inner, **{key: tree[key] for key in ("num_classes",) if tree.get(key) is not None}}
    if strange := [key for key in arguments if key in _NOT_FROM_A_FILE or key.startswith("pretrained_")]:
        raise ModelError(
            f"{where} sets {strange[0]!r} in model_args, which a folder of weights does not need: remove it."
        )
    known = {field.name for field in dataclasses.fields(PretrainedCfg)}
    plain = {key: value for key, value in config.items() if key in known}
    labels = tree.get("label_names") or inner.get("label_names") or inner.get("labels")
    classes, notes = ClassTable(()), tuple[str, ...]()
    if labels:
        described = tree.get("label_descriptions") or inner.get("label_descriptions")
        classes = _tabulate(labels, described, where)
        if config.get("num_classes", len(classes)) != len(classes):
            raise ModelError(
                f"{where} has {len(classes):,} label_names for num_classes of {config['num_classes']}: correct one of them."
            )
    elif config.get("num_classes") == 1000 and str(config.get("tag") or "").endswith("in1k"):
        classes = imagenet_classes()
        notes = (
            f"The outputs are named as ImageNet-1k's, since {where} says that it was trained on it ({config['tag']}).",
        )
    return TimmFolder(tree["architecture"], {**arguments, "pretrained_cfg": plain}, config, classes, notes)


def _tabulate(labels: Any, described: Any, where: str) -> ClassTable:
    if isinstance(labels, Mapping):
        labels = list(labels.values())
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ModelError(f"label_names of {where} is not a list of names: correct it.")
    descriptions = {key: str(text) for key, text in described.items()} if isinstance(described, Mapping) else None
    return tabulate_outputs(labels, descriptions)
