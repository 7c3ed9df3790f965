"""From a decoded image to what a network takes in, with the network's own resize, crop, mean and SD."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from senet_viz.errors import ArgumentError, ModelError
from senet_viz.models.options import is_of_bytes

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """Resize, crop and normalisation; calling it turns an RGB image into a (C, H, W) float32 tensor.

    Attributes:
        size: side of the square input in px.
        resize: length in px to which the shorter side is brought before the crop ("center"), or the
            side of the square that the whole image is squeezed into ("squash").
        mean, std: per channel, for values in [0, 1]; three for RGB, one for a network of greyscale images.
        interpolation: "nearest", "bilinear", "bicubic" or "lanczos" (Pillow's, which do not alias).
        crop_mode: "center", "center-floor" (of an odd margin the smaller half is above and to the left, as transformers does; "center" rounds
            to even, as torchvision does) or "squash".
        source: where these numbers come from, for the manifest.
        smooth: (1, 6, 1)/8 along rows and columns after the crop. It is what sampling at twice the side
            and averaging 2 × 2 does to an image, which is how `senet_viz.workflows.train.augment` makes its
            crops: a network trained so expects no sharper images.
    """

    size: int
    resize: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    interpolation: str = "bilinear"
    crop_mode: str = "center"
    source: str = "ImageNet's defaults"
    smooth: bool = False

    @property
    def channels(self) -> int:
        """3 for RGB, 1 for greyscale."""
        return len(self.mean)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of what the network takes in."""
        return self.channels, self.size, self.size

    def __call__(self, image: Image.Image) -> Tensor:
        pixels = torch.from_numpy(np.array(self.view(image), dtype=np.float32)[:, :, : self.channels])
        pixels = pixels.permute(2, 0, 1).div_(255)
        mean, std = torch.tensor(self.mean).view(-1, 1, 1), torch.tensor(self.std).view(-1, 1, 1)
        return pixels.sub_(mean).div_(std)

    def view(self, image: Image.Image) -> Image.Image:
        """The resized and cropped image, RGB: what the network sees; three equal channels where it sees grey."""
        if self.channels == 1:
            image = image.convert("L").convert("RGB")
        image = self.bring_to_size(image)
        if self.crop_mode == "squash":
            return image
        if image.size != (self.size, self.size):
            image = _crop(image, self.size, floor=self.crop_mode == "center-floor")
        return _smooth(image) if self.smooth else image

    def bring_to_size(self, image: Image.Image) -> Image.Image:
        """Resized, not yet cropped: the first step of `view`, which changes nothing when it was done beforehand."""
        resample = Image.Resampling[self.interpolation.upper()]
        if self.crop_mode == "squash":
            return image.resize((self.size, self.size), resample)
        if (shorter := min(image.size)) == self.resize:
            return image
        width, height = (int(self.resize * length / shorter) for length in image.size)
        return image.resize((width, height), resample)

    def overridden(
        self,
        *,
        size: int | None = None,
        mean: tuple[float, ...] | None = None,
        std: tuple[float, ...] | None = None,
        interpolation: str | None = None,
        crop: float | str | None = None,
    ) -> Self:
        """The same with what is given in the place of its own; what is None stays.

        The shorter side before the crop follows the size by the crop share, as it did before.

        Args:
            size: side of the input in px.
            mean: per channel, for values in [0, 1].
            std: likewise.
            interpolation: "nearest", "bilinear", "bicubic" or "lanczos".
            crop: side of the centre crop as a share of the shorter side, 0 < share ≤ 1, or "squash".

        Raises:
            ArgumentError: means or SDs that are not one per channel.
        """
        for name, values in (("mean", mean), ("std", std)):
            if values is not None and len(values) != self.channels:
                raise ArgumentError(
                    f"{name} has {len(values)} value{'s' if len(values) > 1 else ''} and the network takes images of "
                    f"{self.channels} channel{'s' if self.channels > 1 else ''}: give as many values as channels."
                )
        given = {"size": size, "mean": mean, "std": std, "interpolation": interpolation, "crop": crop}
        named = [name for name, value in given.items() if value is not None]
        if not named:
            return self
        sized = self if size is None else self.resized(size)
        if crop is not None:
            mode, share = ("squash", 1.0) if crop == "squash" else ("center", float(crop))
            sized = replace(sized, crop_mode=mode, resize=math.floor(sized.size / share))
        return replace(
            sized,
            mean=mean or self.mean,
            std=std or self.std,
            interpolation=interpolation or self.interpolation,
            source=f"{self.source}; {', '.join(named)} set by hand",
        )

    def resized(self, size: int) -> Self:
        """The same for inputs of another side in px, with the same crop share."""
        shares = (round(self.size / self.resize, digits) for digits in (1, 2, 3))  # the roundest is what was declared
        share = next((s for s in shares if s > 0 and math.floor(self.size / s) == self.resize), None)
        resize = size * self.resize // self.size if share is None else math.floor(size / share)
        return replace(self, size=size, resize=resize)

    def with_channels(self, channels: int) -> Self:
        """The same for a network of 1 (greyscale) or 3 channels: mean and SD are averaged over the colours, or repeated."""
        if channels == self.channels:
            return self
        mean, std = (_spread(values, channels) for values in (self.mean, self.std))
        how = "averaged over the colours" if channels == 1 else "the same for every colour"
        return replace(self, mean=mean, std=std, source=f"{self.source}, {how}")

    def to_json(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Self:
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in tree.items()}
        return cls(**values)

    @classmethod
    def from_timm(cls, config: Mapping[str, Any], source: str) -> Self:
        """From timm's `pretrained_cfg` (input_size, mean, std, interpolation, crop_pct, crop_mode).

        Raises:
            ModelError: an input that is not a square RGB or greyscale image, or an unknown crop mode.
        """
        channels, height, width = config.get("input_size", (3, 224, 224))
        crop_mode = config.get("crop_mode") or "center"
        if channels not in (1, 3) or height != width or crop_mode not in ("center", "squash"):
            raise ModelError(
                f"{source} takes {channels} × {height} × {width} inputs with crop mode {crop_mode!r}; "
                "square RGB or greyscale inputs with crop mode 'center' or 'squash' are supported."
            )
        for key in ("mean", "std"):
            if is_of_bytes(config.get(key) or ()):
                raise ModelError(
                    f"{source} has the {key} {', '.join(f'{value:g}' for value in config[key])}, which is of pixels in "
                    "0 … 255: mean and std are for pixels in 0 … 1, so divide both by 255."
                )
        interpolation = config.get("interpolation") or "bilinear"
        return cls(
            size=height,
            resize=math.floor(height / float(config.get("crop_pct") or 1.0)),
            mean=_spread(tuple(config.get("mean") or IMAGENET_MEAN), channels),
            std=_spread(tuple(config.get("std") or IMAGENET_STD), channels),
            interpolation="bilinear" if interpolation == "random" else interpolation,
            crop_mode=crop_mode,
            source=source,
        )

    @classmethod
    def from_torchvision(cls, preset: Any, source: str) -> Self:
        """From the `transforms()` preset of torchvision's weights."""
        return cls(
            size=int(preset.crop_size[0]),
            resize=int(preset.resize_size[0]),
            mean=tuple(preset.mean),
            std=tuple(preset.std),
            interpolation=preset.interpolation.value,
            source=source,
        )


def _spread(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values if len(values) == channels else (round(sum(values) / len(values), 4),) * channels


_DECLARED = {"input_size": "size", "mean": "mean", "std": "std"}


def list_assumed(config: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Which of "size", "mean" and "std" a `pretrained_cfg` does not declare, so that ImageNet's are taken."""
    return tuple(name for key, name in _DECLARED.items() if not (config or {}).get(key))


def imagenet_preprocessing(size: int = 224) -> Preprocessing:
    """The usual evaluation of ImageNet models: shorter side to size / 0.875, centre crop."""
    return Preprocessing(size=size, resize=math.floor(size / 0.875))


def _crop(image: Image.Image, side: int, *, floor: bool) -> Image.Image:
    """The middle, pixel for pixel as torchvision or transformers cut it; black where the image is smaller."""
    left, top = (_margin(length - side, floor) for length in image.size)
    return image.crop((left, top, left + side, top + side))


def _margin(spare: int, floor: bool) -> int:
    """Pixels on the left or above that are cut off; those that are added where there are too few, negative."""
    return spare // 2 if floor else round(spare / 2) if spare > 0 else -(-spare // 2)


def _smooth(image: Image.Image) -> Image.Image:
    pixels = np.pad(np.asarray(image, dtype=np.float32), ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = (pixels[:-2] + 6 * pixels[1:-1] + pixels[2:]) / 8
    both = (rows[:, :-2] + 6 * rows[:, 1:-1] + rows[:, 2:]) / 8
    return Image.fromarray(np.round(both).astype(np.uint8))
