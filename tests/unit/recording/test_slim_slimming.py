from pathlib import Path

import numpy as np
import pytest

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording import slim as writing
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.slim import slim_recording
from senet_viz.recording.verify import verify_recording
from tests.support.synthetic import synthetic_recording

BLOCKS = {"SE_2_3": 4, "SE_4_6": 6, "SE_5_1": 5}
KEPT = {"blocks": BLOCKS, "unlabelled": 5, "unreadable": (2, 70)}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("full") / "r", keep_squeeze=True, **KEPT)


@pytest.fixture(scope="module")
def controls(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    folder = tmp_path_factory.mktemp("controls")
    return [
        synthetic_recording(folder / str(seed), seed=seed, keep="none", model={"name": "random", "seed": seed}, **KEPT)
        for seed in (1, 2)
    ]


@pytest.fixture(scope="module")
def slim(full: Recording, controls: list[Recording], tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return slim_recording(full, tmp_path_factory.mktemp("slim") / "s", controls=controls, per_class=3)


def test_its_manifest_says_what_it_is(full: Recording, slim: Recording) -> None:
    assert (slim.form, slim.complete, slim.manifest.model, slim.manifest.data) == (
        "slim", True, full.manifest.model, full.manifest.data,
    )  # fmt: skip
    assert slim.id != full.id
    assert any(full.id in note for note in slim.manifest.notes)
    assert verify_recording(slim.path).ok


@pytest.mark.parametrize("block", list(BLOCKS))
def test_gates_moments_are_those_of_the_full_one_rounded(full: Recording, slim: Recording, block: str) -> None:
    exact, rounded = full.moments(block), slim.moments(block)
    np.testing.assert_array_equal(rounded.count, exact.count)
    np.testing.assert_array_equal(rounded.histogram, exact.histogram)
    np.testing.assert_allclose(rounded.mean, exact.mean, rtol=1e-7)
    np.testing.assert_allclose(rounded.m2, exact.m2, rtol=1e-7)
    np.testing.assert_array_equal(rounded.max, exact.max.astype(np.float16))
    np.testing.assert_allclose(rounded.overall().std(), exact.overall().std(), rtol=1e-6)
    np.testing.assert_array_equal(slim.class_histogram(block), full.class_histogram(block))


def test_squeezes_keep_class_means_and_their_sum_of_squares(full: Recording, slim: Recording) -> None:
    exact, rounded = full.moments("SE_4_6", "squeeze"), slim.moments("SE_4_6", "squeeze")
    assert rounded.m2 is None
    np.testing.assert_allclose(rounded.mean, exact.mean, rtol=1e-3)
    np.testing.assert_allclose(rounded.ssw, exact.ssw, rtol=1e-6)
    np.testing.assert_allclose(rounded.overall().std(), exact.overall().std(), rtol=0.01)
    with pytest.raises(RecordingError, match="no variance per class of z"):
        rounded.std()


def test_samples_are_whole_and_few_gates_are_kept(full: Recording, slim: Recording) -> None:
    assert slim.samples.equals(full.samples)
    assert slim.errors == full.errors
    assert sorted(slim.kept_samples["label"].to_pylist()) == sorted([-1, 0, 1, 2, 3] * 3)
    ids = full.kept_samples["sample_id"].to_pylist()
    rows = [ids.index(i) for i in slim.kept_samples["sample_id"].to_pylist()]
    np.testing.assert_array_equal(slim.gates("SE_5_1"), full.gates("SE_5_1")[rows])


def test_controls_come_along(controls: list[Recording], slim: Recording) -> None:
    assert [(c.name, c.seed, c.id) for c in slim.controls] == [
        ("random", r.manifest.model["seed"], r.id) for r in controls
    ]
    for control, source in zip(slim.controls, controls):
        assert control.blocks == tuple(g.name for g in source.blocks)
        for quantity in ("gate", "squeeze"):
            exact = source.moments("SE_5_1", quantity)
            kept = control.moments("layer4.0.se", quantity)
            np.testing.assert_array_equal(control.means("layer4.0.se", quantity), kept.mean)
            np.testing.assert_array_equal(control.ssw("layer4.0.se", quantity), kept.ssw)
            np.testing.assert_allclose(kept.mean, exact.mean, rtol=1e-3)
            np.testing.assert_allclose(kept.ssw, exact.ssw, rtol=1e-6)
            np.testing.assert_array_equal(kept.count, exact.count)


def test_without_all_gates_there_are_no_class_histograms(tmp_path: Path) -> None:
    part = synthetic_recording(tmp_path / "p", keep="2", **KEPT)
    slim = slim_recording(part, tmp_path / "s")
    assert any("did not keep all gates" in note for note in slim.manifest.notes)
    assert slim.kept_samples.num_rows == part.kept_samples.num_rows
    with pytest.raises(RecordingError, match="no histograms per class"):
        slim.class_histogram("SE_2_3")


def test_large_recordings_are_split_over_files(
    full: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_AIM", 700)
    slim = slim_recording(full, tmp_path / "s", controls=[full])
    assert len(list(slim.path.glob("moments-*"))) == len(list(slim.path.glob("histograms-*"))) == 3
    assert len(list(slim.path.glob("gates-*"))) > 1
    for block in BLOCKS:
        np.testing.assert_array_equal(slim.class_histogram(block), full.class_histogram(block))
        np.testing.assert_allclose(slim.moments(block).mean, full.moments(block).mean, rtol=1e-7)
    assert slim.controls[0].blocks == tuple(g.name for g in full.blocks)
    assert verify_recording(slim.path).ok


def test_a_file_too_large_to_share_is_refused(full: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "FILE_LIMIT", 1000)
    with pytest.raises(RecordingError, match="are meant to be shared"):
        slim_recording(full, tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def test_what_can_not_be_slimmed_is_refused(full: Recording, slim: Recording, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="not a complete full recording"):
        slim_recording(slim, tmp_path / "s")
    kept = int(slim.manifest.options["keep"])
    with pytest.raises(RecordingError, match="holds a slim form of this recording already"):
        slim_recording(full, slim.path, per_class=kept)
    with pytest.raises(RecordingError, match="is not empty"):
        slim_recording(full, slim.path, per_class=kept + 1)
    with pytest.raises(RecordingError, match="is not empty"):
        slim_recording(full, full.path)
    other = synthetic_recording(tmp_path / "other", classes=3, blocks=BLOCKS)
    with pytest.raises(ArgumentError, match="is of other images"):
        slim_recording(full, tmp_path / "s", controls=[other])
    fewer = synthetic_recording(tmp_path / "fewer", **{**KEPT, "unreadable": (4,)})
    with pytest.raises(ArgumentError, match="is of other images"):
        slim_recording(full, tmp_path / "s", controls=[fewer])
    wider = synthetic_recording(tmp_path / "wider", **{**KEPT, "blocks": {**BLOCKS, "SE_5_1": 6}})
    with pytest.raises(ArgumentError, match="other blocks"):
        slim_recording(full, tmp_path / "s", controls=[wider])
    assert not (tmp_path / "s").exists()


def test_an_unfinished_form_can_not_be_recorded_into(slim: Recording) -> None:
    from senet_viz.recording.writer import RecordingWriter

    with pytest.raises(RecordingError, match="is a slim recording"):
        RecordingWriter(slim.path, open_recording(slim.path).manifest)
