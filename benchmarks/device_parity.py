"""How far the gates of one network on one device lie from those on the CPU, in fp32.

python benchmarks/device_parity.py --data val.parquet --device cuda
"""

import argparse
import json
from pathlib import Path

import numpy as np

from senet_viz import GateRecorder, load_model, open_images
from senet_viz.images.loading import load_batches
from senet_viz.models.environment import describe_environment
from senet_viz.models.forward import forward, observing, to_arrays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "device_parity.json")
    arguments = parser.parse_args()
    source = open_images(arguments.data)
    models = [load_model(arguments.model, device=device) for device in ("cpu", arguments.device)]
    slices = [part for part in np.array_split(np.arange(min(arguments.images, len(source))), 20) if len(part)]
    largest, squares, count, disagreeing = 0.0, 0.0, 0, 0
    pinned = models[1].device.type == "cuda"
    for batch in load_batches(source, slices, models[0].preprocess, pinned=pinned):
        if batch.pixels is None:
            continue
        gates, predictions = [], []
        for model in models:
            with observing(model, "fp32"), GateRecorder(model.module) as recorder:
                predictions.append(forward(model, batch.pixels).argmax(dim=1).cpu())
                gates.append(np.concatenate([*to_arrays(recorder.take()).values()], axis=1).astype(np.float64))
        difference = gates[0] - gates[1]
        largest = max(largest, float(np.abs(difference).max()))
        squares, count = squares + float(np.square(difference).sum()), count + difference.size
        disagreeing += int((predictions[0] != predictions[1]).sum())
    result = {
        "benchmark": "device_parity",
        "model": arguments.model,
        "images": int(sum(map(len, slices))),
        "environment": describe_environment(models[1].device),
        "largest_difference": largest,
        "rms_difference": (squares / count) ** 0.5,
        "predictions_that_differ": disagreeing,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
