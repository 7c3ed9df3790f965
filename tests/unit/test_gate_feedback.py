"""The correlation of gates with their own squeeze, against numpy's."""

from pathlib import Path

import numpy as np
import pytest

import senet_viz as sv
from senet_viz.recording.options import RecordOptions
from tools.gate_feedback import correlate, make_parts


@pytest.mark.slow
def test_it_is_pearsons_of_each_channel(tmp_path: Path) -> None:
    options = RecordOptions(limit=40, squeeze=True)
    recording = sv.record(sv.load_model("bundled", device="cpu"), "digits", tmp_path / "run", options=options)
    gate = recording.blocks[5]
    s, z = (recording.gates(gate.name, quantity).astype(np.float64) for quantity in ("gate", "squeeze"))
    counts = np.flatnonzero((s.std(0, ddof=1) >= 1e-3) & (z.std(0) > 0))
    assert 0 < len(counts) <= gate.channels
    expected = [np.corrcoef(s[:, c], z[:, c])[0, 1] for c in counts]
    np.testing.assert_allclose(correlate(recording, gate), expected, atol=1e-12)
    table = make_parts(recording.path)["feedback"].splitlines()
    assert len(table) == 2 + len(recording.blocks)
    assert f"| {len(counts)} of {gate.channels} |" in table[2 + gate.depth]
