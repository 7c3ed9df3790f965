"""One forward, done the same way everywhere: eval mode, no gradients, a declared precision."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from senet_viz.errors import ModelError
from senet_viz.gates.hooks import evaluating
from senet_viz.images.quiet import quiet_libraries
from senet_viz.models.zoo import Model

NOT_FINITE = -1  # the prediction of an image whose logits are not finite
_DTYPES: dict[str, torch.dtype | None] = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@contextlib.contextmanager
def observing(model: Model, precision: str) -> Iterator[None]:
    """The model's lock, eval mode, no gradients, asked-for precision; fp32 means no TF32 and deterministic kernels."""
    dtype = _DTYPES[precision]
    with contextlib.ExitStack() as stack:
        stack.enter_context(model.lock)
        stack.enter_context(quiet_libraries())
        stack.enter_context(evaluating(model.module))
        stack.enter_context(torch.inference_mode())
        if model.device.type == "cuda":
            stack.enter_context(torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False))
            stack.enter_context(_no_matmul_tf32())
        if dtype is not None:
            stack.enter_context(torch.autocast(model.device.type, dtype))
        yield


@contextlib.contextmanager
def _no_matmul_tf32() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def forward(model: Model, pixels: Tensor) -> Tensor:
    """Logits (N, outputs) float32 of images (N, C, H, W); (N, 0) of a network without class outputs."""
    returned = model.module(pixels.to(model.device, memory_format=torch.channels_last, non_blocking=True))
    if not model.outputs:
        return torch.empty(len(pixels), 0, device=model.device)
    logits = model.logits_of(returned)
    if logits.shape != (len(pixels), model.outputs):
        raise ModelError(
            f"The network returned {tuple(logits.shape)} for {len(pixels)} images, not ({len(pixels)}, {model.outputs}) logits: "
            "wrap it so that it returns logits only."
        )
    return logits.float()


def to_arrays(values: Mapping[str, Tensor | None]) -> dict[str, NDArray[Any]]:
    """Arrays of what there is, by its name; from a GPU all are copied side by side, and waited for once."""
    found = {name: value for name, value in values.items() if value is not None}
    there = {name: value.to("cpu", non_blocking=value.is_cuda) for name, value in found.items()}
    for device in {value.device for value in found.values() if value.is_cuda}:
        torch.cuda.current_stream(device).synchronize()
    return {name: value.numpy() for name, value in there.items()}


def check_class_outputs(model: Model, purpose: str) -> None:
    """Refuses a network without class outputs for a purpose that needs them, such as "Grad-CAM" (ModelError)."""
    if not model.outputs:
        raise ModelError(
            f"{purpose} needs class outputs and {model.name} returns none: take the network with its classifier (without one its "
            "gates can be recorded, assessed and compared)."
        )


def output_labels(labels: NDArray[np.int32], outputs: tuple[int | None, ...]) -> NDArray[np.int32]:
    """Output index of each image's class; −1 for unlabelled images and classes without an output."""
    table = np.array([-1 if output is None else output for output in outputs] + [-1], dtype=np.int32)
    return table[labels]


class LogitReading(NamedTuple):
    """What the logits of a batch say.

    Attributes:
        prediction: (n,) output that comes first, int32; −1 where the logits are not finite, or there are none.
        confidence: (n,) its softmax, float32; NaN without one.
        loss: (n,) cross-entropy in nats, float32; NaN where the class has no output or the logits are not finite.
        correct: (n,) whether the class comes first; never where it has no output or the logits are not finite.
        correct5: (n,) whether fewer than five outputs come before it; likewise.
    """

    prediction: NDArray[np.int32]
    confidence: NDArray[np.float32]
    loss: NDArray[np.float32]
    correct: NDArray[np.bool_]
    correct5: NDArray[np.bool_]


def read_logits(logits: Tensor, outputs: NDArray[np.int32]) -> LogitReading:
    """Reads predictions, losses and hits off logits.

    Args:
        logits: (n, outputs) float32.
        outputs: (n,) output of each image's class, −1 where it has none.
    """
    if not logits.shape[1]:
        return _read_nothing(len(logits))
    finite = torch.isfinite(logits).all(dim=1).cpu().numpy()
    known = (outputs >= 0) & finite
    target = torch.from_numpy(outputs).to(logits.device).long()
    confidence, prediction = logits.softmax(dim=1).max(dim=1)
    losses = F.cross_entropy(logits, target, reduction="none", ignore_index=-1)
    own = logits.gather(1, target.clamp(min=0)[:, None])
    before = (logits > own).sum(dim=1).cpu().numpy()
    predictions = np.where(finite, prediction.cpu().numpy(), NOT_FINITE).astype(np.int32)
    return LogitReading(
        prediction=predictions,
        confidence=np.where(finite, confidence.cpu().numpy(), np.float32(np.nan)),
        loss=np.where(known, losses.cpu().numpy(), np.nan).astype(np.float32),
        correct=(predictions == outputs) & known,
        correct5=(before < 5) & known,
    )


def _read_nothing(images: int) -> LogitReading:
    unknown, never = np.full(images, np.nan, dtype=np.float32), np.zeros(images, dtype=bool)
    return LogitReading(np.full(images, -1, dtype=np.int32), unknown, unknown, never, never)
