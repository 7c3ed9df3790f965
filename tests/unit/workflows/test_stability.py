"""Stability: nothing changed moves nothing, planted invariances are found, the yardstick is what pairs of images show."""

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import senet_viz as sv
from senet_viz.analysis.comparison.stability import KINDS, Stability, describe_stability, measure_spread
from senet_viz.cli.options import app
from senet_viz.errors import ArgumentError, ImageError, RecordingError
from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.zoo import Model
from senet_viz.recording.options import RecordOptions
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.workflows.record import record
from senet_viz.workflows.stability import CHANGES, ImageChange, list_variations, vary_image, vary_picture
from tests.support.known_gates import KnownNetwork
from tests.support.networks import count_hooks
from tests.support.stepped import model_of, recording_of
from tests.support.synthetic import PAPER_BLOCKS, synthetic_recording, unlabelled_recording
from tests.support.tiny import write_tiny_parquet

NOTHING = (ImageChange("crop", 0, 1.0, "all of it", 2), ImageChange("rotation", 0, 0, "by 0°", 2), ImageChange("blur", 0, 0, "none"),
           ImageChange("noise", 0, 0, "none", 2))  # fmt: skip
MIRRORED = (ImageChange("mirror left-right", 0, 0, "left-right"), ImageChange("mirror up-down", 0, 0, "up-down"))


@pytest.fixture(scope="module")
def model() -> Model:
    return sv.load_model("tests.support.tiny:tiny_se", device="cpu")


