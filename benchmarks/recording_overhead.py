"""What recording costs on top of decoding and a bare forward of the same batches.

    python benchmarks/recording_overhead.py --data val.parquet

Three ways over the same images, interleaved, so that a machine that slows down slows all three: decoding and forward
without hooks, `record --keep none`, `record --keep all`. Reported: the ratio of each round, and their median.

Beside that, without data: an SE-ResNet-50 whose gates are modules, seen by hooks, and the same network whose gates are computed by a
function, seen by taps; where it is installed also `efficientnet_pytorch`, whose blocks compute theirs. Each recorded forward is measured
against its own bare one in processor seconds, in turn. `--gates-only` does nothing else.
"""

import argparse
import importlib
import importlib.util
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from torch import Tensor, nn

from senet_viz import load_model, open_images, record
from senet_viz.gates.discovery import BoundGate, bind_gates
from senet_viz.gates.recorder import GateRecorder
from senet_viz.images.loading import DecodingThreads, load_batches
from senet_viz.images.source import ImageSource
from senet_viz.models.environment import count_cores, describe_environment
from senet_viz.models.forward import forward, observing
from senet_viz.models.memory import keep_freed_memory
from senet_viz.models.zoo import Model
from senet_viz.recording.options import RecordOptions


def run_bare(model: Model, source: ImageSource, options: RecordOptions) -> float:
    """Seconds of decoding and forward in the recording's batches, without hooks."""
    count = min(len(source), options.limit or len(source))
    slices = (
        np.arange(start, min(start + options.settled_batch_size, shard + options.shard_size, count))
        for shard in range(0, count, options.shard_size)
        for start in range(shard, min(shard + options.shard_size, count), options.settled_batch_size)
    )
    threads = options.workers or DecodingThreads(1, count_cores())
    began = time.perf_counter()
    with observing(model, options.precision):
        for batch in load_batches(source, slices, model.preprocess, workers=threads):
            if batch.pixels is not None:
                forward(model, batch.pixels).argmax(dim=1).cpu()
    return time.perf_counter() - began


def run_recording(model: Model, source: ImageSource, options: RecordOptions) -> float:
    """Seconds of a whole recording, its last commit included, the estimate before it left out."""
    folder = Path(tempfile.mkdtemp())
    began = [time.perf_counter()]
    try:
        record(
            model, source, folder / "run", options=options,
            on_estimate=lambda _: began.__setitem__(0, time.perf_counter()),
        )  # fmt: skip
        return time.perf_counter() - began[0]
    finally:
        shutil.rmtree(folder)


