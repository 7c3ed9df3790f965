"""Small networks of every SE family as models, with recordings that belong to them, and images that they take in."""

import dataclasses
from pathlib import Path

import numpy as np
import torch
from torch import nn

from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.zoo import Model
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.writer import RecordingWriter
from senet_viz.schema import ClassTable
from senet_viz.workflows.comparison import PreparedImage
from tests.support.networks import IMAGE, draw_images
from tests.support.synthetic import choose_keep, make_batches, make_manifest

CLASSES = 5


def model_of(network: nn.Module, *, outputs: int = CLASSES) -> Model:
    """A network as `load_model` would give it; recordings of `recording_of` pass for its own."""
    side = IMAGE[1]
    preprocess = Preprocessing(size=side, resize=side, mean=(0.5,) * 3, std=(0.25,) * 3)
    module = network.eval()
    return Model(
        module, "small", "factory", "random", preprocess, ClassTable(()), outputs, "0" * 64, torch.device("cpu"), seed=0
    )


def recording_of(model: Model, folder: Path, *, images: int = 20) -> Recording:
    """Gates drawn uniformly, unrelated to what the network computes."""
    generator = np.random.default_rng(0)
    labels = np.arange(images, dtype=np.int32) % CLASSES
    values = {g.name: generator.uniform(size=(images, g.channels)).astype(np.float32) for g in model.gates}
    gates = [g if np.isfinite(g.range).all() else dataclasses.replace(g, histogram=(0.0, 1.0)) for g in model.gates]
    with RecordingWriter(folder, make_manifest(gates, n_classes=CLASSES, images=images, keep="none")) as writer:
        for batch in make_batches(labels, values, choose_keep(labels, "none")):
            known = {g.name: batch.squeezes[g.name] for g in model.gates if g.squeeze_missing is None}
            writer.append(dataclasses.replace(batch, squeezes=known))
        writer.finish(throughput={"images": images, "seconds": 1.0, "images_per_second": float(images)})
    return open_recording(folder)


def image_of(seed: int = 0) -> PreparedImage:
    """Noise, as the network takes it in."""
    pixels = draw_images(1, seed=seed)[0]
    view = np.zeros((IMAGE[1], IMAGE[2], 3), dtype=np.uint8)
    return PreparedImage(f"noise {seed}.png", f"{seed:064x}", (IMAGE[2], IMAGE[1]), view, pixels)
