"""What could make a forward faster on this CPU, and how far gates move: for a `--fast` that is not built yet.

    python benchmarks/fast_forward.py --rounds 3

Each variant of SE-ResNet-50 (timm's legacy_seresnet50, random weights) runs the same 64 random images with hooks on its gates,
one after the other in every round; ratios to the reference (fp32, channels last, 64 a forward) are taken within a round.
With others on the machine set OMP_NUM_THREADS=1 and look at processor seconds.
"""

import argparse
import copy
import itertools
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from senet_viz.models.environment import describe_environment
from senet_viz.models.memory import keep_freed_memory

IMAGES = 64
Run = Callable[[Tensor], Tensor]


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Each BN that follows a conv among its siblings is folded into that conv, in place; hooks stay where they are."""
    for part in list(network.modules()):
        children = list(part.named_children())
        for (name, conv), (after, norm) in itertools.pairwise(children):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                part.set_submodule(name, fuse_conv_bn_eval(conv, norm))
                part.set_submodule(after, nn.Identity())
    return network


def observe(network: nn.Module, run: Callable[[Tensor], Any], batch_size: int = IMAGES) -> Run:
    """A forward that returns all gates, (N, ΣC)."""
    found: list[Tensor] = []
    for name, module in network.named_modules():
        if name.endswith("se_module.sigmoid"):
            module.register_forward_hook(lambda _m, _i, gate: found.append(gate.flatten(1).float()))

    def forward(images: Tensor) -> Tensor:
        parts = []
        for batch in torch.split(images, batch_size):
            found.clear()
            run(batch)
            parts.append(torch.cat(found, dim=1))
        return torch.cat(parts)

    return forward


def make_variants(compiled: bool) -> dict[str, Run]:
    torch.manual_seed(0)
    plain = timm.create_model("legacy_seresnet50").eval()
    last = copy.deepcopy(plain).to(memory_format=torch.channels_last)
    variants: dict[str, Run] = {"reference": observe(network := copy.deepcopy(last), network)}
    variants |= {f"batches of {size}": observe(network := copy.deepcopy(last), network, size) for size in (16, 32)}
    variants["not channels last"] = observe(rows := copy.deepcopy(plain), lambda batch: rows(batch.contiguous()))
    variants["batch norm folded"] = observe(network := fold_batch_norm(copy.deepcopy(last)), network)
    variants["folded, batches of 16"] = observe(network := fold_batch_norm(copy.deepcopy(last)), network, 16)
    variants["bf16 autocast"] = observe(network := copy.deepcopy(last), torch.autocast("cpu", torch.bfloat16)(network))
    if compiled:
        variants["compiled, frozen"] = observe(
            network := copy.deepcopy(last), torch.compile(network, options={"freezing": True})
        )
    return variants


def compare(reference: list[tuple[float, float]], mine: list[tuple[float, float]], which: int) -> dict[str, float]:
    """Median and range of the ratio within rounds; the first one warms up."""
    ratios = [a[which] / b[which] for a, b in zip(reference[1:], mine[1:], strict=True)]
    return {name: round(f(ratios), 3) for name, f in (("median", statistics.median), ("least", min), ("most", max))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compiled", action="store_true", help="torch.compile too; needs a C++ compiler")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "fast_forward.json")
    arguments = parser.parse_args()
    keep_freed_memory()
    load, variants = os.getloadavg()[0], make_variants(arguments.compiled)
    images = torch.randn(IMAGES, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
    gates: dict[str, Tensor] = {}
    with torch.inference_mode():
        for _ in range(arguments.rounds + 1):
            for name, run in variants.items():
                clock, processors = time.perf_counter(), time.process_time()
                gates[name] = run(images)
                seconds[name].append((time.perf_counter() - clock, time.process_time() - processors))
    result = {
        "benchmark": "fast_forward", "images": IMAGES, "rounds": arguments.rounds, "threads": torch.get_num_threads(),
        "load_average_at_start": round(load, 2), "environment": describe_environment(torch.device("cpu")),
        "variants": {
            name: {
                "times_as_fast": compare(seconds["reference"], mine, 0),
                "times_as_fast_in_processor_seconds": compare(seconds["reference"], mine, 1),
                "first_call_seconds": round(mine[0][0], 2),
                "largest_gate_difference": float((gates[name] - gates["reference"]).abs().max()),
            }
            for name, mine in seconds.items()
        },
    }  # fmt: skip
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["variants"], indent=1))


if __name__ == "__main__":
    main()
