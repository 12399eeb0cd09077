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


def channels_last_on_gpu(maps: torch.Tensor) -> torch.Tensor:
    """The same maps (N, C, H, W), laid out as the GPU's matrix units want them; plain on CPUs.

    Convolutions keep their input's layout. On CPUs wide convolutions, as the heads', are fastest on
    plain maps; for the backbone in inference see `inference_network`.
    """
    last = torch.channels_last if maps.is_cuda else torch.contiguous_format
    return maps.contiguous(memory_format=last)
