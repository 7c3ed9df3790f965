"""The report's JSON and its sentences."""

import dataclasses
import json
import math

import numpy as np
import pytest

from senet_viz.claims.declaring import say_bound, say_interval, say_number
from senet_viz.claims.evidence import ClaimReport
from senet_viz.claims.inputs import BlockIntervals, BlockSeries
from senet_viz.claims.judging import NO_INTERVENTIONS, judge_claims
from senet_viz.claims.sentences import (
    describe_claim_disagreement,
    describe_disagreement,
    describe_scope,
    explain_controls,
    list_nulls,
    say_controls,
    say_estimate,
    summarize_reading,
    tabulate_report,
)
from senet_viz.errors import RecordingError
from senet_viz.stats.estimates import Interval
from tests.support.claimed import make_curves, make_effects, make_inputs

STILL = {"between_variance": (1e-6, 1e-5, 1e-5, 2e-5, 1e-5, 1e-5)}


@pytest.fixture(scope="module")
def report() -> ClaimReport:
    ends = BlockIntervals(np.full(6, 0.3), np.full(6, 0.2), np.full(6, 0.4))
    return judge_claims(make_inputs(gates=make_curves(**STILL), controls=(make_curves(groups=0),), like_these=ends))


def test_json_gives_the_report_back(report: ClaimReport) -> None:
    text = json.dumps(report.to_json(), allow_nan=False)
    again = ClaimReport.from_json(json.loads(text))
    assert json.dumps(again.to_json(), allow_nan=False) == text
    assert again.claim("C2").readings["relative"] == report.claim("C2").readings["relative"]
    assert math.isnan(again.claim("C5").readings["causal"].effect)
    assert again.claim("C4").readings["absolute"].parts[1].interval.level == 0.95


def test_a_damaged_report_is_told(report: ClaimReport) -> None:
    tree = report.to_json()
    with pytest.raises(RecordingError, match=r"x\.json has version 99.*run assess again"):
        ClaimReport.from_json({**tree, "version": 99}, "x.json")
    with pytest.raises(RecordingError, match=r"x\.json: Object missing required field `claims`; run assess again"):
        ClaimReport.from_json({key: tree[key] for key in tree if key != "claims"}, "x.json")
    with pytest.raises(RecordingError, match="the claim report: Object has unknown field `further`; run assess again"):
        ClaimReport.from_json({**tree, "further": 1})


def test_each_reading_has_its_sentence(report: ClaimReport) -> None:
    assert summarize_reading(report, "relative") == (
        "On the relative reading (how much of a gate's variance is class), 5 of 5 claims hold (C1, C2, C3, C6, C9)."
    )
    absolute = summarize_reading(report, "absolute")
    assert absolute.startswith("On the absolute reading (how far classes move a gate), 4 of 6 claims hold (C1, C4, C6,")
    assert absolute.endswith("; 2 are refuted (C2, C3).")
    causal = "On the causal reading (what the network loses when gates are moved)"
    assert summarize_reading(report, "causal") == f"{causal} no claim can be judged. {NO_INTERVENTIONS}"
    wide = judge_claims(make_inputs(gates=make_curves(error=0.3)))
    assert "4 can not be told (C1, C2, C3, C6)" in summarize_reading(wide, "relative")
    one = judge_claims(make_inputs(effects=make_effects({("SE_5_1+SE_5_2+SE_5_3", "one"): 9.0})))
    assert summarize_reading(one, "causal") == f"{causal}, 0 of 1 claim holds; 1 is refuted (C8)."


def test_an_estimate_is_told_with_its_unit_and_a_proper_minus(report: ClaimReport) -> None:
    moved = judge_claims(make_inputs(effects=make_effects({("SE_5_1+SE_5_2+SE_5_3", "one"): 9.0})))
    part = next(p for c in moved.claims if c.id == "C8" for p in c.readings["causal"].parts)
    assert " points (" in say_estimate(part)
    assert say_bound("at least", -1) == "≥ −1"
    share = next(p for c in report.claims if c.id == "C1" for p in c.readings["relative"].parts)
    assert f"{say_number(share.interval.high, share.unit)}] (90%; declared ≤ 0.1)" in say_estimate(share)


def test_disagreement_is_told_in_one_sentence(report: ClaimReport) -> None:
    told = describe_disagreement(report)
    assert told.startswith("Readings disagree on C2 and C3. The field disagrees on the same point")
    assert "Stripe Observation, ECCV 2024, arXiv 2304.06345" in told
    assert "relative supported, absolute refuted" in describe_claim_disagreement(report.claim("C2"))
    assert describe_claim_disagreement(report.claim("C1")) == ""
    assert describe_disagreement(judge_claims(make_inputs())) == ""


