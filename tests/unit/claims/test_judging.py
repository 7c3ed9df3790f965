"""Verdicts on curves made by hand: what the paper says, its opposite, and what can not be judged."""

import dataclasses

import numpy as np
import pytest

from senet_viz.claims.evidence import ClaimReport, Evidence
from senet_viz.claims.inputs import BlockIntervals, BlockSeries, ClaimInputs, Series, gather_series
from senet_viz.claims.judging import NO_INTERVENTIONS, judge_claims
from senet_viz.claims.sentences import describe_scope
from senet_viz.errors import ArgumentError
from senet_viz.stats.estimates import Estimate
from senet_viz.stats.shares import STATISTICS, BlockStatistics
from tests.support.claimed import CURVES, make_curves, make_effects, make_inputs
from tests.support.synthetic import PAPER_BLOCKS, make_gates

SQUARES = (0.06**2, 0.05**2, 0.04**2, 0.035**2, 0.05**2, 0.05**2)
AS_CLAIMED = ("C1 relative", "C1 absolute", "C2 relative", "C2 absolute", "C3 relative", "C3 absolute", "C4 absolute",
              "C6 relative", "C6 absolute", "C9 relative", "C9 absolute")  # fmt: skip


def evidence(report: ClaimReport, key: str) -> Evidence:
    claim, reading = key.split()
    return report.claim(claim).readings[reading]  # type: ignore[index]


@pytest.fixture(scope="module")
def as_claimed() -> ClaimReport:
    return judge_claims(make_inputs())


@pytest.mark.parametrize("key", AS_CLAIMED)
def test_curves_as_the_paper_claims_support_it(as_claimed: ClaimReport, key: str) -> None:
    found = evidence(as_claimed, key)
    assert found.verdict == "supported"
    assert found.interval.low <= found.effect <= found.interval.high
    assert (found.images, found.classes) == (1000, 20)


@pytest.mark.parametrize("key", AS_CLAIMED)
def test_opposite_curves_refute_it(key: str) -> None:
    gates = make_curves(
        omega_squared=(0.5, 0.4, 0.3, 0.25, 0.4, 0.4), between_variance=SQUARES, within_variance=(0.06**2,) * 6,
        near_one=(0.1,) * 6, direction_share=(0.02,) * 6, residual_variance=SQUARES,
    )  # fmt: skip
    assert evidence(judge_claims(make_inputs(gates=gates)), key).verdict == "refuted"


def test_wide_intervals_tell_nothing() -> None:
    report = judge_claims(make_inputs(gates=make_curves(error=0.3)))
    for key in ("C1 relative", "C2 relative", "C3 relative", "C4 absolute"):
        assert evidence(report, key).verdict == "inconclusive"


def test_one_refuted_part_refutes_and_gives_the_reason() -> None:
    steep = make_curves(omega_squared=(0.03, 0.9, 0.1, 0.15, 0.05, 0.3))
    found = evidence(judge_claims(make_inputs(gates=steep)), "C2 relative")
    assert [part.verdict for part in found.parts] == ["supported", "refuted"]
    assert found.verdict == "refuted"
    assert found.reason.startswith("Rise of the between-class share")
    assert found.effect == pytest.approx(0.12), "the first part is the headline"


def test_pure_noise_supports_c1_and_leaves_c6_without_an_object() -> None:
    nothing = make_curves(omega_squared=(0.0,) * 6, between_variance=(0.0,) * 6, residual_variance=(0.0,) * 6)
    report = judge_claims(make_inputs(gates=nothing))
    relative = evidence(report, "C1 relative")
    assert relative.verdict == "supported"
    assert [part.counts for part in relative.parts] == [True, False]
    assert "nothing to compare" in relative.parts[1].reason
    for key in ("C6 relative", "C6 absolute"):
        assert evidence(report, key).verdict == "not applicable"
        assert "not shown to differ at SE_5_3" in evidence(report, key).reason
    for key in ("C2 relative", "C2 absolute", "C3 relative", "C3 absolute"):
        assert evidence(report, key).verdict == "refuted"


