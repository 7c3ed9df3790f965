"""Class names of data sets, and how their classes map to a model's outputs: by wnid, by name, by a file, never by position."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from senet_viz.errors import ArgumentError, SourceError
from senet_viz.images.columns import read_rows
from senet_viz.images.decoding import describe_error
from senet_viz.images.source import OUTPUT_INDICES, list_some
from senet_viz.images.storage import StoredFile
from senet_viz.paths import expand_home
from senet_viz.schema import ClassTable, LabelMapping

CLASSES_FILE = "classes.csv"
IMAGENET_1K = "imagenet-1k"  # as names of outputs
OUTPUTS_MAP = "outputs"  # a label map that is no file: the classes' names are indices of outputs
_WHOLE_WNID = re.compile(r"n\d{8}", re.IGNORECASE)
_BETWEEN = re.compile(r"(?<=[^\W_])\.?[\s_'’-]+(?=[^\W_])")
_WNID = re.compile(r"(n\d{8})(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A line of `classes.csv`."""

    label: int
    wnid: str
    name: str


def tabulate_classes(names: Sequence[str]) -> ClassTable:
    """A class table in which a class whose name is or begins with a WordNet id ("n01443537_goldfish") has it."""
    wnids = tuple(found.group(1) if (found := _WNID.match(name)) else "" for name in names)
    return ClassTable(tuple(names), wnids if any(wnids) else ())


def sort_names(names: Iterable[str]) -> list[str]:
    """Names of classes in their order: by value where all are whole numbers."""
    listed = sorted(names)
    return sorted(listed, key=int) if all(name.isascii() and name.isdigit() for name in listed) else listed


def is_wnid(name: str) -> bool:
    """Whether a name is a WordNet id and nothing else."""
    return _WHOLE_WNID.fullmatch(name) is not None


def find_classes_file(folder: Path) -> Path | None:
    """The `classes.csv` in a folder, or the one above it."""
    for place in (folder, folder.absolute().parent):
        if (place / CLASSES_FILE).is_file():
            return place / CLASSES_FILE
    return None


def read_classes_file(path: Path | StoredFile) -> tuple[ClassRow, ...]:
    """The rows of a `classes.csv` with columns label, wnid and name (wnid or name may be absent).

    Raises:
        SourceError: no such columns, a label that is no whole number or comes twice, or a row without a name.
    """
    rows = read_rows(path)
    header = [cell.casefold() for cell in rows[0]] if rows else []
    if "label" not in header or not {"wnid", "name"} & set(header):
        raise SourceError(f"{path} lacks the header label,wnid,name: name its columns so.")
    found: list[ClassRow] = []
    for number, cells in enumerate(rows[1:], start=2):
        row = dict(zip(header, cells))
        name = row.get("name") or row.get("wnid") or ""
        label = row["label"]
        if not (label.isascii() and label.isdigit()) or not name or len(cells) > len(header):
            raise SourceError(
                f"Row {number} of {path} is no whole number and name of a class: correct it (names with commas "
                'stand in "quotes").'
            )
        found.append(ClassRow(int(label), row.get("wnid", ""), name))
    if len({row.label for row in found}) < len(found):
        raise SourceError(f"{path} gives one label twice: every label stands in one row.")
    return tuple(found)


def tabulate_rows(rows: Sequence[ClassRow], path: object) -> ClassTable:
    """The class table of a `classes.csv` whose labels index the classes.

    Raises:
        SourceError: the labels are not 0 to K − 1.
    """
    ordered = sorted(rows, key=lambda row: row.label)
    if [row.label for row in ordered] != list(range(len(ordered))) or not ordered:
        raise SourceError(f"{path} must give a class to every label from 0 on: it skips some or holds none.")
    wnids = tuple(row.wnid for row in ordered)
    return ClassTable(tuple(row.name for row in ordered), wnids if any(wnids) else ())


