"""Record the gates of the bundled network on handwritten digits, and export their statistics.

    python examples/record_digits.py --out runs/digits --limit 300

Nothing is downloaded: the network comes with this project, the digits with scikit-learn. Then `streamlit run app.py` shows
the recording.
"""

import argparse
from pathlib import Path

import senet_viz as sv


def main() -> None:
    """Record, export, and say what came out."""
    parser = argparse.ArgumentParser(description="Record the bundled network on digits and export statistics.")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/digits"), help="folder of the recording, new or unfinished"
    )
    parser.add_argument("--limit", type=int, default=300, help="images, evenly of every digit")
    args = parser.parse_args()

    model = sv.load_model("bundled")
    recording = sv.record(model, "digits", args.out, options=sv.RecordOptions(limit=args.limit))
    print(f"{recording.path}: {recording.samples.num_rows} images, {len(recording.blocks)} blocks")

    statistics = args.out.with_suffix(".csv")
    sv.export_statistics(recording, statistics)
    print(f"{statistics}: mean, SD and range of every gate, for every digit")

    blocks = sv.measure_selectivity(recording, per="block")
    print(blocks[["label", "omega_squared", "between_sd", "near_one"]].to_string(index=False))


if __name__ == "__main__":
    main()
