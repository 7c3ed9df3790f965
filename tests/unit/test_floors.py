"""The house's law: imports go down the floors only, and the numpy wing knows no torch."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "senet_viz"
FLOORS = {
    "errors": 0, "schema": 0, "paths": 0,
    "costs": 1, "moments": 1, "recording": 1, "statistics": 1, "profiles": 1, "comparison": 1, "attribution_results": 1, "trial_results": 1,
    "measures": 1, "resampling": 1, "decoding": 1, "semantics": 1, "effects": 1, "outcomes": 1, "freezing": 1,
    "hooks": 1, "gates": 1, "images": 1, "environment": 1, "allocation": 1,
    "claims": 2, "steps": 2, "assessment": 2, "blocks": 2, "classes": 2, "pairing": 2, "experiments": 2, "figures": 2, "report": 3,
    "models": 3, "recorder": 3, "attribution": 3, "interventions": 3, "intervening": 4, "advising": 4, "forwarding": 4, "inspection": 4, "evaluation": 4, "model_card": 3,
    "training": 4, "planning": 4, "pipeline": 4, "doctor": 4, "model_building": 4, "jobs": 4, "comparing": 4, "stepping": 4, "assessing": 4, "experimenting": 5,
    "terminal": 5, "cli": 5, "dashboard": 5, "__main__": 5, "__init__": 0,
}  # fmt: skip
NUMPY_WING = {"costs", "errors", "steps", "schema", "paths", "moments", "recording", "statistics", "profiles", "comparison", "attribution_results", "trial_results",
              "measures", "resampling", "decoding", "semantics", "effects", "outcomes", "freezing", "claims", "assessment", "blocks", "classes", "pairing", "experiments", "figures", "jobs", "assessing", "report",
              "dashboard"}  # fmt: skip
TORCH_WING = {"attribution", "stepping", "interventions", "intervening", "advising", "hooks", "gates", "images", "models", "recorder", "forwarding", "training", "pipeline", "planning",
              "evaluation", "model_building", "inspection", "doctor", "environment", "comparing", "allocation", "experimenting"}  # fmt: skip
HEAVY = {"torch", "torchvision", "timm", "captum"}
PAINTERS = {"streamlit", "plotly"}


def rooms() -> list[tuple[str, Path]]:
    return [(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path) for path in sorted(PACKAGE.rglob("*.py"))]


@functools.cache
def imported_modules(path: Path) -> frozenset[str]:
    """Full names of everything imported anywhere in a file, type-checking blocks left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else "__init__"


def test_every_room_has_a_floor() -> None:
    assert {room for room, _ in rooms()} <= set(FLOORS)


@pytest.mark.parametrize(("room", "path"), rooms(), ids=lambda value: value if isinstance(value, str) else value.name)
def test_imports_go_down_only(room: str, path: Path) -> None:
    own = {module for module in imported_modules(path) if module.split(".")[0] == "senet_viz"}
    above = {module for module in own if FLOORS[room_of(module)] > FLOORS[room]}
    assert not above, f"{path.name} (floor {FLOORS[room]}) imports from above: {sorted(above)}"


@pytest.mark.parametrize(("room", "path"), rooms(), ids=lambda value: value if isinstance(value, str) else value.name)
def test_wings_meet_only_at_the_recording(room: str, path: Path) -> None:
    modules = imported_modules(path)
    roots = {module.split(".")[0] for module in modules}
    own = {room_of(module) for module in modules if module.startswith("senet_viz.")}
    if room in NUMPY_WING - {"dashboard"}:
        assert not roots & HEAVY
        assert not own & TORCH_WING
    if room in TORCH_WING | (NUMPY_WING - {"figures", "dashboard"}):
        assert not roots & PAINTERS
    if room != "dashboard":
        assert "streamlit" not in roots


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import senet_viz", {"torch", "streamlit", "plotly", "pandas", "pyarrow"}),
        ("from senet_viz import open_recording, export_statistics", {"torch", "streamlit", "plotly"}),
        ("from senet_viz import record, load_model, GateRecorder", {"streamlit", "plotly", "captum"}),
        ("import senet_viz.attribution, senet_viz.figures", {"streamlit", "captum"}),
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


def test_no_module_bears_a_public_functions_name() -> None:
    import senet_viz

    assert not {room for room, _ in rooms()} & set(senet_viz.__all__)
