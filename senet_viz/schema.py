"""The words that both wings share: what a gate, a class table and a recording's manifest are, and frozen data as JSON."""

import dataclasses
import functools
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Annotated, Any, Literal, Self, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import ArgumentError, RecordingError, SenetVizError

Floats = NDArray[np.float64]
SCHEMA_VERSION = 1
HISTOGRAM_BINS = 64
UNLABELLED = -1
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Place = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Width = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


@dataclass(frozen=True, slots=True)
class Gate:
    """One SE unit of a network.

    Attributes:
        name: path of the smallest module that returns s·x, e.g. "layer3.5.se".
        label: the paper's label, e.g. "SE_4_6": stage and position within the stage, counted from 1.
        stage: resolution stage; 2 to 5 in a ResNet, as in the paper.
        depth: position in the order of the forward pass, from 0.
        channels: C, length of the gate vector s.
        reduced_channels: C/r, width of the excitation's hidden layer, read from the weights; None where
            the excitation has none (ECA, ESE).
        family: name of the adapter that found it, e.g. "timm SEModule".
        activation: what makes s, e.g. "sigmoid", "hard sigmoid".
        range: lower and upper bound of s; [0, 1] for sigmoids, not finite for what has no bound.
        parameters: weights and biases of the SE unit.
        squeeze_missing: why z is not recorded (it is not one vector); None where it is.
        form: what the network makes of a feature map x with s, e.g. "s·x" or "x + s·x".
        histogram: of a recorded gate without finite bounds, the interval that its histogram divides; what lies outside is
            counted as at its ends.
    """

    name: str
    label: str
    stage: Place
    depth: Place
    channels: Width
    reduced_channels: Width | None
    family: str
    activation: str
    range: tuple[float, float] = (0.0, 1.0)
    parameters: Count = 0
    squeeze_missing: str | None = None
    form: str = "s·x"
    histogram: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        low, high = self.range  # JSON knows no infinity: it was written as null, which is read as NaN
        bounds = -math.inf if math.isnan(low) else low, math.inf if math.isnan(high) else high
        object.__setattr__(self, "range", bounds)
        for what, (start, end) in (("range", bounds), ("histogram", self.histogram or bounds)):
            if not start < end:
                raise ArgumentError(f"The {what} of gate {self.name!r} goes from {start:g} to {end:g}: it is upwards.")

    @property
    def extent(self) -> tuple[float, float]:
        """Finite ends for histograms and axes: the bounds of s, or the interval that was chosen when it was recorded."""
        return self.histogram or self.range

    @property
    def as_found(self) -> "Gate":
        """The gate as it is in its network, without the interval that a recording chose for its histogram."""
        return self if self.histogram is None else replace(self, histogram=None)

    @property
    def reduction(self) -> float | None:
        """r = C / reduced channels; None where nothing is reduced."""
        return None if self.reduced_channels is None else self.channels / self.reduced_channels


@dataclass(frozen=True, slots=True)
class ClassTable:
    """Names of classes or of a model's outputs, in index order; K = len(table).

    Attributes:
        names: one a class, as the source gives them.
        wnids: WordNet ids such as "n01443537", one a class; empty where they are not known.
    """

    names: tuple[str, ...]
    wnids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.wnids and len(self.wnids) != len(self.names):
            raise ArgumentError(f"A class table of {len(self.names)} names came with {len(self.wnids)} wnids.")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def keys(self) -> tuple[str, ...]:
        """What tells a class, whatever people call it: its wnid, else its name."""
        return tuple(wnid or name for wnid, name in zip(self.wnids or self.names, self.names))

    def short_name(self, index: int) -> str:
        """The first of a name's synonyms: "goldfish" of "goldfish, Carassius auratus"."""
        return self.names[index].split(",")[0].strip() or self.names[index]

    def find(self, name: str) -> int:
        """Index of a class by wnid, by its name or by the first of its synonyms (case is ignored).

        Raises:
            ArgumentError: no class or several are called so.
        """
        wanted = name.strip().casefold()
        by_rule: list[Sequence[str]] = [self.wnids, self.names, [self.short_name(i) for i in range(len(self))]]
        for names in by_rule:
            found = [i for i, candidate in enumerate(names) if candidate.casefold() == wanted]
            if len(found) == 1:
                return found[0]
            if found:
                raise ArgumentError(f"{len(found)} classes are called {name!r}: give a wnid or the whole name.")
        raise ArgumentError(f"No class is called {name!r}: give a wnid, a whole name or a name's first synonym.")


