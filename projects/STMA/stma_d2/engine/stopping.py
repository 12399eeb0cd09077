"""Ending a training in order when the process is told to end."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import torch
import torch.distributed as dist
from detectron2.engine import HookBase
from detectron2.utils import comm

from ..errors import Stopped

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Seconds after which Ctrl-C is meant a second time.
_REPEATED = 2


class StopOnSignal(HookBase):
    """Ends the training with a checkpoint after the iteration in which a signal comes.

    SIGTERM (how a cluster preempts a job) and SIGINT (Ctrl-C) are heeded; where one process gets
    one, all end after the same iteration. Ctrl-C once more, some seconds later, ends at once.
    An evaluation on one process is broken off (on several it would leave the others waiting).
    """

    def __init__(self, save: Callable[[], str]) -> None:
        """Remember what to do.

        Args:
            save: saves a checkpoint and returns its path; called on every process.
        """
        self._save = save
        self._received, self._time = 0, 0.0
        self._breaks_off = False
        self._handlers: dict[int, object] = {}
        self._group: dist.ProcessGroup | None = None

    def before_train(self) -> None:
        """Heed signals from here; only a process's main thread can."""
        if comm.get_world_size() > 1:  # on CPUs, so that no GPU is waited for
            self._group = dist.new_group(backend="gloo")
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: signal.signal(number, self._heed) for number in _SIGNALS}

    def after_train(self) -> None:
        """Give the signals back to those who had them."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def after_step(self) -> None:
        """End here if a process got a signal.

        Raises:
            Stopped: on every process, once the checkpoint is there.
        """
        received = self._agree()
        if received:
            iteration, path = self.trainer.iter, self._save()
            raise Stopped(
                f"stopped by {signal.Signals(received).name} after iteration {iteration}; --resume "
                f"goes on from {path}",
                exit_code=128 + received,
            )

    @contextmanager
    def breaking_off(self) -> Iterator[None]:
        """Do something that a signal breaks off, where this process trains alone.

        Raises:
            Stopped: once the checkpoint of the iteration before is there.
        """
        self._breaks_off = self._group is None
        try:
            yield
        except Stopped:
            self._breaks_off = False
            self.after_step()
            raise
        finally:
            self._breaks_off = False

    def _agree(self) -> int:
        """The signal that some process got, or 0; the same on all."""
        if self._group is None:
            return self._received
        received = torch.tensor(self._received)
        dist.all_reduce(received, dist.ReduceOp.MAX, self._group)
        return int(received)

    def _heed(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._received and number == signal.SIGINT and now - self._time > _REPEATED:
            raise KeyboardInterrupt
        # Launchers pass on a signal that every process got from the terminal or cluster, too.
        if not self._received:
            self._received, self._time = number, now
            logger.warning(
                f"{signal.Signals(number).name}: the training ends with a checkpoint after this "
                "iteration (Ctrl-C ends it at once)"
            )
            if self._breaks_off:
                raise Stopped("", 128 + number)
