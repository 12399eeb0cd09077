"""From the command line to a configuration, and the work that it asks for."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from detectron2.config import CfgNode
from detectron2.engine import default_argument_parser, default_setup
from detectron2.utils import comm
from detectron2.utils.logger import setup_logger

from ..checkpoint import load_for_evaluation
from ..config import find_config_file, load_config
from ..errors import InputError
from ..files import atomic_write
from .evaluation import build_evaluators, check_expected_results
from .folder import check_output_dir, only_training
from .launch import run
from .limits import check_limits, memory_errors_named, raise_descriptor_limit
from .logs import drop_colors, leave_out_configuration
from .trainer import Trainer

logger = logging.getLogger(__name__)


def configuration(args: argparse.Namespace) -> CfgNode:
    """Load the configuration of ``args`` and make its OUTPUT_DIR."""
    if args.config_file:
        args.config_file = find_config_file(args.config_file)
    cfg = load_config(args.config_file, args.opts)
    cfg.freeze()
    check_output_dir(cfg.OUTPUT_DIR)
    return cfg


def setup(cfg: CfgNode, args: argparse.Namespace) -> None:
    """Set up logging, seeds and what OUTPUT_DIR says of the configuration.

    Detectron2 writes the configuration to ``OUTPUT_DIR/config.yaml``. An evaluation leaves the one
    that is there as it is: it is a training's.
    """
    raise_descriptor_limit()
    make_current(cfg.MODEL.DEVICE)
    logging.raiseExceptions = False  # a full disk is told once, not for each line of the log
    leave_out_configuration()
    with _config_file_kept(cfg) if args.eval_only else nullcontext():
        default_setup(cfg, args)
    setup_logger(cfg.OUTPUT_DIR, distributed_rank=comm.get_rank(), name="stma_d2")
    drop_colors("detectron2", "fvcore", "stma_d2")


def make_current(device: str) -> None:
    """Let a GPU that MODEL.DEVICE names by its number, "cuda:1", be PyTorch's current one.

    Detectron2 measures the memory of the current one and waits for its work. Other devices change
    nothing.
    """
    named = torch.device(device)
    if named.type == "cuda" and named.index is not None:
        torch.cuda.set_device(named)


def main(args: argparse.Namespace) -> dict | None:
    """Train, or evaluate with ``--eval-only``; returns the metrics on the main process.

    Raises:
        InputError: if that cannot be done, or if the metrics are not TEST.EXPECTED_RESULTS.
    """
    cfg = configuration(args)
    with nullcontext() if args.eval_only else only_training(cfg.OUTPUT_DIR):
        setup(cfg, args)
        with memory_errors_named(cfg):
            results = _evaluate(cfg, args.resume) if args.eval_only else _train(cfg, args.resume)
    if not comm.is_main_process():
        return None
    if cfg.TEST.EXPECTED_RESULTS:
        check_expected_results(cfg, results or {})
    return results


def _train(cfg: CfgNode, resume: bool) -> dict | None:
    trainer = Trainer(cfg)
    trainer.resume_or_load(resume=resume)
    results = trainer.train()
    if comm.is_main_process():
        _write_final_config(cfg)
    return results


def _write_final_config(cfg: CfgNode) -> None:
    """Let ``config.yaml`` name the weights that the training ended with.

    The configuration that the training began with goes to ``training.yaml``, to repeat it.
    """
    final = cfg.clone()
    final.defrost()
    final.MODEL.WEIGHTS = os.path.join(cfg.OUTPUT_DIR, "model_final.pth")
    files = {"config.yaml": final}
    if cfg.MODEL.WEIGHTS != final.MODEL.WEIGHTS:  # else it is config.yaml itself, resumed
        files["training.yaml"] = cfg
    for name, content in files.items():
        with atomic_write(os.path.join(cfg.OUTPUT_DIR, name)) as file:
            file.write(content.dump().encode())


@contextmanager
def _config_file_kept(cfg: CfgNode) -> Iterator[None]:
    path = Path(cfg.OUTPUT_DIR, "config.yaml")
    content = path.read_bytes() if path.is_file() and comm.is_main_process() else None
    yield
    if content is not None:
        with atomic_write(path) as file:
            file.write(content)


def _evaluate(cfg: CfgNode, resume: bool) -> dict:
    if not cfg.DATASETS.TEST:
        raise InputError("--eval-only, but DATASETS.TEST names no data set")
    check_limits(cfg, training=False)
    model = Trainer.build_model(cfg)
    loaded = load_for_evaluation(model, cfg, resume)
    logger.info(f"evaluating {loaded.path}")
    return Trainer.test(cfg, model, build_evaluators(cfg, model, loaded.path))


def command_line() -> None:
    """Train or evaluate as Detectron2's own arguments on the command line say."""
    run(main, default_argument_parser().parse_args())
