"""Hugging Face's image classifiers: their processors' JSON as preprocessing, their names, and whole models where transformers is installed."""

import builtins
import json
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import ResNet50_Weights

import senet_viz as sv
from senet_viz.errors import ArgumentError, ModelError
from senet_viz.models.huggingface import is_hub_name, load_from_hub, read_processor, tabulate_outputs
from senet_viz.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from senet_viz.recording.options import RecordOptions
from senet_viz.workflows.recorded_model import load_recorded_model
from tests.support.tiny import write_tiny_parquet

SCALES = {"image_mean": list(IMAGENET_MEAN), "image_std": list(IMAGENET_STD), "resample": 3}
CONVNEXT = {
    **SCALES,
    "image_processor_type": "ConvNextImageProcessor",
    "size": {"shortest_edge": 224},
    "crop_pct": 0.875,
}
EFFICIENTNET = {
    **SCALES, "image_processor_type": "EfficientNetImageProcessor", "size": {"height": 224, "width": 224}, "resample": 0,
    "do_center_crop": False, "crop_size": {"height": 289, "width": 289}, "rescale_factor": 1 / 255, "include_top": False,
}  # fmt: skip
BIT = {
    **SCALES, "image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 256}, "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
}  # fmt: skip


def convert(tree: dict[str, Any], **changes: Any) -> Preprocessing:
    return read_processor({}, {**tree, **changes}, "hf:org/name")


@pytest.mark.parametrize(
    ("tree", "changes", "expected"),
    [
        (CONVNEXT, {}, (224, 256, "center-floor", "bicubic")),
        (CONVNEXT, {"size": {"shortest_edge": 384}}, (384, 384, "squash", "bicubic")),
        ({**CONVNEXT, "feature_extractor_type": "ConvNextFeatureExtractor"}, {"image_processor_type": None, "size": 224}, (224, 256, "center-floor", "bicubic")),
        (EFFICIENTNET, {}, (224, 224, "squash", "nearest")),
        (EFFICIENTNET, {"size": 260}, (260, 260, "squash", "nearest")),
        (BIT, {}, (224, 256, "center-floor", "bicubic")),
        (BIT, {"size": 256, "crop_size": 224}, (224, 256, "center-floor", "bicubic")),
        (BIT, {"image_processor_type": "CLIPImageProcessorFast"}, (224, 256, "center-floor", "bicubic")),
        ({**SCALES, "image_processor_type": "ViTImageProcessor"}, {"size": 224, "resample": 2}, (224, 224, "squash", "bilinear")),
    ],
)  # fmt: skip
def test_sizes_are_the_processors(tree: dict[str, Any], changes: dict[str, Any], expected: tuple[Any, ...]) -> None:
    found = convert(tree, **changes)
    assert (found.size, found.resize, found.crop_mode, found.interpolation) == expected
    assert (found.mean, found.std) == (IMAGENET_MEAN, IMAGENET_STD)


@pytest.mark.parametrize(
    ("changes", "mean", "std"),
    [
        ({}, 0.5, 0.25),
        ({"do_normalize": False}, 0.0, 1.0),
        ({"do_rescale": False}, 0.5 / 255, 0.25 / 255),
        ({"do_rescale": False, "do_normalize": False}, 0.0, 1 / 255),
        ({"rescale_factor": 1 / 127.5, "rescale_offset": True}, 0.75, 0.125),
        ({"rescale_factor": 1 / 127.5, "rescale_offset": True, "do_normalize": False}, 0.5, 0.5),
        ({"include_top": True}, 0.5, 0.0625),
    ],
)
def test_rescaling_and_normalising_are_one_step(changes: dict[str, Any], mean: float, std: float) -> None:
    found = convert({**EFFICIENTNET, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}, **changes)
    assert found.mean == pytest.approx((mean,) * 3)
    assert found.std == pytest.approx((std,) * 3)


