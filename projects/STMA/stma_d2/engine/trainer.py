"""Training: Detectron2's DefaultTrainer on clips."""

from __future__ import annotations

import logging
import os
import weakref

import torch
from detectron2.config import CfgNode
from detectron2.engine import DefaultTrainer, create_ddp_model, hooks
from detectron2.evaluation import DatasetEvaluator
from detectron2.utils import comm
from detectron2.utils.events import CommonMetricPrinter, EventWriter, TensorboardXWriter
from torch import nn
from torch.utils.data import DataLoader

from ..checkpoint import TubeletCheckpointer, training_record
from ..config import check_values
from ..data import SkippedClips, WindowIndex, build_train_index, build_train_loader
from ..data.build import data_seed
from ..errors import InputError, Stopped
from .averaging import WeightAveraging, average_buffers, load_trained
from .evaluation import best_metric, build_evaluators, check_labels, evaluate
from .folder import check_weights_stay
from .hooks import (
    BeforeSaving,
    BestCheckpoint,
    CountSkipped,
    Evaluation,
    LastCheckpoints,
    LogHistory,
    Writers,
)
from .limits import (
    check_disk_space,
    check_limits,
    disk_errors_named,
    is_disk_error,
    is_memory_error,
)
from .loading import prepare_workers, worker_failures_named
from .metrics_file import MetricsFile, set_metrics_aside
from .random_state import get_random_state, random_state_kept, restore_random_states
from .resuming import check_state, log_changes
from .schedule import (
    build_optimizer,
    epochs_to_iterations,
    scale_to_processes,
    set_learning_rates,
)
from .step import AccumulatingTrainer, check_batch_size
from .stopping import StopOnSignal

logger = logging.getLogger(__name__)


