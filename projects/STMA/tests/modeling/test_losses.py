"""Each loss against the paper's equation, evaluated by hand or pixel by pixel."""

from __future__ import annotations

import math

import pytest
import torch

from stma_d2.modeling.losses import (
    center_focal_loss,
    classification_loss,
    loss_divisors,
    movement_distance,
)
from stma_d2.structures import RegressionSamples


def test_focal_loss_equals_equation_3_pixel_by_pixel():
    torch.manual_seed(0)
    logits, heatmap = torch.randn(2, 3, 4, 5), torch.rand(2, 3, 4, 5)
    heatmap[0, 1, 2, 3] = heatmap[1, 0, 0, 0] = 1
    total = 0.0
    for x, target in zip(logits.flatten().tolist(), heatmap.flatten().tolist(), strict=True):
        p = 1 / (1 + math.exp(-x))
        if target == 1:
            total += (1 - p) ** 2 * math.log(p)
        else:
            total += (1 - target) ** 4 * p**2 * math.log(1 - p)
    assert center_focal_loss(logits, heatmap).item() == pytest.approx(-total, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_focal_loss_of_extreme_logits_is_finite_with_finite_gradients(dtype):
    logits = torch.tensor([60.0, -60.0, 60.0, -60.0], dtype=dtype).view(1, 1, 2, 2)
    logits.requires_grad_()
    heatmap = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 1, 2, 2)
    loss = center_focal_loss(logits, heatmap)
    loss.backward()
    # A missed center and a false one, each -log(e^-60) = 60.
    assert loss.item() == pytest.approx(120.0, rel=1e-3)
    assert torch.isfinite(logits.grad).all()


def test_movement_distance_is_the_mean_over_coordinates():
    movement = torch.tensor([[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    targets = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 2.0, -2.0], [1.0, 1.0, 1.0, 5.0]])
    assert movement_distance(movement, targets).tolist() == [3 / 4, 4 / 4, 4 / 4]


def test_classification_loss_by_hand():
    logits = torch.tensor([[0.0, 0.0], [math.log(3.0), 0.0]])
    by_hand = math.log(2) + math.log(4)  # the second says 3/4 : 1/4 and the truth is 1
    assert classification_loss(logits, torch.tensor([0, 1])).item() == pytest.approx(by_hand)


def sample(num_instances, movement_weights, size_weights, num_frames=5):
    """A sample as far as the divisors see it."""
    movement, size = (
        RegressionSamples(None, None, None, torch.tensor(weights, dtype=torch.float32))
        for weights in (movement_weights, size_weights)
    )
    boxes, labels = torch.zeros(num_instances, num_frames, 4), torch.zeros(num_instances)
    return {"targets": {"labels": labels, "boxes": boxes, "movement": movement, "size": size}}


def test_divisors_are_the_sums_of_weights_or_the_numbers_of_instances():
    samples = [sample(2, [1.0, 3.0], [2.0]), sample(1, [4.0], [1.0, 1.5])]
    of_centers_and_classes = {"loss_center": 3, "loss_cls": 3}
    by_weights = {**of_centers_and_classes, "loss_movement": 8.0, "loss_size": 4.5}
    by_instances = {**of_centers_and_classes, "loss_movement": 3, "loss_size": 15}
    assert loss_divisors(samples, "weights") == by_weights
    assert loss_divisors(samples, "instances") == by_instances


@pytest.mark.parametrize("normalizer", ["weights", "instances"])
def test_without_instances_nothing_is_divided_by_zero(normalizer):
    assert all(value >= 1 for value in loss_divisors([sample(0, [], [])], normalizer).values())
