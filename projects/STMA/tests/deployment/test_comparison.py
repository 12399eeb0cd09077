"""The distance of exported files from the network is the largest of all their outputs'."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stma_d2.deployment.comparison import compare
from stma_d2.deployment.exported import ExportedNetwork

FRAMES = np.random.default_rng(0).integers(0, 256, (12, 40, 60, 3), dtype=np.uint8)


@pytest.fixture
def compared(make_network, parts_of):
    """Compares a network with itself, of which one part's output of that number is changed."""
    cfg, model = make_network("stma")
    modules = {name: part.module for name, part in parts_of(cfg, model).items()}

    def run(part, output, change):
        def changed(*inputs):
            tensors = list(modules[part](*inputs))
            tensors[output] = change(tensors[output], inputs)
            return tensors

        network = ExportedNetwork({**modules, part: changed}, cfg, {"heatmap": 4, "action": 32})
        with torch.no_grad():
            return compare(model, network, cfg, FRAMES)

    return run


@pytest.mark.parametrize(
    ("part", "output"),
    [("frames", 0), ("frames", 1), ("frames", 2), ("clips", 0), ("windows", 0), ("windows", 2)],
)
def test_one_wrong_value_is_found_in_any_output(compared, part, output):
    def change(tensor, _):
        largest = tensor.abs().max().clamp(min=1)
        tensor = tensor.clone()
        tensor.view(-1)[-1] += 0.01 * largest
        return tensor

    found = compared(part, output, change)
    assert found.keys() == {"frames", "clips", "windows"}
    assert found.pop(part) == pytest.approx(0.01, rel=0.01)
    assert max(found.values()) < 1e-5


def test_what_only_single_rows_or_only_random_frames_show_is_found(compared):
    single = compared("windows", 1, lambda tensor, _: tensor + 1.0 * (len(tensor) == 1))
    assert single["windows"] > 0.1

    def bright(tensor, inputs):  # some pixel is 255 in noise, and in the video none
        return tensor + 0.1 * tensor.abs().max() * (inputs[0].max() == 255)

    FRAMES.clip(0, 200, out=FRAMES)
    assert compared("clips", 0, bright)["clips"] == pytest.approx(0.1, rel=0.01)


def test_nan_is_told(compared):
    assert np.isnan(compared("frames", 1, lambda tensor, _: tensor * float("nan"))["frames"])
