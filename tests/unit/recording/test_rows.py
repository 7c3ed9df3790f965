"""A batch without the images that are not finite."""

import dataclasses

import numpy as np
import pytest

from senet_viz.recording.rows import RecordedBatch, count_nonfinite

NAN, INF = np.float32(np.nan), np.float32(np.inf)


def make_batch() -> RecordedBatch:
    numbers = np.arange(5, dtype=np.int32)
    values = {name: np.full((5, 3), 0.5, np.float32) + numbers[:, None] / 100 for name in ("a", "b")}
    return RecordedBatch(
        sample_ids=[f"id-{i}" for i in numbers], paths=[f"{i}.png" for i in numbers], labels=numbers, output_labels=numbers,
        predictions=numbers, confidences=np.full(5, 0.5, np.float32), losses=np.ones(5, np.float32), kept=numbers % 2 == 0,
        gates=values, squeezes={"a": values["a"] * 2}, errors=[("torn.png", "It is torn.")], consumed=6,
    )  # fmt: skip


def test_a_finite_batch_is_itself() -> None:
    batch = make_batch()
    assert batch.without_nonfinite() is batch
    assert batch.left_out == 1


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_the_first_block_is_named_and_every_column_loses_the_image(value: np.float32) -> None:
    batch = make_batch()
    batch.gates["b"][1, 2] = batch.squeezes["a"][3, 0] = batch.gates["a"][3, 0] = batch.gates["b"][3, 1] = value
    batch.confidences[4] = batch.confidences[1] = NAN
    found = batch.without_nonfinite()
    kind = "NaN" if np.isnan(value) else "inf"
    assert found.error_rows() == [
        {"path": "torn.png", "error": "It is torn."},
        {
            "path": "1.png",
            "error": f"Block b has a gate that is not finite ({kind}).",
            "kind": "nonfinite",
            "block": "b",
        },
        {
            "path": "3.png",
            "error": f"Block a has a squeeze that is not finite ({kind}).",
            "kind": "nonfinite",
            "block": "a",
        },
        {"path": "4.png", "error": "The logits are not finite (NaN or infinite).", "kind": "nonfinite"},
    ]
    assert count_nonfinite(found.error_rows()) == {"b": 1, "a": 1, "the logits": 1}
    assert (found.left_out, found.consumed, found.sample_ids, found.paths) == (
        4,
        6,
        ["id-0", "id-2"],
        ["0.png", "2.png"],
    )
    for field in dataclasses.fields(found):
        column = getattr(found, field.name)
        arrays = column.values() if field.name in ("gates", "squeezes") else [column]
        for array in arrays:
            if isinstance(array, np.ndarray):
                assert len(array) == 2, field.name
                assert np.isfinite(array).all()
    assert found.gates["a"][:, 0].tolist() == [np.float32(0.5), np.float32(0.52)]


def test_a_batch_may_lose_all_its_images() -> None:
    batch = make_batch()
    batch.gates["a"][:] = NAN
    found = batch.without_nonfinite()
    assert (found.sample_ids, found.left_out) == ([], 6)
    assert found.samples().num_rows == 0
