"""The page of verdict rates, made from the stored results alone."""

from typing import Any

WANTED = 0.95


def right_rate(row: dict[str, Any]) -> float:
    """Share of runs with the expected verdict."""
    if row["expected"] == "not supported":
        return 1 - float(row["rates"]["supported"])
    return float(row["rates"][row["expected"]])


def make_page(result: dict[str, Any]) -> str:
    """docs/verdict-rates.md."""
    names = list(dict.fromkeys(row["pattern"] for row in result["rows"]))
    text = [
        "# How often the verdicts are right",
        "",
        f"Rates over {result['runs']} drawn recordings each, of six blocks with {result['channels']} correlated channels; "
        "classes × images per class. Made by `python benchmarks/verdict_rates.py --write-docs`; the patterns stand in "
        "`benchmarks/planted.py`, the rules and bounds in `senet_viz/claims/`, all rates of all verdicts in "
        "`benchmarks/results/verdict_rates.json`.",
        "",
        _describe_misses(result["rows"]),
    ]
    for name in names:
        text += [
            "",
            f"## {name[0].upper()}{name[1:]}",
            "",
            *_pattern_table([r for r in result["rows"] if r["pattern"] == name]),
        ]
    text += ["", *_reading_notes()]
    return "\n".join(text) + "\n"


def _describe_misses(rows: list[dict[str, Any]]) -> str:
    """The cells that fall short of what was wanted, and how often a verdict is wrong where the truth is the bound."""
    at_bound = [row for row in rows if row["pattern"].startswith("at the bound")]
    away = [row for row in rows if row not in at_bound]
    short = [row for row in away if right_rate(row) < WANTED]
    least, (pattern, claim, reading) = min((rate, key) for key, rate in _pooled_rates(away).items())
    wanted = f"Away from the bounds the right verdict is wanted in at least {WANTED:.0%} of runs"
    lines = [
        f"{wanted}. Missed in {len(short)} of {len(away)} cells, a size of a pattern each; the notes below say why:"
        if short
        else f"{wanted}. The smallest rate found in {len(away)} cells is {min(map(right_rate, away)):.1%}."
    ]
    if short:
        lines += ["", *map(_describe_miss, short)]
    lines += [
        "",
        f"Over all sizes of a pattern together the smallest rate is {least:.1%} ({claim} {reading}, {pattern}).",
    ]
    if at_bound:
        wrong = 1 - min(map(right_rate, at_bound))
        lines += ["", f"Where the truth is the bound itself, a claim is supported in at most {wrong:.1%} of runs."]
    return "\n".join(lines)


def _pooled_rates(rows: list[dict[str, Any]]) -> dict[tuple[str, str, str], float]:
    """Rate of the right verdict of each claim and reading of a pattern, over all its sizes, of as many runs each."""
    by_claim: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        by_claim.setdefault((row["pattern"], row["claim"], row["reading"]), []).append(right_rate(row))
    return {key: sum(rates) / len(rates) for key, rates in by_claim.items()}


def _describe_miss(row: dict[str, Any]) -> str:
    others = [f"{rate:.1%} {verdict}" for verdict, rate in row["rates"].items() if rate and verdict != row["expected"]]
    effect = f"; mean estimate {row['effect']:.3f} ± {row['reach']:.3f}" if row["reach"] is not None else ""
    where = f"{row['claim']} {row['reading']}, {row['pattern']}, {row['design']}"
    return f"- {where}: {right_rate(row):.1%} right, {', '.join(others)}{effect}"


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
        "- With 20 classes × 5 there are 100 images in 5 groups. The interval of SE_2_3's share is then wide enough to reach "
        "C1's bound of .10 although the planted share is .026: inconclusive for want of images, not refuted.",
        "- C12 needs more than four classes: of four the only subset is the whole.",
        "- Under pure noise the second part of C1's relative reading compares nothing with a third of nothing. Its true "
        "value is then the bound itself, so that by the rule alone it could be supported in 5 % of runs only, although "
        "C1 is true. Where neither block's 95 % interval lies above 0 that part is not applicable and the first part "
        "(ω² ≤ .10) decides alone.",
        "- Under pure noise C6 has no class differences to find a pattern in; both of its readings are not applicable "
        "where the 95 % interval of the between-class variance reaches 0.",
    ]
