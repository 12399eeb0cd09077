"""Each loss against the paper's equation, evaluated by hand or pixel by pixel."""

from __future__ import annotations

import math

import pytest
import torch

from stma_d2.modeling.losses import (
    boxes_from_distances,
    center_focal_loss,
    classification_loss,
    movement_loss,
    size_giou_loss,
    size_l1_loss,
)


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_focal_loss_of_two_pixels_by_hand():
    # Eq. 3, alpha 2, beta 4: the center pixel predicts 0.8, a pixel of target 0.5 predicts 0.3.
    logits = torch.tensor([logit(0.8), logit(0.3)]).view(1, 1, 1, 2)
    heatmap = torch.tensor([1.0, 0.5]).view(1, 1, 1, 2)
    by_hand = -(0.2**2 * math.log(0.8) + 0.5**4 * 0.3**2 * math.log(0.7))
    assert center_focal_loss(logits, heatmap, 1).item() == pytest.approx(by_hand, rel=1e-5)
    assert center_focal_loss(logits, heatmap, 2).item() == pytest.approx(by_hand / 2, rel=1e-5)


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
    assert center_focal_loss(logits, heatmap, 2).item() == pytest.approx(-total / 2, rel=1e-4)


def test_focal_loss_without_instances_divides_by_one():
    logits, heatmap = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    by_hand = -4 * 0.5**2 * math.log(0.5)
    assert center_focal_loss(logits, heatmap, 0).item() == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_focal_loss_of_extreme_logits_is_finite_with_finite_gradients(dtype):
    logits = torch.tensor([60.0, -60.0, 60.0, -60.0], dtype=dtype).view(1, 1, 2, 2)
    logits.requires_grad_()
    heatmap = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 1, 2, 2)
    loss = center_focal_loss(logits, heatmap, 2)
    loss.backward()
    # A missed center and a false one, each -log(e^-60) = 60, over two instances.
    assert loss.item() == pytest.approx(60.0, rel=1e-3)
    assert torch.isfinite(logits.grad).all()


def test_movement_loss_by_hand():
    # Two instances; the first has two samples of weights 1 and 3, the second one of weight 2.
    movement = torch.tensor([[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    targets = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 2.0, -2.0], [1.0, 1.0, 1.0, 5.0]])
    weights = torch.tensor([1.0, 3.0, 2.0])
    by_hand = (1 * 3 / 4 + 3 * 4 / 4 + 2 * 4 / 4) / 2
    assert movement_loss(movement, targets, weights, 2).item() == pytest.approx(by_hand)


def test_size_loss_by_hand():
    # Predicted box 0..10 x 0..10 against 5..15 x 0..10: overlap 50, union 150, hull 150.
    # GIoU = 1/3 - 0. The second sample is perfect, the third is apart: 0..2 against 4..6 in x:
    # overlap 0, union 8, hull 12: GIoU = -4/12.
    points = torch.tensor([[4.0, 5.0], [8.0, 8.0], [1.0, 1.0]])
    distances = torch.tensor([[4.0, 5.0, 6.0, 5.0], [1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0]])
    boxes = torch.tensor([[5.0, 0, 15, 10], [7.0, 6, 11, 12], [4.0, 0, 6, 2]])
    weights = torch.tensor([0.5, 7.0, 2.0])
    by_hand = (0.5 * (1 - 1 / 3) + 2.0 * (1 + 1 / 3)) / 4
    loss = size_giou_loss(distances, points, boxes, weights, 4)
    assert loss.item() == pytest.approx(by_hand, rel=1e-4)


def test_boxes_from_distances_is_equation_6():
    box = boxes_from_distances(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([[10.0, 20.0]]))
    assert box.tolist() == [[9.0, 18.0, 13.0, 24.0]]


def test_mocs_size_loss_by_hand():
    sizes, targets = torch.tensor([[3.0, 4.0], [1.0, 1.0]]), torch.tensor([[1.0, 5.0], [1.0, 2.0]])
    by_hand = ((2 + 1) / 2 + (0 + 1) / 2) / 2
    assert size_l1_loss(sizes, targets, torch.ones(2), 2).item() == pytest.approx(by_hand)


def test_classification_loss_by_hand():
    logits = torch.tensor([[0.0, 0.0], [math.log(3.0), 0.0]])
    by_hand = (math.log(2) + math.log(4)) / 2  # the second says 3/4 : 1/4 and the truth is 1
    assert classification_loss(logits, torch.tensor([0, 1])).item() == pytest.approx(by_hand)


def test_losses_without_samples_are_zero_and_keep_the_graph():
    maps = torch.randn(1, 4, 2, 2, requires_grad=True)
    rows = maps.flatten(2)[:, :, []].squeeze(0).T  # (0, 4)
    none, empty = torch.zeros(0), torch.zeros(0, 4)
    total = (
        movement_loss(rows, empty, none, 0)
        + size_giou_loss(rows, torch.zeros(0, 2), empty, none, 0)
        + size_l1_loss(rows[:, :2], empty[:, :2], none, 0)
        + classification_loss(rows, torch.zeros(0, dtype=torch.long))
    )
    total.backward()
    assert total.item() == 0
    assert maps.grad.abs().sum() == 0
