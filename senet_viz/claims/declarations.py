"""The paper's claims C1 to C12 (Hu et al., arXiv 1709.01507 v4, section 7.2), declared before any data was read."""

from typing import Any

from senet_viz.claims.agreement import Agreement, Threshold
from senet_viz.claims.declaring import Claim, Part, Reading
from senet_viz.claims.effects import (
    ALL_BLOCKS,
    FIRST_STAGE,
    LAST_STAGE,
    BelowMedian,
    EffectStatistic,
    EffectSum,
    Term,
)
from senet_viz.claims.inputs import Role
from senet_viz.claims.statistics import Contrast, Lead, Rise, Sd, SdDifference, SdRatio, Side
from senet_viz.stats.effect_parts import CLASS_EFFECT_MEANING


def _reading(*parts: Part, **more: Any) -> Reading:
    return Reading(parts, **more)


def _omega(role: Role, bound: float) -> Part:
    return Part(
        f"between-class share of variance at {role}", f"ω²({role})", "share of variance", "at most", bound,
        Contrast("omega_squared", ((role, 1.0),)), equivalence=True,
    )  # fmt: skip


def _omega_difference(left: Role, right: Role, bound: float) -> Part:
    return Part(
        f"between-class share of variance, {left} less {right}", f"ω²({left}) − ω²({right})",
        "share of variance", "at least", bound, Contrast("omega_squared", ((left, 1.0), (right, -1.0))),
    )  # fmt: skip


def _sd_difference(left: Role, right: Role, bound: float) -> Part:
    return Part(
        f"between-class SD, {left} less {right}", f"SD_between({left}) − SD_between({right})",
        "units of s", "at least", bound, SdDifference("between_variance", (left, right)),
    )  # fmt: skip


def _first_class_effect(side: Side, bound: float) -> Part:
    return Part(
        "class effect of the first stage", "between − within (first stage)", "points", side, bound,
        EffectSum((Term(1, FIRST_STAGE, "between"), Term(-1, FIRST_STAGE, "within"))), equivalence=True,
    )  # fmt: skip


C1_RELATIVE = _reading(
    _omega("SE_2_3", 0.10),
    Part(
        "between-class share of variance at SE_2_3 less a third of SE_5_1's", "ω²(SE_2_3) − ω²(SE_5_1)/3",
        "share of variance", "at most", 0.0,
        Contrast("omega_squared", (("SE_2_3", 1.0), ("SE_5_1", -1 / 3)), compares=True), equivalence=True,
    ),
    note="Where neither block is shown to depend on the class, a third of SE_5_1's share is a third of nothing: the first "
    "part decides alone.",
)  # fmt: skip
C1_ABSOLUTE = _reading(
    Part(
        "between-class SD at SE_2_3", "SD_between(SE_2_3)", "units of s", "at most", 0.02,
        Sd("between_variance", ("SE_2_3",)), equivalence=True,
    ),
    needs_range=True,
)  # fmt: skip
C1 = Claim(
    "C1",
    "Early gates hardly depend on the class of the image.",
    "At SE_2_3 the curves of goldfish, pug, plane and cliff lie almost on each other and on the mean of all classes.",
    {
        "relative": C1_RELATIVE,
        "absolute": C1_ABSOLUTE,
        "causal": _reading(
            _first_class_effect("at least", -1.0),
            _first_class_effect("at most", 1.0),
            note=CLASS_EFFECT_MEANING,
        ),
    },
)

C2_RELATIVE = _reading(
    _omega_difference("SE_5_1", "SE_2_3", 0.10),
    Part(
        "rise of the between-class share of variance along the blocks up to SE_5_1",
        "Σ w_b·ω²(b), b from the first block to SE_5_1, w centred (least-squares line, last less first)",
        "share of variance", "above", 0.0, Rise("omega_squared", ("SE_5_1",)),
    ),
)  # fmt: skip
C2_ABSOLUTE = _reading(_sd_difference("SE_5_1", "SE_2_3", 0.02), needs_range=True)
C2 = Claim(
    "C2",
    "Gates become more class-specific with depth, up to the first block of the last stage.",
    "The curves of the four classes part with depth, strongly at SE_4_6 and SE_5_1.",
    {
        "relative": C2_RELATIVE,
        "absolute": C2_ABSOLUTE,
        "causal": _reading(
            Part(
                "accuracy lost to the wrong class, SE_5_1 less SE_2_3",
                "(within − between)(SE_5_1) − (within − between)(SE_2_3)", "points", "above", 0.0,
                EffectSum(
                    (
                        Term(1, ("SE_5_1",), "within"), Term(-1, ("SE_5_1",), "between"),
                        Term(-1, ("SE_2_3",), "within"), Term(1, ("SE_2_3",), "between"),
                    )
                ),
            ),
            note=CLASS_EFFECT_MEANING,
        ),
    },
)  # fmt: skip