@dataclass(frozen=True, slots=True)
class LabelMapping:
    """How a data set's classes map to the model's outputs.

    Attributes:
        outputs: output index of each class, None where it has none (its loss and correct are null).
        method: "wnid", "name", "label map", "output index" or "none".
        note: one sentence for people, e.g. which classes have no output.
    """

    outputs: tuple[Place | None, ...]
    method: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a recording: rows (0 where it has none), size in bytes, sha256 in hex, role in the recording."""

    name: str
    role: str
    rows: Count
    bytes: Count
    sha256: str

    def __post_init__(self) -> None:
        if self.name in ("", ".", "..") or "/" in self.name or "\\" in self.name or "\0" in self.name:
            raise ArgumentError(f"{self.name!r} is no name of a file in the folder")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a recording is and what made it; `manifest.json`.

    The identity (what a resumed run must repeat) is everything under `model`, `data`,
    `preprocessing` and `options`; `environment` is recorded and may change on resume, which `notes` then tells.

    Attributes:
        id: 32 hex digits, new for every recording.
        model: name, source, sha256 (of the weights), outputs (their number; 0 where the network returns no class outputs).
        data: name, kind, digest, images (N), labels ("classes", "output indices" or "none").
        gates: the blocks in order of depth.
        classes: names and wnids of the data's classes.
        mapping: classes to outputs.
        preprocessing: input_size, mean, std, interpolation, crop_pct, crop_mode, decoder, source.
        options: batch_size, precision, limit, keep, shard_size, seed, squeeze.
        environment: device, threads, versions, started, updated.
        throughput: images, seconds and images_per_second of the run that finished it; what earlier runs did before they
            were interrupted is in none.
        precision_difference: largest and rms difference of gates from the unchanged network's in fp32, on up to 16 images of
            the first batch; None for fp32.
        progress: images done and errors so far.
        files: everything beside the manifest.
        notes: sentences about what a reader must know.
        complete: all images done.
        form: "full" or "slim"; "interventions" of what `intervene` wrote.
    """

    id: str
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    gates: tuple[Gate, ...]
    classes: ClassTable
    mapping: LabelMapping
    preprocessing: Mapping[str, Any]
    options: Mapping[str, Any]
    environment: Mapping[str, Any]
    throughput: tuple[Mapping[str, Any], ...] = ()
    precision_difference: Mapping[str, float] | None = None
    progress: Mapping[str, Count] = field(default_factory=dict)
    files: tuple[FileEntry, ...] = ()
    notes: tuple[str, ...] = ()
    complete: bool = False
    form: Literal["full", "slim", "interventions"] = "full"
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> dict[str, Any]:
        """A tree of plain values for `manifest.json`."""
        tree: dict[str, Any] = to_tree(self)
        return tree

    @classmethod
    def from_json(cls, tree: Mapping[str, Any], where: str = "manifest.json", advice: str = "record again") -> Self:
        """The inverse of `to_json`.

        Raises:
            RecordingError: a later schema version, or a field that is missing, unknown or of another type.
        """
        version = tree.get("schema_version")
        if version != SCHEMA_VERSION:
            raise RecordingError(
                f"{where} has schema version {version!r}, this version of senet_viz reads {SCHEMA_VERSION}: "
                f"open it with the version that wrote it, or {advice}."
            )
        check_text(tree, where, advice)
        needed = dict.fromkeys(("throughput", "files", "notes"))  # new ones begin without, stored ones have them
        return from_tree(cls, {**needed, **tree}, where, advice)


