"""A CSV list of image paths and labels."""

from pathlib import Path

from senet_viz.errors import SourceError
from senet_viz.images.classes import find_classes_file, read_classes_file, read_rows, tabulate_classes, tabulate_rows
from senet_viz.images.folder import FileSource, build_listed
from senet_viz.schema import UNLABELLED, ClassTable

PATH_COLUMNS = ("path", "image", "file", "filename", "file_name", "filepath")
LABEL_COLUMNS = ("label", "class", "target")


def open_csv(path: Path, *, name: str) -> FileSource:
    """Images listed in a CSV (comma, or tab in a .tsv): columns path and label, with or without a header.

    Paths are relative to the CSV's folder. Labels are names, or whole numbers that a `classes.csv` beside or above
    names (without one the numbers themselves are the names); an empty label is none.

    Raises:
        SourceError: unreadable, without a column of paths, a row with too many cells, or an image with two labels.
    """
    rows = read_rows(path, delimiter="\t" if path.suffix.casefold() == ".tsv" else ",")
    path_at, label_at, first = _find_columns(rows, path)
    images: dict[str, str] = {}
    repeated = 0
    for number, row in enumerate(rows[first:], start=first + 1):
        file, label = _read_row(row, path_at, label_at, width=len(rows[0]), where=f"Row {number} of {path}")
        if images.get(file, label) != label:
            raise SourceError(
                f"{path} gives {file!r} two labels ({images[file]!r}, {label!r}): multi-label data is not supported, "
                "give every image one."
            )
        repeated += file in images
        images[file] = label
    if not images:
        raise SourceError(f"{path} lists no image: give rows of path,label.")
    classes, labels = _number_labels(list(images.values()), path)
    notes = [f"{repeated} rows repeat an image and were left out."] if repeated else []
    return build_listed(name=name, root=path.parent, files=list(images), labels=labels, classes=classes, notes=notes)


def _find_columns(rows: list[list[str]], path: Path) -> tuple[int, int | None, int]:
    """Positions of path and label, and the first row of data."""
    if not rows:
        raise SourceError(f"{path} is empty: give rows of path,label.")
    header = [cell.casefold() for cell in rows[0]]
    paths = [header.index(word) for word in PATH_COLUMNS if word in header]
    labels = [header.index(word) for word in LABEL_COLUMNS if word in header]
    if not paths and (labels or len(header) > 2):
        raise SourceError(
            f"{path} has no column called path, image or file: give a header with path and label, or rows of two cells."
        )
    if not paths:
        return 0, (1 if len(header) > 1 else None), 0
    if not labels and len(header) > 1:
        raise SourceError(
            f"{path} has no column called label (it has {', '.join(rows[0])}): name it so; several label columns "
            "(multi-label data) are not supported."
        )
    return paths[0], (labels[0] if labels else None), 1


def _read_row(row: list[str], path_at: int, label_at: int | None, *, width: int, where: str) -> tuple[str, str]:
    if len(row) > width:
        raise SourceError(f'{where} has {len(row)} cells instead of {width}: put text with commas in "quotes".')
    file = row[path_at] if path_at < len(row) else ""
    if not file or "\0" in file:
        raise SourceError(f"{where} has no path: correct or remove it.")
    label = row[label_at] if label_at is not None and label_at < len(row) else ""
    return file, label


def _number_labels(texts: list[str], path: Path) -> tuple[ClassTable, list[int]]:
    """The class table and every image's class, by name or by number."""
    distinct = sorted({text for text in texts if text})
    numeric = bool(distinct) and all(_is_number(text) for text in distinct)
    classes_file = find_classes_file(path.parent)
    if classes_file is not None and classes_file != path and numeric:
        table = tabulate_rows(read_classes_file(classes_file), classes_file)
        return table, [int(text) if text and text != "-1" else UNLABELLED for text in texts]
    if numeric:
        numbers = sorted({int(text) for text in distinct} - {UNLABELLED})
        table = tabulate_classes([str(number) for number in numbers])
        position = {number: at for at, number in enumerate(numbers)}
        return table, [position.get(int(text), UNLABELLED) if text else UNLABELLED for text in texts]
    return _number_names(texts, distinct, classes_file if classes_file != path else None)


def _number_names(texts: list[str], distinct: list[str], classes_file: Path | None) -> tuple[ClassTable, list[int]]:
    table = tabulate_classes(distinct)
    if classes_file is not None and distinct:
        rows = read_classes_file(classes_file)
        known = tabulate_rows(rows, classes_file)
        by_wnid = {wnid: at for at, wnid in enumerate(known.wnids) if wnid}
        by_name = {name: at for at, name in enumerate(known.names)} | by_wnid
        if all(text in by_name for text in distinct):
            return known, [by_name[text] if text else UNLABELLED for text in texts]
    position = {text: at for at, text in enumerate(distinct)}
    return table, [position[text] if text else UNLABELLED for text in texts]


def _is_number(text: str) -> bool:
    return text == "-1" or (text.isascii() and text.isdigit())