class FunctionalUnit(nn.Module):
    """An SE unit with the layers of another one, whose gate no module returns."""

    def __init__(self, unit: nn.Module) -> None:
        super().__init__()
        self.fc1, self.fc2 = unit.get_submodule("fc1"), unit.get_submodule("fc2")

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc2(torch.relu(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(logits)


def make_gate_networks() -> dict[str, nn.Module]:
    """The same SE-ResNet-50 with hooked gates and with functional ones; an EfficientNet-B0 with functional ones, if installed."""
    torch.manual_seed(0)
    hooked: nn.Module = timm.create_model("seresnet50").eval()
    functional: nn.Module = timm.create_model("seresnet50").eval()
    functional.load_state_dict(hooked.state_dict())
    units = [name for name, part in functional.named_modules() if type(part).__name__ == "SEModule"]
    for name in units:
        functional.set_submodule(name, FunctionalUnit(functional.get_submodule(name)))
    networks = {"hooked": hooked, "functional": functional}
    if importlib.util.find_spec("efficientnet_pytorch") is not None:
        package = importlib.import_module("efficientnet_pytorch")
        networks["efficientnet_pytorch"] = package.EfficientNet.from_name("efficientnet-b0").eval()
    return networks


def _time_bare(network: nn.Module, images: Tensor) -> float:
    began = time.process_time()
    network(images)
    return time.process_time() - began


def _time_recorded(network: nn.Module, images: Tensor, bound: Sequence[BoundGate]) -> float:
    """Of a forward; hooks are there for a whole recording."""
    with GateRecorder(network, bound=bound) as recorder:
        began = time.process_time()
        network(images)
        recorder.take()
        return time.process_time() - began


def measure_gates(rounds: int, batch_size: int, side: int) -> dict[str, Any]:
    """Processor seconds of bare and recorded forwards of each network, which take turns and change places from round to round."""
    networks = make_gate_networks()
    bound = {kind: bind_gates(network) for kind, network in networks.items()}
    images = torch.randn(batch_size, 3, side, side)
    seconds: dict[str, list[float]] = {}
    with torch.inference_mode():
        for number in range(rounds + 1):
            for kind, network in networks.items():
                for way in ("bare", "recorded") if number % 2 else ("recorded", "bare"):
                    found = (
                        _time_bare(network, images) if way == "bare" else _time_recorded(network, images, bound[kind])
                    )
                    if number:  # the first is a warm-up
                        seconds.setdefault(f"{kind}_{way}", []).append(found)
    ratios = {
        kind: [b / a for a, b in zip(seconds[f"{kind}_bare"], seconds[f"{kind}_recorded"], strict=True)]
        for kind in networks
    }
    return {
        "network": "timm seresnet50, random weights; efficientnet_pytorch's efficientnet-b0 where it is named",
        "clock": "processor seconds",
        "threads": torch.get_num_threads(),
        "gates": {kind: len(each) for kind, each in bound.items()},
        "batch_size": batch_size,
        "side": side,
        "seconds": {key: [round(value, 4) for value in values] for key, values in seconds.items()},
        **{f"median_ratio_{kind}": round(statistics.median(values), 3) for kind, values in ratios.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="needed unless --gates-only")
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gate-rounds", type=int, default=20)
    parser.add_argument("--side", type=int, default=96, help="of the random images of the comparison of gates")
    parser.add_argument("--gates-only", action="store_true", help='compare gates only, in the file\'s "gates"')
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "recording_overhead.json")
    arguments = parser.parse_args()
    keep_freed_memory()  # as `record` does: the bare forward must not be slower for another reason than the hooks
    gates = measure_gates(arguments.gate_rounds, arguments.batch_size, arguments.side)
    if arguments.gates_only:
        known = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.exists() else {}
        gates |= {"environment": describe_environment(torch.device("cpu"))}
        arguments.out.write_text(json.dumps(known | {"gates": gates}, indent=1) + "\n", encoding="utf-8")
        print(json.dumps({key: value for key, value in gates.items() if key.startswith("median")}))
        return
    if arguments.data is None:
        parser.error("--data is needed unless --gates-only")
    model, source = load_model(arguments.model, device=arguments.device), open_images(arguments.data)
    base = {"precision": arguments.precision, "batch_size": arguments.batch_size}
    rounds = []
    run_bare(model, source, RecordOptions(**base, limit=500))  # warm-up
    for number in range(arguments.rounds):
        bare = run_bare(model, source, RecordOptions(**base))
        none = run_recording(model, source, RecordOptions(**base, keep="none"))
        everything = run_recording(model, source, RecordOptions(**base, keep="all"))
        rounds.append({"bare": bare, "keep_none": none, "keep_all": everything})
        print(
            f"round {number + 1}: bare {bare:.1f} s, keep none {none / bare:.3f} ×, keep all {everything / bare:.3f} ×",
            flush=True,
        )
    result = {
        "benchmark": "recording_overhead",
        "model": arguments.model,
        "images": len(source),
        **base,
        "environment": describe_environment(model.device),
        "rounds_seconds": [{key: round(value, 2) for key, value in entry.items()} for entry in rounds],
        "bare_images_per_second": round(len(source) / statistics.median(r["bare"] for r in rounds), 1),
        "median_ratio_keep_none": round(statistics.median(r["keep_none"] / r["bare"] for r in rounds), 3),
        "median_ratio_keep_all": round(statistics.median(r["keep_all"] / r["bare"] for r in rounds), 3),
    }
    result["gates"] = gates
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(
        json.dumps(
            {key: result[key] for key in ("bare_images_per_second", "median_ratio_keep_none", "median_ratio_keep_all")}
        )
    )


if __name__ == "__main__":
    main()