def name_folders(names: Sequence[str], folder: Path) -> tuple[ClassTable, tuple[str, ...]]:
    """Classes named by folders, with whole names and wnids where a `classes.csv` beside or above knows them.

    A folder may be called like a class's wnid, name, first synonym or label there.

    Returns:
        The table, in the order of `names`, and notes.

    Raises:
        SourceError: the `classes.csv` is damaged, or two folders are one class by it.
    """
    path = find_classes_file(folder)
    if path is None:
        return tabulate_classes(names), ()
    rows = read_classes_file(path)
    found = [_find_row(name, rows) for name in names]
    known = [row for row in found if row is not None]
    if not known:
        return tabulate_classes(names), (f"{path.name} names none of the classes and was not used.",)
    if len({row.label for row in known}) < len(known):
        raise SourceError(f"Two class folders of {folder} are the same class by {path}: rename one.")
    plain = tabulate_classes(names)
    table = ClassTable(
        tuple(row.name if row else name for row, name in zip(found, names)),
        tuple(row.wnid if row else wnid for row, wnid in zip(found, plain.wnids or [""] * len(names))),
    )
    missing = [name for name, row in zip(names, found) if row is None]
    notes = (f"{path.name} does not name {len(missing)} of the classes, e.g. {missing[0]!r}.",) if missing else ()
    return (table if any(table.wnids) else ClassTable(table.names)), notes


def _find_row(name: str, rows: Sequence[ClassRow]) -> ClassRow | None:
    wanted = name.casefold()
    readings = (
        [row for row in rows if row.wnid.casefold() == wanted],
        [row for row in rows if row.name.casefold() == wanted],
        [row for row in rows if row.name.split(",")[0].strip().casefold() == wanted],
        [row for row in rows if str(row.label) == wanted],
        [row for row in rows if _loosen(row.name) == _loosen(name)],
        [row for row in rows if _loosen(row.name.split(",")[0]) == _loosen(name)],
    )
    return next((found[0] for found in readings if len(found) == 1), None)


def map_labels(
    source_classes: ClassTable,
    label_kind: str,
    outputs: ClassTable | None,
    n_outputs: int,
    *,
    label_map: Path | None = None,
) -> LabelMapping:
    """Map every class of a source to the model's output for it, or to None.

    A label map decides alone where it is given. Output indices (`label_kind`) are taken as they are, and with the label
    map "outputs" so are classes whose names are whole numbers: both are said, never guessed. Otherwise a class
    has the output of the same wnid; where either side has no wnids, the output of the same name (case, and whether
    blanks, "_", "-" or apostrophes part its words, is ignored); else the one whose first synonym is the class's ("goldfish" for "goldfish, Carassius auratus"), if no other
    output and no other class claims it. The position of a class never counts.

    Args:
        source_classes: K classes of the source.
        label_kind: "classes", "output indices" or "none".
        outputs: names of the outputs; None where they are not known.
        n_outputs: length of the logits; 0 where the network returns none.
        label_map: CSV of class,output or JSON {class: output}; both by wnid, name, first synonym or index. An empty
            output (JSON null) is none. Or "outputs".

    Raises:
        SourceError: the label map is damaged, names an output that does not exist or no class of the source, or the network
            has no outputs.
        ArgumentError: `outputs` does not have `n_outputs` names.
    """
    if outputs is not None and len(outputs) != n_outputs:
        raise ArgumentError(f"The model has {n_outputs} outputs, but {len(outputs)} names of outputs were given.")
    if not n_outputs and len(source_classes):
        return _map_to_nothing(source_classes, label_map)
    if label_map is not None and not are_output_indices(label_kind, label_map):
        return _map_by_file(source_classes, outputs, n_outputs, expand_home(label_map))
    if len(source_classes) == 0:
        return LabelMapping((), "none", "The images are unlabelled.")
    if are_output_indices(label_kind, label_map):
        return _map_by_number(source_classes, n_outputs)
    if outputs is None:
        offer = _offer_imagenet(source_classes, n_outputs)
        why = f"The names of the model's outputs are not known: {offer}give a label map{_offer_outputs(source_classes)}"
        return LabelMapping((None,) * len(source_classes), "none", why)
    return _map_by_names(source_classes, outputs)


def _map_to_nothing(classes: ClassTable, label_map: Path | None) -> LabelMapping:
    if label_map is not None:
        raise SourceError(
            f"The network returns no class outputs that classes could be mapped to: leave out the label map {str(label_map)!r}."
        )
    note = "No class has an output, because the network returns none: predictions, loss and correct are empty."
    return LabelMapping((None,) * len(classes), "none", note)


