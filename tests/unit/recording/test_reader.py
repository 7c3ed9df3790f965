import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.recording.checked import sha256_of
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.tensors import TensorFile, count_per_class
from senet_viz.recording.verify import verify_recording
from tests.support.synthetic import synthetic_recording

BLOCKS = {"SE_2_3": 4, "SE_4_6": 6}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return synthetic_recording(tmp_path_factory.mktemp("r") / "r", blocks=BLOCKS, unlabelled=5, unreadable=(2, 70))


@pytest.fixture
def partly(tmp_path: Path) -> Recording:
    return synthetic_recording(tmp_path / "p", blocks=BLOCKS, keep="3", unlabelled=5)


def test_kept_samples_are_the_rows_of_the_gates(partly: Recording) -> None:
    kept = partly.kept_samples
    assert kept.num_rows == len(partly.gates("SE_4_6")) == 15
    assert sorted(kept["label"].to_pylist()) == sorted([-1, 0, 1, 2, 3] * 3)
    everything = partly.samples.to_pylist()
    assert all(row in everything for row in kept.to_pylist())
    assert not partly.keeps_all


def test_names_and_labels_are_the_same_block(recording: Recording) -> None:
    np.testing.assert_array_equal(recording.gates("SE_4_6"), recording.gates("layer3.5.se"))
    assert recording.gates("SE_4_6").dtype == np.float16


def test_one_channel_is_the_column_of_all(recording: Recording, partly: Recording) -> None:
    for opened in (recording, partly):
        for channel in (0, 5):
            np.testing.assert_array_equal(opened.channel_gates("SE_4_6", channel), opened.gates("SE_4_6")[:, channel])
    with pytest.raises(ArgumentError, match="no channel 6: channels go from 0 to 5"):
        recording.channel_gates("SE_4_6", 6)


def test_parts_are_the_gates_in_their_order(partly: Recording) -> None:
    np.testing.assert_array_equal(np.concatenate(list(partly.gates_by_parts("SE_4_6"))), partly.gates("SE_4_6"))


def test_columns_of_moments_are_those_of_the_file(recording: Recording) -> None:
    path = next(recording.path.glob("moments-*.safetensors"))
    whole, file = load_file(path), TensorFile(path, sha256_of(path))
    assert set(whole) == {key for key in whole if key in file}
    for key, tensor in whole.items():
        np.testing.assert_array_equal(file.read(key), tensor)
        if tensor.ndim == 2:
            np.testing.assert_array_equal(file.read(key, slice(2, 7)), tensor[:, 2:7])


def test_a_file_that_became_shorter_while_it_was_open_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_file({"mean": np.zeros((50, 40))}, path)
    sha256 = sha256_of(path)
    file = TensorFile(path, sha256)
    os.truncate(path, 9000)
    with pytest.raises(RecordingError, match=r"m\.safetensors is not as it was written"):
        file.read("mean", slice(0, 3))
    with pytest.raises(RecordingError, match=r"m\.safetensors has other bytes of 'mean' than its shape asks for"):
        TensorFile(path, sha256_of(path))


_HEADERS = {
    "no object": ([], "has no header of tensors"),
    "a number": (7, "has no header of tensors"),
    "a type that none has": ({"m": {"dtype": "Q9", "shape": [1], "data_offsets": [0, 8]}}, "has tensors of 'Q9'"),
    "three dimensions": ({"m": {"dtype": "F64", "shape": [1, 1, 1], "data_offsets": [0, 8]}}, "with 3 dimensions"),
    "two in one place": (
        {name: {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]} for name in "mn"},
        "has other bytes of 'n'",
    ),
    "a negative shape": ({"m": {"dtype": "F64", "shape": [-1, -1], "data_offsets": [0, 8]}}, r"shape\[0\]"),
    "a negative place": ({"m": {"dtype": "F64", "shape": [1], "data_offsets": [-8, 0]}}, r"data_offsets\[0\]"),
    "a place beyond the end": (
        {"m": {"dtype": "F64", "shape": [1], "data_offsets": [8, 16]}},
        "has other bytes of 'm'",
    ),
    "more than it has": ({"m": {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 8]}}, "has other bytes of 'm'"),
    "three offsets": ({"m": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8, 8]}}, "data_offsets"),
    "no shape": ({"m": {"dtype": "F64", "data_offsets": [0, 8]}}, "shape"),
    "metadata of numbers": ({"__metadata__": {"gate": 3}}, "__metadata__"),
}


@pytest.mark.parametrize(("header", "told"), _HEADERS.values(), ids=_HEADERS)
def test_a_header_that_makes_no_sense_is_one_sentence(tmp_path: Path, header: object, told: str) -> None:
    path, text = tmp_path / "m.safetensors", json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    with pytest.raises(RecordingError, match=told):
        TensorFile(path, sha256_of(path))


def test_a_header_that_is_too_long_or_cut_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    for data in (
        b"",
        b"\1",
        (2**63).to_bytes(8, "little"),
        (20).to_bytes(8, "little") + b"{",
        (9000).to_bytes(8, "little") + b"[" * 9000,
    ):
        path.write_bytes(data)
        with pytest.raises(RecordingError, match="could not be read"):
            TensorFile(path, sha256_of(path))