@pytest.fixture(scope="module")
def recording(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("stability")
    data = write_tiny_parquet(folder / "tiny.parquet", 60)
    (folder / "map.csv").write_text("label,output\n" + "".join(f"{k},{k}\n" for k in range(10)), "utf-8")
    record(model, data, folder / "run", options=RecordOptions(keep="none", label_map=folder / "map.csv"))
    return open_recording(folder / "run")


def photo(width: int = 23, height: int = 17, *, seed: int = 0) -> tuple[str, bytes]:
    """Smooth colours with a bright corner, as a file."""
    generator = np.random.default_rng(seed)
    small = Image.fromarray(generator.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    picture = small.resize((width, height), Image.Resampling.BICUBIC)
    picture.paste((255, 255, 255), (0, 0, 4, 4))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return f"photo {seed}.png", buffer.getvalue()


def test_what_changes_nothing_moves_no_gate(model: Model, recording: Recording) -> None:
    varied = vary_image(model, photo(), recording, changes=NOTHING)
    assert varied.distances.shape == (7, 2)
    np.testing.assert_allclose(varied.distances, 0, atol=1e-6)
    assert varied.kept.all()
    moved = vary_image(model, photo(), recording)
    strong = [i for i, v in enumerate(moved.variations) if v.level == 2 or v.kind.startswith("mirror")]
    assert (moved.distances[strong].max(axis=1) > 1e-4).all()  # every real change moves some gate of this network


def test_a_network_that_looks_at_single_pixels_only_does_not_see_mirrors(tmp_path: Path) -> None:
    network = KnownNetwork(5)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for unit in (network.first, network.second):
            for layer in (unit.fc1, unit.fc2):
                layer.weight.normal_(generator=generator)
    known = model_of(network)
    record_ = recording_of(known, tmp_path / "run")
    mirrored = vary_image(known, photo(), record_, changes=MIRRORED)
    np.testing.assert_allclose(mirrored.distances, 0, atol=1e-6)
    assert vary_image(known, photo(), record_, changes=CHANGES[:3]).distances.max() > 1e-3
    assert count_hooks(network) == 0


def test_mirrors_are_those_of_what_the_network_sees(model: Model, recording: Recording) -> None:
    varied = vary_image(model, photo(), recording, changes=(*MIRRORED, *NOTHING[:1]))
    same = varied.views[2]
    np.testing.assert_array_equal(varied.views[0], same[:, ::-1])
    np.testing.assert_array_equal(varied.views[1], same[::-1])
    assert varied.distances[0, 0] > 1e-4  # this network has 3 × 3 convolutions: it sees them


def test_a_seed_gives_the_same_copies_whatever_else_is_made(model: Model, recording: Recording) -> None:
    first, again, other = (vary_image(model, photo(), recording, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.distances, again.distances)
    kinds = [v.kind for v in first.variations]
    assert [KINDS[KINDS.index(kind)] for kind in dict.fromkeys(kinds)] == list(KINDS)
    changed = np.abs(first.distances - other.distances).max(axis=1) > 1e-7
    assert {kind for kind, moved in zip(kinds, changed) if moved} == {"crop", "noise"}
    alone = vary_image(model, photo(), recording, changes=[c for c in CHANGES if c.kind == "noise"])
    rows = [i for i, kind in enumerate(kinds) if kind == "noise"]
    np.testing.assert_allclose(alone.distances, first.distances[rows], atol=1e-6)


def test_distances_are_the_rms_of_the_gates_differences(model: Model, recording: Recording) -> None:
    noise = tuple(c for c in CHANGES if c.kind == "noise")[-1:]
    varied = vary_image(model, photo(), recording, changes=noise)
    _, data = photo()
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    copies = [c for c in vary_picture(picture, model.preprocess, 0, noise) if c is not None]
    with torch.inference_mode(), sv.GateRecorder(model.module) as recorder:
        model.module(torch.stack([model.preprocess(p) for p in (picture, *copies)]))
        gates = recorder.take()
    for b, gate in enumerate(varied.blocks):
        s = gates[gate.name]
        assert s is not None
        expected = ((s[1:] - s[0]) ** 2).mean(1).sqrt().numpy()
        np.testing.assert_allclose(varied.distances[:, b], expected, atol=1e-6)


@pytest.mark.parametrize("mode", ["center", "squash"])
@pytest.mark.parametrize("size", [(40, 30), (30, 40), (32, 32), (9, 60)])
def test_copies_keep_the_size_that_the_network_wants(mode: str, size: tuple[int, int]) -> None:
    preprocess = Preprocessing(size=28, resize=32, crop_mode=mode)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8))
    copies = [c for c in vary_picture(picture, preprocess, 0) if c is not None]
    assert len(copies) == len(list_variations()) - 2
    for copy in copies:
        assert preprocess(copy).shape == (3, 28, 28)
    whole = vary_picture(picture, preprocess, 0, NOTHING)
    for copy in whole:
        assert copy is not None
        np.testing.assert_array_equal(np.asarray(preprocess.view(copy)), np.asarray(preprocess.view(picture)))


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_the_yardstick_is_what_pairs_of_images_of_the_class_show(tmp_path: Path, share: float) -> None:
    blocks = {"SE_2_1": 6, "SE_3_1": 9}
    made = synthetic_recording(
        tmp_path / "run", classes=3, per_class=200, blocks=blocks, shares=dict.fromkeys(blocks, share)
    )
    labels = made.kept_samples.column("label").to_numpy()
    spread, pooled = measure_spread(made, 1), measure_spread(made, None)
    assert (spread.among, spread.images, spread.freedom) == ("class 1", 200, 199)
    assert (pooled.images, pooled.freedom) == (600, 597)
    for b, gate in enumerate(made.blocks):
        values = made.gates(gate.name).astype(np.float64)
        squares = []
        for k in range(3):
            mine = values[labels == k]
            apart = ((mine[:, None] - mine[None]) ** 2).mean(axis=2)
            squares.append(apart[np.triu_indices(len(mine), 1)].mean())
        assert spread.rms[b] == pytest.approx(
            np.sqrt(squares[1]), rel=1e-3
        )  # exactly, but for the rounding of kept gates
        assert pooled.rms[b] == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-3)


def test_the_yardsticks_interval_covers_when_all_channels_move_together() -> None:
    generator = np.random.default_rng(0)
    n, runs = 50, 4000
    rms = np.sqrt(2 * generator.normal(size=(runs, n)).var(axis=1, ddof=1))
    from senet_viz.analysis.comparison.stability import ClassSpread

    half = ClassSpread("a", n, n - 1, np.ones(1)).uncertainty
    assert np.mean(np.abs(rms / np.sqrt(2) - 1) <= half) == pytest.approx(0.95, abs=0.015)


