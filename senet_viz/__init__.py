"""See and test what the gates of squeeze-and-excitation networks do.

Names are imported when they are first used: opening a recording never loads torch.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "ClassTable": "senet_viz.schema",
    "Gate": "senet_viz.schema",
    "GateRecorder": "senet_viz.gates.recorder",
    "ImageInput": "senet_viz.workflows.comparison",
    "LocalEngine": "senet_viz.workflows.engine",
    "Manifest": "senet_viz.schema",
    "READINGS": "senet_viz.claims.declaring",
    "RayEngine": "senet_viz.workflows.ray_engine",
    "RecordOptions": "senet_viz.recording.options",
    "Recording": "senet_viz.recording.reader",
    "SenetVizError": "senet_viz.errors",
    "advise_freezing": "senet_viz.workflows.freezing.making",
    "assess": "senet_viz.claims.assess",
    "attribute_gate": "senet_viz.workflows.attribution",
    "attribute_output": "senet_viz.workflows.output_attribution",
    "bundled_folder": "senet_viz.models.zoo",
    "compare_images": "senet_viz.workflows.comparison",
    "compute_grad_cam": "senet_viz.workflows.output_attribution",
    "correlate_measures": "senet_viz.stats.tables",
    "decode_image": "senet_viz.images.decoding",
    "describe_health": "senet_viz.analysis.blocks",
    "export_statistics": "senet_viz.recording.export",
    "find_gates": "senet_viz.gates.discovery",
    "gather_health": "senet_viz.analysis.blocks",
    "intervene": "senet_viz.workflows.interventions.making",
    "intervened": "senet_viz.gates.intervention",
    "load_model": "senet_viz.models.zoo",
    "load_recorded_model": "senet_viz.workflows.recorded_model",
    "measure_selectivity": "senet_viz.stats.tables",
    "open_freezing": "senet_viz.analysis.freezing_files",
    "open_images": "senet_viz.images.opening",
    "open_outcomes": "senet_viz.recording.outcomes",
    "open_recording": "senet_viz.recording.reader",
    "read_assessment": "senet_viz.claims.assessment",
    "read_measures": "senet_viz.claims.assessment",
    "record": "senet_viz.workflows.record",
    "slim_recording": "senet_viz.recording.slim",
    "summarize_reading": "senet_viz.claims.sentences",
    "tabulate_report": "senet_viz.claims.sentences",
    "verify_recording": "senet_viz.recording.verify",
    "write_report": "senet_viz.report.writing",
}
_ROOMS = ("figures",)  # as sv.figures, without an import of its own
__all__ = sorted(_HOMES)

if TYPE_CHECKING:
    from senet_viz import figures as figures
    from senet_viz.analysis.blocks import describe_health as describe_health
    from senet_viz.analysis.blocks import gather_health as gather_health
    from senet_viz.analysis.freezing_files import open_freezing as open_freezing
    from senet_viz.claims.assess import assess as assess
    from senet_viz.claims.assessment import read_assessment as read_assessment
    from senet_viz.claims.assessment import read_measures as read_measures
    from senet_viz.claims.declaring import READINGS as READINGS
    from senet_viz.claims.sentences import summarize_reading as summarize_reading
    from senet_viz.claims.sentences import tabulate_report as tabulate_report
    from senet_viz.errors import SenetVizError as SenetVizError
    from senet_viz.gates.discovery import find_gates as find_gates
    from senet_viz.gates.intervention import intervened as intervened
    from senet_viz.gates.recorder import GateRecorder as GateRecorder
    from senet_viz.images.decoding import decode_image as decode_image
    from senet_viz.images.opening import open_images as open_images
    from senet_viz.models.origins import bundled_folder as bundled_folder
    from senet_viz.models.zoo import load_model as load_model
    from senet_viz.recording.export import export_statistics as export_statistics
    from senet_viz.recording.options import RecordOptions as RecordOptions
    from senet_viz.recording.outcomes import open_outcomes as open_outcomes
    from senet_viz.recording.reader import Recording as Recording
    from senet_viz.recording.reader import open_recording as open_recording
    from senet_viz.recording.slim import slim_recording as slim_recording
    from senet_viz.recording.verify import verify_recording as verify_recording
    from senet_viz.report.writing import write_report as write_report
    from senet_viz.schema import ClassTable as ClassTable
    from senet_viz.schema import Gate as Gate
    from senet_viz.schema import Manifest as Manifest
    from senet_viz.stats.tables import correlate_measures as correlate_measures
    from senet_viz.stats.tables import measure_selectivity as measure_selectivity
    from senet_viz.workflows.attribution import attribute_gate as attribute_gate
    from senet_viz.workflows.comparison import ImageInput as ImageInput
    from senet_viz.workflows.comparison import compare_images as compare_images
    from senet_viz.workflows.engine import LocalEngine as LocalEngine
    from senet_viz.workflows.freezing.making import advise_freezing as advise_freezing
    from senet_viz.workflows.interventions.making import intervene as intervene
    from senet_viz.workflows.output_attribution import attribute_output as attribute_output
    from senet_viz.workflows.output_attribution import compute_grad_cam as compute_grad_cam
    from senet_viz.workflows.ray_engine import RayEngine as RayEngine
    from senet_viz.workflows.record import record as record
    from senet_viz.workflows.recorded_model import load_recorded_model as load_recorded_model


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"senet_viz.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'senet_viz' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, *_ROOMS, "__version__"]


class _OldModules(MetaPathFinder, Loader):
    """The modules that the documents of version 0.1 named: their names are those of `senet_viz` or `senet_viz.figures`."""

    names = tuple(
        f"senet_viz.{name}"
        for name in (
            "assessment", "attribution", "blocks", "comparing", "figures.gate_health", "measures", "measures.correlations",
            "planning",
        )
    )  # fmt: skip

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        return spec_from_loader(fullname, self, is_package=True) if fullname in self.names else None

    def exec_module(self, module: ModuleType) -> None:
        def find(name: str) -> Any:
            if name in _HOMES:
                return __getattr__(name)
            figures = __getattr__("figures")
            if name not in figures.__all__:
                raise AttributeError(f"{name!r} is no public name of senet_viz.")
            return getattr(figures, name)

        vars(module)["__getattr__"] = find


sys.meta_path.append(_OldModules())
