"""One readable training loop: small images held as uint8, augmented in batches, resumable at any step."""

import json
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from senet_viz.errors import ArgumentError, ImageError, ModelError, SourceError
from senet_viz.images.source import ImageSource
from senet_viz.models.memory import keep_freed_memory
from senet_viz.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from senet_viz.recording.files import replacing


@dataclass(frozen=True)
class TrainConfig:
    """The recipe. Two runs of one recipe on the same images, device and thread count take the same steps.

    Attributes:
        phases: (epochs, image side in px) in the order in which they are run (progressive resizing).
        batch_size: images a step; the last incomplete batch of an epoch is dropped.
        peak_rate: highest learning rate of the one-cycle schedule.
        warmup: share of the steps over which the rate rises.
        momentum: Nesterov momentum of SGD.
        weight_decay: decay of weights; biases and norms have none.
        label_smoothing: mass spread evenly over all classes.
        crop_area: least and greatest share of an image's area that a random resized crop takes.
        precision: "bf16" (autocast) or "fp32".
        seed: seeds initial weights, order of images and augmentation.
    """

    phases: tuple[tuple[int, int], ...] = ((5, 32), (4, 48), (3, 64))
    batch_size: int = 128
    peak_rate: float = 0.5
    warmup: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 1e-4
    label_smoothing: float = 0.1
    crop_area: tuple[float, float] = (0.35, 1.0)
    precision: str = "bf16"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise ArgumentError(f"batch_size is {self.batch_size}; batch norm needs at least 2.")
        if self.precision not in ("bf16", "fp32"):
            raise ArgumentError(f"precision is {self.precision!r}; it is 'bf16' or 'fp32'.")
        if not self.peak_rate > 0 or not self.weight_decay >= 0:
            raise ArgumentError(
                f"peak_rate is {self.peak_rate:g} and weight_decay {self.weight_decay:g}; "
                "the first is above 0 and the second is not below it."
            )

    def to_json(self) -> dict[str, Any]:
        """The recipe in plain values, as checkpoints and model cards hold it."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    @property
    def epochs(self) -> int:
        return sum(epochs for epochs, _ in self.phases)

    def side(self, epoch: int) -> int:
        """Image side in px of an epoch, counted from 0."""
        for epochs, side in self.phases:
            if epoch < epochs:
                return side
            epoch -= epochs
        raise ArgumentError(f"Epoch {epoch} lies beyond the recipe's {self.epochs} epochs.")


class ImageTensors(NamedTuple):
    """A labelled set in memory: images (N, 3, H, W) uint8, labels (N,) int64."""

    images: Tensor
    labels: Tensor


class TrainProgress(NamedTuple):
    """State after a step: step of steps, epoch, image side (px), running loss, images a second, seconds left."""

    step: int
    steps: int
    epoch: int
    side: int
    loss: float
    rate: float
    seconds_left: float


def augment(images: Tensor, side: int, crop_area: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Random resized crops and horizontal flips of a whole batch, normalised with ImageNet's mean and SD.

    A crop takes a random share of the area at an aspect ratio log-uniform in [3/4, 4/3]. It is
    sampled bilinearly at twice the side and averaged 2 × 2, so that shrinking does not alias.

    Args:
        images: (N, 3, H, W) uint8.
        side: side of the result in px.
        crop_area: least and greatest share of the area, each in (0, 1].
        generator: on the CPU; the batch's randomness.

    Returns:
        (N, 3, side, side) float32, channels last.
    """
    count = len(images)
    draw = torch.rand(5, count, generator=generator)
    area = crop_area[0] + (crop_area[1] - crop_area[0]) * draw[0]
    aspect = torch.exp((2 * draw[1] - 1) * math.log(4 / 3))
    width = (area * aspect).sqrt().clamp(max=1)
    height = (area / aspect).sqrt().clamp(max=1)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = width * torch.where(draw[4] < 0.5, -1.0, 1.0)
    theta[:, 1, 1] = height
    theta[:, 0, 2] = (2 * draw[2] - 1) * (1 - width)
    theta[:, 1, 2] = (2 * draw[3] - 1) * (1 - height)
    grid = F.affine_grid(theta.to(images.device), [count, 3, 2 * side, 2 * side], align_corners=False)
    sampled = F.grid_sample(images.float(), grid, padding_mode="reflection", align_corners=False)
    return normalize(F.avg_pool2d(sampled, 2))