def test_an_early_block_that_is_all_there_is_refutes_c1() -> None:
    early = make_curves(omega_squared=(0.05, 0, 0, 0, 0, 0))
    found = evidence(judge_claims(make_inputs(gates=early)), "C1 relative")
    assert [part.verdict for part in found.parts] == ["supported", "refuted"]
    assert found.verdict == "refuted"


@pytest.mark.parametrize(
    ("changed", "key", "reason"),
    [
        ({"classes": 1}, "C1 relative", "not two classes"),
        ({"precision": "bf16"}, "C4 absolute", "fp32 gates only; these were recorded in bf16"),
        ({"gates": make_curves(groups=0), "smallest_class": 3}, "C2 absolute", "the smallest class has 3 images"),
        ({"gates": make_curves(groups=0)}, "C6 relative", "No interval over images was made"),
        ({}, "C5 causal", "No interventions were given"),
        ({}, "C11 causal", "needs training"),
        ({}, "C12 relative", "No subsets of the classes were measured"),
        ({"classes": 4}, "C12 relative", "Of 4 classes no subset of 4 leaves one out"),
        ({"effects": ()}, "C5 causal", "No intervention moved SE_5_2 to `one`"),
    ],
)
def test_what_can_not_be_judged_says_why(changed: dict, key: str, reason: str) -> None:
    found = evidence(judge_claims(make_inputs(**changed)), key)
    assert found.verdict == "not applicable"
    assert reason in found.reason
    assert found.reason.endswith(".")


def test_without_intervals_estimates_are_still_given() -> None:
    found = evidence(judge_claims(make_inputs(gates=make_curves(groups=0))), "C2 relative")
    assert found.effect == pytest.approx(0.37)
    assert np.isnan(found.interval.low)


def test_missing_roles_are_named() -> None:
    labels = {"SE_2_1": 8, "SE_3_1": 8, "SE_4_1": 8, "SE_5_1": 8, "SE_5_2": 8}
    gates = make_curves(**dict.fromkeys(CURVES, (0.1,) * 5))
    report = judge_claims(make_inputs(blocks=make_gates(labels), gates=gates))
    for key in ("C3 relative", "C4 absolute", "C12 relative"):
        assert "no block in the role of SE_5_2 (the second block" in evidence(report, key).reason
    assert evidence(report, "C6 absolute").verdict != "not applicable"
    assert report.roles["SE_5_3"] == "SE_5_2"
    assert evidence(report, "C1 absolute").parts[0].words == "between-class SD at SE_2_3 (here SE_2_1)"
    assert "SE_2_3 is SE_2_1" in describe_scope(report)


def test_gates_of_another_range_have_no_absolute_reading() -> None:
    blocks = tuple(dataclasses.replace(gate, range=(-1.0, 1.0)) for gate in make_gates(PAPER_BLOCKS))
    report = judge_claims(make_inputs(blocks=blocks))
    for key in AS_CLAIMED:
        found = evidence(report, key)
        if "absolute" in key:
            assert found.verdict == "not applicable"
            assert "go from −1 to 1" in found.reason
        else:
            assert found.verdict == "supported"


ALL_COSTS = {
    ("SE_2_3", "within"): 1.0, ("SE_2_3", "between"): 1.2, ("SE_5_1", "within"): 1.0, ("SE_5_1", "between"): 9.0,
    ("SE_5_2", "one"): 0.1, ("SE_4_6", "one"): 4.0, ("SE_5_1+SE_5_2+SE_5_3", "one"): 30.0,
    ("all", "predicted_class_mean"): 2.0, ("all", "mean"): 6.0,
    **{(label, "mean"): cost for label, cost in zip(PAPER_BLOCKS, (2.0, 2.0, 3.0, 4.0, 0.1, 0.2))},
}  # fmt: skip
CAUSAL = {
    "C1": "supported",
    "C2": "supported",
    "C5": "supported",
    "C7": "supported",
    "C8": "refuted",
    "C10": "supported",
}


