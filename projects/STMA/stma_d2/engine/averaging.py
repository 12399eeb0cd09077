"""Averages: of weights over the iterations, of running statistics over the processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from detectron2.engine import HookBase
from detectron2.utils import comm
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..checkpoint.weights import fit_weights


class WeightAveraging(HookBase):
    """Keeps an exponential moving average of the weights and running statistics.

    ``averaged`` is the network to evaluate and to save; a checkpoint keeps the trained weights
    beside it, as this hook's state.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Copy the network.

        Args:
            model: the network in training, not wrapped.
            decay: share of the average that an iteration keeps, above 0 and below 1.
        """
        self._model = model
        self._average = AveragedModel(
            model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True
        )

    @property
    def averaged(self) -> nn.Module:
        """The network with the averaged weights."""
        return self._average.module

    def before_train(self) -> None:
        """Start a new average from the weights that a checkpoint brought into it."""
        if self._average.n_averaged == 0:
            self._model.load_state_dict(self.averaged.state_dict())

    def after_step(self) -> None:
        """Take the iteration's weights into the average."""
        self._average.update_parameters(self._model)

    def state_dict(self) -> dict[str, Any]:
        """The trained weights, and over how many iterations the average goes."""
        return {
            "trained": dict(self._model.state_dict()),
            "iterations": int(self._average.n_averaged),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from ``state_dict``; the averaged weights are the checkpoint's own.

        Raises:
            InputError: see `load_trained`.
        """
        load_trained(self._model, state_dict)
        self._average.n_averaged.fill_(state_dict["iterations"])


def load_trained(model: nn.Module, state_dict: Mapping[str, Any]) -> None:
    """Load what the weights were that a `WeightAveraging` averaged.

    Args:
        model: the network in training; changed in place.
        state_dict: the hook's.

    Raises:
        InputError: if they do not fit or are no numbers.
    """
    weights = {"model": dict(state_dict["trained"])}
    model.load_state_dict(fit_weights(weights, model.state_dict(), must_fit=True))


@torch.no_grad()
def average_buffers(model: nn.Module) -> None:
    """Replace floating-point buffers by their means over all processes.

    Batch normalization's running statistics are each process's own; what is saved or evaluated
    must be one network.

    Args:
        model: changed in place, on every process at the same time.
    """
    buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
    if comm.get_world_size() == 1 or not buffers:
        return
    # In double precision equal values stay as they are.
    values = torch.cat([buffer.flatten().double() for buffer in buffers])
    dist.all_reduce(values)
    values /= comm.get_world_size()
    sizes = [buffer.numel() for buffer in buffers]
    for buffer, mean in zip(buffers, values.split(sizes), strict=True):
        buffer.copy_(mean.view_as(buffer))
