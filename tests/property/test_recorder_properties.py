from contextlib import suppress

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from senet_viz.errors import GateError
from senet_viz.gates.labels import label_units, number_stages
from senet_viz.gates.recorder import GateRecorder
from tests.support.networks import AttributeSELayer, SELayer, count_hooks, small_network

SIZES = st.integers(1, 5)
EVENTS = st.lists(st.sampled_from(["forward", "raise", "take", "with", "with raises"]), max_size=12)


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(images=SIZES, height=st.integers(5, 20), width=st.integers(5, 20), seed=st.integers(0, 99), linear=st.booleans())
def test_gate_times_input_is_the_output_for_any_batch(images, height, width, seed, linear):
    network = small_network(SELayer if linear else AttributeSELayer, seed=seed)
    x = torch.randn(images, 3, height, width, generator=torch.Generator().manual_seed(seed))
    pairs = {}
    for index in (0, 1):
        network.blocks[index].unit.register_forward_hook(
            lambda _m, args, out, name=f"blocks.{index}.unit": pairs.update({name: (args[0].clone(), out.clone())})
        )
    with GateRecorder(network) as recorder, torch.no_grad():
        network(x)
        gates, squeezes = recorder.take(), recorder.take("squeeze")
    for name, (given_, returned) in pairs.items():
        assert gates[name].shape == squeezes[name].shape == given_.shape[:2]
        assert 0 <= gates[name].min() <= gates[name].max() <= 1
        torch.testing.assert_close(gates[name][:, :, None, None] * given_, returned, rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(squeezes[name].double(), given_.double().mean((2, 3)), rtol=0, atol=1e-5)


NETWORK = small_network(SELayer)


def play(recorder: GateRecorder, events: list[str]) -> None:
    for event in events:
        images = torch.ones(2, 2 if "raise" in event else 3, 8, 8)
        with suppress(GateError if event == "take" else RuntimeError if "raise" in event else ()):
            if event == "take":
                recorder.take()
            elif event.startswith("with"):
                with GateRecorder(NETWORK) as inner:
                    NETWORK(images)
                    assert all(values.shape[0] == 2 for values in inner.take().values())
            else:
                NETWORK(images)


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(events=EVENTS)
def test_any_order_of_events_leaves_the_hooks_and_flags_as_they_were(events):
    recorder = GateRecorder(NETWORK)
    with torch.no_grad():
        with recorder:
            inside = count_hooks(NETWORK)
            play(recorder, events)
            assert count_hooks(NETWORK) == inside
        assert count_hooks(NETWORK) == 0
    assert not any(part.training for part in NETWORK.modules())


@given(stages=st.lists(st.integers(1, 6)))
def test_labels_are_unique_and_count_from_one(stages):
    labels = label_units(stages)
    assert len(set(labels)) == len(labels) == len(stages)
    for stage in set(stages):
        own = [label for label in labels if label.startswith(f"SE_{stage}_")]
        assert own == [f"SE_{stage}_{position}" for position in range(1, stages.count(stage) + 1)]


@given(resolutions=st.lists(st.integers(1, 50), min_size=1))
def test_stages_number_resolutions_from_the_finest_without_gaps(resolutions):
    stages = number_stages([f"unit{i}" for i in range(len(resolutions))], resolutions, ["unit"])
    assert set(stages) == set(range(1, len(set(resolutions)) + 1))
    for (a, stage_a), (b, stage_b) in zip(zip(resolutions, stages), list(zip(resolutions, stages))[1:]):
        assert (a > b) == (stage_a < stage_b)
        assert (a == b) == (stage_a == stage_b)