def test_interventions_judge_the_causal_readings() -> None:
    report = judge_claims(make_inputs(effects=make_effects(ALL_COSTS)))
    assert {claim: evidence(report, f"{claim} causal").verdict for claim in CAUSAL} == CAUSAL
    assert evidence(report, "C5 causal").effect == pytest.approx(0.1)
    assert evidence(report, "C7 causal").parts[2].estimate == pytest.approx(0.1 - 2.0)
    assert "Post hoc" in evidence(report, "C8 causal").note


def test_opposite_interventions_refute_them() -> None:
    costs = dict.fromkeys(ALL_COSTS, 3.0) | {
        ("SE_2_3", "between"): 9.0, ("SE_5_1", "between"): 1.0, ("SE_4_6", "one"): 0.0,
        ("SE_5_2", "mean"): 9.0, ("SE_5_3", "mean"): 9.0, ("all", "mean"): 1.0,
    }  # fmt: skip
    report = judge_claims(make_inputs(effects=make_effects(costs)))
    assert {claim: evidence(report, f"{claim} causal").verdict for claim in CAUSAL} == dict.fromkeys(CAUSAL, "refuted")


def test_a_missing_intervention_is_named() -> None:
    some = {key: cost for key, cost in ALL_COSTS.items() if key != ("SE_3_4", "mean")}
    found = evidence(judge_claims(make_inputs(effects=make_effects(some))), "C7 causal")
    assert found.verdict == "not applicable"
    assert "No intervention moved SE_3_4 to `mean`" in found.reason
    assert NO_INTERVENTIONS not in found.reason


def test_missing_interventions_name_the_command() -> None:
    assert "`senet-viz intervene --model MODEL --data DATA --out FOLDER` makes them" in NO_INTERVENTIONS
    named = {
        "C1 causal": "the first stage to `between`: `senet-viz intervene … --targets stages --baselines between` does",
        "C2 causal": "SE_5_1 to `within`: `senet-viz intervene … --targets blocks --baselines within` does",
        "C7 causal": "SE_5_2 to `mean`: `senet-viz intervene … --targets blocks --baselines mean` does",
        "C8 causal": "the last stage to `one`: `senet-viz intervene … --targets stages --baselines one` does",
        "C10 causal": "all blocks to `predicted_class_mean`: `senet-viz intervene … --targets all",
    }
    report = judge_claims(make_inputs(effects=()))
    for key, sentence in named.items():
        assert sentence in evidence(report, key).reason


def test_a_network_of_one_stage_has_no_first_one() -> None:
    gates = make_curves(**dict.fromkeys(CURVES, (0.1,) * 3))
    inputs = make_inputs(blocks=make_gates({"SE_5_1": 8, "SE_5_2": 8, "SE_5_3": 8}), gates=gates, effects=())
    assert "gates in one stage only" in evidence(judge_claims(inputs), "C1 causal").reason


def test_what_part_of_the_last_stage_costs_stands_beside_c8() -> None:
    costs = {**ALL_COSTS, ("SE_5_1", "one"): 28.0, ("SE_5_2+SE_5_3", "one"): 1.5}
    part = evidence(judge_claims(make_inputs(effects=make_effects(costs))), "C8 causal").parts[0]
    shown = {beside.words: beside for beside in part.beside}
    assert shown["accuracy lost by SE_5_1 alone"].value == pytest.approx(28.0)
    assert shown["accuracy lost by SE_5_2 and SE_5_3"].spread == "90% interval over images"
    five = shown["top-5 accuracy lost, all of the last stage"]
    assert np.isnan(five.value)
    assert "no intervention moved the last stage" in five.spread
    assert "post hoc, without retraining" in part.words
    two = make_effects({("SE_5_1+SE_5_2+SE_5_3", "one"): 30.0})[0]
    small = judge_claims(make_inputs(effects=(two, dataclasses.replace(two, measure="top5", value=-7.0))))
    shown = {b.words: b.value for b in evidence(small, "C8 causal").parts[0].beside}
    assert shown["top-5 accuracy lost, all of the last stage"] == pytest.approx(7.0)
    assert evidence(small, "C8 causal").effect == pytest.approx(30.0), "the verdict is on top-1"