def check_text(tree: Any, where: str, advice: str) -> None:
    """Refuses JSON that no page could show.

    Raises:
        RecordingError: it is nested too deeply, or holds half of a surrogate pair.
    """
    try:
        json.dumps(tree, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        what = "half of a surrogate pair" if isinstance(error, UnicodeEncodeError) else "too many levels"
        raise RecordingError(f"{where} holds {what}, which no recording has: {advice}.") from error


def check_class(classes: ClassTable, index: int) -> None:
    """Raises ArgumentError where there is no such class."""
    if not 0 <= index < len(classes):
        raise ArgumentError(f"There is no class {index}: classes go from 0 to {len(classes) - 1}.")


def label_classes(table: ClassTable) -> tuple[str, ...]:
    """A short label of each class that no other class has: "goldfish", or "crane (n02012849)" where two share it."""
    short = [table.short_name(k) for k in range(len(table))]
    shared = Counter(short)
    marks = table.wnids or tuple(str(k) for k in range(len(table)))
    return tuple(name if shared[name] == 1 else f"{name} ({mark})" for name, mark in zip(short, marks))


def are_same_gates(some: Iterable[Gate], others: Iterable[Gate]) -> bool:
    """Whether they are the same units of a network, in whatever intervals recordings divided their histograms."""
    return [gate.as_found for gate in some] == [gate.as_found for gate in others]


def label_blocks(blocks: Sequence[Gate]) -> tuple[str, ...]:
    """A label of each block that no other block has: the paper's, with the path where two share it."""
    shared = Counter(gate.label for gate in blocks)
    return tuple(g.label if shared[g.label] == 1 else f"{g.label} ({g.name})" for g in blocks)


def hidden_width(channels: int, reduction: int) -> int:
    """Width of the excitation's hidden layers: C/r rounded down, at least 1.

    Raises:
        ArgumentError: fewer than one channel, or r below 1.
    """
    if channels < 1 or reduction < 1:
        raise ArgumentError(f"{channels} channels with r = {reduction}: both are at least 1.")
    return max(1, channels // reduction)


def check_depth(depth: int) -> None:
    """Refuses an excitation of fewer than two linear layers (ArgumentError)."""
    if depth < 2:
        raise ArgumentError(f"An excitation of {depth} linear layers: it has at least 2, one to C/r and one back to C.")


def to_tree(value: Any) -> Any:
    """Frozen data as JSON has it: dataclasses and mappings as dicts, sequences and arrays as lists, null for what is not finite."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_tree(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_tree(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_tree(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return to_tree(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


T = TypeVar("T")
Layout = Callable[[Any], Mapping[str, Any]]
_REASON = re.compile(r"(.*?)\.?(?: - at (?:`key` in )?`\$(.*)`)?", re.DOTALL)
_hints = functools.cache(get_type_hints)


def from_tree(
    kind: type[T],
    tree: Any,
    where: str,
    advice: str,
    *,
    path: str = "",
    layouts: Mapping[type, Layout] | None = None,
    renamed: Mapping[str, str] | None = None,
    error: type[SenetVizError] = RecordingError,
) -> T:
    """The inverse of `to_tree`: types are checked, and null where a float belongs is NaN.

    Args:
        kind: a dataclass, or a tuple or mapping of some.
        tree: plain values; what is of its kind already is taken as it is.
        where: the file, for the message.
        advice: what to do about a damaged one, for the message.
        path: of the tree in the file.
        layouts: for dataclasses that are not stored field by field, from what is stored to the fields; what else it
            holds is passed over, while unknown fields of other dataclasses are refused.
        renamed: parts of paths that layouts make, as the file has them.
        error: what is raised.

    Raises:
        SenetVizError: as `error`; names the path of what is missing, unknown or of another type.
    """
    try:
        built: T = _build(kind, tree, path, layouts or {})
    except _MisfitError as misfit:
        at = misfit.path.lstrip(".")
        for field_name, stored in (renamed or {}).items():
            at = at.replace(field_name, stored)
        raise error(f"{where}{', ' if at else ''}{at}: {misfit}; {advice}.") from misfit
    return built


class _MisfitError(Exception):
    def __init__(self, reason: str, path: str) -> None:
        super().__init__(reason)
        self.path = path


def _build(kind: Any, value: Any, path: str, layouts: Mapping[type, Layout]) -> Any:
    return _convert(kind, _fit(kind, value, path, layouts), path)


def _convert(kind: Any, value: Any, path: str) -> Any:
    try:
        return msgspec.convert(value, kind, dec_hook=lambda _, array: array)
    except msgspec.ValidationError as error:
        found = _REASON.fullmatch(str(error))
        assert found is not None
        raise _MisfitError(found[1][:200], path + (found[2] or "")) from error


def _fit(kind: Any, value: Any, path: str, layouts: Mapping[type, Layout]) -> Any:
    """What msgspec has no word for: NaN, arrays, unknown fields of dataclasses, and which key of a mapping is wrong."""
    origin, inner = get_origin(kind), get_args(kind)
    if value is None:
        return math.nan if kind is float else None
    if kind is float and isinstance(value, float) and math.isinf(value):
        raise _MisfitError("Expected a number that is finite", path)
    if origin in (Union, UnionType):
        return _fit(inner[0], value, path, layouts)
    if origin is np.ndarray and not isinstance(value, np.ndarray):
        rows = isinstance(value, list) and isinstance(next(iter(value), 0), list)
        found = _convert(list[list[float | None]] if rows else list[float | None], value, path)
        if rows and len({len(row) for row in found}) > 1:
            raise _MisfitError("Expected rows of one length", path)
        array = np.array(found, np.float64)
        if np.isinf(array).any():
            raise _MisfitError("Expected numbers that are finite", path)
        return array
    if origin is tuple and isinstance(value, list) and (inner[-1] is ... or len(inner) == len(value)):
        kinds = inner[:1] * len(value) if inner[-1] is ... else inner
        return [_fit(k, v, f"{path}[{at}]", layouts) for at, (k, v) in enumerate(zip(kinds, value))]
    if isinstance(value, Mapping) and dataclasses.is_dataclass(kind):
        return _fit_fields(cast(type, kind), value, path, layouts)
    if isinstance(value, Mapping) and origin is Mapping:
        return {key: _build(inner[1], item, f"{path}.{key}", layouts) for key, item in value.items()}
    return value


def _fit_fields(kind: type, value: Mapping[str, Any], path: str, layouts: Mapping[type, Layout]) -> dict[str, Any]:
    hints = _hints(kind)
    try:
        value = layouts[kind](value) if kind in layouts else value
    except (KeyError, TypeError) as error:
        reason = f"Object missing required field `{error.args[0]}`" if isinstance(error, KeyError) else str(error)
        raise _MisfitError(reason, path) from error
    if kind not in layouts and (unknown := [name for name in value if name not in hints]):
        raise _MisfitError(f"Object has unknown field `{unknown[0]}`", path)
    return {name: _fit(hints[name], value[name], f"{path}.{name}", layouts) for name in value if name in hints}
