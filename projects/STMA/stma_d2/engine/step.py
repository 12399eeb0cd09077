"""One training step: gradients gathered over micro-batches, in mixed precision if wanted."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from detectron2.config import CfgNode
from detectron2.engine import SimpleTrainer
from detectron2.utils import comm
from detectron2.utils.events import get_event_storage
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import InputError
from ..modeling.precision import autocast_dtype
from ..structures import Sample


class AccumulatingTrainer(SimpleTrainer):
    """Detectron2's SimpleTrainer and AMPTrainer in one, with gradient accumulation.

    A step works its batch off in micro-batches, so that only one of them is in memory at a time.
    Losses and gradient are those of the whole batch: every loss is a sum over the batch, divided by
    a number that the targets tell (`STMA.loss_divisors`); a micro-batch counts by its share of it.
    (Batch normalization still sees a micro-batch at a time.) As always, the gradients of several
    processes are averaged evenly.

    Mixed precision is autocast to the type that `autocast_dtype` names for the device; float16
    comes with gradient scaling, whose state is part of a checkpoint.
    """

    def __init__(
        self,
        model: nn.Module,
        data_loader: Iterable[list[Sample]],
        optimizer: torch.optim.Optimizer,
        *,
        device: torch.device,
        micro_batches: int = 1,
        mixed_precision: bool = False,
    ) -> None:
        """Put the parts together; the model is set to training mode.

        Args:
            model: an `STMA`, perhaps wrapped in DistributedDataParallel.
            data_loader: see `read_from`.
            optimizer: of the model's parameters.
            device: the model's.
            micro_batches: how many each batch is split into.
            mixed_precision: whether the forward pass runs under autocast.
        """
        super().__init__(model, data_loader, optimizer)
        self.read_from(data_loader)
        self.device = device
        self.micro_batches = micro_batches
        self.dtype = autocast_dtype(device) if mixed_precision else torch.float32
        self.grad_scaler = torch.amp.GradScaler(device.type, enabled=self.dtype == torch.float16)
        self.skipped: list[tuple[str, str]] = []

    @property
    def inner_model(self) -> nn.Module:
        """The model, out of DistributedDataParallel."""
        wrapped = isinstance(self.model, DistributedDataParallel)
        return self.model.module if wrapped else self.model

    def read_from(self, data_loader: Iterable[list[Sample]]) -> None:
        """Take the next steps' data from another loader, of which nothing is read yet.

        Args:
            data_loader: endless batches of this process, each divisible into micro-batches.
        """
        self.data_loader = data_loader
        self._batches = iter(data_loader)

    def run_step(self) -> None:
        """One step of the optimizer.

        Raises:
            FloatingPointError: if a loss is not finite; the weights are then unchanged.
        """
        start = time.perf_counter()
        batch = next(self._batches)
        data_time = time.perf_counter() - start
        self.skipped = [clip for sample in batch for clip in sample.get("skipped", ())]
        self.optimizer.zero_grad()
        losses = self.accumulate(batch)
        self._write_metrics(losses, data_time)  # waits for the losses, and checks them
        if comm.is_main_process():
            self._write_unweighted()
        self.update()

    def _write_unweighted(self) -> None:
        """Tell each loss without its weight too: the weighted ones do not show which is learnt."""
        storage = get_event_storage()
        told = storage.latest()
        for name, weight in self.inner_model.loss_weights.items():
            if weight and name in told:
                storage.put_scalar(f"unweighted/{name}", told[name][0] / weight)

    def accumulate(self, batch: list[Sample]) -> dict[str, torch.Tensor]:
        """Add the batch's gradient to the parameters' and return its losses, without a graph."""
        size = len(batch) // self.micro_batches
        parts = [batch[start : start + size] for start in range(0, len(batch), size)]
        whole = self.inner_model.loss_divisors(batch)
        total: dict[str, torch.Tensor] = {}
        for part in parts:
            share = self.inner_model.loss_divisors(part)
            with self._gradients_exchanged(part is parts[-1]):
                losses = self.forward(part)
                losses = {name: loss * (share[name] / whole[name]) for name, loss in losses.items()}
                self.backward(losses)
            for name, loss in losses.items():
                total[name] = total.get(name, 0) + loss.detach()
        return total

    def forward(self, samples: list[Sample]) -> dict[str, torch.Tensor]:
        """Compute the losses of some samples."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            return self.model(samples)

    def backward(self, losses: dict[str, torch.Tensor]) -> None:
        """Add the gradient of the losses' sum to the parameters'."""
        self.grad_scaler.scale(sum(losses.values())).backward()

    def update(self) -> None:
        """Change the weights by the gathered gradient."""
        self.grad_scaler.step(self.optimizer)
        self.grad_scaler.update()

    def _gradients_exchanged(self, exchange: bool) -> AbstractContextManager:
        """Let processes average their gradients once a step: in its last backward pass."""
        if exchange or not isinstance(self.model, DistributedDataParallel):
            return nullcontext()
        return self.model.no_sync()

    def state_dict(self) -> dict:
        """What a step leaves behind, in plain containers.

        Returns:
            dict with
                * iteration (int)
                * optimizer: ``{name of a parameter: {"step", "exp_avg", ...: tensor}}``, without
                  learning rates and weight decays, which are the configuration's to say
                * grad_scaler: empty where there is none
        """
        moments = {
            name: dict(self.optimizer.state[parameter])
            for name, parameter in self.inner_model.named_parameters()
            if parameter in self.optimizer.state
        }
        return {
            "iteration": self.iter,
            "optimizer": moments,
            "grad_scaler": self.grad_scaler.state_dict(),
        }

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on from ``state_dict``, perhaps of a training in another precision.

        Learning rates and weight decays stay as they are; a parameter that was not trained before
        starts without moments.

        Raises:
            InputError: if moments are not of their parameter's shape, or no numbers.
        """
        self.iter = state_dict["iteration"]
        names = {parameter: name for name, parameter in self.inner_model.named_parameters()}
        for parameter, name in names.items():
            _check_moments(name, parameter, state_dict["optimizer"].get(name, {}))
        merged = self.optimizer.state_dict()
        merged["state"] = {
            position: state_dict["optimizer"][names[parameter]]
            for position, parameter in enumerate(
                parameter for group in self.optimizer.param_groups for parameter in group["params"]
            )
            if names[parameter] in state_dict["optimizer"]
        }
        self.optimizer.load_state_dict(merged)
        if self.grad_scaler.is_enabled() and state_dict["grad_scaler"]:
            self.grad_scaler.load_state_dict(state_dict["grad_scaler"])


def _check_moments(name: str, parameter: nn.Parameter, moments: Mapping[str, torch.Tensor]) -> None:
    for key, value in moments.items():
        shape = torch.Size() if key == "step" else parameter.shape
        if value.shape != shape or not value.isfinite().all():
            raise InputError(f"the optimizer's {key} of {name} has another shape, or NaN in it")


def check_batch_size(cfg: CfgNode) -> None:
    """Check that the batch divides into equal micro-batches of all processes.

    Raises:
        InputError: if it doesn't.
    """
    processes, parts = comm.get_world_size(), cfg.SOLVER.ACCUMULATION_STEPS
    batch = cfg.SOLVER.IMS_PER_BATCH
    if batch % (processes * parts):
        raise InputError(
            f"SOLVER.IMS_PER_BATCH {batch} does not divide into {parts} micro-batches "
            f"(SOLVER.ACCUMULATION_STEPS) on each of {processes} processes"
        )
