"""The paper's losses (Eq. 3, 5, 7 and the classification loss) as functions on tensors.

Shapes: B windows, K snippet frames, M instances of the whole batch, P and Q regression samples.
A sample is one pixel of one instance's regression area; its weight w already holds the instance's
normalization G / sum(G), so that a sum over samples is Eq. 5's and 7's mean over an area.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F
from torchvision.ops import generalized_box_iou_loss


def center_focal_loss(
    logits: torch.Tensor,
    heatmap: torch.Tensor,
    num_instances: int,
    alpha: float = 2.0,
    beta: float = 4.0,
) -> torch.Tensor:
    """Focal loss of the center heat map, Eq. 3, computed from logits in single precision.

    Args:
        logits: (B, C', h, w) before the sigmoid.
        heatmap: (B, C', h, w) Gaussian targets; exactly 1 at the instances' centers.
        num_instances: N; 0 counts as 1.
        alpha: focusing power of the predicted probability.
        beta: power that softens the penalty near a center.

    Returns:
        The scalar loss, summed over pixels and divided by N.
    """
    logits, heatmap = logits.float(), heatmap.float()
    probability = logits.sigmoid()
    positive = heatmap.eq(1)
    at_center = (1 - probability).pow(alpha) * F.logsigmoid(logits)
    elsewhere = (1 - heatmap).pow(beta) * probability.pow(alpha) * F.logsigmoid(-logits)
    return -torch.where(positive, at_center, elsewhere).sum() / max(num_instances, 1)


def movement_loss(
    movement: torch.Tensor,
    targets: torch.Tensor,
    weights: torch.Tensor,
    num_instances: int,
) -> torch.Tensor:
    """L1 loss of the centers' movement, Eq. 5.

    The L1 distance is the mean over the 2K coordinates, so that the loss's scale does not depend
    on K (the paper compares K with fixed loss weights) and the single-center case is MOC's loss.

    Args:
        movement: (P, 2K) predictions at the samples, feature pixels.
        targets: (P, 2K) Eq. 4's offsets of the samples' instances, feature pixels.
        weights: (P,) sample weights w.
        num_instances: n; 0 counts as 1.
    """
    distance = (movement.float() - targets).abs().mean(dim=1)
    return (weights * distance).sum() / max(num_instances, 1)


def size_giou_loss(
    distances: torch.Tensor,
    points_xy: torch.Tensor,
    boxes: torch.Tensor,
    weights: torch.Tensor,
    num_boxes: int,
) -> torch.Tensor:
    """1 - GIoU between the decoded and the true boxes, Eq. 6 and 7.

    torchvision's loss is fvcore's without the assertions that wait for the device and turn a
    diverged network into "bad box".

    Args:
        distances: (Q, 4) predicted distances to the left, top, right, bottom side, network-input
            pixels, not negative.
        points_xy: (Q, 2) the samples' pixels on the network input.
        boxes: (Q, 4) true boxes x1, y1, x2, y2 on the network input.
        weights: (Q,) sample weights w.
        num_boxes: n * K; 0 counts as 1.
    """
    predicted = boxes_from_distances(distances.float(), points_xy)
    return (weights * generalized_box_iou_loss(predicted, boxes)).sum() / max(num_boxes, 1)


def size_l1_loss(
    sizes_wh: torch.Tensor, targets_wh: torch.Tensor, weights: torch.Tensor, num_boxes: int
) -> torch.Tensor:
    """MOC's L1 loss of width and height, the mean over both.

    Args:
        sizes_wh: (Q, 2) predictions, feature pixels.
        targets_wh: (Q, 2) true width and height (x2 - x1, y2 - y1), feature pixels.
        weights: (Q,) sample weights.
        num_boxes: n * K; 0 counts as 1.
    """
    distance = (sizes_wh.float() - targets_wh).abs().mean(dim=1)
    return (weights * distance).sum() / max(num_boxes, 1)


def classification_loss(class_logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Softmax cross-entropy, the mean over instances; 0 (with a gradient) without instances.

    Args:
        class_logits: (M, C) logits sampled at the instances' key-frame centers.
        labels: (M,) int64.
    """
    return F.cross_entropy(class_logits.float(), labels, reduction="sum") / max(len(labels), 1)


def boxes_from_distances(distances: torch.Tensor, points_xy: torch.Tensor) -> torch.Tensor:
    """Decode Eq. 6: points (..., 2) and distances (..., 4) left, top, right, bottom -> (..., 4)."""
    return torch.cat([points_xy - distances[..., :2], points_xy + distances[..., 2:]], dim=-1)
