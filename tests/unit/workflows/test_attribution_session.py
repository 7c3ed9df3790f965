"""A model after an attribution is the model before it, whatever happened in between."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from senet_viz.errors import ArgumentError, GateError, ModelError
from senet_viz.gates.recorder import GateRecorder
from senet_viz.models.forward import observing
from senet_viz.models.zoo import Model
from senet_viz.workflows import job
from senet_viz.workflows.attribution import attribute_gate, estimate_seconds
from senet_viz.workflows.output_attribution import attribute_output, compute_grad_cam
from tests.support.attributing import all_hooks, as_model, draw_pixels, small_model, state_of
from tests.support.networks import FAMILIES, SELayer, SmallNetwork, ZeroingSELayer, draw_images, small_network

Attribute = Callable[[Model, Tensor], object]
WAYS: dict[str, Attribute] = {
    "gradient": lambda model, pixels: attribute_gate(model, pixels, "SE_2_1", 1).values,
    "integrated": lambda model, pixels: attribute_gate(model, pixels, "SE_2_1", 1, method="integrated", steps=3).values,
    "channels": lambda model, pixels: attribute_output(model, pixels, "SE_2_1", 1).values,
    "grad-cam": lambda model, pixels: compute_grad_cam(model, pixels, "SE_2_1", 1).coarse,
    "estimate": lambda model, pixels: estimate_seconds(model, pixels, 3),
}
BY_WAY = pytest.mark.parametrize("attribute", WAYS.values(), ids=WAYS.keys())


def unusual_model() -> Model:
    """In training mode but for one part, one weight frozen, one with a gradient, somebody else's hook."""
    network = small_network(SELayer).train()
    network.blocks[0].bn.eval()
    network.head.bias.requires_grad_(False)
    network.head.weight.grad = torch.ones_like(network.head.weight)
    network.head.register_forward_hook(lambda *_: None)
    return as_model(network)


@BY_WAY
def test_state_is_kept(attribute):
    model, pixels = unusual_model(), draw_pixels()
    model.gates  # noqa: B018 - found once and kept
    before, given = state_of(model), pixels.clone()
    attribute(model, pixels)
    assert state_of(model) == before
    assert torch.equal(pixels, given)
    assert not pixels.requires_grad


@BY_WAY
def test_state_is_kept_when_the_forward_raises(attribute):
    model = unusual_model()
    model.gates  # noqa: B018
    part = model.module.blocks[1]
    forward, calls, most = part.forward, [0], [10**6]

    def fail_later(x: Tensor) -> Tensor:
        calls[0] += 1
        if calls[0] > most[0]:
            raise RuntimeError("no more memory\nand a long trace")
        return forward(x)

    part.forward = fail_later
    attribute(model, draw_pixels())
    needed, before = calls[0], state_of(model)
    calls[0], most[0] = 0, needed - 1  # the last forward fails: the hooks are on
    with pytest.raises(ModelError, match=r"small could not be run and differentiated \(no more memory\)"):
        attribute(model, draw_pixels())
    assert calls[0] == needed
    assert state_of(model) == before


@BY_WAY
def test_weights_need_no_gradient_meanwhile(attribute):
    model, wanted = small_model(SELayer), []
    model.gates  # noqa: B018
    model.module.head.register_forward_hook(
        lambda part, _i, out: wanted.append(part.weight.requires_grad) if out.requires_grad else None
    )
    attribute(model, draw_pixels())
    assert wanted
    assert not any(wanted)


def test_state_is_kept_when_the_callback_stops_it():
    model = unusual_model()
    before = state_of(model)

    class StopError(BaseException):
        """Of no kind that anybody catches."""

    def stop(done: int, _total: int) -> None:
        if done > 2:
            raise StopError

    with pytest.raises(StopError):
        attribute_gate(model, draw_pixels(), "SE_1_1", 0, method="integrated", steps=9, batch_size=2, on_progress=stop)
    assert state_of(model) == before


@pytest.mark.slow
@BY_WAY
def test_no_hook_is_left_after_200_times(attribute):
    model, pixels = small_model(SELayer), draw_pixels()
    model.module.head.register_forward_hook(lambda *_: None)
    for _ in range(200):
        attribute(model, pixels)
    assert all_hooks(model.module) == 1


@pytest.mark.parametrize("way", ["gradient", "integrated", "channels", "grad-cam"])
def test_the_callers_modes_do_not_matter(way):
    model, pixels, attribute = small_model(SELayer), draw_pixels(), WAYS[way]
    expected = attribute(model, pixels)
    with torch.inference_mode():
        inference = pixels.clone()
        assert inference.is_inference()
        assert np.array_equal(attribute(model, inference), expected)
        assert torch.is_inference_mode_enabled()
    with torch.no_grad():
        assert np.array_equal(attribute(model, pixels), expected)
        assert not torch.is_grad_enabled()
    with torch.autocast("cpu", torch.bfloat16):
        assert np.array_equal(attribute(model, pixels), expected)
    model.module.train()
    assert np.array_equal(attribute(model, pixels), expected)


