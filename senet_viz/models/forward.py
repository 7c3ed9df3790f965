"""One forward, done the same way everywhere: eval mode, no gradients, a declared precision."""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from senet_viz.errors import ModelError
from senet_viz.gates.hooks import evaluating
from senet_viz.models.zoo import Model

PRECISIONS: dict[str, torch.dtype | None] = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@contextlib.contextmanager
def observing(model: Model, precision: str) -> Iterator[None]:
    """The model's lock, eval mode, no gradients, asked-for precision; fp32 means no TF32 and deterministic kernels."""
    dtype = PRECISIONS[precision]
    with contextlib.ExitStack() as stack:
        stack.enter_context(model.lock)
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
    logits = model.module(pixels.to(model.device, memory_format=torch.channels_last))
    if not isinstance(logits, Tensor) or logits.shape != (len(pixels), model.outputs):
        raise ModelError(
            f"The network returned {tuple(getattr(logits, 'shape', ())) or type(logits).__name__} for "
            f"{len(pixels)} images, not ({len(pixels)}, {model.outputs}) logits: wrap it so that it returns logits only."
        )
    return logits.float()


def output_labels(labels: NDArray[np.int32], outputs: tuple[int | None, ...]) -> NDArray[np.int32]:
    """Output index of each image's class; −1 for unlabelled images and classes without an output."""
    table = np.array([-1 if output is None else output for output in outputs] + [-1], dtype=np.int32)
    return table[labels]