C3_RELATIVE = _reading(_omega_difference("SE_5_1", "SE_5_2", 0.05))
C3_ABSOLUTE = _reading(_sd_difference("SE_5_1", "SE_5_2", 0.01), needs_range=True)
C3 = Claim(
    "C3",
    "The second block of the last stage breaks the trend: its gates depend less on the class than those before it.",
    "At SE_5_2 the curves of the four classes fall together again.",
    {"relative": C3_RELATIVE, "absolute": C3_ABSOLUTE},
)


def _conditions(reading: Reading) -> tuple[Threshold, ...]:
    return tuple(
        Threshold(part.statistic, part.side, part.bound)
        for part in reading.parts
        if not isinstance(part.statistic, EffectStatistic | Agreement)
    )


def _agreement(c1: Reading, c2: Reading, c3: Reading, *, needs_range: bool) -> Reading:
    claims = tuple((claim, _conditions(reading)) for claim, reading in (("C1", c1), ("C2", c2), ("C3", c3)))
    part = Part(
        "share of random subsets of 4 classes that agree with all classes on C1, C2 and C3", "P(agree)", "share",
        "at least", 0.9, Agreement(claims),
    )  # fmt: skip
    note = (
        "Agree: each claim holds, by its point estimates, on the 4 classes as it does on all. The interval is about all "
        "subsets of these classes on these images."
    )
    return _reading(part, note=note, needs_range=needs_range)


C12 = Claim(
    "C12",
    "Four classes are enough to see it.",
    "Four classes are drawn, beside the mean of all; they are called representative.",
    {
        "relative": _agreement(C1_RELATIVE, C2_RELATIVE, C3_RELATIVE, needs_range=False),
        "absolute": _agreement(C1_ABSOLUTE, C2_ABSOLUTE, C3_ABSOLUTE, needs_range=True),
    },
)

_DIRECTION = (
    "The deviations of the class profiles from the mean profile are split, corrected for the noise in them; a random "
    "direction holds 1/C of them on average. (The fit of the profiles themselves, not of their deviations, is near "
    "perfect in every block and says nothing.)"
)


def _cost(role: Role, baseline: str, words: str) -> Part:
    return Part(
        f"accuracy lost by {words} at {role}", f"clean − {baseline}({role})", "points", "at most", 1.0,
        EffectSum((Term(-1, (role,), baseline),)), equivalence=True,
    )  # fmt: skip


def _below_median(role: Role) -> Part:
    return Part(
        f"accuracy lost by freezing gates to their mean, {role} less the median block",
        f"cost({role}) − median_b cost(b)", "points", "below", 0.0, BelowMedian(role, "mean"),
    )  # fmt: skip


def _lost(words: str, roles: tuple[Role, ...]) -> tuple[str, EffectSum]:
    return f"accuracy lost by {words}", EffectSum((Term(-1, roles, "one"),))


C4 = Claim(
    "C4",
    "Most gates of the second block of the last stage are almost fully open.",
    "At SE_5_2 most activations are close to 1, which no other of the shown blocks has.",
    {
        "absolute": _reading(
            Part(
                "share of gates above .9 at SE_5_2", "P(s > .9)(SE_5_2)", "share", "at least", 0.5,
                Contrast("near_one", (("SE_5_2", 1.0),)),
            ),
            Part(
                "share of gates above .9, SE_5_2 less every other block", "min_b [P(SE_5_2) − P(b)]",
                "share", "at least", 0.25, Lead("near_one", ("SE_5_2",)),
            ),
            note="A constant factor in s can be absorbed by the batch norm before it, so that how near to 1 gates lie "
            "depends on the training recipe.",
            needs_range=True, needs_fp32=True,
        )
    },
)  # fmt: skip

C5 = Claim(
    "C5",
    "The second block of the last stage hardly scales anything: it could be left out.",
    "With gates near 1, SE_5_2 is close to the identity; the paper concludes this from the figure and tests nothing.",
    {
        "causal": _reading(
            _cost("SE_5_2", "one", "setting all gates to 1"),
            Part(
                "accuracy lost by setting all gates to 1, SE_4_6 less SE_5_2",
                "(clean − one)(SE_4_6) − (clean − one)(SE_5_2)", "points", "at least", 1.0,
                EffectSum((Term(-1, ("SE_4_6",), "one"), Term(1, ("SE_5_2",), "one"))),
            ),
        )
    },
)  # fmt: skip