@pytest.mark.parametrize(
    ("tree", "changes", "message"),
    [
        (BIT, {"do_center_crop": False}, r"are resized to \{'shortest_edge': 256\}"),
        (BIT, {"crop_size": {"height": 224, "width": 192}}, "and cropped to"),
        (BIT, {"crop_size": 288}, "and cropped to"),
        (BIT, {"size": {"shortest_edge": 256, "longest_edge": 400}}, "longest_edge"),
        (EFFICIENTNET, {"size": {"height": 224, "width": 192}}, "width': 192"),
        (EFFICIENTNET, {"do_center_crop": True}, "and cropped to"),
        (EFFICIENTNET, {"do_resize": False}, "are not resized"),
        (BIT, {"do_flip_channel_order": True}, "are prepared with do_flip_channel_order"),
        (BIT, {"image_processor_type": "LevitImageProcessor"}, "prepared by a LevitImageProcessor"),
        (BIT, {"resample": None}, "have no resample in preprocessor_config.json"),
        (BIT, {"resample": 9}, "filter 9"),
        (BIT, {"image_mean": [0.5]}, r"the image_mean \[0.5\], not three numbers"),
        (CONVNEXT, {"size": {"height": 224, "width": 224}}, "are resized to"),
        (CONVNEXT, {"crop_pct": None}, "have no crop_pct"),
    ],
)
def test_what_cannot_be_repeated_is_told_in_a_sentence(
    tree: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=f"Images for hf:org/name .*{message}.*cannot repeat"):
        convert(tree, **changes)


def test_without_a_processor_it_is_imagenets_or_timms() -> None:
    assert read_processor({"image_size": 64}, None, "hf:a/b").size == 64
    config = {"pretrained_cfg": {"input_size": [3, 96, 96], "crop_pct": 0.75, "interpolation": "bicubic"}}
    assert read_processor(config, None, "hf:a/b").resize == 128
    nested = read_processor({}, {"image_processor": BIT}, "hf:a/b")
    assert nested == convert(BIT).__class__(**{**nested.__dict__, "source": "image processor of hf:a/b"})


def test_an_odd_margin_is_split_as_transformers_does() -> None:
    image = Image.fromarray(np.arange(11 * 11 * 3, dtype=np.uint8).reshape(11, 11, 3))
    seen = Preprocessing(size=8, resize=11, crop_mode="center-floor").view(image)
    assert np.array_equal(np.asarray(seen), np.asarray(image)[1:9, 1:9])
    assert np.array_equal(np.asarray(Preprocessing(size=8, resize=11).view(image)), np.asarray(image)[2:10, 2:10])


def test_numbered_outputs_have_no_names() -> None:
    assert not len(tabulate_outputs({0: "LABEL_0", 1: "LABEL_1"}))
    assert not len(tabulate_outputs({"0": "0", "1": "1"}))
    assert not len(tabulate_outputs({0: "cat", 2: "dog"}))
    named = tabulate_outputs({"1": "dog", "0": "cat"})
    assert (named.names, named.wnids) == (("cat", "dog"), ())


def test_imagenets_names_in_their_order_have_wnids() -> None:
    names = ResNet50_Weights.DEFAULT.meta["categories"]
    found = tabulate_outputs(dict(enumerate(names)))
    assert (found.wnids[0], found.wnids[1], len(found.wnids)) == ("n01440764", "n01443537", 1000)
    assert tabulate_outputs(dict(enumerate([*names[1:], names[0]]))).wnids == ()
    assert tabulate_outputs(dict(enumerate(names[:999]))).wnids == ()


@pytest.mark.parametrize(
    ("name", "hub"),
    [("facebook/regnet-y-040", True), ("a/b.c_d", True), ("./a", False), ("../a/b", False), ("/a/b", False), ("~/a", False), ("a", False), ("a/b/c", False), ("a/..", False)],
)  # fmt: skip
def test_only_two_names_and_a_stroke_are_the_hubs(name: str, *, hub: bool) -> None:
    assert is_hub_name(name) == hub


def test_without_transformers_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> ModuleType:
        if name == "transformers":
            raise ImportError("No module named 'transformers'")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ModelError, match=r"hf:a/b needs the package transformers .*pip install -e \"\.\[hf\]\""):
        sv.load_model("hf:a/b", device="cpu")


def test_a_folder_of_hugging_faces_is_told_how_to_be_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "regnet"}))
    with pytest.raises(ModelError, match=f"is a model of Hugging Face: give it as hf:{tmp_path}"):
        sv.load_model(tmp_path, device="cpu")


