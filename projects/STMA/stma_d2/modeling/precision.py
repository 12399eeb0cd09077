"""Which 16 bits a device computes with."""

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
