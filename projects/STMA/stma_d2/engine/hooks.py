"""Hooks that keep checkpoints and make a resumed training's log go on."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from detectron2.checkpoint import Checkpointer
from detectron2.engine import HookBase, hooks
from detectron2.evaluation.testing import flatten_results_dict

logger = logging.getLogger(__name__)

# Detectron2's writers show medians over so many iterations.
_WINDOW = 20


class LastCheckpoints(hooks.PeriodicCheckpointer):
    """Detectron2's periodic checkpointer, which after --resume counts those that were there."""

    def before_train(self) -> None:
        """Find the checkpoints of the training that goes on here, and keep the newest of them."""
        super().before_train()
        earlier = [
            path
            for path in sorted(Path(self.checkpointer.save_dir).glob(f"{self.file_prefix}_*.pth"))
            if (number := re.fullmatch(r".*_(\d{7})", path.stem))
            and int(number[1]) < self.trainer.start_iter
        ]
        surplus = max(len(earlier) - self.max_to_keep, 0) if self.max_to_keep else 0
        for path in earlier[:surplus]:
            path.unlink()
        self.recent_checkpoints = [str(path) for path in earlier[surplus:]]


class BestCheckpoint(HookBase):
    """Keeps the checkpoint of the best evaluation as ``model_best.pth``.

    Unlike Detectron2's own it remembers the best over --resume.
    """

    def __init__(self, checkpointer: Checkpointer, metric: str) -> None:
        """Remember where and what.

        Args:
            checkpointer: saves it.
            metric: name in the flattened results, such as "action_detection/video_mAP@0.5".
        """
        self._checkpointer = checkpointer
        self._metric = metric
        self._best: float | None = None

    def update(self, results: Mapping[str, Any]) -> None:
        """Save a checkpoint if ``results`` of an evaluation are the best so far."""
        value = flatten_results_dict(results).get(self._metric)
        if value is None:
            logger.warning(f"TEST.BEST_METRIC {self._metric} was not evaluated: no best is kept")
        elif self._best is None or value > self._best:
            self._best = value
            self._checkpointer.save("model_best", iteration=self.trainer.iter)
            logger.info(f"the best {self._metric} so far, {value:.2f}, is kept in model_best.pth")

    def state_dict(self) -> dict[str, Any]:
        """The best value, where there was an evaluation."""
        return {} if self._best is None else {"best": self._best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the best value of ``state_dict``."""
        self._best = state_dict["best"]


class Evaluation(hooks.EvalHook):
    """Detectron2's, which makes up for an evaluation that was interrupted.

    A checkpoint is written before the evaluation of the same iteration, so that a training that
    goes on from there begins with the evaluation.
    """

    def before_train(self) -> None:
        """Evaluate if the checkpoint's iteration does."""
        trainer = self.trainer
        if trainer.start_iter > 0:
            trainer.iter = trainer.storage.iter = trainer.start_iter - 1
            self.after_step()
            trainer.iter = trainer.storage.iter = trainer.start_iter


class LogHistory(HookBase):
    """Lets the medians in the log and in metrics.json go on where a checkpoint was saved."""

    def __init__(self) -> None:
        self._loaded: dict[str, list[tuple[float, int]]] = {}

    def before_train(self) -> None:
        """Put the loaded values where this training's follow."""
        storage = self.trainer.storage
        for name, values in self._loaded.items():
            for value, iteration in values:
                storage.iter = iteration
                storage.put_scalar(name, value)
        storage.iter = self.trainer.start_iter

    def state_dict(self) -> dict[str, Any]:
        """The last values of all that is smoothed, with their iterations, by name."""
        storage = self.trainer.storage
        return {
            name: storage.history(name).values()[-_WINDOW:]
            for name, smoothed in storage.smoothing_hints().items()
            if smoothed and name not in ("time", "data_time")  # of this process and machine
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep what is to go on until the training starts."""
        self._loaded = state_dict


class BeforeSaving(HookBase):
    """Calls a function where later hooks save or evaluate: it makes the processes' state one."""

    def __init__(self, periods: tuple[int, ...], prepare: Callable[[], None]) -> None:
        """Remember when to do what.

        Args:
            periods: in iterations, counted from the training's start; 0 is never.
            prepare: called on every process.
        """
        self._periods = periods
        self._prepare = prepare

    def after_step(self) -> None:
        """Prepare if this iteration saves or evaluates; the last one always does."""
        done = self.trainer.iter + 1
        if done == self.trainer.max_iter or any(p and done % p == 0 for p in self._periods):
            self._prepare()
