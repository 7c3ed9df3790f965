"""How often claims get the right verdict on gates with planted patterns, and on pure noise.

    python benchmarks/verdict_rates.py --write-docs

Writes results/verdict_rates.json and, with --write-docs, docs/verdict-rates.md from it; --docs-only makes the page from
the stored results. Patterns are drawn by planted.py; measuring, resampling and judging are the package's own.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from planted import PATTERNS, Design, Pattern, at_the_bound, simulate
from verdict_page import make_page, right_rate

from senet_viz.claims.evidence import ClaimReport
from senet_viz.claims.judging import judge_claims
from senet_viz.claims.statistics import Verdict
from senet_viz.models.environment import describe_environment

RESULT = Path(__file__).parent / "results" / "verdict_rates.json"
PAGE = Path(__file__).parents[1] / "docs" / "verdict-rates.md"
DESIGNS = (Design(4, 50), Design(20, 5), Design(20, 20), Design(20, 20, unequal=True), Design(200, 10))


@dataclass(frozen=True)
class Row:
    """Rates of one claim's reading under one pattern and design.

    Attributes:
        pattern, claim, reading, design: whose.
        expected: the right verdict, or "not supported".
        rates: of each verdict.
        effect: mean of the headline number over the runs, None where it is not defined.
        reach: mean half width of its interval, likewise.
    """

    pattern: str
    claim: str
    reading: str
    design: str
    expected: str
    rates: dict[str, float]
    effect: float | None
    reach: float | None


def run_pattern(name: str, pattern: Pattern, design: Design, seeds: Sequence[int]) -> list[Row]:
    """Judge so many drawn recordings."""
    reports = [judge_claims(simulate(pattern, design, seed)) for seed in seeds]
    return [_count(name, key, pattern, design, reports) for key in pattern.expected]


def _count(name: str, key: str, pattern: Pattern, design: Design, reports: list[ClaimReport]) -> Row:
    claim, reading = key.split()
    found = [report.claim(claim).readings[reading] for report in reports]  # type: ignore[index]
    counts = Counter(evidence.verdict for evidence in found)
    effect = _mean([evidence.effect for evidence in found])
    reach = _mean([(evidence.interval.high - evidence.interval.low) / 2 for evidence in found])
    expected = "not applicable" if claim == "C12" and design.classes <= 4 else pattern.expected[key]
    rates = {str(verdict): counts[verdict] / len(reports) for verdict in get_args(Verdict)}
    return Row(name, claim, reading, design.name, expected, rates, effect, reach)


def _mean(values: list[float]) -> float | None:
    defined = np.array(values)[~np.isnan(values)]
    return round(float(defined.mean()), 6) if len(defined) else None


def run_all(runs: int) -> dict[str, Any]:
    """All patterns and designs."""
    began = time.perf_counter()
    rows: list[Row] = []
    for design in DESIGNS:
        exact = {} if design.unequal else at_the_bound(design.classes)
        for name, pattern in {**PATTERNS, **exact}.items():
            rows += run_pattern(name, pattern, design, range(runs))
            print(f"{time.perf_counter() - began:6.0f} s  {design.name}, {name}", flush=True)
    tables = [vars(row) for row in rows]
    return {
        "benchmark": "verdict_rates",
        "runs": runs,
        "channels": 64,
        "environment": describe_environment(torch.device("cpu")),
        "smallest_right_rate": min(right_rate(row) for row in tables),
        "rows": tables,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--write-docs", action="store_true", help="make docs/verdict-rates.md too")
    parser.add_argument("--docs-only", action="store_true", help="make the page from stored results")
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    if not arguments.docs_only:
        result = run_all(arguments.runs)
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if arguments.write_docs or arguments.docs_only:
        PAGE.write_text(make_page(json.loads(arguments.out.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
