"""Activation checkpointing: a second forward pass in place of kept activations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


@torch.compiler.disable
def checkpoint_forward(x: torch.Tensor, *modules: nn.Module) -> torch.Tensor:
    """Run ``x`` through ``modules`` and keep only ``x`` for the backward pass.

    The backward pass runs them once more to have the activations between. Output, gradients and
    buffers (batch normalization's running statistics) are those of a plain pass. The modules must
    not draw random numbers. `torch.compile` leaves them as they are.
    """
    run = nn.Sequential(*modules)

    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), _buffers_set_aside(run)

    return checkpoint(run, x, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)


@contextmanager
def _buffers_set_aside(module: nn.Module) -> Iterator[None]:
    """Let what happens here change copies of the module's buffers, and drop the copies."""
    kept = [
        (owner, name, buffer)
        for owner in module.modules()
        for name, buffer in owner.named_buffers(recurse=False)
    ]
    try:
        for owner, name, buffer in kept:
            setattr(owner, name, buffer.clone())
        yield
    finally:
        for owner, name, buffer in kept:
            setattr(owner, name, buffer)
