"""C1, C2, C3 and C12: how class dependence goes along the depth, and whether four classes show it."""

from senet_viz.claims.agreement import Agreement, Condition
from senet_viz.claims.declaring import Claim, Part, Reading
from senet_viz.claims.effects import FIRST_STAGE, BelowMedian, EffectSum, Term
from senet_viz.claims.roles import Role
from senet_viz.claims.statistics import Contrast, Rise, Sd, SdDifference
from senet_viz.stats.effects import CLASS_EFFECT_MEANING


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
        "units of s", "at least", bound, SdDifference("between_variance", left, right),
    )  # fmt: skip


C1_RELATIVE = Reading(
    (
        _omega("SE_2_3", 0.10),
        Part(
            "between-class share of variance at SE_2_3 less a third of SE_5_1's", "ω²(SE_2_3) − ω²(SE_5_1)/3",
            "share of variance", "at most", 0.0,
            Contrast("omega_squared", (("SE_2_3", 1.0), ("SE_5_1", -1 / 3)), compares=True), equivalence=True,
        ),
    ),
    note="Where neither block is shown to depend on the class, a third of SE_5_1's share is a third of nothing: the first "
    "part decides alone.",
)  # fmt: skip
C1_ABSOLUTE = Reading(
    (
        Part(
            "between-class SD at SE_2_3", "SD_between(SE_2_3)", "units of s", "at most", 0.02,
            Sd("between_variance", "SE_2_3"), equivalence=True,
        ),
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
        "causal": Reading(
            (
                Part(
                    "class effect of the first stage", "between − within (first stage)", "points", "at least", -1.0,
                    EffectSum((Term(1, FIRST_STAGE, "between"), Term(-1, FIRST_STAGE, "within"))), equivalence=True,
                ),
                Part(
                    "class effect of the first stage", "between − within (first stage)", "points", "at most", 1.0,
                    EffectSum((Term(1, FIRST_STAGE, "between"), Term(-1, FIRST_STAGE, "within"))), equivalence=True,
                ),
            ),
            note=CLASS_EFFECT_MEANING,
        ),
    },
)  # fmt: skip

C2_RELATIVE = Reading(
    (
        _omega_difference("SE_5_1", "SE_2_3", 0.10),
        Part(
            "rise of the between-class share of variance along the blocks up to SE_5_1",
            "Σ w_b·ω²(b), b from the first block to SE_5_1, w centred (least-squares line, last less first)",
            "share of variance", "above", 0.0, Rise("omega_squared", "SE_5_1"),
        ),
    )
)  # fmt: skip
C2_ABSOLUTE = Reading((_sd_difference("SE_5_1", "SE_2_3", 0.02),), needs_range=True)
C2 = Claim(
    "C2",
    "Gates become more class-specific with depth, up to the first block of the last stage.",
    "The curves of the four classes part with depth, strongly at SE_4_6 and SE_5_1.",
    {
        "relative": C2_RELATIVE,
        "absolute": C2_ABSOLUTE,
        "causal": Reading(
            (
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
            ),
            note=CLASS_EFFECT_MEANING,
        ),
    },
)  # fmt: skip

C3_RELATIVE = Reading((_omega_difference("SE_5_1", "SE_5_2", 0.05),))
C3_ABSOLUTE = Reading((_sd_difference("SE_5_1", "SE_5_2", 0.01),), needs_range=True)
C3 = Claim(
    "C3",
    "The second block of the last stage breaks the trend: its gates depend less on the class than those before it.",
    "At SE_5_2 the curves of the four classes fall together again.",
    {"relative": C3_RELATIVE, "absolute": C3_ABSOLUTE},
)


def _conditions(reading: Reading) -> tuple[Condition, ...]:
    found = []
    for part in reading.parts:
        if not isinstance(part.statistic, EffectSum | BelowMedian | Agreement):
            found.append(Condition(part.statistic, part.side, part.bound))
    return tuple(found)


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
    return Reading((part,), note=note, needs_range=needs_range)


C12 = Claim(
    "C12",
    "Four classes are enough to see it.",
    "Four classes are drawn, beside the mean of all; they are called representative.",
    {
        "relative": _agreement(C1_RELATIVE, C2_RELATIVE, C3_RELATIVE, needs_range=False),
        "absolute": _agreement(C1_ABSOLUTE, C2_ABSOLUTE, C3_ABSOLUTE, needs_range=True),
    },
)
