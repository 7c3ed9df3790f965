"""The network that a recording was made with: found by its manifest, and known by its weights and blocks."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from senet_viz.errors import ArgumentError, ModelError, RecordingError
from senet_viz.images.decoding import DECODER
from senet_viz.models.huggingface import is_hub_name
from senet_viz.models.options import ModelOptions
from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.zoo import Model, load_model
from senet_viz.recording.options import describe_precision
from senet_viz.schema import ClassTable, Gate, Manifest

CALIBRATED = "Batch-norm statistics re-estimated"  # how the note of `with_calibrated_batch_norm` begins
_BY_NAME = ("bundled", "timm", "torchvision", "hf", "senet_viz")


def load_recorded_model(
    manifest: Manifest,
    *,
    model: str | Path | None = None,
    arch: str | None = None,
    weights: str | None = None,
    seed: int | None = None,
    device: str = "auto",
) -> Model:
    """Loads the network that a recording was made with, with the recording's preprocessing.

    Bundled, timm's, torchvision's, the Hugging Face hub's and this package's networks are found by the name in the manifest. A checkpoint's
    place is not stored, and a factory is code, which is run only when a person names it and never because a file does: both must be given.

    Args:
        manifest: of the recording.
        model: what `load_model` takes, instead of the manifest's name.
        arch: of a weights file.
        weights: "pretrained" or "random"; the manifest's where None.
        seed: of random weights; the manifest's where None.
        device: as in `load_model`.

    Raises:
        ArgumentError: the model must be given.
        ModelError: it can not be loaded, or its weights can not be rebuilt.
        RecordingError: what was loaded is not the recorded network.
    """
    about = manifest.model
    if model is None:
        _refuse_calibrated(manifest)
    seed = about.get("seed") if seed is None else seed
    loaded = load_model(
        _stored_name(about) if model is None else model,
        seed=0 if seed is None else seed,
        device=device,
        preprocessing=_stored_preprocessing(manifest.preprocessing),
        options=ModelOptions(
            arch=arch,
            weights=weights or about.get("weights") or "pretrained",
            logits=about.get("logits"),
            weights_key=about.get("weights_key"),
        ),
    )
    if loaded.sha256 != about.get("sha256"):
        _refuse_calibrated(manifest)
    check_weights(loaded, manifest)
    return _with_recorded_names(loaded, about)


def _with_recorded_names(loaded: Model, about: Mapping[str, Any]) -> Model:
    """The network with the names that its outputs had when it was recorded: a person may have given them (--outputs)."""
    names, wnids = about.get("output_names") or (), about.get("output_wnids") or ()
    if len(names) != loaded.outputs:
        return loaded
    return dataclasses.replace(loaded, classes=ClassTable(tuple(names), tuple(wnids)))


def check_weights(model: Model, manifest: Manifest) -> None:
    """Raises RecordingError, naming both, where a recording was made with other weights than a model's."""
    recorded = str(manifest.model.get("sha256"))
    if model.sha256 != recorded:
        raise RecordingError(
            f"The recording of {manifest.data.get('name')} was made with {describe_recorded(manifest)}, weights "
            f"{recorded[:12]}…, and the model given is {_describe(model.name, model.weights, model.seed)}, weights "
            f"{model.sha256[:12]}…: give the network that was recorded, or a recording of this one."
        )


def check_blocks(model: Model, gates: Sequence[Gate], manifest: Manifest) -> None:
    """Raises RecordingError, naming both, where a recording's blocks are not those found in a network."""
    mine, recorded = ([(g.name, g.channels, g.range) for g in some] for some in (gates, manifest.gates))
    if mine == recorded:
        return
    strange = [
        name for name, _, _ in (*(b for b in mine if b not in recorded), *(b for b in recorded if b not in mine))
    ]
    raise RecordingError(
        f"{model.name} has {len(mine)} blocks and the recording of {describe_recorded(manifest)} has {len(recorded)}, which "
        f"are not the same ({', '.join(strange[:4]) or 'their order'}): record this network with this version."
    )


def describe_differences(model: Model, manifest: Manifest, precision: str) -> tuple[str, ...]:
    """Sentences where decoder, precision or preprocessing of a comparison are not the recording's."""
    sentences = []
    recorded = describe_precision(manifest.options)
    if recorded != precision:
        measured = manifest.precision_difference
        apart = (
            f", whose gates differ from the unchanged network's in fp32 by up to {measured['largest']:.4f}"
            if measured
            else ""
        )
        sentences.append(f"These gates were computed in {precision}, the recording's in {recorded}{apart}.")
    decoder = manifest.preprocessing.get("decoder")
    if decoder != DECODER:
        sentences.append(
            f"These images were decoded by {DECODER}, the recording's by {decoder}: pixels of a JPEG may differ in the last bits."
        )
    mine, theirs = model.preprocess.to_json(), manifest.preprocessing
    changes = [
        f"{key} {mine.get(key)} here and {theirs.get(key)} there"
        for key in sorted({*mine, *theirs} - {"decoder", "source"})
        if mine.get(key) != theirs.get(key)
    ]
    if changes:
        sentences.append(f"These images were not prepared like the recording's: {'; '.join(changes)}.")
    return tuple(sentences)


def describe_recorded(manifest: Manifest) -> str:
    """The recorded network's name, with its seed where its weights were random."""
    about = manifest.model
    return _describe(str(about.get("name")), str(about.get("weights")), about.get("seed"))


def _describe(name: str, weights: str, seed: int | None) -> str:
    return name if weights != "random" else f"{name} with random weights of seed {seed}"


def _stored_name(about: Mapping[str, Any]) -> str:
    name, source = str(about.get("name")), about.get("source")
    named = source in _BY_NAME and (name == source or name.startswith(f"{source}:"))  # else a name could be a factory's
    if named and (source != "hf" or is_hub_name(name.removeprefix("hf:"))):  # or a folder on this machine
        return name
    if source == "factory":
        raise ArgumentError(
            f"The recording was made with the factory {name}, which is code: name it as the model (--model {name}) to run it."
        )
    raise ArgumentError(
        f"The recording was made with {name!r} ({source}), and a recording does not store where that lies: give the model "
        "(--model PATH, and --arch for a weights file)."
    )


def _refuse_calibrated(manifest: Manifest) -> None:
    note = next((note for note in manifest.notes if note.startswith(CALIBRATED)), None)
    if note is not None:
        raise ModelError(
            f"The weights of {describe_recorded(manifest)} can not be rebuilt without the images of its calibration "
            f"({note.rstrip('.')}): compare with a recording of a trained network, or of random weights that were not calibrated."
        )


def _stored_preprocessing(tree: Mapping[str, Any]) -> Preprocessing:
    try:
        return Preprocessing.from_json({key: value for key, value in tree.items() if key != "decoder"})
    except TypeError as error:
        raise ModelError(
            f"The recording's preprocessing is not one that this version knows ({error}): record again."
        ) from error