def are_output_indices(label_kind: str, label_map: Path | None) -> bool:
    """Whether the source, or the label map "outputs", says that labels are indices of outputs."""
    return label_kind == OUTPUT_INDICES if label_map is None else str(label_map) == OUTPUTS_MAP


def _map_by_number(classes: ClassTable, n_outputs: int) -> LabelMapping:
    strangers = [name for name in classes.names if not (name.isascii() and name.isdigit())]
    if strangers:
        raise SourceError(
            f"The classes ({list_some(strangers)}) are no whole numbers, so they are not indices of the model's outputs: "
            f"leave out the label map {OUTPUTS_MAP!r}, or give a file of class,output."
        )
    found = tuple(_read_index(name, n_outputs) for name in classes.names)
    return LabelMapping(found, "output index", _explain_missing(classes, found, "beyond the model's outputs"))


def _offer_outputs(classes: ClassTable) -> str:
    """How a sentence about a missing label map ends: numbers may be output indices, which only a person can say."""
    numbers = len(classes) > 0 and all(name.isascii() and name.isdigit() for name in classes.names)
    return f" (--label-map {OUTPUTS_MAP}, if these numbers are the indices of its outputs)." if numbers else "."


def _offer_imagenet(classes: ClassTable, n_outputs: int) -> str:
    """Offers names for 1,000 nameless outputs where classes have wnids; whether they are ImageNet's only a person can say."""
    likely = n_outputs == 1000 and any(_list_wnids(classes))
    return f"if they are ImageNet-1k's in the usual order, say --outputs {IMAGENET_1K}; else " if likely else ""


def name_classes(classes: ClassTable, mapping: LabelMapping, outputs: ClassTable | None) -> ClassTable:
    """Class names for people: those of their outputs where a class is called by an output's index or by a bare wnid."""
    if outputs is None or not mapping.outputs:
        return classes
    by_index = mapping.method == "output index"
    names, wnids = list(classes.names), list(classes.wnids or [""] * len(classes))
    for at, output in enumerate(mapping.outputs):
        if output is not None and (by_index or _WHOLE_WNID.fullmatch(names[at])):
            names[at] = outputs.names[output]
            wnids[at] = wnids[at] or (outputs.wnids[output] if outputs.wnids else "")
    return ClassTable(tuple(names), tuple(wnids) if any(wnids) or (outputs.wnids and by_index) else ())


def _map_by_names(classes: ClassTable, outputs: ClassTable) -> LabelMapping:
    wnids, offered = _list_wnids(classes), _list_wnids(outputs)
    unique = _index_unique(offered)
    by_wnid = [unique.get(wnid) if wnid else None for wnid in wnids]
    by_name = _match_names(classes, outputs)
    have_wnids = any(offered)
    found: list[int | None] = []
    for index, wnid in enumerate(wnids):
        found.append(by_wnid[index] if wnid and have_wnids else by_name[index])
    if not any(output is not None for output in found):
        return LabelMapping(
            tuple(found),
            "none",
            f"No class of the data ({list_some(list(classes.names))}) is called like one output of the model "
            f"({list_some(list(outputs.names))}), so loss and correct are empty: give a label map"
            + _offer_outputs(classes),
        )
    method = "wnid" if any(output is not None for output in by_wnid) else "name"
    return LabelMapping(
        tuple(found), method, _explain_missing(classes, found, "without one output of their name or wnid")
    )


def _list_wnids(table: ClassTable) -> tuple[str, ...]:
    """One wnid a class, "" where unknown; names that are wnids count."""
    given = table.wnids or ("",) * len(table)
    return tuple(
        (wnid or (name if _WHOLE_WNID.fullmatch(name) else "")).casefold() for wnid, name in zip(given, table.names)
    )


def _loosen(name: str) -> str:
    """A name without case and without what parts its words: "American_Alligator" is "american alligator"."""
    return _BETWEEN.sub(" ", name.strip().casefold())