@pytest.mark.parametrize(("name", "found"), [("hf:org/name", True), ("hf:./name", False), ("hf:/etc", False)])
def test_a_recording_leads_to_the_hub_and_never_to_a_folder(
    name: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_tiny_parquet(tmp_path / "tiny.parquet", 10)
    manifest = sv.record(sv.load_model("tests.support.tiny:tiny_se", device="cpu"), data, tmp_path / "run").manifest
    asked: list[str] = []

    def load(name: str, **_: Any) -> None:
        asked.append(name)
        raise ModelError("asked")

    monkeypatch.setattr("senet_viz.workflows.recorded_model.load_model", load)
    manifest.model.update({"name": name, "source": "hf"})  # type: ignore[attr-defined]
    with pytest.raises(ModelError if found else ArgumentError):
        load_recorded_model(manifest)
    assert asked == ([name] if found else [])


@pytest.fixture(scope="module")
def transformers() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("transformers", reason='transformers is not installed: pip install -e ".[hf]"')


@pytest.fixture(scope="module")
def regnet(transformers: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RegNet-Y with random weights and its processor, as save_pretrained leaves them."""
    folder = tmp_path_factory.mktemp("hub") / "regnet"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.RegNetConfig(
            embedding_size=8, hidden_sizes=[16, 24], depths=[1, 2], groups_width=8, layer_type="y", num_labels=10,
            id2label={k: f"class {k}" for k in range(10)}, label2id={f"class {k}": k for k in range(10)},
        )  # fmt: skip
        network = transformers.RegNetForImageClassification(config)
    network.save_pretrained(folder)
    transformers.ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=0.875).save_pretrained(folder)
    network.regnet.save_pretrained(folder.parent / "backbone")
    return folder


def test_a_folder_is_recorded_like_any_network(regnet: Path, tmp_path: Path) -> None:
    model = sv.load_model(f"hf:{regnet}", device="cpu")
    assert (model.outputs, model.source, len(model.gates), len(model.classes)) == (10, "checkpoint", 3, 10)
    data = write_tiny_parquet(tmp_path / "tiny.parquet", 20)
    found = sv.record(model, data, tmp_path / "run", options=RecordOptions(keep="all"))
    assert found.manifest.model["name"] == "regnet", "the manifest holds no path"
    assert found.manifest.mapping.method == "name"
    with pytest.raises(ArgumentError, match="does not store where that lies"):
        sv.load_recorded_model(found.manifest, device="cpu")
    assert sv.load_recorded_model(found.manifest, model=f"hf:{regnet}", device="cpu").sha256 == model.sha256
    assert sv.load_model(f"hf:{regnet}", weights="random", device="cpu").weights == "random"


def test_what_is_no_classifier_is_refused_in_a_sentence(regnet: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"lack 2 tensors of its classifier \(classifier"):
        load_from_hub(str(regnet.parent / "backbone"), pretrained=True)
    with pytest.raises(ModelError, match="neither ORG/NAME on the Hugging Face hub nor a folder"):
        load_from_hub(str(tmp_path / "none"), pretrained=True)
    with pytest.raises(ModelError, match=r"has no config\.json"):
        load_from_hub(str(tmp_path), pretrained=True)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelError, match=r"could not load .* as an image classifier"):
        load_from_hub(str(tmp_path), pretrained=True)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json could not be read as JSON"):
        load_from_hub(str(tmp_path), pretrained=True)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 32}, "crop_pct": 0.875}),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}}),
        ("EfficientNetImageProcessor", {"size": {"height": 48, "width": 48}}),
        ("EfficientNetImageProcessor", {"size": {"height": 48, "width": 48}, "rescale_offset": True, "rescale_factor": 1 / 127.5, "include_top": False}),
        ("BitImageProcessor", {"size": {"shortest_edge": 47}, "crop_size": {"height": 32, "width": 32}}),
        ("ViTImageProcessor", {"size": {"height": 40, "width": 40}, "do_normalize": False}),
        ("ViTImageProcessor", {"size": {"height": 40, "width": 40}, "do_rescale": False, "resample": 0}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(61, 90), (100, 53)])
def test_pixels_are_the_processors(
    transformers: Any, kind: str, options: dict[str, Any], shape: tuple[int, int], tmp_path: Path
) -> None:
    processor = getattr(transformers, f"{kind}Pil", getattr(transformers, kind))(**options)
    processor.save_pretrained(tmp_path)
    image = Image.fromarray(np.random.default_rng(3).integers(0, 256, (*shape, 3), dtype=np.uint8))
    theirs = torch.as_tensor(np.asarray(processor(image, return_tensors="np")["pixel_values"][0]))
    mine = read_processor({}, json.loads((tmp_path / "preprocessor_config.json").read_text()), "hf:a/b")(image)
    assert mine.shape == theirs.shape
    assert (mine - theirs).abs().max() <= 1e-5 * max(1.0, float(theirs.abs().max()))
