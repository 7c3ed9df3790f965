"""Meaning: superclasses of classes, the variance that is theirs, and images that the network got right or wrong."""

from senet_viz.stats.semantics.outcomes import (
    OUTCOMES,
    OutcomeComparison,
    OutcomePlan,
    compare_outcomes,
    plan_outcomes,
)
from senet_viz.stats.semantics.partition import (
    LEVELS,
    NestedPartition,
    SemanticPartition,
    partition_recording,
    partition_variance,
)
from senet_viz.stats.semantics.superclasses import (
    NO_SUPERCLASS,
    Superclasses,
    read_superclasses,
    wordnet_superclasses,
)

__all__ = [
    "LEVELS",
    "NO_SUPERCLASS",
    "OUTCOMES",
    "NestedPartition",
    "OutcomeComparison",
    "OutcomePlan",
    "SemanticPartition",
    "Superclasses",
    "compare_outcomes",
    "partition_recording",
    "partition_variance",
    "plan_outcomes",
    "read_superclasses",
    "wordnet_superclasses",
]
