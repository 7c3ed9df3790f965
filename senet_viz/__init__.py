"""See and test what the gates of squeeze-and-excitation networks do.

Names are imported when they are first used: opening a recording never loads torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "ClassTable": "senet_viz.schema",
    "Gate": "senet_viz.schema",
    "GateRecorder": "senet_viz.gates.recorder",
    "Manifest": "senet_viz.schema",
    "Recording": "senet_viz.recording",
    "SenetVizError": "senet_viz.errors",
    "advise_freezing": "senet_viz.workflows.freezing",
    "assess": "senet_viz.claims.assess",
    "compare_images": "senet_viz.workflows.comparison",
    "decode_image": "senet_viz.images",
    "export_statistics": "senet_viz.recording.export",
    "find_gates": "senet_viz.gates",
    "intervene": "senet_viz.workflows.interventions",
    "intervened": "senet_viz.gates.interventions",
    "load_model": "senet_viz.models",
    "measure_selectivity": "senet_viz.stats.measures",
    "open_freezing": "senet_viz.analysis.freezing",
    "open_images": "senet_viz.images",
    "open_outcomes": "senet_viz.recording.outcomes",
    "open_recording": "senet_viz.recording",
    "read_assessment": "senet_viz.claims.assessment",
    "record": "senet_viz.workflows.record",
    "slim_recording": "senet_viz.recording",
    "verify_recording": "senet_viz.recording",
}
_ROOMS = ("figures",)  # as sv.figures, without an import of its own
__all__ = sorted(_HOMES)

if TYPE_CHECKING:
    from senet_viz import figures as figures
    from senet_viz.analysis.freezing import open_freezing as open_freezing
    from senet_viz.claims.assess import assess as assess
    from senet_viz.claims.assessment import read_assessment as read_assessment
    from senet_viz.errors import SenetVizError as SenetVizError
    from senet_viz.gates import find_gates as find_gates
    from senet_viz.gates.interventions import intervened as intervened
    from senet_viz.gates.recorder import GateRecorder as GateRecorder
    from senet_viz.images import decode_image as decode_image
    from senet_viz.images import open_images as open_images
    from senet_viz.models import load_model as load_model
    from senet_viz.recording import Recording as Recording
    from senet_viz.recording import open_recording as open_recording
    from senet_viz.recording import slim_recording as slim_recording
    from senet_viz.recording import verify_recording as verify_recording
    from senet_viz.recording.export import export_statistics as export_statistics
    from senet_viz.recording.outcomes import open_outcomes as open_outcomes
    from senet_viz.schema import ClassTable as ClassTable
    from senet_viz.schema import Gate as Gate
    from senet_viz.schema import Manifest as Manifest
    from senet_viz.stats.measures import measure_selectivity as measure_selectivity
    from senet_viz.workflows.comparison import compare_images as compare_images
    from senet_viz.workflows.freezing import advise_freezing as advise_freezing
    from senet_viz.workflows.interventions import intervene as intervene
    from senet_viz.workflows.record import record as record


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"senet_viz.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'senet_viz' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, *_ROOMS, "__version__"]