def normalize(images: Tensor) -> Tensor:
    """(N, 3, H, W) of 0 to 255 → ImageNet's mean and SD, channels last."""
    mean = torch.tensor(IMAGENET_MEAN, device=images.device).view(3, 1, 1) * 255
    sd = torch.tensor(IMAGENET_STD, device=images.device).view(3, 1, 1) * 255
    return ((images.float() - mean) / sd).contiguous(memory_format=torch.channels_last)


@dataclass
class _State:
    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    step: int = 0
    loss: float = math.nan
    seconds: float = 0.0

    def save(self, path: Path, identity: dict[str, object]) -> None:
        parts = {key: getattr(self, key).state_dict() for key in ("model", "optimizer", "schedule")}
        numbers = {"step": self.step, "loss": self.loss, "seconds": self.seconds}
        with replacing(path) as file:
            torch.save({**parts, **numbers, "identity": identity}, file)

    def load(self, path: Path, identity: dict[str, object]) -> None:
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)
            known = saved["identity"]
        except Exception as error:  # torch raises whatever broken bytes lead to
            raise ModelError(
                f"{path} is damaged and can not be resumed ({type(error).__name__}): delete it to begin again."
            ) from error
        if known != identity:
            differing = sorted(key for key in identity if known.get(key) != identity[key])
            raise ModelError(
                f"{path} belongs to another training run ({', '.join(differing)} differ). "
                "Resume it with the same recipe and images, or give another folder."
            )
        try:
            for key in ("model", "optimizer", "schedule"):
                getattr(self, key).load_state_dict(saved[key])
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"{path} belongs to another network: resume it with the same one, or give another folder."
            ) from error
        self.step, self.loss, self.seconds = saved["step"], saved["loss"], saved["seconds"]