def test_interventions_that_disagree_are_told_apart() -> None:
    unused = {
        ("SE_5_1", "within"): 9.0,
        ("SE_5_1", "between"): 9.0,
        ("SE_2_3", "within"): 1.0,
        ("SE_2_3", "between"): 1.9,
    }
    told = describe_disagreement(judge_claims(make_inputs(effects=make_effects(unused))))
    assert told.startswith(
        "Interventions disagree with the statistics of the gates on C2: what gates carry and what the network uses can differ"
    )
    both = describe_disagreement(judge_claims(make_inputs(gates=make_curves(**STILL), effects=make_effects(unused))))
    assert both.startswith("Readings disagree on C2 and C3.")
    assert "statistics of the gates on C2" in both


def test_the_scope_depends_on_the_number_of_classes(report: ClaimReport) -> None:
    assert "these 1,000 images of 20 classes; intervals for classes like these" in describe_scope(report)
    assert "20 classes would be needed" in describe_scope(dataclasses.replace(report, classes=19))


def test_numbers_carry_a_true_sign_and_their_interval() -> None:
    assert say_number(-1e-6, "share") == "0.000"
    assert say_number(-0.25, "points") == "−0.25"
    assert say_number(math.nan, "ratio") == "not defined"
    assert say_interval(0.5, Interval(0.25, 0.75, 0.95), "ratio") == "0.50 [0.25, 0.75]"
    assert say_interval(0.5, Interval(math.nan, math.nan, 0.95), "ratio") == "0.50"


def test_the_table_has_every_part(report: ClaimReport) -> None:
    table = tabulate_report(report)
    assert len(table) == sum(max(1, len(e.parts)) for claim in report.claims for e in claim.readings.values())
    row = table[(table["claim"] == "C2") & (table["reading"] == "absolute")].iloc[0]
    assert row["verdict"] == "refuted"
    assert row["low"] < row["estimate"] < row["high"] < row["bound"] == 0.02
    assert row["random weights"] == pytest.approx(0.065)
    assert table[table["claim"] == "C11"]["estimate"].isna().all()


def test_controls_are_told_beside_a_number_or_why_they_are_not_known() -> None:
    controls = {
        "squeeze": make_curves(),
        "controls": (make_curves(groups=0), make_curves(groups=0, omega_squared=(0.1,) * 6)),
    }
    report = judge_claims(make_inputs(**controls))
    first, second = report.claim("C1").readings["relative"].parts
    assert say_controls(first) == "z 0.030; random weights 0.065 (seeds 0.030 to 0.100)"
    assert say_controls(second) == "z −0.103; random weights −0.018 (seeds −0.103 to 0.067)"
    bare = judge_claims(make_inputs(controls=(BlockSeries(make_curves(groups=0).omega_squared),)))
    told = say_controls(bare.claim("C6").readings["relative"].parts[0])
    assert told == (
        "random weights not known: the share along the mean profile was not measured; it needs the gates of its single images "
        "(--keep all)"
    )
    assert say_controls(judge_claims(make_inputs()).claim("C1").readings["relative"].parts[0]) == ""


def test_what_stands_beside_no_number_is_said_why() -> None:
    full = judge_claims(
        make_inputs(
            squeeze=make_curves(), controls=(make_curves(groups=0),), effects=make_effects({("SE_5_2", "one"): 0.1})
        )
    )
    assert explain_controls("relative", full.claim("C1").readings["relative"]) == ""
    assert (
        explain_controls("absolute", full.claim("C1").readings["absolute"]) == "Beside it no z, which has another unit."
    )
    assert "in this network alone" in explain_controls("causal", full.claim("C5").readings["causal"])
    assert explain_controls("causal", full.claim("C11").readings["causal"]) == "", "nothing was judged"
    bare = judge_claims(make_inputs())
    said = explain_controls("relative", bare.claim("C1").readings["relative"])
    assert said == (
        "Beside it no z, which is no vector here and no random weights, since no recording of them was given "
        "(`assess --control`)."
    )


def test_nulls_and_excess_are_listed_with_their_spread() -> None:
    shuffled = BlockIntervals(np.zeros(6), np.full(6, -0.01), np.full(6, 0.01))
    controls = (make_curves(groups=0), make_curves(groups=0, omega_squared=(0.1,) * 6))
    report = judge_claims(make_inputs(controls=controls, shuffled=shuffled, random_direction=np.full(6, 0.07)))
    c1 = list_nulls("relative", report.claim("C1").readings["relative"])
    assert c1[0] == (
        "relative: excess over random weights: between-class share of variance at SE_2_3, less that of random weights: "
        "−0.035 [−0.070, 0.000] (range over 2 seeds)"
    )
    assert "relative: ω² of SE_2_3 with shuffled labels: 0.000 [−0.010, 0.010] (95% of permutations)" in c1
    c6 = list_nulls("relative", report.claim("C6").readings["relative"])
    assert c6[-1] == "relative: 95 % quantile over random directions: 0.070"