class Trainer(DefaultTrainer):
    """DefaultTrainer with the project's loaders, Adam, epochs and evaluator.

    Its checkpoints hold all that a training is made of, so that a resumed one takes the very steps
    that it would have taken. Several processes train on CPUs too, which DefaultTrainer itself does
    not do.
    """

    def __init__(self, cfg: CfgNode) -> None:
        """Build everything that ``cfg`` describes, but for the loader, see `train`.

        Raises:
            InputError: if the configuration, the data and the system do not fit together.
        """
        super(DefaultTrainer, self).__init__()
        check_values(cfg)
        cfg = scale_to_processes(cfg)
        check_batch_size(cfg)
        check_limits(cfg, training=True)
        self.index = build_train_index(cfg)
        self.cfg = cfg = epochs_to_iterations(cfg, len(self.index))
        self.start_iter, self.max_iter = 0, cfg.SOLVER.MAX_ITER
        self.data_seed = data_seed(cfg)
        self.random_states: list[dict] = []
        skippable = cfg.DATALOADER.SKIP_BAD_CLIPS
        self.skipped = SkippedClips(skippable, len(self.index.videos)) if skippable else None

        model = self.build_model(cfg)
        optimizer = self.build_optimizer(cfg, model)
        device = model.device
        # Running statistics are each process's own until they are averaged. DDP need not search for
        # parameters without a part in a step, but in a backbone of several maps: one is read.
        placement = {} if device.type == "cuda" else {"device_ids": None}
        backbones = filter(None, (model.backbone, model.backbone_3d))
        placement["find_unused_parameters"] = any(len(b.output_shape()) > 1 for b in backbones)
        self._trainer = AccumulatingTrainer(
            create_ddp_model(model, broadcast_buffers=False, **placement),
            (),
            optimizer,
            device=device,
            micro_batches=cfg.SOLVER.ACCUMULATION_STEPS,
            mixed_precision=cfg.SOLVER.AMP.ENABLED,
        )
        self.scheduler = self.build_lr_scheduler(cfg, optimizer)
        decay = cfg.SOLVER.EMA.DECAY
        self.averaging = WeightAveraging(model, decay) if decay else None
        self.checkpointer = TubeletCheckpointer(
            self.averaging.averaged if self.averaging else model,
            cfg.OUTPUT_DIR,
            cfg=cfg,
            trainer=weakref.proxy(self),
        )
        check_disk_space(cfg.OUTPUT_DIR, model, num_copies=4 if decay else 3)
        self.evaluators = build_evaluators(cfg, self.checkpointer.model)
        check_labels(cfg, (*cfg.DATASETS.TRAIN[:1], *cfg.DATASETS.TEST))
        self.register_hooks(self.build_hooks())

    def build_hooks(self) -> list[hooks.HookBase]:
        """Detectron2's hooks, and those that make a checkpoint whole."""
        solver, period = self.cfg.SOLVER, self.cfg.TEST.EVAL_PERIOD
        main = comm.is_main_process()
        self.best = BestCheckpoint(
            self.checkpointer,
            best_metric(self.cfg),
            dataset=next(iter(self.cfg.DATASETS.TEST), ""),
            protocol=self.cfg.TEST.PROTOCOL,
        )
        self.stopping = StopOnSignal(self._save_before_stop)
        return [
            hook
            for hook in (
                hooks.IterationTimer(),
                hooks.LRScheduler(),
                self.averaging,
                LogHistory(),
                self.skipped and CountSkipped(self.skipped, lambda: self._trainer.skipped),
                BeforeSaving((solver.CHECKPOINT_PERIOD, period), self.make_state_one),
                main
                and LastCheckpoints(
                    self.checkpointer,
                    solver.CHECKPOINT_PERIOD,
                    max_to_keep=solver.CHECKPOINTS_KEPT or None,
                ),
                self.best,
                self.stopping,
                Evaluation(period, self._evaluate),
                main and Writers(self.build_writers, period),
            )
            if hook
        ]

    def build_writers(self) -> list[EventWriter]:
        """Detectron2's writers: the log, metrics.json, TensorBoard's files."""
        folder, start = self.cfg.OUTPUT_DIR, self.start_iter
        return [
            CommonMetricPrinter(self.max_iter),
            MetricsFile(folder, start),
            # TensorBoard forgets what it was told of this iteration and later ones.
            TensorboardXWriter(folder, purge_step=start),
        ]

    def resume_or_load(self, resume: bool = True) -> None:
        """Go on from the last checkpoint of OUTPUT_DIR, or start from MODEL.WEIGHTS.

        Args:
            resume: whether to go on where there is a checkpoint.

        Raises:
            InputError: if there is a checkpoint that a training cannot go on from, or MODEL.WEIGHTS
                would be written over.
        """
        if not (resume and self.checkpointer.has_checkpoint()):
            check_weights_stay(self.cfg.MODEL.WEIGHTS, self.cfg.OUTPUT_DIR)
        self.checkpointer.resume_or_load(self.cfg.MODEL.WEIGHTS, resume=resume)
        if self.start_iter == 0 and resume and self.checkpointer.has_checkpoint():
            raise InputError(
                f"{self.checkpointer.get_checkpoint_file()} holds weights and no training; start "
                "one from it with MODEL.WEIGHTS, in another OUTPUT_DIR"
            )

    def train(self) -> dict | None:
        """Train to the end and return the last evaluation's results (main process).

        Raises:
            InputError: if the training cannot go on.
            Stopped: if the process was told to end; the checkpoint is written.
        """
        # Detectron2 logs the stack trace of whatever ends a training; these need none.
        logging.getLogger("detectron2.engine.train_loop").addFilter(_needs_stack_trace)
        # The loader comes before the random states, from which it draws.
        loader = self.build_train_loader(
            self.cfg,
            self.index,
            stride=self._trainer.inner_model.stride,
            start_iter=self.start_iter,
            seed=self.data_seed,
        )
        self._trainer.read_from(prepare_workers(loader, self.cfg.DATALOADER.TIMEOUT))
        if self.random_states:
            restore_random_states(self.random_states)
        else:
            self.checkpointer.start_afresh()
        with disk_errors_named(self.cfg.OUTPUT_DIR):
            if comm.is_main_process() and not self.checkpointer.claim_folder():
                set_metrics_aside(self.cfg.OUTPUT_DIR)
            try:
                super(DefaultTrainer, self).train(self.start_iter, self.max_iter)
            except Stopped as end:
                if self.iter < self.max_iter:
                    raise
                raise Stopped(
                    f"{end} in the last evaluation; the training is done and saved, and --resume "
                    "makes up for the evaluation",
                    end.exit_code,
                ) from None
        return getattr(self, "_last_eval_results", None)

    def run_step(self) -> None:
        """One iteration.

        Raises:
            InputError: if a loss is not finite (the weights are then still those before the step),
                or if a data loading worker failed.
        """
        try:
            with worker_failures_named(self._trainer.data_loader):
                super().run_step()
        except FloatingPointError as error:
            raise InputError(
                f"training diverged: {' '.join(str(error).split())} Lower SOLVER.BASE_LR (now "
                f"{self.cfg.SOLVER.BASE_LR:g}), clip gradients (SOLVER.CLIP_GRADIENTS.ENABLED) or "
                "check the annotations, then go on from the last checkpoint with --resume"
            ) from error

    def after_train(self) -> None:
        """Let the hooks end the training."""
        # Detectron2 counts one on even where --resume found nothing left to do.
        self.iter = min(self.iter, self.max_iter)
        super().after_train()

    def make_state_one(self) -> None:
        """Before saving or evaluating: one network for all processes, all their random states."""
        average_buffers(self._trainer.inner_model)
        average_buffers(self.checkpointer.model)
        self.random_states = comm.gather(get_random_state())

    def _save_before_stop(self) -> str:
        self.make_state_one()
        name = f"model_{self.iter:07d}"
        self.checkpointer.save(name, iteration=self.iter)
        comm.synchronize()  # torchrun ends all processes when the first one ends
        return os.path.join(self.cfg.OUTPUT_DIR, f"{name}.pth")

    def _evaluate(self) -> dict | None:
        with self.stopping.breaking_off(), random_state_kept():
            results = self.test(self.cfg, self.checkpointer.model, self.evaluators)
        self._last_eval_results = results
        if results and comm.is_main_process():
            self.best.update(results)
        return results

    def state_dict(self) -> dict:
        """The training after an iteration, in plain containers, strings, numbers and tensors.

        Returns:
            Detectron2's "iteration" and "hooks", and
                * _trainer: see `AccumulatingTrainer.state_dict`
                * random_states: one a process, see `get_random_state`
                * data_seed (int): of the order of the data; the iteration is the position in it
                * settings: see `training_record`
                * num_windows (int): of the training data
        """
        return {
            **super(DefaultTrainer, self).state_dict(),
            # After its last iteration the loop is one on.
            "iteration": min(self.iter, self.max_iter - 1),
            "_trainer": self._trainer.state_dict(),
            "random_states": self.random_states,
            "data_seed": self.data_seed,
            "settings": training_record(self.cfg, self.cfg.DATASETS.TRAIN),
            "num_windows": len(self.index),
        }

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on after the iteration of ``state_dict``.

        The solver is the configuration's: learning rates, weight decays and schedule follow it, and
        what changed is logged.

        Raises:
            InputError: if it is the state of another kind of training, or of one that went further.
        """
        check_state(state_dict, self.cfg)
        hook_states = dict(state_dict["hooks"])
        if self.averaging is None and WeightAveraging.__name__ in hook_states:
            # The checkpoint's own weights are an average; optimizer and data go on with these.
            load_trained(self._trainer.inner_model, hook_states.pop(WeightAveraging.__name__))
        super(DefaultTrainer, self).load_state_dict({**state_dict, "hooks": hook_states})
        self._trainer.load_state_dict(state_dict["_trainer"])
        self.start_iter = self.iter + 1
        self.data_seed = state_dict["data_seed"]
        self.random_states = state_dict["random_states"]
        set_learning_rates(self.optimizer, self.scheduler, self.start_iter)
        log_changes(state_dict, self.cfg, len(self.index))

    @classmethod
    def build_optimizer(cls, cfg: CfgNode, model: nn.Module) -> torch.optim.Optimizer:
        """See `schedule.build_optimizer`."""
        return build_optimizer(cfg, model)

    @classmethod
    def build_train_loader(
        cls, cfg: CfgNode, index: WindowIndex | None = None, **position: int
    ) -> DataLoader:
        """See `data.build_train_loader`."""
        return build_train_loader(cfg, index, **position)

    @classmethod
    def test(
        cls, cfg: CfgNode, model: nn.Module, evaluators: list[DatasetEvaluator] | None = None
    ) -> dict:
        """See `evaluation.evaluate`."""
        return evaluate(cfg, model, evaluators)


def _needs_stack_trace(record: logging.LogRecord) -> bool:
    error = record.exc_info and record.exc_info[1]
    return not (isinstance(error, InputError) or is_disk_error(error) or is_memory_error(error))
