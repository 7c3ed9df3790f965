"""The laws of the house: which room may know which, and what importing loads.

A room is a package directly under senet_viz/; the loose files there are the ground. docs/architecture.md draws them.
"""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "senet_viz"
FLOORS = {
    "ground": 0,
    "recording": 1, "images": 1, "gates": 1,
    "models": 2, "stats": 2,
    "claims": 3,
    "analysis": 4,
    "figures": 5, "workflows": 5,
    "report": 6, "dashboard": 6,
    "cli": 7,
}  # fmt: skip
GROUND = {"__init__", "__main__", "errors", "paths", "schema", "text"}
TORCH = {"torch", "torchvision", "timm", "captum"}
TORCH_ROOMS = {"gates", "models", "workflows"}
LATE_TORCH = {"images", "dashboard", "cli"}  # inside functions only
NUMPY_ROOMS = {"recording", "stats", "claims", "analysis", "figures", "report"}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else "ground"


@functools.cache
def package() -> Mapping[str, ast.Module]:
    """Every module of the package by its name, parsed."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def walk(tree: ast.AST, *, late: bool) -> Iterator[ast.AST]:
    """The nodes of a module without its type-checking blocks; what stands in functions only where `late`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and not late:
            continue
        yield node
        yield from walk(node, late=late)


@functools.cache
def imports_of(tree: ast.AST, *, late: bool = True) -> frozenset[str]:
    """Full names of the modules that a module imports."""
    found: set[str] = set()
    for node in walk(tree, late=late):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in package() else str(node.module) for name in named}
    return frozenset(found)


def test_the_rooms_are_those_of_the_plan() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(FLOORS) - {"ground"}
    assert {path.stem for path in PACKAGE.glob("*.py")} == GROUND


def test_imports_go_down_the_floors_only() -> None:
    wrong = [
        f"{module} ({room_of(module)}) imports {other} ({room_of(other)})"
        for module, tree in package().items()
        for other in imports_of(tree)
        if other.startswith("senet_viz.") and other != "senet_viz.cli" and room_of(other) != room_of(module)
        if FLOORS[room_of(other)] >= FLOORS[room_of(module)]
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    arrows = {
        module: {other for other in imports_of(tree) if other in package()}
        for module, tree in package().items()
        if module != "senet_viz"
    }
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " → ".join((*way[way.index(module) :], module))
        if module in done or module not in arrows:
            return
        for other in sorted(arrows[module] - {module}):
            visit(other, (*way, module))
        done.add(module)

    for module in arrows:
        visit(module, ())


@pytest.mark.parametrize("room", sorted(FLOORS))
def test_torch_plotly_and_streamlit_stay_in_their_rooms(room: str) -> None:
    for module, tree in package().items():
        if room_of(module) != room:
            continue
        early = {name.split(".")[0] for name in imports_of(tree, late=False)}
        all_of_them = {name.split(".")[0] for name in imports_of(tree)}
        if room not in TORCH_ROOMS:
            assert not early & TORCH, module
        if room in NUMPY_ROOMS:
            assert not all_of_them & TORCH, module
            assert not {room_of(name) for name in imports_of(tree)} & TORCH_ROOMS, module
        if room not in ("figures", "report", "dashboard"):
            assert "plotly" not in all_of_them, module
        if room != "dashboard":
            assert "streamlit" not in all_of_them, module


def test_every_room_of_torch_has_a_rule() -> None:
    assert {"ground", *TORCH_ROOMS, *LATE_TORCH, *NUMPY_ROOMS} == set(FLOORS)


REDUCTIONS = {
    "mean",
    "std",
    "var",
    "quantile",
    "percentile",
    "median",
    "nanmean",
    "nanmedian",
    "nanquantile",
    "average",
}


def test_figures_compute_nothing_but_layout() -> None:
    """What a number means is settled in `analysis`; least and largest set an axis, sums a height."""
    wrong = [
        f"{module}:{node.lineno} {node.func.attr}"
        for module, tree in package().items()
        if room_of(module) == "figures"
        for node in walk(tree, late=True)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in REDUCTIONS
    ]
    assert wrong == []


TABLES = "torch streamlit plotly"
LOADS = {
    "without torch": {
        "import senet_viz": f"{TABLES} pandas pyarrow",
        "from senet_viz import open_recording, export_statistics": TABLES,
        "import senet_viz as sv; sv.assess, sv.read_assessment": TABLES,
        "import senet_viz.cli": TABLES,
        "import senet_viz as sv; sv.figures.draw_depth, sv.figures.LIGHT": "torch streamlit",
        "from senet_viz.report.writing import write_report": "torch streamlit",
    },
    "with torch": {
        "from senet_viz import record, load_model, GateRecorder": "streamlit plotly captum",
        "import senet_viz.workflows.attribution, senet_viz.figures": "streamlit captum",
    },
}


@functools.cache
def loaded_after(process: str) -> Mapping[str, frozenset[str]]:
    """What a new process has loaded after each of its statements, which follow each other."""
    lines = [f"{statement}\nprint(' '.join(sys.modules))" for statement in LOADS[process]]
    command = [sys.executable, "-c", "\n".join(["import gc, sys", "gc.disable()", *lines])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(zip(LOADS[process], map(frozenset, map(str.split, done.stdout.splitlines())), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("process", "statement"),
    [(process, statement) for process, statements in LOADS.items() for statement in statements],
)
def test_importing_loads_no_more_than_it_needs(process: str, statement: str) -> None:
    assert "senet_viz" in loaded_after(process)[statement]
    assert loaded_after(process)[statement] & set(LOADS[process][statement].split()) == set()
