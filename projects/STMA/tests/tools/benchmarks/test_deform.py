"""The benchmark of deformable convolution: what it reports, not how fast."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import torch
from torch import nn

TOOLS = Path(__file__).resolve().parents[3] / "tools"


@pytest.fixture
def figure(monkeypatch):
    """The module of this figure."""
    monkeypatch.syspath_prepend(str(TOOLS))
    from benchmarks import deform

    return deform


def run(figure, *arguments):
    parser = argparse.ArgumentParser()
    figure.add_arguments(parser)
    return figure.run(parser.parse_args(["--repeats", "1", *arguments]))


def test_both_operators_give_the_same_features_at_every_batch(figure):
    report = run(figure, "--size", "64", "--batch", "1", "2")
    assert [(timing.name, timing.units) for timing in report.timings] == [
        ("ours, batch 1", 1),
        ("torchvision, batch 1", 1),
        ("ours, batch 2", 2),
        ("torchvision, batch 2", 2),
    ]
    for batch, (ours, torchvisions) in {1: report.timings[:2], 2: report.timings[2:]}.items():
        ratio = report.ratios[f"torchvision / ours, batch {batch}"]
        assert ratio == torchvisions.median / ours.median
        largest = report.facts[f"largest feature, batch {batch}"]
        # Not the same to the last bit: two operators were run.
        assert 0 < report.facts[f"largest difference, batch {batch}"] < 1e-4 * min(largest, 1)


def test_training_runs_backward(figure, monkeypatch):
    losses = []
    backward = torch.Tensor.backward
    monkeypatch.setattr(torch.Tensor, "backward", lambda loss: losses.append(backward(loss)))
    report = run(figure, "--size", "32", "--batch", "2", "--train")
    assert report.title.startswith("DLA-34 forward and backward, 32 x 32")
    assert list(report.ratios) == ["torchvision / ours, batch 2"]
    assert len(losses) == 2 * 2  # both operators, once untimed and once timed


def test_offsets_are_spread_over_pixels(figure):
    spreads = []
    model = figure.make_model(64, training=False)
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.out_channels == 27:
            module.register_forward_hook(lambda layer, inputs, out: spreads.append(out.std()))
    figure.infer(model, torch.randn(1, 3, 64, 64))
    assert len(spreads) == 16
    assert all(0.5 < spread < 8 for spread in spreads)
