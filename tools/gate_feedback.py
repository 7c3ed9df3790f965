"""Does a gate rise or fall with its own channel's squeeze z? By block, of a recording that kept z (`record --keep-squeeze`).

    python -m tools.gate_feedback runs/val

Pearson's correlation over images of s with z, channel by channel; the mean over the block's channels, and the share of
channels where it is negative. Dead channels (an SD of the gate under .001) and those whose z does not vary do not count.
With `--write docs/claims-inception.md` the table replaces the page's.
"""

from pathlib import Path

import numpy as np

from senet_viz.recording.reader import Recording, open_recording
from senet_viz.schema import Gate
from senet_viz.stats.health import DEAD_SD
from tools.pages import run


def correlate(recording: Recording, gate: Gate) -> np.ndarray:
    """(channels that count,), correlation of each channel's gate with its own z over the kept images."""
    s, z = (recording.gates(gate.name, quantity).astype(np.float64) for quantity in ("gate", "squeeze"))
    moves = (s.std(0, ddof=1) >= DEAD_SD) & (z.std(0) > 0)
    s, z = ((v[:, moves] - v[:, moves].mean(0)) / v[:, moves].std(0) for v in (s, z))
    return np.asarray((s * z).mean(0))


def make_parts(folder: Path) -> dict[str, str]:
    """The table by the name of its marks, "feedback"."""
    recording = open_recording(folder)
    lines = ["| block | channels that count | mean correlation of s with its z | share below 0 |", "|---|---|---|---|"]
    for gate in recording.blocks:
        found = correlate(recording, gate)
        told = f"{found.mean():+.2f} | {(found < 0).mean():.0%}".replace("-", "−") if len(found) else "– | –"
        lines.append(f"| {gate.label} | {len(found)} of {gate.channels} | {told} |")
    return {"feedback": "\n".join(lines)}


if __name__ == "__main__":
    run(__doc__, make_parts)
