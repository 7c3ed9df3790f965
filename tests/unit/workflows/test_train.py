"""The loop learns, resumes exactly, and augments without leaving the image."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from senet_viz.errors import ArgumentError, ModelError, SourceError
from senet_viz.images.opening import open_images
from senet_viz.workflows.train import ImageTensors, TrainConfig, augment, load_tensors, normalize, train
from tests.support.tiny import TinySE, write_tiny_parquet

RECIPE = TrainConfig(phases=((2, 8), (1, 16)), batch_size=20, peak_rate=0.1, precision="fp32")


def build() -> nn.Module:
    return TinySE()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ImageTensors:
    path = write_tiny_parquet(tmp_path_factory.mktemp("train") / "train.parquet", 200)
    return load_tensors(open_images(path), 16)


def weights(module: nn.Module) -> list[torch.Tensor]:
    return [value.clone() for value in module.state_dict().values()]


@pytest.mark.slow
def test_it_learns_colours(data: ImageTensors, tmp_path: Path) -> None:
    recipe = TrainConfig(phases=((12, 8),), batch_size=20, peak_rate=0.2, precision="fp32")
    finished = train(build, data, recipe, tmp_path / "state.pt")
    assert finished is not None
    with torch.no_grad():
        right = (finished[0](normalize(data.images)).argmax(1) == data.labels).double().mean()
    assert right > 0.5, f"chance is 0.1, the network has {right:.2f}"


@pytest.mark.slow
def test_an_interrupted_run_ends_with_the_same_bits(data: ImageTensors, tmp_path: Path) -> None:
    whole = train(build, data, RECIPE, tmp_path / "whole.pt")
    assert whole is not None
    runs, finished = 0, None
    while finished is None:
        finished = train(build, data, RECIPE, tmp_path / "parts.pt", stop_after=0.0)
        runs += 1
    assert runs == 30, "stop_after=0 takes one step a run"
    assert all(torch.equal(a, b) for a, b in zip(weights(whole[0]), weights(finished[0]), strict=True))


def test_another_recipe_can_not_resume_it(data: ImageTensors, tmp_path: Path) -> None:
    train(build, data, RECIPE, tmp_path / "state.pt", stop_after=0.0)
    other = TrainConfig(phases=RECIPE.phases, batch_size=20, peak_rate=0.3, precision="fp32")
    with pytest.raises(ModelError, match="peak_rate"):
        train(build, data, other, tmp_path / "state.pt")
    fewer = ImageTensors(data.images[:100], data.labels[:100])
    with pytest.raises(ModelError, match="images"):
        train(build, fewer, RECIPE, tmp_path / "state.pt")


def test_a_damaged_checkpoint_gets_a_sentence(data: ImageTensors, tmp_path: Path) -> None:
    checkpoint = tmp_path / "state.pt"
    train(build, data, RECIPE, checkpoint)
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"state\.pt is damaged and can not be resumed"):
        train(build, data, RECIPE, checkpoint)


def test_a_loss_that_is_no_number_stops_with_advice(data: ImageTensors, tmp_path: Path) -> None:
    recipe = TrainConfig(phases=((3, 8),), batch_size=20, peak_rate=1e9, precision="fp32")
    with pytest.raises(ModelError, match="lower peak_rate"):
        train(build, data, recipe, tmp_path / "state.pt")


def test_progress_is_told_after_every_step(data: ImageTensors, tmp_path: Path) -> None:
    seen = []
    train(build, data, RECIPE, tmp_path / "state.pt", report=seen.append)
    assert [p.step for p in seen] == list(range(1, 31))
    assert {p.side for p in seen} == {8, 16}
    assert all(math.isfinite(p.loss) and p.rate > 0 for p in seen)


def test_crops_stay_inside_and_keep_a_flat_colour() -> None:
    colours = torch.randint(0, 256, (16, 3, 1, 1), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    images = colours.expand(16, 3, 24, 24).contiguous()
    result = augment(images, 12, (0.2, 1.0), torch.Generator().manual_seed(2))
    assert result.shape == (16, 3, 12, 12)
    assert torch.allclose(result, normalize(colours).expand_as(result), atol=1e-4)


def test_a_crop_of_everything_is_the_image_or_its_mirror() -> None:
    images = torch.randint(0, 256, (64, 3, 16, 16), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)
    generator = torch.Generator().manual_seed(4)
    result = augment(images, 8, (1.0, 1.0), generator)
    wide = result.shape[-1]
    assert wide == 8
    small = normalize(nn.functional.avg_pool2d(images.float(), 2))
    straight = (result - small).flatten(1).abs().amax(1)
    mirrored = (result - small.flip(3)).flatten(1).abs().amax(1)
    square = torch.minimum(straight, mirrored)
    assert (square < 1.0).any()
    assert (straight < mirrored).any()
    assert (mirrored < straight).any()


def test_augmentation_depends_on_its_generator_alone() -> None:
    images = torch.randint(0, 256, (8, 3, 16, 16), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)
    first = augment(images, 8, (0.3, 1.0), torch.Generator().manual_seed(5))
    torch.rand(7)
    assert torch.equal(first, augment(images, 8, (0.3, 1.0), torch.Generator().manual_seed(5)))


def test_normalize_is_imagenets() -> None:
    grey = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    expected = (1 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    assert np.allclose(normalize(grey)[0, :, 0, 0].numpy(), expected, atol=1e-6)


def test_the_recipe_names_the_side_of_every_epoch() -> None:
    recipe = TrainConfig()
    assert [recipe.side(e) for e in range(recipe.epochs)] == [32] * 5 + [48] * 4 + [64] * 3
    with pytest.raises(ArgumentError, match="beyond"):
        recipe.side(12)


@pytest.mark.parametrize(
    "change",
    [{"batch_size": 0}, {"precision": "int4"}, {"peak_rate": 0.0}, {"peak_rate": math.nan}, {"weight_decay": -1.0}],
)
def test_an_unusable_recipe_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ArgumentError, match=next(iter(change))):
        TrainConfig(**change)


def test_unlabelled_images_can_not_be_trained_on(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(SourceError, match="without a label"):
        load_tensors(open_images(tmp_path), 8)
