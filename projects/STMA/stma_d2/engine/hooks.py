"""Hooks that keep checkpoints and make a resumed training's log go on."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from detectron2.checkpoint import Checkpointer
from detectron2.engine import HookBase, hooks
from detectron2.evaluation.testing import flatten_results_dict
from detectron2.utils import comm
from detectron2.utils.events import CommonMetricPrinter, EventWriter
from fvcore.common.history_buffer import HistoryBuffer

from ..data import SkippedClips
from ..errors import InputError

logger = logging.getLogger(__name__)

# Detectron2's writers show medians over so many iterations, and write as often.
_WINDOW = 20
# The longest of them: the estimate of the time that is left.
_LONGEST_WINDOW = 1000
# The one scalar of every iteration that is not smoothed; and those that no checkpoint keeps.
_RATE = "lr"
_OF_THIS_PROCESS = ("time", "data_time")


class LastCheckpoints(hooks.PeriodicCheckpointer):
    """Detectron2's periodic checkpointer, which after --resume counts those that it wrote before.

    Files of another training in the same folder are left alone. A training that was killed between
    its last two files gets the final one.
    """

    def before_train(self) -> None:
        """Go on with the training's own checkpoints, the one that it goes on from the last."""
        super().before_train()
        name = f"{self.file_prefix}_{self.trainer.start_iter - 1:07d}.pth"
        last = Path(self.checkpointer.save_dir, name)
        if last.exists() and str(last) not in self.recent_checkpoints:
            self.recent_checkpoints.append(str(last))
        while self.max_to_keep and len(self.recent_checkpoints) > self.max_to_keep:
            Path(self.recent_checkpoints.pop(0)).unlink(missing_ok=True)
        trainer = self.trainer
        if trainer.start_iter >= self.max_iter:  # no step will write it
            trainer.iter = trainer.storage.iter = trainer.start_iter - 1
            self.checkpointer.save(f"{self.file_prefix}_final", iteration=trainer.iter)
            trainer.iter = trainer.storage.iter = trainer.start_iter

    def state_dict(self) -> dict[str, Any]:
        """The names of the checkpoints that were there before the one that holds this."""
        return {"kept": [Path(path).name for path in self.recent_checkpoints]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the checkpoints of ``state_dict``, wherever their folder is now.

        Raises:
            InputError: if it names another file: what is named here is removed one day.
        """
        for name in state_dict["kept"]:
            if not re.fullmatch(rf"{self.file_prefix}_[0-9]{{7,}}\.pth", name):
                raise InputError(f"it counts {name!r} among the checkpoints that a training writes")
        folder = Path(self.checkpointer.save_dir)
        self.recent_checkpoints = [str(folder / name) for name in state_dict["kept"]]


class BestCheckpoint(HookBase):
    """Keeps the checkpoint of the best evaluation as ``model_best.pth``.

    Unlike Detectron2's own it remembers the best over --resume.
    """

    def __init__(
        self, checkpointer: Checkpointer, metric: str, dataset: str = "", protocol: str = ""
    ) -> None:
        """Remember where and what.

        Args:
            checkpointer: saves it.
            metric: name in the flattened results, such as "action_detection/video_mAP@0.5".
            dataset: on which it is measured.
            protocol: by which it is measured.
        """
        self._checkpointer = checkpointer
        self._metric = metric
        self._measure = {"metric": metric, "dataset": dataset, "protocol": protocol}
        self._best: float | None = None

    def update(self, results: Mapping[str, Any]) -> None:
        """Save a checkpoint if ``results`` of an evaluation are the best so far."""
        value = flatten_results_dict(results).get(self._metric)
        if value is None:
            logger.warning(f"TEST.BEST_METRIC {self._metric} was not evaluated: no best is kept")
        elif self._best is None or value > self._best:
            self._best = value
            self._checkpointer.save("model_best", iteration=self.trainer.storage.iter)
            logger.info(f"the best {self._metric} so far, {value:.2f}, is kept in model_best.pth")

    def state_dict(self) -> dict[str, Any]:
        """The best value, and of what it is one, where there was an evaluation."""
        return {} if self._best is None else {"best": self._best, **self._measure}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the best value of ``state_dict``, if it is one of the same metric."""
        best = float(state_dict["best"])
        before = {name: state_dict.get(name, "unknown") for name in self._measure}
        if before == self._measure:
            self._best = best
            return
        said = [" ".join(map(str, one.values())) for one in (before, self._measure)]
        logger.warning(
            f"the best evaluation was by {said[0]} in the checkpoint and is by {said[1]} from "
            "here: the next one replaces model_best.pth"
        )


class Evaluation(hooks.EvalHook):
    """Detectron2's, which makes up for an evaluation that was interrupted.

    A checkpoint is written before the evaluation of the same iteration, so that a training that
    goes on from there begins with the evaluation. The last evaluation, too, is its iteration's.
    """

    def before_train(self) -> None:
        """Evaluate if the checkpoint's iteration does."""
        trainer = self.trainer
        if trainer.start_iter > 0:
            trainer.iter = trainer.storage.iter = trainer.start_iter - 1
            self.after_step()
            trainer.iter = trainer.storage.iter = trainer.start_iter

    def after_train(self) -> None:
        """Evaluate after the last iteration, unless an error ended that one."""
        trainer = self.trainer
        if trainer.iter >= trainer.max_iter:
            trainer.storage.iter = trainer.max_iter - 1
            self._do_eval()
            trainer.storage.iter = trainer.iter
        del self._func  # which holds the trainer, as Detectron2 notes


class Writers(hooks.PeriodicWriter):
    """Detectron2's, which writes an evaluation when it is made.

    A training that ends early writes nothing more: what it would tell of its last iterations comes
    when it goes on.
    """

    def __init__(self, build: Callable[[], Sequence[EventWriter]], eval_period: int) -> None:
        """Remember what to do.

        Args:
            build: makes the writers; called when the training starts.
            eval_period: of `Evaluation`, which comes before this hook.
        """
        super().__init__([], _WINDOW)
        self._build = build
        self._periods = [period for period in (_WINDOW, eval_period) if period]

    def before_train(self) -> None:
        """Write what is to be told of the checkpoint's iteration, perhaps its evaluation."""
        self._writers = self._build()
        start = self.trainer.start_iter
        if start > 0 and self._is_due(start):
            self._write(to_log=False)

    def after_step(self) -> None:
        """Write; of the last iteration only to the log, the rest with its evaluation."""
        done, is_last = self.trainer.iter + 1, self.trainer.iter + 1 == self.trainer.max_iter
        if done % self._period == 0 or is_last:
            self._write(to_log=True)
        if self._is_due(done) and not is_last:
            self._write(to_log=False)

    def after_train(self) -> None:
        """Write what the end brought, if it was the end, and close."""
        if self.trainer.iter >= self.trainer.max_iter:
            self._write(to_log=False)
        for writer in self._writers:
            writer.close()

    def _is_due(self, done: int) -> bool:
        return any(done % period == 0 for period in self._periods)

    def _write(self, *, to_log: bool) -> None:
        for writer in self._writers:
            if isinstance(writer, CommonMetricPrinter) == to_log:
                writer.write()


class LogHistory(HookBase):
    """Lets what the log and metrics.json tell go on where a checkpoint was saved.

    No more of it is kept in memory than they need; Detectron2 keeps a million values a scalar.
    """

    def __init__(self) -> None:
        self._loaded: dict[str, list[tuple[float, int]]] = {}

    def before_train(self) -> None:
        """Put the loaded values where this training's follow."""
        storage = self.trainer.storage
        storage.histories().default_factory = partial(HistoryBuffer, max_length=_LONGEST_WINDOW)
        for name, values in self._loaded.items():
            for value, iteration in values:
                storage.iter = iteration
                storage.put_scalar(name, value, smoothing_hint=name != _RATE)
        storage.iter = self.trainer.start_iter

    def state_dict(self) -> dict[str, Any]:
        """The last values of losses and learning rate, with their iterations, by name."""
        storage = self.trainer.storage
        return {
            name: storage.history(name).values()[-_WINDOW:]
            for name, smoothed in storage.smoothing_hints().items()
            if name == _RATE or (smoothed and name not in _OF_THIS_PROCESS)
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep what is to go on until the training starts."""
        self._loaded = {
            str(name): [(float(value), int(iteration)) for value, iteration in values]
            for name, values in state_dict.items()
        }


class CountSkipped(HookBase):
    """Counts clips that could not be read, over all processes, and tells each bad video once."""

    def __init__(
        self, counts: SkippedClips, of_iteration: Callable[[], list[tuple[str, str]]]
    ) -> None:
        """Remember what to count.

        Args:
            counts: which a checkpoint keeps.
            of_iteration: video and reason of each clip that this process skipped in the iteration.
        """
        self._counts = counts
        self._of_iteration = of_iteration

    def after_step(self) -> None:
        """Count.

        Raises:
            InputError: on every process, if it is too many.
        """
        skipped = [clip for part in comm.all_gather(self._of_iteration()) for clip in part]
        for video, reason in self._counts.add(skipped):
            logger.warning(f"clips of video '{video}' are skipped: {reason}")
        if comm.is_main_process():
            name = "skipped_clips"
            self.trainer.storage.put_scalar(name, self._counts.clips, smoothing_hint=False)

    def state_dict(self) -> dict[str, Any]:
        """See `SkippedClips.state_dict`."""
        return self._counts.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the counts of ``state_dict``."""
        self._counts.load_state_dict(state_dict)


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
