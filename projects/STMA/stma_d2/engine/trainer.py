"""Training: Detectron2's DefaultTrainer on clips."""

from __future__ import annotations

import logging
import math
import os
import weakref

import torch
from detectron2.config import CfgNode
from detectron2.engine import DefaultTrainer, create_ddp_model
from detectron2.evaluation import DatasetEvaluator, inference_on_dataset, print_csv_format
from detectron2.evaluation.evaluator import inference_context
from detectron2.solver.build import get_default_optimizer_params, maybe_add_gradient_clipping
from detectron2.utils import comm
from torch import nn

from ..checkpoint import TubeletCheckpointer
from ..data import build_test_loader, build_train_index, build_train_loader
from ..errors import InputError
from ..evaluation import TubeletEvaluator
from ..modeling import TubeletDetector
from ..structures import Sample, Tubelets

from .step import AccumulatingTrainer, check_batch_size

logger = logging.getLogger(__name__)


class Trainer(DefaultTrainer):
    """DefaultTrainer with the project's loaders, Adam, epochs and evaluator.

    Several processes train on CPUs too, which DefaultTrainer itself does not do.
    """

    def __init__(self, cfg: CfgNode) -> None:
        """Build everything that ``cfg`` describes.

        Raises:
            InputError: if the configuration and the data do not fit together.
        """
        super(DefaultTrainer, self).__init__()
        cfg = DefaultTrainer.auto_scale_workers(cfg, comm.get_world_size())
        check_batch_size(cfg)
        index = build_train_index(cfg)
        cfg = set_iterations(cfg, len(index))
        model = self.build_model(cfg)
        optimizer = self.build_optimizer(cfg, model)
        loader = build_train_loader(cfg, index, stride=model.stride)
        device = model.device
        # Every parameter takes part in every step, so that DDP need not search for those that
        # don't; running statistics stay each process's own, as is Detectron2's way.
        placement = {} if device.type == "cuda" else {"device_ids": None}
        model = create_ddp_model(model, broadcast_buffers=False, **placement)
        self._trainer = AccumulatingTrainer(
            model,
            loader,
            optimizer,
            device=device,
            loss_normalizer=cfg.MODEL.STMA.LOSS_WEIGHT.NORMALIZER,
            micro_batches=cfg.SOLVER.ACCUMULATION_STEPS,
            mixed_precision=cfg.SOLVER.AMP.ENABLED,
        )
        self.scheduler = self.build_lr_scheduler(cfg, optimizer)
        self.checkpointer = TubeletCheckpointer(model, cfg.OUTPUT_DIR, trainer=weakref.proxy(self))
        self.start_iter = 0
        self.max_iter = cfg.SOLVER.MAX_ITER
        self.cfg = cfg
        self.register_hooks(self.build_hooks())

    def train(self) -> dict | None:
        """Train to the end and return the last evaluation's results (main process)."""
        # Detectron2 logs the stack trace of whatever ends a training; an InputError needs none.
        logging.getLogger("detectron2.engine.train_loop").addFilter(_is_no_input_error)
        super().train()
        return getattr(self, "_last_eval_results", None)

    def run_step(self) -> None:
        """One iteration.

        Raises:
            InputError: if a loss is not finite; the weights are then still those before the step.
        """
        try:
            super().run_step()
        except FloatingPointError as error:
            raise InputError(
                f"training diverged: {' '.join(str(error).split())} Lower SOLVER.BASE_LR (now "
                f"{self.cfg.SOLVER.BASE_LR:g}), clip gradients (SOLVER.CLIP_GRADIENTS.ENABLED) or "
                "check the annotations, then go on from the last checkpoint with --resume"
            ) from error

    @classmethod
    def build_optimizer(cls, cfg: CfgNode, model: nn.Module) -> torch.optim.Optimizer:
        """Adam with SOLVER's learning rate and weight decays (paper, section 3.1)."""
        parameters = get_default_optimizer_params(
            model,
            base_lr=cfg.SOLVER.BASE_LR,
            weight_decay=cfg.SOLVER.WEIGHT_DECAY,
            weight_decay_norm=cfg.SOLVER.WEIGHT_DECAY_NORM,
        )
        return maybe_add_gradient_clipping(cfg, torch.optim.Adam)(parameters, cfg.SOLVER.BASE_LR)

    @classmethod
    def build_test_loader(cls, cfg: CfgNode, dataset_name: str) -> object:
        """Chunks of windows of every video, once."""
        return build_test_loader(cfg, dataset_name)

    @classmethod
    def test(
        cls, cfg: CfgNode, model: nn.Module, evaluators: list[DatasetEvaluator] | None = None
    ) -> dict:
        """Evaluate ``model`` on DATASETS.TEST by Detectron2's ``inference_on_dataset``.

        Args:
            cfg: the configuration.
            model: with its weights.
            evaluators: one a data set; default `build_evaluator`.

        Returns:
            The results by data set; those of the only data set where there is one.
        """
        results = {}
        for position, name in enumerate(cfg.DATASETS.TEST):
            evaluator = evaluators[position] if evaluators else cls.build_evaluator(cfg, name)
            loader = cls.build_test_loader(cfg, name)
            with inference_context(model):
                results[name] = inference_on_dataset(_Detection(cfg, model), loader, evaluator)
            if results[name]:
                print_csv_format(results[name])
        return next(iter(results.values())) if len(results) == 1 else results

    @classmethod
    def build_evaluator(cls, cfg: CfgNode, dataset_name: str) -> TubeletEvaluator:
        """Evaluator that writes under OUTPUT_DIR/inference/<data set>."""
        return TubeletEvaluator(
            dataset_name,
            output_dir=os.path.join(cfg.OUTPUT_DIR, "inference", dataset_name),
            protocol=cfg.TEST.PROTOCOL,
            min_tubelet_score=cfg.TEST.LINKING.MIN_TUBELET_SCORE,
        )


class _Detection:
    """What ``inference_on_dataset`` calls: a detector on its way through the chunks."""

    def __init__(self, cfg: CfgNode, model: nn.Module) -> None:
        self._detector = TubeletDetector(cfg, model)
        self._state = self._detector.init_state()

    def __call__(self, samples: list[Sample]) -> list[dict[str, Tubelets]]:
        return [{"tubelets": self._detector.step(self._state, sample)} for sample in samples]


def _is_no_input_error(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], InputError))


def set_iterations(cfg: CfgNode, num_windows: int) -> CfgNode:
    """Turn SOLVER.EPOCHS over ``num_windows`` training windows into SOLVER.MAX_ITER, in a copy."""
    cfg = cfg.clone()
    if cfg.SOLVER.EPOCHS > 0:
        cfg.defrost()
        cfg.SOLVER.MAX_ITER = math.ceil(cfg.SOLVER.EPOCHS * num_windows / cfg.SOLVER.IMS_PER_BATCH)
        cfg.freeze()
        logger.info(
            f"{cfg.SOLVER.EPOCHS} epochs of {num_windows} training windows in batches of "
            f"{cfg.SOLVER.IMS_PER_BATCH}: {cfg.SOLVER.MAX_ITER} iterations"
        )
    return cfg