def test_recording_and_attributing_at_once_give_what_each_gives_alone():
    rounds, images = 12, draw_images(3)
    model, pixels = small_model(FAMILIES["timm-se"].make), draw_pixels(1)
    model.module.train()

    def record() -> np.ndarray:
        with observing(model, "fp32"), GateRecorder(model.module) as recorder:
            model.module(images.contiguous(memory_format=torch.channels_last))
            return torch.cat(list(recorder.take().values()), dim=1).numpy()

    def attribute() -> np.ndarray:
        parts = [WAYS[way](model, pixels) for way in ("gradient", "integrated", "channels", "grad-cam")]
        return np.concatenate([np.ravel(part) for part in parts])

    work, results, errors = {"record": record, "attribute": attribute}, {"record": [], "attribute": []}, []
    alone = {name: each() for name, each in work.items()}
    barrier = threading.Barrier(len(work))

    def repeat(name: str) -> None:
        try:
            for _ in range(rounds):
                barrier.wait(timeout=60)
                results[name].append(work[name]())
        except BaseException as error:  # told in the test's thread
            errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=repeat, args=(name,)) for name in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for name, found in results.items():
        assert len(found) == rounds
        assert all(np.array_equal(each, alone[name]) for each in found)
    assert all_hooks(model.module) == 0
    assert all(part.training for part in model.module.modules())


def test_the_lock_is_free_while_progress_is_told():
    model, free = small_model(SELayer), []

    def other_session() -> None:
        free.append(model.lock.acquire(timeout=5))
        model.lock.release()

    def tell(_done: int, _total: int) -> None:
        thread = threading.Thread(target=other_session)
        thread.start()
        thread.join()

    attribute_gate(model, draw_pixels(), "SE_1_1", 0, method="integrated", steps=3, on_progress=tell)
    assert free == [True]


@BY_WAY
def test_a_locked_model_is_waited_for(attribute):
    model, done = small_model(SELayer), threading.Event()

    def work() -> None:
        attribute(model, draw_pixels())
        done.set()

    with model.lock:
        thread = threading.Thread(target=work)
        thread.start()
        assert not done.wait(0.3)
    thread.join()
    assert done.is_set()


def test_a_network_that_writes_into_its_input_gives_the_same():
    network, writing = small_network(SELayer), small_network(SELayer)
    forward = writing.forward
    writing.forward = lambda x: forward(x.mul_(1.0))
    for way in ("gradient", "integrated", "channels", "grad-cam"):
        expected = WAYS[way](as_model(network), draw_pixels())
        assert np.array_equal(WAYS[way](as_model(writing), draw_pixels()), expected)


def test_a_network_that_destroys_its_gates_gets_a_sentence():
    model = small_model(ZeroingSELayer)
    with pytest.raises(ModelError, match="writes into its own results in place"):
        attribute_gate(model, draw_pixels(), "SE_2_1", 0)
    assert all_hooks(model.module) == 0


class Frozen(SmallNetwork):
    """Runs without gradients whatever is asked for."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return super().forward(x)


@pytest.mark.parametrize("way", WAYS)
def test_a_network_without_gradients_gets_a_sentence(way):
    model = as_model(Frozen(SELayer).eval())
    with pytest.raises((GateError, ModelError), match=r"no(_grad\(\)| gradient)"):
        WAYS[way](model, draw_pixels())


@pytest.mark.parametrize("way", ["channels", "grad-cam", "estimate"])
def test_logits_are_found_beside_others_and_their_absence_gets_a_sentence(way):
    network = small_network(SELayer)
    forward = network.forward
    network.forward = lambda x: (forward(x), x)
    WAYS[way](as_model(network), draw_pixels())
    network.forward = lambda x: forward(x)[:, :3]
    with pytest.raises(ModelError, match=r"returned \(1, 3\) for 1 images, not \(1, 5\) logits"):
        WAYS[way](as_model(network), draw_pixels())
    assert attribute_gate(as_model(network), draw_pixels(), "SE_1_1", 0).values.any()


def test_an_estimate_is_the_time_of_one_pass_times_the_passes(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(job.time, "perf_counter", lambda: float(next(clock)))
    model = small_model(SELayer)
    assert estimate_seconds(model, draw_pixels()) == 1
    assert estimate_seconds(model, draw_pixels(), 64) == 66
    with pytest.raises(ArgumentError, match="-1 steps"):
        estimate_seconds(model, draw_pixels(), -1)
    with pytest.raises(ArgumentError, match="not one float32 image"):
        estimate_seconds(model, draw_images())


def test_a_model_without_gates_says_so():
    network = small_network(lambda _: nn.Identity())
    with pytest.raises(GateError, match="has no squeeze-and-excitation gate"):
        attribute_gate(as_model(network), draw_pixels(), "SE_1_1", 0)
