"""Gates of SE networks: found by themselves, each proved to satisfy out = s·x."""

from senet_viz.gates.discovery import (
    BoundGate,
    GateSurvey,
    RefusedUnit,
    bind_gates,
    find_gates,
    survey_gates,
)
from senet_viz.gates.trace import InputSize

__all__ = ["BoundGate", "GateSurvey", "InputSize", "RefusedUnit", "bind_gates", "find_gates", "survey_gates"]
