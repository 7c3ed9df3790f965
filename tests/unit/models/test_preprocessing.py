"""The preprocessing equals timm's and torchvision's own, pixel for pixel."""

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from timm.data import create_transform, resolve_data_config
from torchvision import models
from torchvision.transforms import functional as tvf
from torchvision.transforms.functional import InterpolationMode

from senet_viz.errors import ModelError
from senet_viz.models.preprocessing import Preprocessing


def photo(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("size", [(500, 375), (224, 300), (64, 64), (257, 256)])
@pytest.mark.parametrize("name", ["legacy_seresnet50.in1k", "seresnet50.a1_in1k", "efficientnet_b0.ra_in1k"])
def test_equals_timms_transform(name: str, size: tuple[int, int]) -> None:
    config = timm.get_pretrained_cfg(name).to_dict()
    expected = create_transform(**resolve_data_config({}, pretrained_cfg=config), is_training=False)(photo(*size))
    ours = Preprocessing.from_timm(config, name)(photo(*size))
    assert ours.shape == expected.shape
    assert torch.allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize("size", [(500, 375), (224, 300)])
@pytest.mark.parametrize("name", ["efficientnet_b0", "regnet_y_400mf", "mobilenet_v3_large"])
def test_equals_torchvisions_preset(name: str, size: tuple[int, int]) -> None:
    preset = models.get_model_weights(name).DEFAULT.transforms()
    ours = Preprocessing.from_torchvision(preset, name)(photo(*size))
    assert torch.allclose(ours, preset(photo(*size)), atol=1e-6)


@settings(max_examples=150)
@given(st.data())
def test_sizes_and_crops_are_torchvisions(data: st.DataObject) -> None:
    """Whatever the picture's shape, also where the crop is larger than what it is cut from."""
    side = st.integers(1, 40)
    image, size, resize = photo(data.draw(side), data.draw(side)), data.draw(side), data.draw(side)
    name = data.draw(st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]))
    resized = tvf.resize(image, [resize], interpolation=InterpolationMode(name))
    ours = Preprocessing(size=size, resize=resize, interpolation=name).view(image)
    assert np.array_equal(np.asarray(ours), np.asarray(tvf.center_crop(resized, [size, size])))
    squeezed = tvf.resize(image, [size, size], interpolation=InterpolationMode(name))
    ours = Preprocessing(size=size, resize=resize, interpolation=name, crop_mode="squash").view(image)
    assert np.array_equal(np.asarray(ours), np.asarray(squeezed))


def test_the_view_is_what_the_tensor_was_made_of() -> None:
    preprocessing = Preprocessing(size=32, resize=40, mean=(0.0,) * 3, std=(1.0,) * 3)
    view = preprocessing.view(photo(100, 60))
    assert view.size == (32, 32)
    tensor = preprocessing(photo(100, 60))
    assert np.array_equal((tensor.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8), np.asarray(view))


def test_images_of_the_right_size_are_left_untouched() -> None:
    image = photo(64, 64)
    assert np.array_equal(np.asarray(Preprocessing(size=64, resize=64).view(image)), np.asarray(image))


def test_squash_takes_the_whole_image() -> None:
    image = Image.new("RGB", (100, 50), "red")
    image.paste("blue", (90, 0, 100, 50))
    view = Preprocessing(size=20, resize=20, crop_mode="squash").view(image)
    assert view.size == (20, 20)
    assert view.getpixel((19, 10)) == (0, 0, 255)


def test_smoothing_is_what_the_training_crops_do_to_an_image() -> None:
    image = photo(32, 32)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    doubled = torch.nn.functional.interpolate(pixels, scale_factor=2, mode="bilinear")
    expected = torch.nn.functional.avg_pool2d(doubled, 2)[0].permute(1, 2, 0).numpy()
    seen = np.asarray(Preprocessing(size=32, resize=32, smooth=True).view(image), dtype=np.float32)
    assert np.abs(seen - expected).max() <= 0.51


def test_json_round_trip() -> None:
    preprocessing = Preprocessing(size=64, resize=73, interpolation="bicubic", source="here")
    assert Preprocessing.from_json(preprocessing.to_json()) == preprocessing


@pytest.mark.parametrize(
    "config", [{"input_size": (4, 28, 28)}, {"input_size": (3, 224, 192)}, {"crop_mode": "border"}]
)
def test_inputs_that_are_no_square_rgb_image_are_refused(config: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="square RGB"):
        Preprocessing.from_timm(config, "odd network")


@pytest.mark.parametrize("share", [0.875, 0.9, 0.95, 0.965, 1.0])
def test_another_size_keeps_the_crop_share_and_squash(share: float) -> None:
    own = Preprocessing.from_timm({"input_size": (3, 224, 224), "crop_pct": share}, "mine")
    for size in (32, 64, 299, 224):
        wanted = Preprocessing.from_timm({"input_size": (3, size, size), "crop_pct": share}, "mine; size set by hand")
        assert own.overridden(size=size) == wanted
    odd = Preprocessing(size=64, resize=77)
    assert odd.overridden(size=64).resize == 77
    squash = Preprocessing.from_timm({"input_size": (3, 32, 32), "crop_mode": "squash", "crop_pct": 1.0}, "mine")
    assert (squash.overridden(size=48).resize, squash.overridden(size=48).crop_mode) == (48, "squash")
    assert own.overridden(crop=0.5).resize == 448
    assert own.overridden(crop="squash").crop_mode == "squash"
    assert squash.overridden(crop=1.0).crop_mode == "center"
    assert own.overridden() is own


def test_one_channel_of_timms_configuration() -> None:
    grey = Preprocessing.from_timm({"input_size": (1, 28, 28), "mean": (0.1307,), "std": (0.3081,)}, "mine")
    assert (grey.shape, grey.mean) == ((1, 28, 28), (0.1307,))
    assert grey(photo(40, 40)).shape == (1, 28, 28)
    colour = Preprocessing.from_timm({"input_size": (3, 28, 28), "mean": (0.5,), "std": (0.25,)}, "mine")
    assert (colour.mean, colour.std) == ((0.5,) * 3, (0.25,) * 3)
    assert grey.with_channels(3).mean == (0.1307,) * 3
