"""Whatever somebody does to an image file: pixels, or one sentence, within the bounds, and the same every time."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hostile_images import OUTCOMES, Bases, make_bases, mutate, try_one

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux tells a process's largest memory"
)


@pytest.fixture(scope="module")
def bases() -> Bases:
    return make_bases()


def test_every_form_decodes_as_it_is(bases: Bases) -> None:
    found = [(kind, data[:40], try_one(data, twice=True, name=f"x.{kind.lower()}")) for kind, data in bases]
    refused = [(kind, begins, case.said) for kind, begins, case in found if case.outcome != "decoded"]
    assert [begins[:2] for _, begins, _ in refused] == [b"P2"], refused
    assert len({kind for kind, _ in bases}) >= 11


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10**9))
def test_a_changed_image_is_decoded_or_refused_in_a_sentence(bases: Bases, case: int) -> None:
    kind, change, data = mutate(bases, case)
    found = try_one(data, twice=True, name=f"x.{kind.lower()}")
    assert found.outcome in OUTCOMES[:2], (kind, change, found)
