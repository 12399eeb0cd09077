"""How the size head's numbers at a pixel tell a box: target, loss and decoding of each way.

Boxes are x1, y1, x2, y2 in pixels of the network's input; points and pixels are (x, y) of the
feature map, of which one pixel is ``stride`` input pixels.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

# One unit of a distance before the positive mapping, in network-input pixels: distances of some
# tens of pixels then are numbers of order one for the convolution.
DISTANCE_UNIT = 16.0


class BoxCoder:
    """What the ways share.

    Attributes:
        num_values: how many numbers tell a box.
        initial_bias: of the size head's last layer.
        needs_exact_centers: whether the box lies around the center that the movement head tells,
            and not around the pixel itself.
    """

    num_values: int
    initial_bias: float
    needs_exact_centers: bool

    def __init__(self, stride: int) -> None:
        self.stride = stride


class DistanceCoder(BoxCoder):
    """STMA's way (Eq. 6 and 7): four distances from the pixel to the box's sides, by GIoU.

    The numbers are the distances to the left, top, right and bottom side, in network-input pixels.
    The box lies around the pixel itself, so it does not matter where in that pixel the center is.
    """

    num_values = 4
    initial_bias = 1.0
    needs_exact_centers = False

    def activate(self, raw: torch.Tensor) -> torch.Tensor:
        """Map the head's output, of any shape, to positive distances in float32."""
        return F.softplus(raw.float()) * DISTANCE_UNIT

    def encode(self, boxes: torch.Tensor, pixels_xy: torch.Tensor) -> torch.Tensor:
        """The numbers (..., 4) that tell ``boxes`` (..., 4) at ``pixels_xy`` (..., 2)."""
        points = pixels_xy * self.stride
        return torch.cat([points - boxes[..., :2], boxes[..., 2:] - points], dim=-1)

    def loss(
        self, values: torch.Tensor, pixels_xy: torch.Tensor, boxes: torch.Tensor
    ) -> torch.Tensor:
        """1 - GIoU of each sample (Q,): predictions (Q, 4) at pixels (Q, 2), true boxes (Q, 4)."""
        return giou_loss(self.decode(values.float(), pixels_xy, pixels_xy), boxes)

    def nearest_pixels(self, centers_xy: torch.Tensor, map_size: tuple[int, int]) -> torch.Tensor:
        """The pixels (..., 2) int64 whose numbers tell the boxes with ``centers_xy`` (..., 2).

        The nearest pixel of the map (h, w).
        """
        height, width = map_size
        x, y = centers_xy.round().unbind(dim=-1)
        return torch.stack([x.clamp(0, width - 1), y.clamp(0, height - 1)], dim=-1).long()

    def decode(
        self, values: torch.Tensor, pixels_xy: torch.Tensor, centers_xy: torch.Tensor
    ) -> torch.Tensor:
        """The boxes (..., 4) that ``values`` (..., 4), read at ``pixels_xy`` (..., 2), tell."""
        points = pixels_xy * self.stride
        return torch.cat([points - values[..., :2], points + values[..., 2:]], dim=-1)

    def hflip(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps (..., 4, h, w) of mirrored frames as those of the frames themselves."""
        left, top, right, bottom = maps.flip(-1).unbind(-3)
        # A pixel stands for its first input pixel, its mirror image for what was its last one.
        shift = self.stride - 1
        return torch.stack([right - shift, top, left + shift, bottom], dim=-3)


class WidthHeightCoder(BoxCoder):
    """MOC's way: width and height, by L1.

    The numbers are x2 - x1 and y2 - y1 in feature pixels. The box lies around the center that the
    movement head tells, which therefore has to be exact within its pixel.
    """

    num_values = 2
    initial_bias = 0.0
    needs_exact_centers = True

    def activate(self, raw: torch.Tensor) -> torch.Tensor:
        """The head's output as it is."""
        return raw

    def encode(self, boxes: torch.Tensor, pixels_xy: torch.Tensor) -> torch.Tensor:
        """The numbers (..., 2) that tell ``boxes`` (..., 4), at whatever pixels."""
        return (boxes[..., 2:] - boxes[..., :2]) / self.stride

    def loss(
        self, values: torch.Tensor, pixels_xy: torch.Tensor, boxes: torch.Tensor
    ) -> torch.Tensor:
        """L1, the mean over both sides, of each sample (Q,); arguments as `DistanceCoder.loss`."""
        return (values.float() - self.encode(boxes, pixels_xy)).abs().mean(dim=1)

    def nearest_pixels(self, centers_xy: torch.Tensor, map_size: tuple[int, int]) -> torch.Tensor:
        """The pixels (..., 2) int64 whose numbers tell the boxes with ``centers_xy`` (..., 2).

        The center's integer part. A center that leaves the map (h, w) sideways reads the row above
        or below, as in MOC, whose published models are to give its boxes.
        """
        height, width = map_size
        columns, rows = centers_xy.trunc().unbind(dim=-1)
        flat = (rows * width + columns).long().clamp(0, height * width - 1)
        return torch.stack([flat % width, flat // width], dim=-1)

    def decode(
        self, values: torch.Tensor, pixels_xy: torch.Tensor, centers_xy: torch.Tensor
    ) -> torch.Tensor:
        """The boxes (..., 4) around ``centers_xy`` (..., 2) that ``values`` (..., 2) tell."""
        half, points = values * (self.stride / 2), centers_xy * self.stride
        return torch.cat([points - half, points + half], dim=-1)

    def hflip(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps (..., 2, h, w) of mirrored frames as those of the frames themselves."""
        return maps.flip(-1)


def giou_loss(boxes: torch.Tensor, true_boxes: torch.Tensor, eps: float = 1e-7) -> torch.Tensor:
    """1 - generalized IoU (Rezatofighi et al., CVPR 2019) of each pair of boxes.

    As ``torchvision.ops.generalized_box_iou_loss``, but without its boolean index, for which a GPU
    makes the host wait.

    Args:
        boxes: (Q, 4) x1, y1, x2, y2 with x1 <= x2 and y1 <= y2.
        true_boxes: (Q, 4) likewise.
        eps: keeps boxes without area from dividing by zero.

    Returns:
        (Q,) in 0 .. 2.
    """
    low = torch.maximum(boxes[:, :2], true_boxes[:, :2])
    high = torch.minimum(boxes[:, 2:], true_boxes[:, 2:])
    shared = _area((high - low).clamp(min=0))
    union = (
        _area(boxes[:, 2:] - boxes[:, :2]) + _area(true_boxes[:, 2:] - true_boxes[:, :2]) - shared
    )
    low = torch.minimum(boxes[:, :2], true_boxes[:, :2])
    high = torch.maximum(boxes[:, 2:], true_boxes[:, 2:])
    hull = _area(high - low)
    return 1 - (shared / (union + eps) - (hull - union) / (hull + eps))


def _area(sides: torch.Tensor) -> torch.Tensor:
    return sides[:, 0] * sides[:, 1]
