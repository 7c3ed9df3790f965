"""What a network takes in and gives back is found when it is loaded, said, and used everywhere."""

import math
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from timm.layers import SEModule
from torch import Tensor, nn
from torch.nn import functional as F

import senet_viz as sv
from senet_viz.cli.options import plan_text, summary_text
from senet_viz.errors import ArgumentError, GateError, ModelError
from senet_viz.models.forward import forward, observing, read_logits
from senet_viz.models.options import ModelOptions
from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.zoo import Model
from senet_viz.recording.options import RecordOptions
from senet_viz.workflows.attribution import attribute_gate
from senet_viz.workflows.output_attribution import attribute_output
from senet_viz.workflows.plan import plan_recording
from senet_viz.workflows.record import summarize
from tests.support.tiny import tiny_se, write_tiny_parquet

Make = Callable[[], nn.Module]


class Fixed(nn.Module):
    """Two SE blocks and, with a side, a head that fits images of that side alone."""

    def __init__(self, channels: int = 3, side: int | None = None, end: str = "logits") -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(channels, 8, 3, padding=1), nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.se1, self.se2 = (SEModule(width, rd_ratio=0.25, rd_divisor=1) for width in (8, 16))
        self.side, self.end = side, end
        self.head = nn.Linear(16 * ((side // 8) ** 2 if side else 1), 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.se2(self.conv2(self.se1(self.conv1(x).relu())).relu())
        y = self.head(F.avg_pool2d(x, 4).flatten(1) if self.side else x.mean((2, 3))) * 4
        ends = {"logits": y, "softmax": y.softmax(1), "log": y.log_softmax(1), "sigmoid": y.sigmoid()}
        return (ends | {"features": (y / 100).relu()})[self.end]


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.se, self.head = nn.LazyConv2d(8, 3), SEModule(8, rd_ratio=0.5, rd_divisor=1), nn.LazyLinear(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.se(self.conv(x).relu()).mean((2, 3)))


class Certain(Fixed):
    """Probabilities of exactly 0 and 1."""

    def forward(self, x: Tensor) -> Tensor:
        return F.one_hot(super().forward(x).argmax(1), 10).float()


def network(make: Make, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a factory that makes a network with the same weights every time."""

    def factory() -> nn.Module:
        torch.manual_seed(3)
        return make()

    monkeypatch.setattr(sys.modules[__name__], "factory", factory, raising=False)
    return f"{__name__}:factory"


def loaded(make: Make, monkeypatch: pytest.MonkeyPatch, **options: object) -> Model:
    return sv.load_model(network(make, monkeypatch), device="cpu", options=ModelOptions(**options))  # type: ignore[arg-type]


def test_what_nobody_declared_is_said_and_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(Fixed, monkeypatch)
    (note,) = model.notes
    assert model.preprocess.size == 224
    assert "Assumed: 224 px; ImageNet's mean 0.485, 0.456, 0.406 and SD 0.229, 0.224, 0.225." in note
    assert "--input-size, --mean, --std" in note
    model = loaded(Fixed, monkeypatch, input_size=40, mean="0.5,0.4,0.3", std="0.2,0.2,0.1", interpolation="bicubic")
    assert model.notes == ()
    assert model.preprocess == Preprocessing(
        size=40, resize=45, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.1), interpolation="bicubic",
        source="ImageNet's defaults; size, mean, std, interpolation set by hand",
    )  # fmt: skip
    (note,) = loaded(Fixed, monkeypatch, input_size=40).notes
    assert "224 px" not in note
    assert "--input-size" not in note


def test_a_declared_part_is_not_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> nn.Module:
        made = Fixed()
        made.pretrained_cfg = {"input_size": (3, 48, 48)}
        return made

    (note,) = loaded(make, monkeypatch).notes
    assert note.startswith("Nothing says what mean and SD the network was trained with.")
    assert sv.load_model("tests.support.tiny:tiny_se", device="cpu").notes == ()


@pytest.mark.parametrize("side", [32, 64, 28])
def test_a_fixed_input_is_found_among_the_usual_sizes(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(lambda: Fixed(side=side), monkeypatch)
    assert model.preprocess.shape == (3, side, side)
    assert "set by hand" not in model.preprocess.source
    assert f"{side} px (it does not run on 224 px)" in model.notes[0]
    assert len(model.gates) == 2


def test_a_fixed_input_that_is_not_usual_is_named_with_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"random image of 3 × 224 × 224, nor .*RuntimeError.*--input-size"):
        loaded(lambda: Fixed(side=40), monkeypatch)
    model = loaded(lambda: Fixed(side=40), monkeypatch, input_size=40)
    assert (model.preprocess.size, len(model.gates)) == (40, 2)
    with pytest.raises(ModelError, match=r"random image of 3 × 56 × 56 \(RuntimeError"):
        loaded(lambda: Fixed(side=40), monkeypatch, input_size=56)


@pytest.mark.parametrize("channels", [2, 4])
def test_other_channels_are_refused_in_one_sentence(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=rf"takes images of {channels} channels: networks of RGB \(3\) or greyscale"):
        loaded(lambda: Fixed(channels), monkeypatch)


def test_a_greyscale_network_is_shown_grey_images_on_every_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(lambda: Fixed(1, side=32), monkeypatch)
    assert (model.preprocess.shape, model.preprocess.mean, model.preprocess.std) == ((1, 32, 32), (0.449,), (0.226,))
    assert "greyscale" in model.notes[1]
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8))
    pixels = model.preprocess(picture)
    grey = np.asarray(model.preprocess.view(picture))
    assert np.array_equal(grey, np.asarray(model.preprocess.view(picture.convert("L").convert("RGB"))))
    assert np.allclose(pixels[0] * 0.226 + 0.449, grey[:, :, 0] / 255, atol=1e-6)
    recording = sv.record(model, write_tiny_parquet(tmp_path / "tiny.parquet", 20), tmp_path / "run")
    assert recording.manifest.preprocessing["mean"] == [0.449]
    again = sv.load_recorded_model(recording.manifest, model=model.name, device="cpu")
    assert (again.preprocess, again.notes[0]) == (model.preprocess, model.notes[1])
    picture.save(tmp_path / "a.png")
    found = sv.compare_images(again, [tmp_path / "a.png"], recording)
    assert np.isfinite(found.blocks[0].gates).all()
    pixel = attribute_gate(model, pixels, "SE_1_1", 0)
    assert (pixel.values.shape, pixel.picture.shape) == ((1, 32, 32), (32, 32, 3))
    assert np.array_equal(pixel.picture, grey)
    assert list(pixel.table()) == ["row", "column", "grey", "sum"]
    with pytest.raises(ArgumentError, match="mean has 3 values and the network takes images of 1 channel"):
        loaded(lambda: Fixed(1), monkeypatch, mean="0.5,0.5,0.5")
    assert loaded(lambda: Fixed(1), monkeypatch, mean="0.1307", std="0.3081").preprocess.mean == (0.1307,)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_converted_and_said(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(lambda: Fixed().to(dtype), monkeypatch)
    assert {p.dtype for p in model.module.parameters()} == {torch.float32}
    kind = str(dtype).removeprefix("torch.")
    assert model.notes[0] == f"The network's {kind} weights were converted to float32."


@pytest.mark.parametrize(("end", "returned"), [("softmax", "probabilities"), ("log", "log-probabilities")])
def test_probabilities_are_used_as_such(end: str, returned: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, model = (loaded(lambda end=end: Fixed(end=end), monkeypatch, input_size=32) for end in ("logits", end))
    assert (plain.returned, model.returned) == ("logits", returned)
    assert any("softmax" in note for note in model.notes)
    pixels, targets = torch.randn(8, 3, 32, 32), np.arange(8, dtype=np.int32)
    said = []
    for each in (plain, model):
        with observing(each, "fp32"):
            said.append(read_logits(forward(each, pixels), targets))
    assert np.array_equal(said[0].prediction, said[1].prediction)
    assert np.allclose(said[0].confidence, said[1].confidence, atol=1e-6)
    assert np.allclose(said[0].loss, said[1].loss, atol=1e-5)
    logit = attribute_output(model, pixels[0], "SE_1_1", 2).logit
    with observing(model, "fp32"):
        assert logit == pytest.approx(float(forward(model, pixels[:1])[0, 2]), abs=1e-5)


def test_what_is_no_softmax_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = ("sigmoid", "logits", "features")
    sigmoid, *others = (loaded(lambda end=end: Fixed(end=end), monkeypatch) for end in ends)
    assert sigmoid.returned == "logits"
    assert "as after a sigmoid: the largest is the prediction" in sigmoid.notes[-1]
    for other in others:
        assert other.returned == "logits"
        assert not any("sigmoid" in note for note in other.notes)
    assert sv.load_model("tests.support.tiny:tiny_se", device="cpu").returned == "logits"


def test_a_probability_of_zero_has_a_finite_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded(Certain, monkeypatch, input_size=32)
    assert model.returned == "probabilities"
    with observing(model, "fp32"):
        logits = forward(model, torch.randn(4, 3, 32, 32))
    said = read_logits(logits, (logits.argmax(1).numpy().astype(np.int32) + 1) % 10)
    assert bool(torch.isfinite(logits).all())
    assert np.allclose(said.confidence, 1)
    assert np.allclose(said.loss, -math.log(torch.finfo(torch.float32).tiny), rtol=1e-4)


def test_lazy_layers_get_their_shape_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = loaded(Lazy, monkeypatch)
    assert [str(warning.message) for warning in seen if "orch" in warning.filename] == []
    assert (model.outputs, len(model.gates)) == (4, 1)


def test_torchs_warnings_are_silent_and_a_persons_own_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Talking(Fixed):
        def forward(self, x: Tensor) -> Tensor:
            _ = torch.ones(2, 3, 4).T  # deprecated
            warnings.warn("mind the gap", UserWarning, stacklevel=1)
            return super().forward(x)

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = loaded(Talking, monkeypatch, input_size=32)
        with observing(model, "fp32"):
            forward(model, torch.zeros(1, 3, 32, 32))
    assert {str(warning.message) for warning in seen} == {"mind the gap"}


@pytest.mark.slow
@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel])
def test_wrapped_networks_are_refused_before_they_run(wrap: Callable[[nn.Module], nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    with pytest.raises(GateError, match="pass the TinySE inside"):
        loaded(lambda: wrap(tiny_se()), monkeypatch)


def test_plan_recording_and_summary_say_what_was_assumed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = sv.open_images(write_tiny_parquet(tmp_path / "tiny.parquet", 12))
    model = loaded(lambda: Fixed(side=32), monkeypatch)
    said = "note: Nothing says what input size, mean and SD"
    assert said in plan_text(plan_recording(model, source, tmp_path / "run", RecordOptions()))
    made = sv.record(model, source, tmp_path / "run")
    assert said in summary_text(summarize(made))
    assert any("32 px" in note for note in made.manifest.notes)
