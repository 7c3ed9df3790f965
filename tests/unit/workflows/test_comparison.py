"""Images through a recorded network: exactly the recorder's gates, one sentence for each bad file, no other network."""

import copy
import dataclasses
import io
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import senet_viz as sv
from senet_viz.analysis.comparison.blocks import read_profiles
from senet_viz.analysis.comparison.placement import place_gates
from senet_viz.analysis.comparison.result import Comparison
from senet_viz.analysis.comparison.summary import summarize_comparison
from senet_viz.errors import ArgumentError, ModelError, RecordingError
from senet_viz.models.origins import bundled_folder
from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.weights import digest_weights
from senet_viz.models.zoo import Model, with_calibrated_batch_norm
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.reader import Recording
from senet_viz.schema import ClassTable, LabelMapping, Manifest
from senet_viz.workflows.comparison import compare_images, list_images
from senet_viz.workflows.record import record
from senet_viz.workflows.recorded_model import load_recorded_model
from tests.support.image_files import (
    draw_bomb,
    draw_noise,
    draw_rotated_photo,
    draw_text,
    draw_truncated_jpeg,
    write_file,
)
from tests.support.networks import FAMILIES, count_hooks, small_network
from tests.support.planted import marked_png
from tests.support.tiny import tiny_png, write_tiny_parquet

UPLOADS = [(f"{i}.png", tiny_png(1000 + i)) for i in range(3)]


@pytest.fixture(scope="module")
def model() -> Model:
    return sv.load_model("tests.support.tiny:tiny_se", device="cpu")