def train(
    build: Callable[[], nn.Module],
    data: ImageTensors,
    config: TrainConfig,
    checkpoint: Path,
    *,
    network: str = "",
    device: str = "cpu",
    report: Callable[[TrainProgress], None] | None = None,
    save_every: float = 120.0,
    stop_after: float = math.inf,
) -> tuple[nn.Module, float] | None:
    """Trains a network, resuming from `checkpoint` where that file exists.

    Args:
        build: returns the untrained network; called after seeding.
        data: the training images, square.
        config: the recipe.
        checkpoint: file of the resumable state, written atomically.
        network: says which network `build` returns; a state of another one is refused, even where its weights fit.
        device: torch device; the images are held there.
        report: called after every step.
        save_every: seconds between two checkpoints.
        stop_after: seconds after which the state is saved and None returned (for machines lent by the slice).

    Returns:
        The trained network in eval mode and the seconds spent training over all runs; None when stopped early.

    Raises:
        ModelError: the checkpoint is of another recipe or network, or the loss is no longer finite.
    """
    keep_freed_memory()
    torch.manual_seed(config.seed)
    model = build().train()
    layout = memory_layout(model)
    model = model.to(device).to(memory_format=layout)
    data = ImageTensors(data.images.to(device), data.labels.to(device))
    state = _prepare(model, config, per_epoch := len(data.labels) // config.batch_size)
    pixels = int(data.images[::97].long().sum())
    identity = {**config.to_json(), "network": network, "images": len(data.labels), "pixels": pixels}
    if checkpoint.exists():
        state.load(checkpoint, identity)
    steps, began, first = config.epochs * per_epoch, time.monotonic(), state.step
    before, saved = state.seconds, began
    for images, labels, generator in _batches(data, config, first, steps, per_epoch):
        side = config.side(state.step // per_epoch)
        crops = augment(images, side, config.crop_area, generator).contiguous(memory_format=layout)
        _take_step(state, crops, labels, config)
        now = time.monotonic()
        state.seconds = before + now - began
        if report:
            report(_progress(state, steps, per_epoch, side, config, now - began, first))
        stopping = now - began > stop_after and state.step < steps
        if now - saved > save_every or stopping:
            state.save(checkpoint, identity)
            saved = now
        if stopping:
            return None
    state.save(checkpoint, identity)
    return model.eval(), state.seconds


def memory_layout(model: nn.Module) -> torch.memory_format:
    """Channels last, which is the faster; plain for networks with convolutions of fewer than 8 channels.

    With those, torch 2.14 on processors with AVX2 writes beyond its buffers in the backward of channels-last maps, and
    the process dies. 1 × 1 convolutions are not concerned.
    """
    narrow = any(isinstance(m, nn.Conv2d) and m.out_channels < 8 and max(m.kernel_size) > 1 for m in model.modules())
    return torch.contiguous_format if narrow else torch.channels_last


def _prepare(model: nn.Module, config: TrainConfig, per_epoch: int) -> _State:
    if per_epoch < 1:
        raise ArgumentError(f"Training needs at least one batch of {config.batch_size} images.")
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=config.peak_rate, momentum=config.momentum, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        config.peak_rate,
        total_steps=config.epochs * per_epoch + 1,
        pct_start=config.warmup,
        cycle_momentum=False,
        final_div_factor=1000,
    )
    return _State(model, optimizer, schedule)


def _batches(
    data: ImageTensors, config: TrainConfig, first: int, steps: int, per_epoch: int
) -> Iterator[tuple[Tensor, Tensor, torch.Generator]]:
    """Batches from step `first` on; order and randomness depend on the seed, the epoch and the step alone."""
    epoch, order = -1, torch.empty(0)
    for step in range(first, steps):
        if step // per_epoch != epoch:
            epoch = step // per_epoch
            shuffle = torch.Generator().manual_seed(config.seed * 1_000_003 + epoch)
            order = torch.randperm(len(data.labels), generator=shuffle)
        start = step % per_epoch * config.batch_size
        chosen = order[start : start + config.batch_size].to(data.labels.device)
        generator = torch.Generator().manual_seed((config.seed + 1) * 7_919_999 + step)
        yield data.images[chosen], data.labels[chosen], generator


def _take_step(state: _State, images: Tensor, labels: Tensor, config: TrainConfig) -> None:
    with torch.autocast(images.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
        logits = state.model(images)
    loss = F.cross_entropy(logits.float(), labels, label_smoothing=config.label_smoothing)
    state.optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    state.optimizer.step()
    state.schedule.step()
    if not math.isfinite(value := loss.item()):
        raise ModelError(f"The loss became {value} at step {state.step}: lower peak_rate or use precision fp32.")
    state.loss = value if math.isnan(state.loss) else 0.98 * state.loss + 0.02 * value
    state.step += 1


def _progress(
    state: _State, steps: int, per_epoch: int, side: int, config: TrainConfig, seconds: float, first: int
) -> TrainProgress:
    def pixels(begin: int, end: int) -> int:
        """Of an image in each of these steps, or in some of them."""
        return sum(config.side(step // per_epoch) ** 2 for step in range(begin, end, max(1, per_epoch // 50)))

    work = pixels(first, state.step)
    left = seconds * pixels(state.step, steps) / work if work else math.nan
    rate = (state.step - first) * config.batch_size / seconds if seconds else math.nan
    return TrainProgress(state.step, steps, state.step // per_epoch, side, state.loss, rate, left)


def load_tensors(source: ImageSource, side: int) -> ImageTensors:
    """Decodes a labelled source into memory: shorter side to `side` px, centre crop, uint8.

    Raises:
        SourceError: unlabelled images, or an image that can not be read (training skips nothing silently).
    """
    if not len(source) or (source.labels < 0).any():
        raise SourceError(f"{source.name} holds images without a label: training needs a class for every image.")
    fit = Preprocessing(size=side, resize=side)
    images = torch.empty(len(source), 3, side, side, dtype=torch.uint8)

    def place(index: int) -> None:
        try:
            pixels = np.array(fit.view(source.load(index)), dtype=np.uint8)
        except ImageError as error:
            raise SourceError(f"Training stopped at an image that can not be read: {error}") from error
        images[index] = torch.from_numpy(pixels).permute(2, 0, 1)

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(source), 1000):
            list(pool.map(place, range(start, min(start + 1000, len(source)))))
    return ImageTensors(images, torch.from_numpy(source.labels.astype(np.int64)))
