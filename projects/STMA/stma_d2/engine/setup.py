"""From the command line to a configuration, and the work that it asks for."""

from __future__ import annotations

import argparse
import logging

from detectron2.config import CfgNode
from detectron2.engine import default_argument_parser, default_setup
from detectron2.utils import comm
from detectron2.utils.logger import setup_logger

from ..checkpoint import load_for_evaluation
from ..config import load_config
from ..errors import InputError
from .evaluation import check_expected_results
from .launch import run
from .limits import check_limits, check_output_dir, raise_descriptor_limit
from .logs import drop_colors, leave_out_configuration
from .trainer import Trainer

logger = logging.getLogger(__name__)


def setup(args: argparse.Namespace) -> CfgNode:
    """Load the configuration of ``args`` and set up logging, seeds and OUTPUT_DIR."""
    cfg = load_config(args.config_file, args.opts)
    cfg.freeze()
    check_output_dir(cfg.OUTPUT_DIR)
    raise_descriptor_limit()
    logging.raiseExceptions = False  # a full disk is told once, not for each line of the log
    leave_out_configuration()
    default_setup(cfg, args)
    setup_logger(cfg.OUTPUT_DIR, distributed_rank=comm.get_rank(), name="stma_d2")
    drop_colors("detectron2", "fvcore", "stma_d2")
    return cfg


def main(args: argparse.Namespace) -> dict | None:
    """Train, or evaluate with ``--eval-only``; returns the metrics on the main process.

    Raises:
        InputError: if that cannot be done, or if the metrics are not TEST.EXPECTED_RESULTS.
    """
    cfg = setup(args)
    results = _evaluate(cfg, args.resume) if args.eval_only else _train(cfg, args.resume)
    if not comm.is_main_process():
        return None
    if cfg.TEST.EXPECTED_RESULTS:
        check_expected_results(cfg, results or {})
    return results


def _train(cfg: CfgNode, resume: bool) -> dict | None:
    trainer = Trainer(cfg)
    trainer.resume_or_load(resume=resume)
    return trainer.train()


def _evaluate(cfg: CfgNode, resume: bool) -> dict:
    if not cfg.DATASETS.TEST:
        raise InputError("--eval-only, but DATASETS.TEST names no data set")
    check_limits(cfg, training=False)
    model = Trainer.build_model(cfg)
    path = load_for_evaluation(model, cfg, resume)
    logger.info(f"evaluating {path}")
    return Trainer.test(cfg, model)


def command_line() -> None:
    """Train or evaluate as Detectron2's own arguments on the command line say."""
    run(main, default_argument_parser().parse_args())