def test_without_a_pair_of_images_there_is_no_yardstick_and_distances_are_told(
    model: Model, recording: Recording, tmp_path: Path
) -> None:
    single = synthetic_recording(tmp_path / "one", classes=3, per_class=1, blocks=PAPER_BLOCKS)
    spread = measure_spread(single, 0)
    assert "1 image recorded" in spread.reason
    assert np.isnan(spread.rms).all()
    assert measure_spread(single, None).reason
    varied = vary_image(model, photo(), recording)
    spread = dataclasses.replace(spread, rms=np.full(2, np.nan))
    stability = Stability(varied, spread)
    assert not stability.measured
    assert np.isnan(stability.ratios).all()
    assert "in units of s" in stability.answer(1)
    assert "in units of s" in describe_stability(stability)
    assert stability.to_json()["spread"] == {"SE_1_1": None, "SE_2_1": None}
    nobody = unlabelled_recording(tmp_path / "nobody")
    assert measure_spread(nobody, None).among == "all images"
    values = nobody.gates(nobody.blocks[0].name).astype(np.float64)
    assert measure_spread(nobody, None).rms[0] == pytest.approx(
        np.sqrt(2 * values.var(axis=0, ddof=1).mean()), rel=1e-3
    )
    with pytest.raises(ArgumentError, match="no class 3"):
        measure_spread(single, 3)


def test_ratios_lines_answer_and_json_say_the_same(model: Model, recording: Recording) -> None:
    varied = vary_image(model, photo(), recording)
    stability = Stability(varied, measure_spread(recording, 4))
    np.testing.assert_allclose(stability.ratios, varied.distances / stability.spread.rms)
    lines = stability.lines(2)
    assert [line.kind for line in lines] == list(KINDS)
    crops = [i for i, v in enumerate(varied.variations) if (v.kind, v.level) == ("crop", 2)]
    np.testing.assert_allclose(lines[0].mean, stability.ratios[crops].mean(axis=0))
    np.testing.assert_allclose(lines[0].high, stability.ratios[crops].max(axis=0))
    assert (lines[0].draws, lines[0].kept) == (4, int(varied.kept[crops].sum()))
    most = max(float(line.mean.max()) for line in lines)
    assert f"**{most:.2g}** times as far as two images of class 4" in stability.answer(2)
    assert f"stays in {varied.kept.sum()} of 35" in stability.answer(2)
    tree = stability.to_json()
    assert (tree["among"], tree["among_images"], len(tree["copies"])) == ("class 4", 6, 35)
    assert tree["copies"][0]["ratio"]["SE_2_1"] == stability.ratios[0, 1]
    table = stability.table()
    assert len(table) == 70
    assert table["ratio"].to_numpy().reshape(35, 2) == pytest.approx(stability.ratios)


def test_bad_files_and_other_networks_are_refused(model: Model, recording: Recording) -> None:
    with pytest.raises(ImageError, match=r"text\.png"):
        vary_image(model, ("text.png", b"no image"), recording)
    other = sv.load_model("tests.support.tiny:TinySE", device="cpu", weights="random", seed=3)
    with pytest.raises(RecordingError, match="was made with"):
        vary_image(other, photo(), recording)


def test_the_command_tells_it_in_words_and_as_json(recording: Recording, tmp_path: Path) -> None:
    files = []
    for seed in range(2):
        name, data = photo(seed=seed)
        files.append(tmp_path / name)
        files[-1].write_bytes(data)
    files.append(tmp_path / "broken.png")
    files[-1].write_bytes(b"no image")
    words = ["compare", *map(str, files), "--recording", str(recording.path), "--model", "tests.support.tiny:tiny_se", "--stability"]  # fmt: skip
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert done.stdout.count("stability of ") == 2
    done = CliRunner().invoke(app, [*words, "--class", "class 2", "--json"])
    assert done.exit_code == 0, done.output
    tree = json.loads(done.stdout)
    assert [entry["name"] for entry in tree["stability"]] == [image["name"] for image in tree["images"]]
    assert {entry["among"] for entry in tree["stability"]} == {"class 2"}
    plain = CliRunner().invoke(app, [word for word in words if word != "--stability"] + ["--json"])
    assert "stability" not in json.loads(plain.stdout)
