"""From the heads' maps to tubelets (paper, section 2.5).

Shapes: B windows, N tubelets, K snippet frames, C' heat maps (1 or the classes), h x w map.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from .box_coder import BoxCoder


@dataclass(frozen=True)
class Peaks:
    """The strongest local maxima of the heat maps, best first.

    Attributes:
        scores: (B, N) probabilities.
        maps: (B, N) int64, the heat map (class) of each peak; all 0 when class-agnostic.
        pixels_xy: (B, N, 2) int64, feature pixels.
    """

    scores: torch.Tensor
    maps: torch.Tensor
    pixels_xy: torch.Tensor


def find_peaks(heatmap: torch.Tensor, num_peaks: int) -> Peaks:
    """Find the top maxima of 3 x 3 neighborhoods over all maps of a window.

    Args:
        heatmap: (B, C', h, w) float32 probabilities.
        num_peaks: N; fewer come back where the maps have fewer pixels.
    """
    is_peak = F.max_pool2d(heatmap, 3, stride=1, padding=1) == heatmap
    flat = (heatmap * is_peak).flatten(1)
    scores, index = flat.topk(min(num_peaks, flat.shape[1]), dim=1)
    height, width = heatmap.shape[-2:]
    position = index % (height * width)
    pixels = torch.stack([position % width, position // width], dim=-1)
    return Peaks(scores, index // (height * width), pixels)


def follow_centers(peaks: Peaks, movement: torch.Tensor) -> torch.Tensor:
    """Move the peaks to each snippet frame.

    Args:
        peaks: of B windows.
        movement: (B, 2K, h, w) offsets from the key frame's center, feature pixels.

    Returns:
        (B, N, K, 2) x, y in feature pixels. The key frame's own offset is 0 by Eq. 4; MOC's is
        what the integer peak lacks of the true center.
    """
    width = movement.shape[-1]
    flat = peaks.pixels_xy[..., 1] * width + peaks.pixels_xy[..., 0]  # (B, N)
    offsets = movement.float().flatten(2).gather(2, flat[:, None].expand(-1, movement.shape[1], -1))
    return peaks.pixels_xy[:, :, None] + offsets.transpose(1, 2).unflatten(2, (-1, 2))


def read_boxes(
    peaks: Peaks, centers_xy: torch.Tensor, sizes: torch.Tensor, coder: BoxCoder
) -> torch.Tensor:
    """Read the size maps at the centers and build the boxes.

    In the key frame the peak's pixel is read, elsewhere the one that ``coder`` names.

    Args:
        peaks: of B windows.
        centers_xy: (B, N, K, 2) feature pixels, from `follow_centers`.
        sizes: (B, K, coder.num_values, h, w).
        coder: tells boxes from the size maps' numbers.

    Returns:
        (B, N, K, 4) boxes on the network input, not clipped.
    """
    width, num_values = sizes.shape[-1], sizes.shape[2]
    pixels = coder.nearest_pixels(centers_xy, sizes.shape[-2:])
    pixels[:, :, pixels.shape[2] // 2] = peaks.pixels_xy
    flat = (pixels[..., 1] * width + pixels[..., 0]).transpose(1, 2)  # (B, K, N)
    index = flat[:, :, None].expand(-1, -1, num_values, -1)
    values = sizes.float().flatten(3).gather(3, index).permute(0, 3, 1, 2)  # (B, N, K, values)
    return coder.decode(values, pixels, centers_xy)


def class_scores(peaks: Peaks, num_classes: int, class_logits: torch.Tensor | None) -> torch.Tensor:
    """Scores per class of each tubelet.

    Args:
        peaks: of B windows.
        num_classes: C.
        class_logits: (B, N, C) of class-agnostic peaks; None where the heat maps are classes.

    Returns:
        (B, N, C): center probability x class probability; with class-aware heat maps the peak's
        probability for its class and 0 ("no detection") for the others.
    """
    if class_logits is not None:
        return peaks.scores[..., None] * class_logits.float().softmax(dim=-1)
    return peaks.scores[..., None] * F.one_hot(peaks.maps, num_classes)