def test_causal_numbers_have_intervals_over_classes_beside_them() -> None:
    spread = {label: np.linspace(-1, 1, 25) * 0.01 * (at + 1) for at, label in enumerate(PAPER_BLOCKS)}
    made = make_effects({(label, "mean"): 2.0 + at for at, label in enumerate(PAPER_BLOCKS)})
    effects = tuple(
        dataclasses.replace(e, class_replicates=e.value + spread[label]) for e, label in zip(made, PAPER_BLOCKS)
    )
    found = evidence(judge_claims(make_inputs(effects=effects, intervened=(400, 25))), "C7 causal")
    assert (found.images, found.classes) == (400, 25)
    cost, _, below, _ = (next(b for b in part.beside if b.kind == "classes like these") for part in found.parts)
    assert cost.spread == "95% interval over classes"
    assert cost.value == pytest.approx(6.0)
    assert cost.low < cost.value < cost.high
    direct = Estimate(-6.0, -6.0 + spread["SE_5_2"]).interval()
    assert (cost.low, cost.high) == pytest.approx((-direct.high, -direct.low))
    medians = np.median([2.0 + at - spread[label] for at, label in enumerate(PAPER_BLOCKS)], axis=0)
    direct = Estimate(1.5, 6.0 - spread["SE_5_2"] - medians).interval()
    assert (below.low, below.high) == pytest.approx((direct.low, direct.high))


def test_without_intervals_of_effects_the_recordings_classes_are_not_blamed() -> None:
    bare = tuple(dataclasses.replace(e, replicates=np.zeros(0)) for e in make_effects(ALL_COSTS))
    found = evidence(judge_claims(make_inputs(effects=bare, smallest_class=3)), "C5 causal")
    assert found.reason == "No interval over images was made."


def test_nulls_and_controls_stand_beside() -> None:
    control = make_curves(groups=0, omega_squared=(0.02, 0.1, 0.1, 0.1, 0.1, 0.1))
    other = make_curves(groups=0, omega_squared=(0.02, 0.1, 0.1, 0.14, 0.1, 0.1))
    ends = BlockIntervals(np.full(6, 0.3), np.full(6, 0.2), np.full(6, 0.4))
    inputs = make_inputs(
        controls=(control, other), squeeze=make_curves(omega_squared=(0.1,) * 6), random_direction=np.full(6, 0.07),
        like_these=ends, shuffled=ends,
    )  # fmt: skip
    report = judge_claims(inputs)
    part = evidence(report, "C2 relative").parts[0]
    shown = {beside.kind: beside for beside in part.beside}
    assert shown["random weights"].value == pytest.approx(0.10)
    assert (shown["random weights"].low, shown["random weights"].high) == pytest.approx((0.08, 0.12))
    assert shown["excess over random weights"].value == pytest.approx(0.27)
    assert shown["squeeze"].value == pytest.approx(0.0)
    assert "interval over images" in shown["squeeze"].spread
    kinds = [beside.kind for beside in evidence(report, "C2 relative").beside]
    assert kinds == ["shuffled labels", "shuffled labels", "classes like these", "classes like these"]
    assert "squeeze" not in {b.kind for b in evidence(report, "C2 absolute").parts[0].beside}, "z is not in units of s"
    assert [b.value for b in evidence(report, "C6 relative").parts[0].beside if b.kind == "random direction"] == [0.07]
    few = judge_claims(dataclasses.replace(inputs, classes=19))
    assert "classes like these" not in {beside.kind for beside in evidence(few, "C2 relative").beside}


