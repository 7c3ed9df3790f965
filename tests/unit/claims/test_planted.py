"""A few drawn recordings of every pattern; benchmarks/verdict_rates.py runs 400 of each."""

import pytest

from benchmarks.planted import PATTERNS, Design, simulate
from senet_viz.claims import judge

SEEDS = range(3)


@pytest.mark.parametrize("name", PATTERNS)
def test_planted_patterns_get_the_right_verdict(name: str) -> None:
    pattern = PATTERNS[name]
    for seed in SEEDS:
        report = judge(simulate(pattern, Design(20, 20), seed))
        for key, expected in pattern.expected.items():
            claim, reading = key.split()
            found = report.claim(claim).readings[reading]  # type: ignore[index]
            if expected == "not supported":
                assert found.verdict != "supported", (key, found.reason)
            else:
                assert found.verdict == expected, (key, found.reason)