C6 = Claim(
    "C6",
    "In the last block all classes share one pattern of gates and differ only in how strong it is.",
    "At SE_5_3 the curves of the classes have the same shape, up to a modest change in scale.",
    {
        "relative": _reading(
            Part(
                "share of the between-class variance along the mean profile at SE_5_3",
                "V_between(along m) / V_between(SE_5_3)", "share", "at least", 0.5,
                Contrast("direction_share", (("SE_5_3", 1.0),)),
            ),
            differ_at="SE_5_3", note=_DIRECTION,
        ),
        "absolute": _reading(
            Part(
                "between-class SD across the mean profile at SE_5_3", "SD_residual(SE_5_3)", "units of s", "at most",
                0.02, Sd("residual_variance", ("SE_5_3",)), equivalence=True,
            ),
            differ_at="SE_5_3", needs_range=True,
        ),
    },
)  # fmt: skip

C7 = Claim(
    "C7",
    "The last two blocks of the last stage recalibrate least: a constant gate would do there.",
    "SE_5_2 and SE_5_3 matter less than the blocks before them; the paper concludes this from the figure.",
    {
        "causal": _reading(
            _cost("SE_5_2", "mean", "freezing gates to their mean"),
            _cost("SE_5_3", "mean", "freezing gates to their mean"),
            _below_median("SE_5_2"),
            _below_median("SE_5_3"),
        )
    },
)

C8 = Claim(
    "C8",
    "The SE units of the last stage can be left out nearly for free.",
    "Without the last stage's SE units less than .1 % accuracy is lost; it is stated without a table.",
    {
        "causal": _reading(
            Part(
                "accuracy lost by setting all gates of the last stage to 1 (post hoc, without retraining)",
                "clean − one(last stage)", "points", "at most", 0.1, EffectSum((Term(-1, LAST_STAGE, "one"),)),
                equivalence=True,
                also=(
                    _lost("SE_5_1 alone", ("SE_5_1",)),
                    _lost("SE_5_2 and SE_5_3", ("SE_5_2", "SE_5_3")),
                    ("top-5 accuracy lost, all of the last stage", EffectSum((Term(-1, LAST_STAGE, "one"),), "top5")),
                ),
            ),
            note="Post hoc: the units are taken out of a trained network, which is not retrained as the paper's was (that "
            "part of the claim needs training). It also takes out SE_5_1, which the paper calls class-specific: what SE_5_1 "
            "alone and the other two cost stands beside it. The paper's two versions speak of top-5 and of top-1 accuracy; "
            "the verdict is on top-1.",
        )
    },
)  # fmt: skip

_NEVER_AFTERWARDS = "It needs training: networks with and without pooling must be trained and compared."

C9 = Claim(
    "C9",
    "Gates differ among images of one class, and more so in later blocks.",
    "Mean and spread over images of one class: the spread is seen in all blocks and is larger in the later ones.",
    {
        "relative": _reading(
            Part(
                "within-class SD, SE_5_1 over SE_2_3", "SD_within(SE_5_1) / SD_within(SE_2_3)", "ratio", "at least", 1.5,
                SdRatio("within_variance", ("SE_5_1", "SE_2_3")),
            ),
        ),
        "absolute": _reading(
            Part(
                "within-class SD, SE_5_1 less SE_2_3", "SD_within(SE_5_1) − SD_within(SE_2_3)", "units of s",
                "at least", 0.02, SdDifference("within_variance", ("SE_5_1", "SE_2_3")),
            ),
            needs_range=True,
        ),
    },
)  # fmt: skip

C10 = Claim(
    "C10",
    "Gates fit the single image, and what they carry serves its class.",
    "Gates differ among images of a class, so that the paper calls them instance-specific while they serve the class.",
    {
        "causal": _reading(
            Part(
                "accuracy with the mean gate of the predicted class, less that with the mean of all",
                "predicted_class_mean − mean (all blocks)", "points", "at least", 0.5,
                EffectSum((Term(1, ALL_BLOCKS, "predicted_class_mean"), Term(-1, ALL_BLOCKS, "mean"))),
            ),
            Part(
                "accuracy untouched, less that with the mean gate of the predicted class",
                "clean − predicted_class_mean (all blocks)", "points", "above", 0.0,
                EffectSum((Term(-1, ALL_BLOCKS, "predicted_class_mean"),)),
            ),
        )
    },
)  # fmt: skip

C11 = Claim(
    "C11",
    "What makes SE work is that each gate sees the whole image.",
    "The same unit without the pooling (NoSqueeze) has a higher error.",
    {"causal": _reading(never=_NEVER_AFTERWARDS)},
)

CLAIMS: tuple[Claim, ...] = (C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12)
