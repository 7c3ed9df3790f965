"""The tables of docs/scaling.md are those of the stored results, and what is computed from these is right."""

import json
from pathlib import Path

import pytest

from tools.pages import fill
from tools.scaling_tables import duration, make_parts, size

ROOT = Path(__file__).parents[2]


def test_the_tables_of_scaling_are_those_of_the_stored_results() -> None:
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert fill(page, make_parts(ROOT / "benchmarks" / "results")) == page


@pytest.mark.parametrize(
    ("seconds", "text"), [(9, "9.0 s"), (90, "1.5 min"), (3600, "1.0 h"), (86_400 * 463, "460 days")]
)
def test_durations_have_two_digits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_sizes_have_two_digits() -> None:
    assert (size(613e6), size(20.9e12), size(1.34e9)) == ("610 MB", "21 TB", "1.3 GB")


def test_the_decoding_that_the_text_quotes_is_the_measured_one() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "scaling.json").read_text(encoding="utf-8"))
    milliseconds = f"{measured['decode']['decode_and_preprocess_ms']:.1f}"
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    for sentence in ("W · d / {} ms", "{} threads for every\n1,000 images", "has {} or more threads"):
        assert sentence.format(milliseconds) in page
