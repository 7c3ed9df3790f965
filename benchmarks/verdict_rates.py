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
from typing import Any

import torch
from planted import PATTERNS, Design, Pattern, at_the_bound, simulate

from senet_viz.claims import VERDICTS, ReadingName, judge
from senet_viz.environment import describe_environment

RESULT = Path(__file__).parent / "results" / "verdict_rates.json"
PAGE = Path(__file__).parents[1] / "docs" / "verdict-rates.md"
DESIGNS = (Design(4, 50), Design(20, 5), Design(20, 20), Design(20, 20, unequal=True), Design(200, 10))


@dataclass(frozen=True)
class Row:
    """Rates of one claim's reading under one pattern and design."""

    pattern: str
    claim: str
    reading: ReadingName
    design: str
    expected: str
    rates: dict[str, float]


def run_pattern(name: str, pattern: Pattern, design: Design, seeds: Sequence[int]) -> list[Row]:
    """Judge so many drawn recordings."""
    found: dict[str, Counter[str]] = {key: Counter() for key in pattern.expected}
    for seed in seeds:
        report = judge(simulate(pattern, design, seed))
        for key, counts in found.items():
            claim, reading = key.split()
            counts[report.claim(claim).readings[reading].verdict] += 1  # type: ignore[index]
    rows = []
    for key, counts in found.items():
        claim, reading = key.split()
        expected = "not applicable" if claim == "C12" and design.classes <= 4 else pattern.expected[key]
        rates = {verdict: counts[verdict] / len(seeds) for verdict in VERDICTS}
        rows.append(Row(name, claim, reading, design.name, expected, rates))  # type: ignore[arg-type]
    return rows


def right_rate(row: dict[str, Any]) -> float:
    """Share of runs with the expected verdict."""
    if row["expected"] == "not supported":
        return 1 - float(row["rates"]["supported"])
    return float(row["rates"][row["expected"]])


def run_all(runs: int) -> dict[str, Any]:
    """All patterns and designs."""
    began, rows = time.perf_counter(), []
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


def write_page(result: dict[str, Any]) -> None:
    """docs/verdict-rates.md."""
    names = list(dict.fromkeys(row["pattern"] for row in result["rows"]))
    text = [
        "# How often the verdicts are right",
        "",
        f"Rates over {result['runs']} drawn recordings each, of six blocks with {result['channels']} correlated channels; "
        "classes × images per class. Made by `python benchmarks/verdict_rates.py --write-docs`; the patterns stand in "
        "`benchmarks/planted.py` and `benchmarks/verdict_rates.py`, the rules and bounds in `senet_viz/claims/`.",
        "",
        f"Wanted: the right verdict in at least 95 % of runs. Smallest rate found: {result['smallest_right_rate']:.1%}.",
    ]
    for name in names:
        text += [
            "",
            f"## {name[0].upper()}{name[1:]}",
            "",
            *_pattern_table([r for r in result["rows"] if r["pattern"] == name]),
        ]
    text += ["", *_reading_notes()]
    PAGE.write_text("\n".join(text) + "\n", encoding="utf-8")


def _pattern_table(rows: list[dict[str, Any]]) -> list[str]:
    designs = list(dict.fromkeys(row["design"] for row in rows))
    lines = [f"| claim | reading | right | {' | '.join(designs)} |", f"|---|---|---|{'---|' * len(designs)}"]
    for claim, reading in dict.fromkeys((row["claim"], row["reading"]) for row in rows):
        own = {row["design"]: row for row in rows if (row["claim"], row["reading"]) == (claim, reading)}
        cells = [f"{right_rate(own[d]):.1%}{_mark(own[d])}" for d in designs]
        expected = next(r["expected"] for r in reversed(list(own.values())))
        lines.append(f"| {claim} | {reading} | {expected} | {' | '.join(cells)} |")
    return lines


def _mark(row: dict[str, Any]) -> str:
    return " (not applicable)" if row["claim"] == "C12" and row["expected"] == "not applicable" else ""


def _reading_notes() -> list[str]:
    return [
        "## Notes",
        "",
        '- "Not supported" counts everything but a wrong "supported". At a bound 97.5 % is expected of it (95 % for '
        "equivalences), and more where an interval is wider than it need be.",
        "- C12 needs more than four classes: of four the only subset is the whole.",
        "- Under pure noise the second part of C1's relative reading compares nothing with a third of nothing. Its true "
        "value is then the bound itself, so that by the rule alone it could be supported in 5 % of runs only, although "
        "C1 is true. Where neither block's 95 % interval lies above 0 that part is not applicable and the first part "
        "(ω² ≤ .10) decides alone.",
        "- Under pure noise C6 has no class differences to find a pattern in; both of its readings are not applicable "
        "where the 95 % interval of the between-class variance reaches 0.",
    ]


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
        write_page(json.loads(arguments.out.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
