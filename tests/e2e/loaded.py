"""What commands need, loaded once for all processes that are forked from the one that imports this."""

import gc
import importlib

LOADED = (
    "pydantic", "sklearn.datasets", "senet_viz.cli", "senet_viz.cli.doctor", "senet_viz.claims.assess",
    "senet_viz.recording.export", "senet_viz.recording.slim", "senet_viz.models.networks.architectures",
    "senet_viz.report.writing", "senet_viz.workflows.comparison",
    "senet_viz.workflows.freezing.making", "senet_viz.workflows.inspect", "senet_viz.workflows.interventions.making",
    "senet_viz.workflows.record", "senet_viz.workflows.train", "tests.support.tiny",
)  # fmt: skip

gc.disable()  # what is loaded here stays: it is not looked through for garbage, here or in what is forked
for _name in LOADED:
    importlib.import_module(_name)
gc.freeze()
gc.enable()
