"""A few drawn recordings of every pattern; benchmarks/verdict_rates.py runs 400 of each."""

import json
from pathlib import Path

import pytest

from benchmarks.planted import PATTERNS, Design, simulate
from benchmarks.verdict_page import make_page
from senet_viz.claims.judging import judge_claims

SEEDS = range(3)
ROOT = Path(__file__).parents[3]
RATES = ROOT / "benchmarks" / "results" / "verdict_rates.json"


@pytest.mark.parametrize("name", PATTERNS)
def test_planted_patterns_get_the_right_verdict(name: str) -> None:
    pattern = PATTERNS[name]
    for seed in SEEDS:
        report = judge_claims(simulate(pattern, Design(20, 20), seed))
        for key, expected in pattern.expected.items():
            claim, reading = key.split()
            found = report.claim(claim).readings[reading]  # type: ignore[index]
            if expected == "not supported":
                assert found.verdict != "supported", (key, found.reason)
            else:
                assert found.verdict == expected, (key, found.reason)


def test_the_page_of_rates_is_made_from_the_stored_results() -> None:
    result = json.loads(RATES.read_text(encoding="utf-8"))
    assert (ROOT / "docs/verdict-rates.md").read_text(encoding="utf-8") == make_page(result)
    assert result["runs"] >= 400
    wrong = [r for r in result["rows"] if r["expected"] == "supported" and r["rates"]["refuted"] > 0.02]
    assert not wrong