def test_controls_never_change_a_verdict() -> None:
    bare, shown = (
        judge_claims(make_inputs()),
        judge_claims(make_inputs(controls=(make_curves(groups=0),), squeeze=make_curves())),
    )
    for a, b in zip(bare.claims, shown.claims):
        assert [e.verdict for e in a.readings.values()] == [e.verdict for e in b.readings.values()]


def test_inputs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ArgumentError, match="order of depth"):
        make_inputs(blocks=make_gates(PAPER_BLOCKS)[::-1])
    with pytest.raises(ArgumentError, match="rows for 2 blocks"):
        make_inputs(blocks=make_gates([4, 4]))
    with pytest.raises(ArgumentError, match="different groups"):
        make_inputs(
            effects=(*make_effects({("SE_5_1", "one"): 1.0}), dataclasses.replace(
                make_effects({("SE_5_2", "one"): 1.0})[0], replicates=np.zeros(5)))
        )  # fmt: skip
    with pytest.raises(ArgumentError, match="no claim 'C13'"):
        judge_claims(make_inputs()).claim("C13")


def test_every_statistic_has_its_field_in_blocks_and_in_series() -> None:
    names = [statistic.series for statistic in STATISTICS]
    assert names == [field.name for field in dataclasses.fields(BlockStatistics)]
    assert names == [field.name for field in dataclasses.fields(BlockSeries)]


def test_the_order_of_groups_does_not_matter() -> None:
    gates = make_curves()
    turned = {name: Series(s.values, s.replicates[:, ::-1]) for name, s in vars(gates).items()}
    first, second = judge_claims(make_inputs(gates=gates)), judge_claims(make_inputs(gates=BlockSeries(**turned)))
    for a, b in zip(first.claims, second.claims):
        for name, found in a.readings.items():
            assert found.verdict == b.readings[name].verdict
            assert found.interval.low == pytest.approx(b.readings[name].interval.low, nan_ok=True)


def test_curves_are_gathered_from_block_statistics() -> None:
    full = [BlockStatistics(0.1 * i, 1e-4 * i, 1e-3, near_one=0.2 * i) for i in range(3)]
    without = [[dataclasses.replace(one, omega_squared=one.omega_squared + g) for g in range(5)] for one in full]
    gathered = gather_series(full, without)
    assert gathered.groups == 5
    np.testing.assert_allclose(gathered.omega_squared.values, [0, 0.1, 0.2])
    np.testing.assert_allclose(gathered.omega_squared.replicates[2], 0.2 + np.arange(5))
    assert gathered.near_one is not None
    np.testing.assert_allclose(gathered.near_one.values, [0, 0.2, 0.4])
    assert gathered.direction_share is not None
    assert np.isnan(gathered.direction_share.values).all()
    assert gather_series(full).omega_squared.replicates.shape == (3, 0)


def test_series_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"\(3,\) values with \(2, 5\) replicates"):
        Series(np.zeros(3), np.zeros((2, 5)))
    with pytest.raises(ArgumentError, match="differ in blocks and groups"):
        BlockSeries(Series(np.zeros(3), np.zeros((3, 5))), near_one=Series(np.zeros(3), np.zeros((3, 4))))


def test_inputs_are_frozen() -> None:
    assert dataclasses.is_dataclass(ClaimInputs)
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_inputs().images = 5  # type: ignore[misc]


def test_a_block_of_one_channel_has_no_other_direction() -> None:
    gates = make_gates(dict.fromkeys(PAPER_BLOCKS, 1))
    report = judge_claims(
        make_inputs(blocks=gates, gates=make_curves(direction_share=(1.0,) * 6, residual_variance=(0.0,) * 6))
    )
    for key in ("C6 relative", "C6 absolute"):
        assert evidence(report, key).verdict == "not applicable"
        assert "has one channel" in evidence(report, key).reason
