"""What the gates of a block tell about the class, all channels together: decoding and CKA."""

from senet_viz.stats.decoding.accuracy import Accuracy, balanced_accuracy, wilson_interval
from senet_viz.stats.decoding.choosing import ChosenImages, choose_per_class, split_images
from senet_viz.stats.decoding.classes import (
    BlockDecoding,
    ClassDecoding,
    DecodingPlan,
    decode_block,
    decode_classes,
    plan_decoding,
)
from senet_viz.stats.decoding.lda import Discriminant, fit_discriminant, ledoit_wolf
from senet_viz.stats.decoding.similarity import (
    BlockSimilarity,
    center_gram,
    choose_for_similarity,
    compare_grams,
    compare_representations,
    debiased_cka,
)

__all__ = [
    "Accuracy",
    "BlockDecoding",
    "BlockSimilarity",
    "ChosenImages",
    "ClassDecoding",
    "DecodingPlan",
    "Discriminant",
    "balanced_accuracy",
    "center_gram",
    "choose_for_similarity",
    "choose_per_class",
    "compare_grams",
    "compare_representations",
    "debiased_cka",
    "decode_block",
    "decode_classes",
    "fit_discriminant",
    "ledoit_wolf",
    "plan_decoding",
    "split_images",
    "wilson_interval",
]
