import pytest
import torch
from torch import nn

from senet_viz.gates.hooks import attached, evaluating, preserved_state
from tests.support.networks import SELayer, count_hooks, small_network


def test_attached_hooks_fire_inside_and_only_inside_the_with():
    module, seen = nn.ReLU(), []
    hooks, pre_hooks = [(module, lambda *_: seen.append("after"))], [(module, lambda *_: seen.append("before"))]
    with attached(hooks, pre_hooks=pre_hooks):
        module(torch.ones(1))
        assert count_hooks(module) == 2
    module(torch.ones(1))
    assert seen == ["before", "after"]
    assert count_hooks(module) == 0


def test_attached_hooks_are_removed_when_the_body_raises():
    module = nn.ReLU()
    with pytest.raises(RuntimeError, match="boom"), attached([(module, lambda *_: None)]):
        raise RuntimeError("boom")
    assert count_hooks(module) == 0


def test_hooks_attached_before_one_that_cannot_be_are_removed():
    module = nn.ReLU()
    with pytest.raises(AttributeError), attached([(module, lambda *_: None), (None, lambda *_: None)]):
        pass
    assert count_hooks(module) == 0


def test_foreign_hooks_stay():
    module = nn.ReLU()
    module.register_forward_hook(lambda *_: None)
    with attached([(module, lambda *_: None)]):
        pass
    assert count_hooks(module) == 1


@pytest.mark.parametrize("context", [preserved_state, evaluating])
def test_each_flag_is_restored_also_when_the_body_raises(context):
    network = small_network(SELayer).train()
    network.blocks[0].bn.eval()
    network.head.weight.requires_grad_(False)
    flags = [part.training for part in network.modules()]
    wanted = [parameter.requires_grad for parameter in network.parameters()]

    def switch_and_raise() -> None:
        with context(network):
            network.eval().requires_grad_(False)
            network.blocks[1].train()
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        switch_and_raise()
    assert [part.training for part in network.modules()] == flags
    assert [parameter.requires_grad for parameter in network.parameters()] == wanted


def test_evaluating_keeps_the_random_state_and_gradients_off():
    network = small_network(SELayer).train()
    state = torch.get_rng_state()
    with evaluating(network) as inside:
        assert inside is network
        assert not any(part.training for part in network.modules())
        assert not torch.is_grad_enabled()
        torch.rand(7)
    assert torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), state)


def test_evaluating_does_not_set_off_an_overridden_train():
    class Fusing(nn.Module):
        def train(self, mode: bool = True) -> "Fusing":
            raise AssertionError("train() was called")

    network = Fusing()
    with evaluating(network):
        assert not network.training
    assert network.training
