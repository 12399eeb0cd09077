"""The random generators of a process, as a checkpoint keeps them."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from detectron2.utils import comm
from detectron2.utils.env import seed_all_rng

logger = logging.getLogger(__name__)


def get_random_state() -> dict[str, Any]:
    """The state of Python's, numpy's and PyTorch's generators: plain containers and tensors.

    On a GPU, PyTorch's generator of the current one too, where this process computes on it.
    """
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    state = {
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Go on with generators as `get_random_state` found them.

    A state that was taken without a GPU leaves the GPU's generator as it is.
    """
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_initialized():
        torch.cuda.set_rng_state(state["cuda"])


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Leave the generators after the block as they were before it."""
    state = get_random_state()
    try:
        yield
    finally:
        set_random_state(state)


def restore_random_states(states: Sequence[dict[str, Any]]) -> None:
    """Give this process its generators out of those of all processes, by rank.

    On another number of processes each draws a new seed from the first one's generator.
    """
    world_size, rank = comm.get_world_size(), comm.get_rank()
    if len(states) == world_size:
        set_random_state(states[rank])
        return
    logger.warning(
        f"the checkpoint is of {len(states)} processes and goes on with {world_size}: their random "
        "generators are seeded anew"
    )
    generator = torch.Generator()
    generator.set_state(states[0]["torch"])
    seeds = torch.randint(2**31, (world_size,), generator=generator)
    seed_all_rng(int(seeds[rank]))
