"""Recomputed activations: the same numbers from less memory."""

from __future__ import annotations

import copy

import pytest
import torch

from stma_d2.modeling.backbone import SmallResNeXt3D
from stma_d2.modeling.backbone.checkpoint_forward import checkpoint_forward


@pytest.fixture
def twins():
    """The same network with and without checkpointing, and a batch of clips."""
    torch.manual_seed(0)
    plain = SmallResNeXt3D(8)
    checkpointed = SmallResNeXt3D(8, checkpoint_activations=True)
    checkpointed.load_state_dict(copy.deepcopy(plain.state_dict()))
    return plain, checkpointed, torch.randn(2, 3, 8, 64, 64)


def kept_bytes(model, clips):
    """Bytes of the tensors that the graph keeps beside the weights."""
    own = {t.untyped_storage().data_ptr() for t in model.state_dict().values()}
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        model(clips)
    return sum(size for size, _ in kept.values())


@pytest.mark.parametrize("autocast", [False, True])
def test_output_gradients_and_running_statistics_are_those_of_a_plain_pass(twins, autocast):
    plain, checkpointed, clips = twins
    for _ in range(2):
        outputs = []
        for model in (plain, checkpointed):
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                outputs.append(model(clips))
            outputs[-1].float().square().mean().backward()
        assert torch.equal(*outputs)
    for ours, theirs in zip(checkpointed.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)
    state = checkpointed.state_dict()
    assert all(torch.equal(state[name], value) for name, value in plain.state_dict().items())
    assert checkpointed.bn1.num_batches_tracked == 2


def test_less_is_kept_for_the_backward_pass(twins):
    plain, checkpointed, clips = twins
    assert kept_bytes(checkpointed, clips) < 0.4 * kept_bytes(plain, clips)


def test_without_gradients_there_is_one_plain_pass(twins, monkeypatch):
    plain, checkpointed, clips = twins
    monkeypatch.setattr("stma_d2.modeling.backbone.resnext3d.checkpoint_forward", None)
    with torch.no_grad():
        assert torch.equal(checkpointed.eval()(clips), plain.eval()(clips))


def test_an_input_without_gradient_serves():
    layer = torch.nn.Linear(3, 2)
    checkpoint_forward(torch.ones(1, 3), layer, torch.nn.ReLU()).sum().backward()
    assert layer.weight.grad is not None