def test_counts_are_those_of_the_moments(recording: Recording) -> None:
    np.testing.assert_array_equal(recording.class_counts, recording.moments("SE_4_6").count)
    assert recording.n_images == recording.samples.num_rows == recording.moments("SE_2_3").overall().count[0]


def test_moments_without_ranges_are_the_others_unchanged(recording: Recording) -> None:
    whole, some = (recording.moments(recording.blocks[0].name, ranges=ranges) for ranges in (True, False))
    assert some.min is None
    assert some.max is None
    for name in ("count", "mean", "m2", "histogram"):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name))


def test_an_unknown_block_lists_the_labels(recording: Recording) -> None:
    for read in (recording.gates, recording.moments, recording.class_histogram):
        with pytest.raises(RecordingError, match=r"no block 'SE_9_9': it has SE_2_3, SE_4_6"):
            read("SE_9_9")


def test_squeezes_that_were_not_kept_say_so(recording: Recording) -> None:
    with pytest.raises(RecordingError, match="keeps no squeeze of single images"):
        recording.gates("SE_2_3", "squeeze")
    assert recording.moments("SE_2_3", "squeeze").histogram is None


def test_moments_are_those_of_the_kept_gates(recording: Recording) -> None:
    gates, labels = recording.gates("SE_2_3").astype(np.float64), recording.kept_samples["label"].to_numpy()
    moments = recording.moments("SE_2_3")
    for k in range(4):
        np.testing.assert_allclose(moments.mean[k], gates[labels == k].mean(axis=0), atol=2.5e-4)
    np.testing.assert_array_equal(moments.overall().count, [len(gates)])


def test_class_histograms_equal_numpy(recording: Recording) -> None:
    counts = recording.class_histogram("SE_4_6")
    gates, labels = recording.gates("SE_4_6").astype(np.float64), recording.kept_samples["label"].to_numpy()
    assert counts.shape == (4, 6, 32)
    for k in range(4):
        for channel in range(6):
            oracle = np.histogram(gates[labels == k, channel], bins=32, range=(0, 1))[0]
            np.testing.assert_array_equal(counts[k, channel], oracle)


def test_class_histograms_count_values_at_the_bounds() -> None:
    gates = np.array([[0.0], [1.0], [1.0], [0.5]], dtype=np.float16)
    counts = count_per_class(gates, np.array([0, 0, 1, -1], dtype=np.int32), 2, (0.0, 1.0))
    assert (counts[0, 0, 0], counts[0, 0, 31], counts[1, 0, 31], counts.sum()) == (1, 1, 1, 3)


def test_class_histograms_need_all_gates(partly: Recording) -> None:
    with pytest.raises(RecordingError, match="not all gates were kept"):
        partly.class_histogram("SE_2_3")


def test_opening_names_what_is_missing_or_short(partly: Recording) -> None:
    gates = partly.path / "gates-00000.parquet"
    gates.write_bytes(gates.read_bytes()[:-1])
    with pytest.raises(RecordingError, match=r"gates-00000\.parquet has \d+ bytes, \d+ expected"):
        open_recording(partly.path)
    gates.unlink()
    with pytest.raises(RecordingError, match=r"gates-00000\.parquet is missing"):
        open_recording(partly.path)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"schema_version": 1}', b'{"schema_version": 99}', b"\xff"])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(RecordingError, match="no folder"):
        open_recording(tmp_path / "nowhere")
    with pytest.raises(RecordingError, match="has no manifest"):
        open_recording(tmp_path)
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(RecordingError, match="manifest"):
        open_recording(tmp_path)


def test_a_flipped_byte_is_found(partly: Recording) -> None:
    assert verify_recording(partly.path).ok
    gates = partly.path / "gates-00000.parquet"
    damaged = bytearray(gates.read_bytes())
    place = damaged.index(b"\x28\xb5\x2f\xfd") + 20  # inside the first zstd frame
    damaged[place] ^= 1
    gates.write_bytes(damaged)
    report = verify_recording(partly.path)
    assert not report.ok
    assert [p.split(" has ")[0] for p in report.problems] == ["gates-00000.parquet"]
    with pytest.raises(RecordingError, match=r"gates-00000\.parquet is not as it was written.*senet-viz verify"):
        _ = open_recording(partly.path).kept_samples


def test_verify_lists_every_difference(partly: Recording) -> None:
    (partly.path / "gates-00000.parquet").unlink()
    samples = partly.path / "samples-00000.parquet"
    samples.write_bytes(samples.read_bytes() + b"x")
    report = verify_recording(partly.path)
    assert report.files == len(partly.manifest.files)
    assert len(report.problems) == 2


def test_opening_and_reading_load_no_torch(recording: Recording) -> None:
    code = (
        "import sys, senet_viz.recording.reader as r; x = r.open_recording(sys.argv[1]); x.moments('SE_2_3'); x.gates('SE_2_3');"
        "x.samples; print(sorted({'torch', 'streamlit', 'plotly', 'timm'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(recording.path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
