"""What suits a device: which 16 bits, and in which order a map lies in memory."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

# Compute capability of the first NVIDIA GPUs whose matrix units take bfloat16 (Ampere).
_BFLOAT16_CAPABILITY = (8, 0)


def autocast_dtype(device: torch.device) -> torch.dtype:
    """The 16-bit type that suits ``device``.

    Returns:
        bfloat16, which has float32's range, where the hardware multiplies it and on CPUs; float16
        on older GPUs.
    """
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < _BFLOAT16_CAPABILITY:
        return torch.float16
    return torch.bfloat16


def mixed_precision(device: torch.device, enabled: bool) -> AbstractContextManager:
    """PyTorch's autocast with the type of `autocast_dtype`, or nothing where not ``enabled``."""
    if not enabled:
        return nullcontext()
    return torch.autocast(device.type, dtype=autocast_dtype(device))


def channels_last_where_faster(maps: torch.Tensor) -> torch.Tensor:
    """The same maps (N, C, H, W) or (N, C, T, H, W), laid out as convolutions want them.

    Convolutions keep their input's layout. Channels last suits the matrix units of GPUs, of which
    3D maps stay plain: that layout was not measured there. It suits the matrix units of CPUs while
    a network trains in 16 bits, where it halves the backbones' time. In float32, wide convolutions
    of CPUs are fastest on plain maps; for inference there see `inference_network`.
    """
    training_in_16_bits = torch.is_grad_enabled() and torch.is_autocast_enabled("cpu")
    if not (maps.is_cuda and maps.dim() == 4 or maps.device.type == "cpu" and training_in_16_bits):
        return maps.contiguous()
    last = torch.channels_last if maps.dim() == 4 else torch.channels_last_3d
    return maps.contiguous(memory_format=last)


def select_snippets(maps: torch.Tensor, snippet_index: torch.Tensor) -> torch.Tensor:
    """The maps of each snippet's frames, in the layout of ``maps``.

    Args:
        maps: (D, c, h, w) of D frames.
        snippet_index: (B, K) int64, positions among them.

    Returns:
        (B, K, c, h, w). Where the channels of ``maps`` lie last, so do those of a snippet's K
        frames, one frame behind the other: ``flatten(1, 2)`` copies nothing, and the gradients'
        channels lie last too. Operations on maps of two layouts take several times as long.
    """
    if maps.is_contiguous() or not maps.is_contiguous(memory_format=torch.channels_last):
        return maps[snippet_index]
    pixels = maps.permute(0, 2, 3, 1)[snippet_index]  # (B, K, h, w, c)
    return pixels.permute(0, 2, 3, 1, 4).contiguous().permute(0, 3, 4, 1, 2)
