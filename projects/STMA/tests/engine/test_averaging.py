"""Averages over iterations and over processes."""

from __future__ import annotations

import json

import pytest
import torch
import torch.distributed as dist
from torch import nn

from stma_d2.engine.averaging import WeightAveraging, average_buffers


def network(weight=0.0, mean=0.0):
    model = nn.BatchNorm1d(1)
    nn.init.constant_(model.weight, weight)
    model.running_mean.fill_(mean)
    return model


def step(hook, model, weight, mean):
    nn.init.constant_(model.weight, weight)
    model.running_mean.fill_(mean)
    hook.after_step()


def test_the_average_is_exponential_over_weights_and_running_statistics():
    """Decay 3/4 over 4, 8, 16: 4, then 3 + 2 = 5, then 15/4 + 4 = 31/4."""
    model = network()
    hook = WeightAveraging(model, 0.75)
    hook.before_train()
    for value in (4.0, 8.0, 16.0):
        step(hook, model, value, 10 * value)
    assert hook.averaged.weight.item() == pytest.approx(31 / 4)
    assert hook.averaged.running_mean.item() == pytest.approx(310 / 4)
    assert model.weight.item() == 16


def test_training_starts_from_the_weights_that_were_loaded_to_be_averaged():
    model = network()
    hook = WeightAveraging(model, 0.75)
    hook.averaged.load_state_dict(network(weight=5.0).state_dict())
    hook.before_train()
    assert model.weight.item() == 5


def average(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=3)
    model = network(weight=rank, mean=0.1 * (1 + rank))
    model.register_buffer("constant", torch.tensor([0.1, 1e30]))
    average_buffers(model)
    record = {
        "running_mean": model.running_mean.item(),
        "weight": model.weight.item(),
        "constant": torch.equal(model.constant, torch.tensor([0.1, 1e30])),
        "counter": model.num_batches_tracked.item(),
    }
    (folder / f"{rank}.json").write_text(json.dumps(record))


def test_processes_share_the_mean_of_their_running_statistics(in_processes):
    """(0.1 + 0.2 + 0.3) / 3; what is equal stays as it is, weights are left alone."""
    records = in_processes(average, [(rank,) for rank in range(3)])
    assert len({record["running_mean"] for record in records}) == 1
    for rank, record in enumerate(records):
        assert record["running_mean"] == pytest.approx(0.2)
        assert (record["weight"], record["constant"], record["counter"]) == (rank, True, 0)
