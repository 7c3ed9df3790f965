"""The declared bounds: changing one is changing what was promised before data was read."""

import dataclasses

import pytest

from senet_viz.claims.declarations import CLAIMS

DECLARED = {
    ("C1", "relative"): (("at most", 0.10, 0.90), ("at most", 0.0, 0.90)),
    ("C1", "absolute"): (("at most", 0.02, 0.90),),
    ("C1", "causal"): (("at least", -1.0, 0.90), ("at most", 1.0, 0.90)),
    ("C2", "relative"): (("at least", 0.10, 0.95), ("above", 0.0, 0.95)),
    ("C2", "absolute"): (("at least", 0.02, 0.95),),
    ("C2", "causal"): (("above", 0.0, 0.95),),
    ("C3", "relative"): (("at least", 0.05, 0.95),),
    ("C3", "absolute"): (("at least", 0.01, 0.95),),
    ("C4", "absolute"): (("at least", 0.5, 0.95), ("at least", 0.25, 0.95)),
    ("C5", "causal"): (("at most", 1.0, 0.90), ("at least", 1.0, 0.95)),
    ("C6", "relative"): (("at least", 0.5, 0.95),),
    ("C6", "absolute"): (("at most", 0.02, 0.90),),
    ("C7", "causal"): (("at most", 1.0, 0.90), ("at most", 1.0, 0.90), ("below", 0.0, 0.95), ("below", 0.0, 0.95)),
    ("C8", "causal"): (("at most", 0.1, 0.90),),
    ("C9", "relative"): (("at least", 1.5, 0.95),),
    ("C9", "absolute"): (("at least", 0.02, 0.95),),
    ("C10", "causal"): (("at least", 0.5, 0.95), ("above", 0.0, 0.95)),
    ("C11", "causal"): (),
    ("C12", "relative"): (("at least", 0.9, 0.95),),
    ("C12", "absolute"): (("at least", 0.9, 0.95),),
}


def test_bounds_sides_and_levels_are_those_declared() -> None:
    found = {
        (claim.id, name): tuple((part.side, part.bound, part.level) for part in reading.parts)
        for claim in CLAIMS
        for name, reading in claim.readings.items()
    }
    assert found == DECLARED


def test_declarations_are_frozen_and_written_in_sentences() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CLAIMS[0].readings["relative"].parts[0].bound = 0.5  # type: ignore[misc]
    assert [claim.id for claim in CLAIMS] == [f"C{i}" for i in range(1, 13)]
    for claim in CLAIMS:
        assert claim.statement.endswith(".")
        assert claim.paper.endswith(".")
        assert "ω" not in claim.statement