@pytest.fixture(scope="module")
def recording(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Ten classes that a label map gives the outputs 9 to 0."""
    folder = tmp_path_factory.mktemp("data")
    data = write_tiny_parquet(folder / "tiny.parquet", 120)
    label_map = folder / "map.csv"
    label_map.write_text("class,output\n" + "".join(f"class {k},{9 - k}\n" for k in range(10)), encoding="utf-8")
    return record(model, data, folder / "run", options=RecordOptions(label_map=label_map))


def with_manifest(recording: Recording, **changes: object) -> Recording:
    return Recording(recording.path, dataclasses.replace(recording.manifest, **changes))


def family_model(name: str) -> Model:
    module = small_network(FAMILIES[name].make).to(memory_format=torch.channels_last)
    return Model(
        module=module, name=name, source="factory", weights="pretrained", preprocess=Preprocessing(size=16, resize=16),
        classes=ClassTable(()), outputs=5, sha256=digest_weights(module), device=torch.device("cpu"),
    )  # fmt: skip


def gates_of(model: Model, files: Sequence[bytes]) -> dict[str, np.ndarray]:
    """What GateRecorder gives for one batch of the decoded and preprocessed files."""
    pixels = torch.stack([model.preprocess(sv.decode_image(data)) for data in files])
    with torch.inference_mode(), sv.GateRecorder(model.module) as recorder:
        model.module(pixels.to(memory_format=torch.channels_last))
        return {name: values.numpy() for name, values in recorder.take().items() if values is not None}


def summary_of(found: Comparison, recording: Recording) -> dict[str, object]:
    summary = summarize_comparison(found, [place_gates(recording, b.block, b.gates) for b in found.blocks])
    tree: dict[str, object] = json.loads(json.dumps(summary, allow_nan=False))
    return tree


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "relu"])
def test_the_summary_gives_the_recorders_gates_for_every_family(family: str, tmp_path: Path) -> None:
    network = family_model(family)
    for at in range(12):
        write_file(tmp_path / "images" / f"{at}.png", draw_noise(at, size=(20, 18), kind="PNG"))
    made = record(network, tmp_path / "images", tmp_path / "run")
    files = [draw_noise(100 + at, size=(30, 20), kind="PNG") for at in range(3)]
    tree = summary_of(compare_images(network, [(str(at), data) for at, data in enumerate(files)], made), made)
    expected = gates_of(network, files)
    assert len(tree["blocks"]) == 2
    for block in tree["blocks"]:
        got = np.array([image["gates"][block["key"]] for image in tree["images"]], dtype=np.float32)
        assert np.array_equal(got, expected[block["name"]])


def test_gates_without_bounds_are_compared_too(tmp_path: Path) -> None:
    for at in range(4):
        write_file(tmp_path / "images" / f"{at}.png", draw_noise(at, size=(20, 18), kind="PNG"))
    network = family_model("relu")
    made = record(network, tmp_path / "images", tmp_path / "run")
    files = [draw_noise(100, size=(30, 20), kind="PNG")]
    found = compare_images(network, [("new", files[0])], made)
    expected = gates_of(network, files)
    for block in found.blocks:
        np.testing.assert_array_equal(block.gates, expected[block.block.name])
        assert np.isfinite(block.block.extent).all()
        assert block.block.range == (0.0, np.inf)


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_every_image_gets_what_it_would_get_alone(model: Model, recording: Recording, batch_size: int) -> None:
    together = compare_images(model, UPLOADS, recording, batch_size=batch_size)
    for at, upload in enumerate(UPLOADS):
        alone = compare_images(model, [upload], recording)
        for mine, theirs in zip(alone.blocks, together.blocks):
            np.testing.assert_allclose(theirs.gates[at], mine.gates[0], atol=1e-6, rtol=0)
        expected = [p.probability for p in alone.images[0].predictions]
        np.testing.assert_allclose([p.probability for p in together.images[at].predictions], expected, atol=1e-6)


def test_a_recorded_image_gets_its_recorded_gates(model: Model, recording: Recording) -> None:
    found = compare_images(model, [("again", tiny_png(7))], recording)
    for block in found.blocks:
        kept = recording.gates(block.block.name)[7]
        np.testing.assert_allclose(block.gates[0], kept.astype(np.float32), atol=3e-4)


def test_two_hostile_files_among_three_good_ones(model: Model, recording: Recording, tmp_path: Path) -> None:
    files = {
        "a.png": tiny_png(1), "bomb.png": draw_bomb(), "b.jpg": draw_rotated_photo(), "cut.jpg": draw_truncated_jpeg(),
        "c.png": tiny_png(3),
    }  # fmt: skip
    found = compare_images(model, list(files.items()), recording)
    assert found.names == ("a.png", "b.jpg", "c.png")
    assert [failure.name for failure in found.failures] == ["bomb.png", "cut.jpg"]
    assert "decompression bombs" in found.failures[0].sentence
    assert "damaged or cut short" in found.failures[1].sentence
    expected = gates_of(model, [files[name] for name in found.names])
    for block in found.blocks:
        assert np.array_equal(block.gates, expected[block.block.name])
    assert found.images[1].size == (8, 16), "the EXIF orientation is applied"


def test_missing_odd_and_unusable_files_are_failures(model: Model, recording: Recording, tmp_path: Path) -> None:
    line = io.BytesIO()
    Image.new("RGB", (4000, 1), "red").save(line, "PNG")
    write_file(tmp_path / "line.png", line.getvalue())
    write_file(tmp_path / "text.jpg", draw_text())
    write_file(tmp_path / "good.png", tiny_png(0))
    names = [tmp_path / "none.png", tmp_path, tmp_path / "text.jpg", tmp_path / "good.png", str(tmp_path / "line.png")]
    found = compare_images(model, names, recording)
    assert found.names[0] == str(tmp_path / "good.png")
    assert [Path(f.name).name for f in found.failures][:3] == ["none.png", tmp_path.name, "text.jpg"]
    assert "does not exist" in found.failures[0].sentence
    assert "not a regular file" in found.failures[1].sentence
    assert len(found.names) + len(found.failures) == 5


def test_only_bad_files_give_a_comparison_without_images(model: Model, recording: Recording) -> None:
    found = compare_images(model, [("a", b""), ("b", draw_text())], recording)
    assert (found.images, found.blocks) == ((), ())
    assert len(found.failures) == 2


def test_images_carry_what_the_network_saw_and_said(model: Model, recording: Recording) -> None:
    import hashlib

    found = compare_images(model, UPLOADS, recording)
    for (_, data), image in zip(UPLOADS, found.images):
        picture = sv.decode_image(data)
        assert image.sha256 == hashlib.sha256(data).hexdigest()
        assert np.array_equal(image.view, np.asarray(model.preprocess.view(picture)))
        logits = model.module(model.preprocess(picture)[None].to(memory_format=torch.channels_last)).detach()
        best = logits.softmax(1)[0].topk(5)
        assert [p.output for p in image.predictions] == best.indices.tolist()
        np.testing.assert_allclose([p.probability for p in image.predictions], best.values.numpy(), rtol=1e-5)
        assert image.predicted == 9 - image.predictions[0].output, "the label map turned round"
        assert image.predictions[0].name == f"class {image.predicted}"
    assert (found.differences, found.notes) == ((), ())


def test_outputs_of_no_class_and_of_several_have_no_predicted_class(model: Model, recording: Recording) -> None:
    best = compare_images(model, UPLOADS[:1], recording).images[0].predictions[0].output
    none = LabelMapping(tuple(None if 9 - k == best else 9 - k for k in range(10)), "label map")
    found = compare_images(model, UPLOADS[:1], with_manifest(recording, mapping=none))
    assert found.images[0].predicted is None
    assert found.images[0].predictions[0].name == f"output {best}"
    assert [block.rank[0] for block in found.blocks] == [0, 0]
    several = LabelMapping((best, best, *(None for _ in range(8))), "label map")
    found = compare_images(model, UPLOADS[:1], with_manifest(recording, mapping=several))
    assert found.images[0].predicted is None
    assert "2 classes (class 0, class 1) map to the output" in found.notes[0]


def test_profiles_can_be_read_before(model: Model, recording: Recording) -> None:
    profiles = read_profiles(recording)
    found = compare_images(model, UPLOADS, recording, profiles=profiles)
    again = compare_images(model, UPLOADS, recording)
    assert np.array_equal(found.blocks[1].rank, again.blocks[1].rank)
    with pytest.raises(ArgumentError, match="profiles are of recording"):
        compare_images(model, UPLOADS, recording, profiles=dataclasses.replace(profiles, recording_id="other"))


def test_other_decoders_precisions_and_preprocessings_are_told(model: Model, recording: Recording) -> None:
    tree = {**recording.manifest.preprocessing, "decoder": "nvjpeg 12", "resize": 10}
    other = with_manifest(
        recording, preprocessing=tree, options={**recording.manifest.options, "precision": "bf16"},
        precision_difference={"largest": 0.0123, "rms": 0.001}, complete=False,
    )  # fmt: skip
    found = compare_images(model, UPLOADS, other)
    precision, decoder, preprocessing = found.differences
    assert "computed in fp32, the recording's in bf16" in precision
    assert "0.0123" in precision
    assert "nvjpeg 12" in decoder
    assert preprocessing.endswith("resize 8 here and 10 there.")
    assert "not finished: it holds 120 images" in found.notes[0]


def test_a_lower_precision_is_computed_in_it_and_told(model: Model, recording: Recording) -> None:
    found = compare_images(model, UPLOADS, recording, precision="bf16")
    full = compare_images(model, UPLOADS, recording)
    assert "computed in bf16, the recording's in fp32" in found.differences[0]
    difference = np.abs(found.blocks[1].gates - full.blocks[1].gates).max()
    assert 0 < difference < 0.05


@pytest.mark.parametrize(
    ("images", "options", "sentence"),
    [
        ([], {}, "0 images were given: 1 to 16"),
        (UPLOADS * 6, {}, "18 images were given"),
        (UPLOADS, {"precision": "int4"}, "precision is 'int4'"),
        (UPLOADS, {"batch_size": 0}, "batch_size is 0"),
        (UPLOADS, {"nearest": 0}, "nearest 0"),
    ],
)
def test_unusable_arguments_get_one_sentence(
    model: Model, recording: Recording, images: list[tuple[str, bytes]], options: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        compare_images(model, images, recording, **options)


def test_a_recording_of_other_weights_is_refused_and_both_are_named(recording: Recording) -> None:
    other = sv.load_model("tests.support.tiny:TinySE", weights="random", seed=5, device="cpu")
    with pytest.raises(
        RecordingError,
        match=r"made with tests\.support\.tiny:tiny_se.*tests\.support\.tiny:TinySE with random weights of seed 5",
    ):
        compare_images(other, UPLOADS, recording)


def test_a_recording_of_other_blocks_is_refused_and_both_are_named(model: Model, recording: Recording) -> None:
    gates = (recording.blocks[0], dataclasses.replace(recording.blocks[1], name="elsewhere"))
    with pytest.raises(
        RecordingError,
        match=r"tests\.support\.tiny:tiny_se has 2 blocks.*has 2, which are not the same \(se2, elsewhere\)",
    ):
        compare_images(model, UPLOADS, with_manifest(recording, gates=gates))


def test_images_that_are_not_finite_are_told_and_not_drawn(model: Model, recording: Recording) -> None:
    broken = dataclasses.replace(model, module=copy.deepcopy(model.module))
    with torch.no_grad():
        broken.module.conv2.weight.fill_(float("nan"))
    found = compare_images(broken, [*UPLOADS, ("text.png", b"no image")], recording)
    assert (found.images, found.blocks) == ((), ())
    assert [failure.name for failure in found.failures] == ["0.png", "1.png", "2.png", "text.png"]
    assert found.failures[0].sentence.startswith(
        "Block se2 has a gate that is not finite (NaN) for 0.png. Check the weights"
    )
    assert count_hooks(broken.module) == 0


@pytest.mark.parametrize(
    ("factory", "words"),
    [("nan_in_block", "Block se2 has a gate that is not finite"), ("inf_logit", "The network's logits are not finite")],
)
def test_one_upload_that_is_not_finite_leaves_the_others_as_they_are(
    factory: str, words: str, model: Model, recording: Recording
) -> None:
    planted = dataclasses.replace(model, module=sv.load_model(f"tests.support.planted:{factory}", device="cpu").module)
    uploads = [UPLOADS[0], ("broken.txt", b"no image"), ("marked.png", marked_png(3)), *UPLOADS[1:]]
    found, alone = compare_images(planted, uploads, recording), compare_images(model, UPLOADS, recording)
    assert found.names == alone.names
    assert [image.predictions for image in found.images] == [image.predictions for image in alone.images]
    for mine, theirs in zip(found.blocks, alone.blocks):
        np.testing.assert_allclose(mine.gates, theirs.gates, atol=1e-6)
    assert [failure.name for failure in found.failures] == ["broken.txt", "marked.png"]
    assert found.failures[1].sentence.startswith(words)


def test_sessions_at_once_get_what_they_would_get_alone(model: Model, recording: Recording) -> None:
    groups = [[(str(i), tiny_png(50 * k + i)) for i in range(3)] for k in range(4)]
    alone = [compare_images(model, group, recording) for group in groups]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda group: compare_images(model, group, recording), groups * 3))
    for number, found in enumerate(at_once):
        for mine, theirs in zip(found.blocks, alone[number % 4].blocks):
            np.testing.assert_allclose(mine.gates, theirs.gates, atol=1e-6)
    assert count_hooks(model.module) == 0


def test_folders_and_files_are_listed(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", ".hidden.png", "notes.txt", "sub/c.png"):
        write_file(tmp_path / name, b"x")
    assert [path.name for path in list_images([tmp_path])] == ["a.JPG", "b.png"]
    assert list_images([tmp_path / "b.png", tmp_path / "none.png"]) == (tmp_path / "b.png", tmp_path / "none.png")
    with pytest.raises(ArgumentError, match="give it alone"):
        list_images([tmp_path, tmp_path / "b.png"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArgumentError, match="holds no image file"):
        list_images([tmp_path / "empty"])


def manifest_of(recording: Recording, *, notes: tuple[str, ...] = (), **model: object) -> Manifest:
    return dataclasses.replace(recording.manifest, model={**recording.manifest.model, **model}, notes=notes)


def test_the_bundled_network_is_found_by_its_manifest() -> None:
    manifest = sv.open_recording(bundled_folder() / "recording").manifest
    found = load_recorded_model(manifest, device="cpu")
    assert found.sha256 == manifest.model["sha256"]
    assert found.preprocess.to_json() == {k: v for k, v in manifest.preprocessing.items() if k != "decoder"}


@pytest.mark.slow
def test_random_weights_come_back_by_name_and_seed_with_the_recorded_preprocessing(recording: Recording) -> None:
    made = sv.load_model("timm:seresnet18", weights="random", seed=3, device="cpu")
    tree = {**Preprocessing(size=64, resize=70).to_json(), "decoder": "any"}
    manifest = manifest_of(
        recording, name="timm:seresnet18", source="timm", weights="random", seed=3, sha256=made.sha256
    )
    found = load_recorded_model(dataclasses.replace(manifest, preprocessing=tree), device="cpu")
    assert (found.sha256, found.seed, found.preprocess.size) == (made.sha256, 3, 64)
    with pytest.raises(RecordingError, match=r"seresnet18 with random weights of seed 3, weights .* seed 4, weights"):
        load_recorded_model(dataclasses.replace(manifest, preprocessing=tree), seed=4, device="cpu")
    with pytest.raises(ModelError, match="preprocessing is not one that this version knows"):
        load_recorded_model(dataclasses.replace(manifest, preprocessing={"input_size": 3}), device="cpu")


def test_a_factory_runs_only_when_a_person_names_it(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    def import_module(name: str) -> None:
        raise AssertionError(f"{name} was imported because a file named it")

    with monkeypatch.context() as patched:
        patched.setattr("importlib.import_module", import_module)
        with pytest.raises(
            ArgumentError,
            match=r"factory tests\.support\.tiny:tiny_se, which is code: .*--model tests\.support\.tiny:tiny_se",
        ):
            load_recorded_model(recording.manifest, device="cpu")
    assert load_recorded_model(recording.manifest, model="tests.support.tiny:tiny_se", device="cpu").outputs == 10
    with pytest.raises(
        RecordingError, match=r"made with tests\.support\.tiny:tiny_se.*the model given is tests\.support\.tiny:TinySE"
    ):
        load_recorded_model(recording.manifest, model="tests.support.tiny:TinySE", device="cpu")


@pytest.mark.parametrize("source", ["timm", "torchvision", "bundled", "senet_viz"])
def test_a_factory_that_calls_itself_a_librarys_is_not_run(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    def import_module(name: str) -> None:
        raise AssertionError(f"{name} was imported because a file named it")

    manifest = manifest_of(recording, name="tests.support.tiny:tiny_se", source=source)
    with monkeypatch.context() as patched:
        patched.setattr("importlib.import_module", import_module)
        with pytest.raises(ArgumentError, match=r"made with 'tests\.support\.tiny:tiny_se'"):
            load_recorded_model(manifest, device="cpu")


def test_a_network_of_the_package_is_found_by_its_name(recording: Recording) -> None:
    name = "senet_viz:se_resnet18,width=0.0625,side=32"
    made = sv.load_model(name, weights="random", seed=2, device="cpu")
    manifest = manifest_of(recording, name=name, source=made.source, weights="random", seed=2, sha256=made.sha256)
    assert load_recorded_model(manifest, device="cpu").sha256 == made.sha256


def test_a_checkpoint_must_be_given(recording: Recording) -> None:
    manifest = manifest_of(recording, name="mine", source="checkpoint")
    with pytest.raises(ArgumentError, match=r"made with 'mine' \(checkpoint\).*--model PATH, and --arch"):
        load_recorded_model(manifest, device="cpu")


def test_calibrated_weights_can_not_be_rebuilt(recording: Recording) -> None:
    made = sv.load_model("timm:seresnet18", weights="random", seed=1, device="cpu")
    calibrated = with_calibrated_batch_norm(made, [torch.rand(2, 3, 32, 32)], "some images")
    manifest = manifest_of(
        recording,
        notes=calibrated.notes,
        name="timm:seresnet18",
        source="timm",
        weights="random",
        seed=1,
        sha256=calibrated.sha256,
    )
    for given in (None, "timm:seresnet18"):
        with pytest.raises(
            ModelError, match=r"seed 1 can not be rebuilt without the images.*2 unlabelled images of some images"
        ):
            load_recorded_model(manifest, model=given, device="cpu")
