"""What importing loads: opening a recording never loads torch, recording never loads Streamlit or Plotly."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import senet_viz", {"torch", "streamlit", "plotly", "pandas", "pyarrow"}),
        ("from senet_viz import open_recording, export_statistics", {"torch", "streamlit", "plotly"}),
        ("from senet_viz import record, load_model, GateRecorder", {"streamlit", "plotly", "captum"}),
        ("import senet_viz.workflows.attribution, senet_viz.figures", {"streamlit", "captum"}),
        ("import senet_viz as sv; sv.assess, sv.read_assessment", {"torch", "streamlit", "plotly"}),
        ("import senet_viz as sv; sv.figures.draw_depth, sv.figures.LIGHT", {"torch", "streamlit"}),
        ("from senet_viz.report import write_report", {"torch", "streamlit"}),
        ("import senet_viz.cli", {"torch", "streamlit", "plotly"}),
    ],
)
def test_importing_loads_no_more_than_it_needs(statement: str, unwanted: set[str]) -> None:
    code = f"import sys; {statement}; print(' '.join(m for m in {sorted(unwanted)!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
