"""Does a gate rise or fall with its own channel's squeeze z? By block, of a recording that kept z (`record --keep-squeeze`).

    python tools/gate_feedback.py runs/val

Pearson's correlation over images of s with z, channel by channel; the mean over the block's channels, and the share of
channels where it is negative. Channels whose gate or z has an SD under 1e-4 do not count.
"""

import argparse
from pathlib import Path

import numpy as np

from senet_viz.recording import Recording, open_recording
from senet_viz.schema import Gate

_STILL = 1e-4  # SD


def correlate(recording: Recording, gate: Gate) -> np.ndarray:
    """(channels that move,), correlation of each channel's gate with its own z over the kept images."""
    s, z = (recording.gates(gate.name, quantity).astype(np.float64) for quantity in ("gate", "squeeze"))
    moves = (s.std(0) > _STILL) & (z.std(0) > _STILL)
    s, z = ((v[:, moves] - v[:, moves].mean(0)) / v[:, moves].std(0) for v in (s, z))
    return np.asarray((s * z).mean(0))


def make_table(recording: Recording) -> str:
    """In Markdown."""
    lines = ["| block | channels that move | mean correlation of s with its z | share below 0 |", "|---|---|---|---|"]
    for gate in recording.blocks:
        found = correlate(recording, gate)
        told = f"{found.mean():+.2f} | {(found < 0).mean():.0%}".replace("-", "−") if len(found) else "– | –"
        lines.append(f"| {gate.label} | {len(found)} of {gate.channels} | {told} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    print(make_table(open_recording(parser.parse_args().recording)))  # noqa: T201 - a command
