"""A unit that is called several times: recorded, moved, frozen and counted, its weights once."""

from pathlib import Path

import numpy as np
import pytest

import senet_viz as sv
from senet_viz.analysis.freezing_files import stored_freezing
from senet_viz.gates.discovery import group_by_weights
from senet_viz.images.source import ImageSource
from senet_viz.models.zoo import Model
from senet_viz.recording.outcomes import Outcomes
from senet_viz.workflows.freezing.making import advise_freezing
from senet_viz.workflows.inspect import inspect_model, summarize_costs
from senet_viz.workflows.interventions.making import intervene
from tests.support.image_files import open_outputs
from tests.support.known_gates import write_colours

NAMES = ("units.0", "units.1", "third@1", "third@2")


@pytest.fixture(scope="module")
def model() -> Model:
    return sv.load_model("tests.support.frozen:shared_chain", device="cpu")


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> ImageSource:
    drawn = np.random.default_rng(0).integers(0, 256, (80, 3)).astype(np.uint8)
    return open_outputs(write_colours(tmp_path_factory.mktemp("data") / "colours.parquet", drawn, np.arange(80) % 4))


def test_calls_of_a_unit_are_known_by_their_weights(model: Model) -> None:
    assert [[b.gate.name for b in calls] for calls in group_by_weights(model.bound_gates)] == [
        ["units.0"], ["units.1"], ["third@1", "third@2"],
    ]  # fmt: skip


def test_weights_are_counted_once_and_operations_in_every_call(model: Model) -> None:
    found = inspect_model(model)
    third = model.module.get_submodule("third")
    units = (*model.module.get_submodule("units"), third)
    assert [block.gate.name for block in found.blocks] == list(NAMES)
    assert [block.repeated for block in found.blocks] == [False, False, False, True]
    assert found.gate_parameters == sum(p.numel() for unit in units for p in unit.parameters())
    assert found.gate_cost.parameters == found.gate_parameters
    assert {block.counted.excitation_macs for block in found.blocks} == {2 * 4 * 4}, "two layers of 4 × 4 in one call"
    assert found.gate_cost.excitation_macs == 4 * 2 * 4 * 4
    assert found.formula_weights == 3 * 2 * 4 * 4
    assert summarize_costs(model).stages[0].units == 3


def test_a_unit_is_spared_when_all_of_its_calls_are_frozen(model: Model, colours: ImageSource, tmp_path: Path) -> None:
    advice = advise_freezing(model, colours, tmp_path / "frozen", loss=100.0)
    path = advice.path
    assert path.shared == (("third@1", "third@2"),)
    own = {gate.name: gate.parameters for gate in path.gates}
    for size in range(1, 5):
        frozen = set(path.order[:size])
        units = {name.partition("@")[0] for name in frozen if not {"third@1", "third@2"} - frozen or "@" not in name}
        spared = sum(own.get(unit, own["third@1"]) for unit in units)
        assert path.parameters_saved(size) == spared - 4 * size
    stored = stored_freezing(tmp_path / "frozen")
    assert stored is not None
    assert stored.shared == path.shared
    assert path.timing is None
    assert path.notes[-1].startswith("The time saved was not measured: a constant replaces a whole SE unit, and")
    assert "have no unit of their own" in path.notes[-1]


def test_each_call_is_moved_alone(model: Model, colours: ImageSource, tmp_path: Path) -> None:
    sv.record(model, colours, tmp_path / "clean")
    found = intervene(model, colours, tmp_path / "out", baselines_from=tmp_path / "clean")
    assert isinstance(found, Outcomes)
    assert {v.blocks for v in found.variants if v.kind == "block"} >= {(name,) for name in NAMES}
