"""The verdicts of two recordings, claim by claim and reading by reading."""

import pandas as pd

from senet_viz.claims import ClaimReport, Evidence, say_interval


def tabulate_verdicts(first: ClaimReport, second: ClaimReport) -> pd.DataFrame:
    """A row per claim and reading: both verdicts, whether they differ, both effects with their intervals.

    The effect is that of the reading's first part.
    """
    rows = []
    for mine in first.claims:
        theirs = second.claim(mine.id)
        for name, evidence in mine.readings.items():
            other = theirs.readings.get(name)
            if other is None:
                continue
            rows.append(
                {
                    "claim": mine.id,
                    "reading": name,
                    "first": evidence.verdict,
                    "second": other.verdict,
                    "differs": evidence.verdict != other.verdict,
                    "first's effect": _effect(evidence),
                    "second's effect": _effect(other),
                    "statement": mine.statement,
                }
            )
    return pd.DataFrame(rows)


def count_verdict_changes(table: pd.DataFrame) -> str:
    """How many verdicts differ, and how many are opposites, in a sentence; claims that neither can judge do not count."""
    judged = table[~((table["first"] == "not applicable") & (table["second"] == "not applicable"))]
    if judged.empty:
        return "Neither recording allows a verdict."
    changed = judged[judged["differs"]]
    if changed.empty:
        return f"**All {len(judged)} verdicts are the same.**"
    opposite = changed[(changed[["first", "second"]].isin(["supported", "refuted"])).all(axis=1)]
    names = ", ".join(f"{row.claim} ({row.reading})" for row in opposite.itertuples())
    told = f"; opposite: {names}" if names else "; none is the opposite"
    return f"**{len(changed)} of {len(judged)} verdicts differ**{told}."


def _effect(evidence: Evidence) -> str:
    if not evidence.parts:
        return ""
    return say_interval(evidence.effect, evidence.interval, evidence.parts[0].unit)
