"""The paper's losses (Eq. 3, 5, 7 and the classification loss) as functions on tensors.

Shapes: B windows, M instances of the whole batch, P regression samples. A sample is one pixel of
one instance's regression area.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from ..structures import Sample


def center_focal_loss(
    logits: torch.Tensor, heatmap: torch.Tensor, alpha: float = 2.0, beta: float = 4.0
) -> torch.Tensor:
    """Focal loss of the center heat map, Eq. 3 without its 1 / N, in single precision.

    Args:
        logits: (B, C', h, w) before the sigmoid.
        heatmap: (B, C', h, w) Gaussian targets; exactly 1 at the instances' centers.
        alpha: focusing power of the predicted probability.
        beta: power that softens the penalty near a center.

    Returns:
        The scalar sum over all pixels.
    """
    logits, heatmap = logits.float(), heatmap.float()
    probability = logits.sigmoid()
    at_center = (1 - probability).pow(alpha) * F.logsigmoid(logits)
    elsewhere = (1 - heatmap).pow(beta) * probability.pow(alpha) * F.logsigmoid(-logits)
    return -torch.where(heatmap.eq(1), at_center, elsewhere).sum()


def movement_distance(movement: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """L1 distance of the centers' movement, Eq. 5.

    It is the mean over the 2K coordinates, so that the loss's scale does not depend on K (the paper
    compares K with fixed loss weights) and the single-center case is MOC's loss.

    Args:
        movement: (P, 2K) predictions at the samples, feature pixels.
        targets: (P, 2K) Eq. 4's offsets of the samples' instances, feature pixels.

    Returns:
        (P,) feature pixels.
    """
    return (movement.float() - targets).abs().mean(dim=1)


def classification_loss(class_logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Softmax cross-entropy, summed over instances.

    Args:
        class_logits: (M, C) logits sampled at the instances' key-frame centers.
        labels: (M,) int64.
    """
    return F.cross_entropy(class_logits.float(), labels, reduction="sum")


def loss_divisors(samples: Sequence[Sample], normalizer: str) -> dict[str, float]:
    """What each loss of a batch is divided by; the losses above are sums.

    The paper's Eq. 5 and 7 leave open whether an instance's weights are to sum to 1. With Gaussian
    areas they sum to the logarithm of its box's area (8 to 10), with a single center to 1.

    Args:
        samples: with targets, on the CPU.
        normalizer: "weights" divides a regression's loss by the sum of its samples' weights (a
            weighted mean, as TTFNet has it), "instances" by the number of instances (and frames).

    Returns:
        A positive number for loss_center, loss_cls (the number of instances, at least 1),
        loss_movement and loss_size.
    """
    targets = [sample["targets"] for sample in samples]
    instances = sum(len(target["labels"]) for target in targets)
    divisors = dict.fromkeys(("loss_center", "loss_cls", "loss_movement"), max(instances, 1))
    divisors["loss_size"] = max(instances, 1) * targets[0]["boxes"].shape[1]
    if normalizer == "weights":
        for name in ("movement", "size"):
            weight = sum(float(target[name].weights.sum()) for target in targets)
            divisors[f"loss_{name}"] = weight or 1.0
    return divisors
