"""C4 to C8: what the blocks of the last stage do, and whether they could be left out."""

from senet_viz.claims.declaring import Claim, Part, Reading
from senet_viz.claims.effects import LAST_STAGE, BelowMedian, EffectSum, Term
from senet_viz.claims.roles import Role
from senet_viz.claims.statistics import Contrast, Lead, Sd

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


def _lost(words: str, roles: tuple[Role, ...]) -> tuple[str, EffectSum]:
    return f"accuracy lost by {words}", EffectSum((Term(-1, roles, "one"),))


C4 = Claim(
    "C4",
    "Most gates of the second block of the last stage are almost fully open.",
    "At SE_5_2 most activations are close to 1, which no other of the shown blocks has.",
    {
        "absolute": Reading(
            (
                Part(
                    "share of gates above .9 at SE_5_2", "P(s > .9)(SE_5_2)", "share", "at least", 0.5,
                    Contrast("near_one", (("SE_5_2", 1.0),)),
                ),
                Part(
                    "share of gates above .9, SE_5_2 less every other block", "min_b [P(SE_5_2) − P(b)]",
                    "share", "at least", 0.25, Lead("near_one", "SE_5_2"),
                ),
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
        "causal": Reading(
            (
                _cost("SE_5_2", "one", "setting all gates to 1"),
                Part(
                    "accuracy lost by setting all gates to 1, SE_4_6 less SE_5_2",
                    "(clean − one)(SE_4_6) − (clean − one)(SE_5_2)", "points", "at least", 1.0,
                    EffectSum((Term(-1, ("SE_4_6",), "one"), Term(1, ("SE_5_2",), "one"))),
                ),
            )
        )
    },
)  # fmt: skip

C6 = Claim(
    "C6",
    "In the last block all classes share one pattern of gates and differ only in how strong it is.",
    "At SE_5_3 the curves of the classes have the same shape, up to a modest change in scale.",
    {
        "relative": Reading(
            (
                Part(
                    "share of the between-class variance along the mean profile at SE_5_3",
                    "V_between(along m) / V_between(SE_5_3)", "share", "at least", 0.5,
                    Contrast("direction_share", (("SE_5_3", 1.0),)),
                ),
            ),
            differ_at="SE_5_3", note=_DIRECTION,
        ),
        "absolute": Reading(
            (
                Part(
                    "between-class SD across the mean profile at SE_5_3", "SD_residual(SE_5_3)", "units of s", "at most",
                    0.02, Sd("residual_variance", "SE_5_3"), equivalence=True,
                ),
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
        "causal": Reading(
            (
                _cost("SE_5_2", "mean", "freezing gates to their mean"),
                _cost("SE_5_3", "mean", "freezing gates to their mean"),
                Part(
                    "accuracy lost by freezing gates to their mean, SE_5_2 less the median block",
                    "cost(SE_5_2) − median_b cost(b)", "points", "below", 0.0, BelowMedian("SE_5_2", "mean"),
                ),
                Part(
                    "accuracy lost by freezing gates to their mean, SE_5_3 less the median block",
                    "cost(SE_5_3) − median_b cost(b)", "points", "below", 0.0, BelowMedian("SE_5_3", "mean"),
                ),
            )
        )
    },
)  # fmt: skip

C8 = Claim(
    "C8",
    "The SE units of the last stage can be left out nearly for free.",
    "Without the last stage's SE units less than .1 % accuracy is lost; it is stated without a table.",
    {
        "causal": Reading(
            (
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
            ),
            note="Post hoc: the units are taken out of a trained network, which is not retrained as the paper's was (that "
            "part of the claim needs training). It also takes out SE_5_1, which the paper calls class-specific: what SE_5_1 "
            "alone and the other two cost stands beside it. The paper's two versions speak of top-5 and of top-1 accuracy; "
            "the verdict is on top-1.",
        )
    },
)  # fmt: skip