def _match_names(classes: ClassTable, outputs: ClassTable) -> list[int | None]:
    """Whole names first; then, loosened, whole names and first synonyms that only one output and one class have."""
    whole = [name.strip().casefold() for name in outputs.names]
    by_whole, by_loose = _index_unique(whole), _index_unique([_loosen(name) for name in outputs.names])
    by_short = _index_unique([_loosen(outputs.short_name(index)) for index in range(len(outputs))])
    several = {name for name, count in Counter(whole).items() if count > 1}
    found: list[int | None] = []
    by_synonym: list[int] = []
    for index, name in enumerate(classes.names):
        wanted = name.strip().casefold()
        output = by_whole.get(wanted)
        if output is None and wanted not in several:
            output = by_loose.get(_loosen(name), by_short.get(_loosen(classes.short_name(index))))
            by_synonym.append(index)
        found.append(output)
    claims = Counter(found)
    for index in by_synonym:
        if claims[found[index]] > 1:
            found[index] = None
    return found


def _index_unique(names: Sequence[str]) -> dict[str, int]:
    counts = Counter(names)
    return {name: index for index, name in enumerate(names) if counts[name] == 1}


def _explain_missing(classes: ClassTable, found: Sequence[int | None], why: str) -> str:
    missing = [name for name, output in zip(classes.names, found) if output is None]
    if not missing:
        return ""
    return (
        f"{len(missing)} of {len(classes)} classes are {why} ({list_some(missing)}): loss and correct are empty there."
    )


def _map_by_file(classes: ClassTable, outputs: ClassTable | None, n_outputs: int, label_map: Path) -> LabelMapping:
    found: dict[int, int | None] = {}
    strangers: list[str] = []
    for name, wanted in _read_label_map(label_map):
        index = _find_class(classes, name)
        if index is None:
            strangers.append(name)
            continue
        output = _find_output(outputs, n_outputs, wanted, label_map)
        if found.get(index, output) != output:
            raise SourceError(f"{label_map} maps class {name!r} to two outputs: keep one.")
        found[index] = output
    if not found:
        raise SourceError(
            f"{label_map} names no class of the data ({list_some(list(classes.names))}): write rows of class,output."
        )
    mapped = tuple(found.get(index) for index in range(len(classes)))
    notes = [_explain_missing(classes, mapped, "without output in the label map")]
    if strangers:
        notes.append(
            f"The label map also names {len(strangers)} classes that the data has not: {list_some(strangers)}."
        )
    return LabelMapping(mapped, "label map", " ".join(note for note in notes if note))


def _read_label_map(path: Path) -> list[tuple[str, str]]:
    """Pairs of class and output as text, "" for no output."""
    if path.suffix.casefold() == ".json":
        return _read_json_map(path)
    rows = read_rows(path)
    if rows and [cell.casefold() for cell in rows[0]] == ["class", "output"]:
        rows = rows[1:]
    for row in rows:
        if len(row) != 2:
            raise SourceError(
                f"{path} has a row of {len(row)} cells ({', '.join(row)}): every row is class,output, names with commas "
                'in "quotes".'
            )
    return [(row[0], row[1]) for row in rows]


def _read_json_map(path: Path) -> list[tuple[str, str]]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path} could not be read as JSON ({describe_error(error)}): correct it.") from error
    fits = isinstance(tree, Mapping) and all(
        value is None or (isinstance(value, (int, str)) and not isinstance(value, bool)) for value in tree.values()
    )
    if not fits:
        raise SourceError(f"{path} is no object of class: output, each a name, an index or null: correct it.")
    return [(str(name), "" if value is None else str(value)) for name, value in tree.items()]


def _find_class(classes: ClassTable, name: str) -> int | None:
    try:
        return classes.find(name)
    except ArgumentError:
        return _read_index(name, len(classes))


def _find_output(outputs: ClassTable | None, n_outputs: int, wanted: str, label_map: Path) -> int | None:
    if not wanted:
        return None
    index = _read_index(wanted, n_outputs)
    try:
        return index if outputs is None and index is not None else (outputs or ClassTable(())).find(wanted)
    except ArgumentError as error:
        if index is not None:
            return index
        raise SourceError(
            f"{label_map} names {wanted!r}, which is not one output of the model: give a name, a wnid or an index from 0 "
            f"to {n_outputs - 1}."
        ) from error


def _read_index(text: str, count: int) -> int | None:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        return None
    return int(text) if int(text) < count else None
