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
from .launch import run
from .trainer import Trainer

logger = logging.getLogger(__name__)


def setup(args: argparse.Namespace) -> CfgNode:
    """Load the configuration of ``args`` and set up logging, seeds and OUTPUT_DIR."""
    cfg = load_config(args.config_file, args.opts)
    cfg.freeze()
    default_setup(cfg, args)
    setup_logger(cfg.OUTPUT_DIR, distributed_rank=comm.get_rank(), name="stma_d2")
    return cfg


def main(args: argparse.Namespace) -> dict | None:
    """Train, or evaluate with ``--eval-only``; returns the metrics on the main process."""
    cfg = setup(args)
    if not args.eval_only:
        trainer = Trainer(cfg)
        trainer.resume_or_load(resume=args.resume)
        return trainer.train()
    model = Trainer.build_model(cfg)
    path = load_for_evaluation(model, cfg.MODEL.WEIGHTS, cfg.OUTPUT_DIR, args.resume)
    logger.info(f"evaluating {path}")
    results = Trainer.test(cfg, model)
    return results if comm.is_main_process() else None


def command_line() -> None:
    """Train or evaluate as Detectron2's own arguments on the command line say."""
    run(main, default_argument_parser().parse_args())
