"""Compare the gates of two photographs, block by block, and place them among the recorded classes.

    python examples/compare_images.py first.jpg second.jpg

Without images it takes the two that come with scikit-learn, a temple and a flower.
"""

import argparse
import io

from PIL import Image
from sklearn.datasets import load_sample_images

import senet_viz as sv


def sample_images() -> list[sv.ImageInput]:
    """scikit-learn's two photographs, as names and PNG files in memory."""
    found: list[sv.ImageInput] = []
    for name, pixels in zip(("temple.png", "flower.png"), load_sample_images().images):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        found.append((name, file.getvalue()))
    return found


def main() -> None:
    """Compare, and print predictions and distances."""
    parser = argparse.ArgumentParser(description="Compare the gates of images.")
    parser.add_argument("images", nargs="*", help="paths of images; scikit-learn's two photographs by default")
    parser.add_argument("--recording", default=str(sv.bundled_folder() / "recording"), help="a recording")
    args = parser.parse_args()

    recording = sv.open_recording(args.recording)
    model = sv.load_recorded_model(recording.manifest)
    comparison = sv.compare_images(model, args.images or sample_images(), recording)
    for name, sentence in comparison.failures:
        print(f"{name}: {sentence}")

    print(comparison.predictions_table().to_string(index=False))
    print(comparison.pairs_table().to_string(index=False))


if __name__ == "__main__":
    main()
