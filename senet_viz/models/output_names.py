"""Names of a network's outputs that a person gives: ImageNet-1k's usual order, or a file."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from senet_viz.errors import ArgumentError
from senet_viz.images.decoding import describe_error
from senet_viz.images.labels import IMAGENET_1K, read_classes_file, tabulate_classes, tabulate_rows
from senet_viz.paths import expand_home
from senet_viz.schema import ClassTable

_KEYS = ("id2label", "label_names", "names", "classes")
_WNID_FIRST = re.compile(r"(n\d{8})[\s,:;]+(?=\S)")


def imagenet_classes() -> ClassTable:
    """Names and wnids of ImageNet-1k's 1,000 classes in the usual order, that of their wnids."""
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo(IMAGENET_1K)
    wnids = tuple(info.index_to_label_name(i) for i in range(1000))
    return ClassTable(tuple(info.label_name_to_description(wnid) for wnid in wnids), wnids)


def name_outputs(given: str | Path, outputs: int) -> tuple[ClassTable, str]:
    """The names that a person gives to a network's outputs, and a note that says so.

    Args:
        given: "imagenet-1k"; or a file: JSON (a list of names, {index: name}, {index: [wnid, name]}, or one of these under
            "id2label" or "label_names"), a CSV with the columns of a `classes.csv`, else text of one name a line. A name may
            begin with its wnid.
        outputs: how many the network has.

    Raises:
        ArgumentError: the file cannot be read as such, or has another number of names.
        SourceError: a CSV without these columns.
    """
    if str(given).casefold() == IMAGENET_1K:
        table, source = imagenet_classes(), "ImageNet-1k's usual order"
    else:
        path = expand_home(given)
        table, source = _read_names(path), path.name
    if len(table) != outputs:
        raise ArgumentError(
            f"--outputs {given} names {len(table):,} output{'s' * (len(table) != 1)}, and the network has {outputs:,}: give one name per output."
        )
    return table, f"The outputs were named by hand: {source} (--outputs)."


def _read_names(path: Path) -> ClassTable:
    if path.suffix.lower() == ".csv" and path.is_file():
        return tabulate_rows(read_classes_file(path), path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ArgumentError(
            f"The names of the outputs could not be read from {path} ({describe_error(error)}): give {IMAGENET_1K}, or a "
            "file in UTF-8 with one name a line."
        ) from error
    if path.suffix.lower() == ".json":
        try:
            names = _list_names(json.loads(text))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ArgumentError(
                f"{path} holds no names of outputs: write a JSON list of names, or an object of index and name from 0 on."
            ) from error
    else:
        names = [line.strip() for line in text.rstrip().splitlines()]
    if not names or not all(names):
        where = f"line {names.index('') + 1} of {path} is empty" if names else f"{path} is empty"
        raise ArgumentError(f"Every output has a name, and {where}: write one name per output.")
    return tabulate_outputs(names)


def tabulate_outputs(names: list[str], descriptions: Mapping[str, str] | None = None) -> ClassTable:
    """A class table of names that may begin with a wnid ("n01440764 tench"), or are one that is described elsewhere."""
    wnids = tabulate_classes(names).wnids
    plain = [_WNID_FIRST.sub("", name, count=1) if _WNID_FIRST.match(name) else name for name in names]
    return ClassTable(tuple((descriptions or {}).get(name, name) for name in plain), wnids)


def _list_names(tree: Any) -> list[str]:
    if isinstance(tree, Mapping) and (key := next((key for key in _KEYS if key in tree), None)):
        tree = tree[key]
    if isinstance(tree, Mapping):
        numbered = {int(key): value for key, value in tree.items()}
        if len(numbered) != len(tree):
            raise ValueError("one index twice")
        tree = [numbered[index] for index in range(len(numbered))]
    if not isinstance(tree, list):
        raise TypeError("neither a list nor an object")
    names = [" ".join(map(str, name)) if isinstance(name, list) else name for name in tree]
    if not all(isinstance(name, str) for name in names):
        raise TypeError("a name that is not text")
    return [name.strip() for name in names]
