"""Modulated deformable convolution (Zhu et al., Deformable ConvNets v2, CVPR 2019)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.ops import DeformConv2d

_KERNEL = 3
_TAPS = _KERNEL * _KERNEL


class ModulatedDeformConv2d(DeformConv2d):
    """A 3x3 convolution that predicts from its input where it samples this input.

    A second, plain 3x3 convolution predicts 27 numbers for each output pixel: an offset (dy, dx, in
    pixels of the map) and a weight between 0 and 1 for each of the nine kernel positions. At the
    start all offsets are 0 and all weights 0.5.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, _KERNEL, padding=1)
        nn.init.zeros_(self.bias)
        # 18 channels of offsets, then 9 of modulation logits: the order of published weights.
        self.offset_mask = nn.Conv2d(in_channels, 3 * _TAPS, _KERNEL, padding=1)
        nn.init.zeros_(self.offset_mask.weight)
        nn.init.zeros_(self.offset_mask.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H, W)."""
        # torchvision's operator wants one dtype for all arguments and does not know bfloat16; under
        # autocast it computes in float32 anyway. So all is brought to the weights' dtype.
        dtype = self.weight.dtype
        offset, mask_logits = self.offset_mask(x).to(dtype).split([2 * _TAPS, _TAPS], dim=1)
        mask = mask_logits.sigmoid()
        if x.device.type == "cpu" and not torch.compiler.is_exporting():
            # Our own takes the samples and the kernel as 16 bits; its gradients want 32.
            x = x.to(dtype) if torch.is_grad_enabled() else x
            return deform_conv2d_cpu(x, offset, mask, self.weight, self.bias)
        return super().forward(x.to(dtype), offset, mask)


class DeformBlock(nn.Module):
    """Modulated deformable convolution, batch normalization, ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = ModulatedDeformConv2d(in_channels, out_channels)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H, W)."""
        return F.relu(self.norm(self.conv(x)), inplace=True)


def deform_conv2d_cpu(
    x: torch.Tensor,
    offset: torch.Tensor,
    mask: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
) -> torch.Tensor:
    """Compute ``torchvision.ops.deform_conv2d`` on a CPU, for 3x3 kernels with padding 1.

    It is several times faster than torchvision, whose operator samples one channel at a time. Here
    the channels of a pixel are a row of a table. A bilinear sample is the weighted sum of four
    rows, which is what ``embedding_bag`` computes. A matrix product then applies the kernel.
    Outputs and gradients equal torchvision's up to rounding.

    Args:
        x: (N, C, H, W) float of any precision, in which the samples are taken and summed up.
        offset: (N, 18, H, W) float32, dy and dx of each kernel position, in pixels of ``x``.
            Samples outside ``x`` are 0.
        mask: (N, 9, H, W), the weight of each kernel position.
        weight: (O, C, 3, 3).
        bias: (O,).

    Returns:
        (N, O, H, W) of x's dtype, under autocast as well, laid out as ``x`` is.
    """
    num_images, channels, height, width = x.shape
    pixels, shares = _corners(offset, mask)
    shares, weight, bias = (tensor.to(x.dtype) for tensor in (shares, weight, bias))
    # A border of zeros, one pixel before and two behind: no corner of a sample lies outside.
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 2, 1, 2)).reshape(num_images, -1, channels)
    kernel = weight.permute(0, 2, 3, 1).flatten(1)  # (O, 9 C)
    maps = []
    with torch.autocast("cpu", enabled=False):
        # One image at a time: its samples, nine times its size, fit into the processor's cache.
        for image in zip(pixels.unbind(), padded.unbind(), shares.unbind(), strict=True):
            samples = F.embedding_bag(*image[:2], per_sample_weights=image[2], mode="sum")
            maps.append(F.linear(samples.view(height, width, _TAPS * channels), kernel, bias))
    last = x.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if last else torch.contiguous_format
    return torch.stack(maps).permute(0, 3, 1, 2).contiguous(memory_format=layout)


def _corners(offset: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The four pixels around each sample, and how much each of them counts.

    Returns:
        pixels (N, H W 9, 4) int32, flat positions in the image with its border of zeros; weights
        (N, H W 9, 4), bilinear times ``mask``.
    """
    num_images, _, height, width = offset.shape
    row_length = width + _KERNEL
    by_tap = offset.view(num_images, _TAPS, 2, height, width)
    dy, dx = by_tap.permute(2, 0, 3, 4, 1).contiguous().unbind()  # (N, H, W, 9) each
    step = torch.arange(_KERNEL, dtype=offset.dtype)
    down = torch.arange(height, dtype=offset.dtype)[:, None, None] + step.repeat_interleave(_KERNEL)
    right = torch.arange(width, dtype=offset.dtype)[:, None] + step.repeat(_KERNEL)
    # A sample further outside moves onto the border, where everything is 0.
    y = (dy + down).clamp(0, height + 1)
    x = (dx + right).clamp(0, width + 1)
    top_left = y.detach().int() * row_length + x.detach().int()
    # A NaN offset gives any position; this keeps it inside the table. The result is NaN.
    top_left = top_left.clamp(0, (height + 1) * row_length + width + 1)
    bottom_left = top_left + row_length
    pixels = torch.stack([top_left, top_left + 1, bottom_left, bottom_left + 1], dim=-1)

    weight = mask.permute(0, 2, 3, 1).contiguous()
    bottom = weight * y.frac()
    top = weight - bottom
    bottom_right, top_right = bottom * x.frac(), top * x.frac()
    shares = torch.stack([top - top_right, top_right, bottom - bottom_right, bottom_right], dim=-1)
    return pixels.view(num_images, -1, 4), shares.view(num_images, -1, 4)
