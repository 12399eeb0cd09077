"""One evaluation: the windows of a data set through the network into an evaluator."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import torch
from detectron2.evaluation import DatasetEvaluator
from detectron2.utils.logger import log_every_n_seconds

from ..modeling import SlidingWindow
from ..modeling.batch import Sample

logger = logging.getLogger(__name__)


@torch.inference_mode()
def evaluate_windows(
    sliding_window: SlidingWindow, loader: Iterable[list[Sample]], evaluator: DatasetEvaluator
) -> dict:
    """Run the network on all batches and return the evaluator's results.

    In place of Detectron2's ``inference_on_dataset``, which waits for the GPU after every batch:
    here the host is a batch ahead of it.

    Args:
        sliding_window: in any mode; it is evaluated in evaluation mode and left in its own.
        loader: batches of chunks, with a length.
        evaluator: is reset.

    Returns:
        What ``evaluator.evaluate()`` gives; an empty dict where that is None, as it is on all
        processes but the main one.
    """
    mode, start = sliding_window.training, time.perf_counter()
    evaluator.reset()
    sliding_window.eval()
    try:
        for number, (batch, results) in enumerate(sliding_window.walk(loader), start=1):
            evaluator.process(batch, results)
            seconds = time.perf_counter() - start
            log_every_n_seconds(
                logging.INFO,
                f"{number} of {len(loader)} chunks, {seconds / number:.3f} s each; "
                f"{seconds / number * (len(loader) - number):.0f} s to go",
                n=10,
                name=__name__,
            )
    finally:
        sliding_window.train(mode)
    seconds = time.perf_counter() - start
    logger.info(f"{len(loader)} chunks of windows in {seconds:.1f} s")
    return evaluator.evaluate() or {}
