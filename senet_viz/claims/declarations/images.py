"""C9 to C11: gates differ among images of one class, and depend on the whole image."""

from senet_viz.claims.declaring import Claim, Part, Reading
from senet_viz.claims.effects import ALL_BLOCKS, EffectSum, Term
from senet_viz.claims.statistics import SdDifference, SdRatio

_NEVER_AFTERWARDS = "It needs training: networks with and without pooling must be trained and compared."

C9 = Claim(
    "C9",
    "Gates differ among images of one class, and more so in later blocks.",
    "Mean and spread over images of one class: the spread is seen in all blocks and is larger in the later ones.",
    {
        "relative": Reading(
            (
                Part(
                    "within-class SD, SE_5_1 over SE_2_3", "SD_within(SE_5_1) / SD_within(SE_2_3)", "ratio", "at least", 1.5,
                    SdRatio("within_variance", "SE_5_1", "SE_2_3"),
                ),
            )
        ),
        "absolute": Reading(
            (
                Part(
                    "within-class SD, SE_5_1 less SE_2_3", "SD_within(SE_5_1) − SD_within(SE_2_3)", "units of s",
                    "at least", 0.02, SdDifference("within_variance", "SE_5_1", "SE_2_3"),
                ),
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
        "causal": Reading(
            (
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
        )
    },
)  # fmt: skip

C11 = Claim(
    "C11",
    "What makes SE work is that each gate sees the whole image.",
    "The same unit without the pooling (NoSqueeze) has a higher error.",
    {"causal": Reading((), never=_NEVER_AFTERWARDS)},
)
