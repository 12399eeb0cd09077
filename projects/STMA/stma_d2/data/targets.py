"""What the network should answer for one snippet: heat map and regression samples.

Letters: M = instances, K = snippet frames, (h, w) = feature map, P and Q = regression samples.
Boxes are x1, y1, x2, y2; centers are (x, y); a pixel (x, y) of a map has the flat index
y * w + x. A center's pixel is its floor, brought inside the map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from fvcore.common.config import CfgNode

from ..structures import RegressionSamples, Targets

AREA_RATIO = 0.54  # TTFNet's alpha: the regression area's sides in units of the box's
MIN_OVERLAP = 0.7  # CenterNet's: how well a box of the heat map's radius must still overlap


@dataclass(frozen=True)
class TargetRules:
    """Which targets are made.

    Attributes:
        num_classes: C.
        stride: r_s, network-input pixels per feature pixel.
        class_agnostic: one heat map, instead of one a class.
        movement_gaussian: train the movement on a Gaussian area, instead of the center pixel.
        size_gaussian: likewise for the size.
        size_area: whose center the size's Gaussian area lies around, "frame" (each frame's own) or
            "key" (the key frame's).
    """

    num_classes: int
    stride: int
    class_agnostic: bool = True
    movement_gaussian: bool = True
    size_gaussian: bool = True
    size_area: str = "frame"

    @classmethod
    def from_config(cls, cfg: CfgNode, stride: int) -> TargetRules:
        """Read ``cfg.MODEL.STMA``; ``stride`` is the network's."""
        stma = cfg.MODEL.STMA
        return cls(
            num_classes=stma.NUM_CLASSES,
            stride=stride,
            class_agnostic=stma.CENTER.CLASS_AGNOSTIC,
            movement_gaussian=stma.MOVEMENT.GAUSSIAN,
            size_gaussian=stma.SIZE.GAUSSIAN,
            size_area=stma.SIZE.AREA,
        )


def make_targets(
    boxes: torch.Tensor, labels: torch.Tensor, input_size: tuple[int, int], rules: TargetRules
) -> Targets:
    """Make all targets of one snippet.

    Args:
        boxes: (M, K, 4) float32, x1, y1, x2, y2 in pixels of the network's input.
        labels: (M,) int64.
        input_size: height and width of the network's input, multiples of the stride.
        rules: which targets.

    Returns:
        The targets; (h, w) is the input's size / stride, C' is 1 or the number of classes. The
        heat map is that of `center_heatmap`. The weights of an instance's samples (of one frame)
        sum to the logarithm of its box's area (on that frame, in input pixels), or to 1 where the
        sample is the center pixel alone. An instance whose pixels all belong to smaller ones has no
        Gaussian samples.
    """
    stride = rules.stride
    map_size = (input_size[0] // stride, input_size[1] // stride)
    key = boxes.shape[1] // 2
    key_boxes = boxes[:, key : key + 1]
    channels = torch.zeros_like(labels) if rules.class_agnostic else labels
    num_channels = 1 if rules.class_agnostic else rules.num_classes
    movement = _samples(key_boxes, key_boxes, map_size, stride, rules.movement_gaussian)
    around_key = rules.size_gaussian and rules.size_area == "key"
    size_boxes = key_boxes.expand_as(boxes) if around_key else boxes
    return {
        "labels": labels,
        "boxes": boxes,
        "centers": box_centers(boxes / stride),
        "heatmap": center_heatmap(key_boxes[:, 0] / stride, channels, num_channels, map_size),
        "movement": movement._replace(frames=movement.frames + key),
        "size": _samples(size_boxes, boxes, map_size, stride, rules.size_gaussian),
    }


def box_centers(boxes: torch.Tensor) -> torch.Tensor:
    """The centers (x, y), (..., 2), of boxes (..., 4)."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def center_pixels(boxes: torch.Tensor, map_size: tuple[int, int]) -> torch.Tensor:
    """The pixels (x, y) that hold the centers of boxes.

    Args:
        boxes: (..., 4) in feature pixels.
        map_size: (h, w).

    Returns:
        (..., 2) int64, inside the map.
    """
    last = torch.tensor([map_size[1] - 1, map_size[0] - 1])
    return box_centers(boxes).floor().long().clamp(min=0).minimum(last)


def gaussian_radius(
    heights: torch.Tensor, widths: torch.Tensor, min_overlap: float = MIN_OVERLAP
) -> torch.Tensor:
    """CenterNet's radius of the heat map's Gaussian.

    The least of three radii, one for each way in which a box with corners off by the radius can
    lie against the true one and still overlap it by ``min_overlap``. Each should be a root of a
    quadratic a r^2 + b r + c, but CenterNet (after CornerNet) divides by 2 instead of 2a and takes
    the greater root of all. That is kept: published models are trained with it.

    Args:
        heights: (M,) of boxes.
        widths: (M,) of boxes.
        min_overlap: intersection over union.

    Returns:
        (M,) in the unit of the sides.
    """
    sides, area = heights + widths, heights * widths
    quadratics = (
        (1.0, sides, area * (1 - min_overlap) / (1 + min_overlap)),
        (4.0, 2 * sides, area * (1 - min_overlap)),
        (4 * min_overlap, -2 * min_overlap * sides, area * (min_overlap - 1)),
    )
    roots = [(b + (b * b - 4 * a * c).clamp(min=0).sqrt()) / 2 for a, b, c in quadratics]
    return torch.stack(roots).amin(dim=0)


def center_heatmap(
    boxes: torch.Tensor, channels: torch.Tensor, num_channels: int, map_size: tuple[int, int]
) -> torch.Tensor:
    """CenterNet's heat map: a Gaussian at each box's center pixel, the maximum where they meet.

    The radius is `gaussian_radius` of the box's sides rounded up, then rounded down; the Gaussian
    is drawn in a square of diameter 2 radius + 1 with sigma = diameter / 6. Its peak is exactly 1.

    Args:
        boxes: (M, 4) in feature pixels.
        channels: (M,) int64, the channel that each box is drawn into.
        num_channels: C'.
        map_size: (h, w).

    Returns:
        (C', h, w) float32.
    """
    heatmap = np.zeros((num_channels, *map_size), dtype=np.float32)
    widths, heights = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).ceil().unbind(dim=1)
    radii = gaussian_radius(heights, widths).long().tolist()
    centers = center_pixels(boxes, map_size).tolist()
    for center, radius, channel in zip(centers, radii, channels.tolist(), strict=True):
        rows, columns, x_squares, y_squares = _squared_distances(center, (radius, radius), map_size)
        drawn = heatmap[channel, rows, columns]
        np.maximum(drawn, np.exp(-y_squares / 2) * np.exp(-x_squares / 2), out=drawn)
    return torch.from_numpy(heatmap)


def gaussian_areas(
    boxes: torch.Tensor, map_size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """TTFNet's regression areas: the pixels around each box's center that train its regression.

    Per axis, radius = int(0.54 x half the box's side), diameter = 2 radius + 1 and sigma =
    diameter / 6. The area is the ellipse with these diameters (the Gaussian's 3 sigma contour)
    around the center pixel, which always belongs to it. A pixel that several boxes of a frame
    claim goes to the smallest, and to the first of equals.

    Args:
        boxes: (M, K, 4) in feature pixels.
        map_size: (h, w).

    Returns:
        frames (P,) int64 ascending, flat pixels (P,) int64 ascending in each frame, instances (P,)
        int64, values of the Gaussian (P,) float32 (1 at the center pixel).
    """
    owners = np.full((boxes.shape[1], *map_size), -1, dtype=np.int64)
    values = np.zeros(owners.shape, dtype=np.float32)
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)
    radii = (sides / 2 * AREA_RATIO).long().tolist()
    centers = center_pixels(boxes, map_size).tolist()
    # Small ones are written over great ones, the first of equals last.
    smallest_first = torch.sort(sides.prod(dim=-1), dim=0, stable=True).indices
    for k, order in enumerate(smallest_first.flip(0).T.tolist()):
        for i in order:
            rows, columns, x_squares, y_squares = _squared_distances(
                centers[i][k], radii[i][k], map_size
            )
            inside = y_squares + x_squares <= 3**2
            gaussian = np.exp(-y_squares / 2) * np.exp(-x_squares / 2)
            np.copyto(owners[k, rows, columns], i, where=inside)
            np.copyto(values[k, rows, columns], gaussian, where=inside, casting="same_kind")
    claimed = np.flatnonzero(owners >= 0)
    frames, pixels = np.divmod(claimed, map_size[0] * map_size[1])
    samples = (frames, pixels, owners.ravel()[claimed], values.ravel()[claimed])
    return tuple(torch.from_numpy(part) for part in samples)


def _samples(
    area_boxes: torch.Tensor,
    boxes: torch.Tensor,
    map_size: tuple[int, int],
    stride: int,
    gaussian: bool,
) -> RegressionSamples:
    """The samples of a regression, frame after frame.

    ``area_boxes`` (M, K, 4) say where the samples lie, ``boxes`` (M, K, 4) what they weigh; both
    are in input pixels.
    """
    area_boxes = area_boxes / stride
    num_instances, num_frames = boxes.shape[:2]
    if not gaussian:
        x, y = center_pixels(area_boxes, map_size).unbind(dim=-1)
        frames = torch.arange(num_frames).repeat_interleave(num_instances)
        instances = torch.arange(num_instances).repeat(num_frames)
        pixels = (y * map_size[1] + x).T.flatten()
        return RegressionSamples(frames, pixels, instances, torch.ones(len(frames)))
    frames, pixels, instances, values = gaussian_areas(area_boxes, map_size)
    owners = instances * num_frames + frames
    totals = torch.zeros(num_instances * num_frames).index_add_(0, owners, values)
    # TTFNet's log(area) would be 0 or less for boxes up to one pixel: all weights stay positive.
    areas = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(dim=-1).clamp(min=math.e)
    weights = areas.log().flatten()[owners] * values / totals[owners]
    return RegressionSamples(frames, pixels, instances, weights)


def _squared_distances(
    center: tuple[int, int], radii: tuple[int, int], map_size: tuple[int, int]
) -> tuple[slice, slice, np.ndarray, np.ndarray]:
    """Squared distances from a pixel in units of sigma, a sixth of the diameter 2 radius + 1.

    ``center`` and ``radii`` are (x, y). Returns the rows and columns of the map that the diameters
    cover, and the distances there along x (columns,) and along y (rows, 1), float64.
    """
    slices, squares = [], []
    for middle, radius, length in zip(center, radii, reversed(map_size), strict=True):
        start, stop = max(middle - radius, 0), min(middle + radius + 1, length)
        slices.append(slice(start, stop))
        squares.append((6 / (2 * radius + 1) * np.arange(start - middle, stop - middle)) ** 2)
    return slices[1], slices[0], squares[0], squares[1][:, None]
