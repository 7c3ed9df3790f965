"""Put the paper's claims to the test on a recording, and draw class share and between-class SD along the depth.

    python examples/assess_and_draw.py runs/digits --figure depth.html

The recording is made first where there is none (see record_digits.py).
"""

import argparse
from pathlib import Path

import senet_viz as sv


def main() -> None:
    """Assess, tell the claims, and write the figure as a page of its own."""
    parser = argparse.ArgumentParser(description="Assess a recording and draw the depth figure.")
    parser.add_argument("recording", nargs="?", type=Path, default=Path("runs/digits"))
    parser.add_argument("--figure", type=Path, default=Path("depth.html"), help="the page that is written")
    parser.add_argument("--limit", type=int, default=300, help="images, where the recording has to be made first")
    args = parser.parse_args()

    if not (args.recording / "manifest.json").is_file():
        sv.record(sv.load_model("bundled"), "digits", args.recording, options=sv.RecordOptions(limit=args.limit))
    recording = sv.open_recording(args.recording)

    report = sv.assess(recording)
    for reading in sv.READINGS:
        print(sv.summarize_reading(report, reading))

    assessment = sv.read_assessment(recording)
    if assessment is not None:
        args.figure.write_bytes(sv.figures.page_of(sv.figures.draw_depth(assessment, sv.figures.LIGHT), name="depth"))
        print(f"{args.figure}: class share and between-class SD along the depth")


if __name__ == "__main__":
    main()
