"""Evaluating a network on the test sets of a configuration."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from detectron2.config import CfgNode
from detectron2.evaluation import (
    DatasetEvaluator,
    inference_on_dataset,
    print_csv_format,
    verify_results,
)
from detectron2.evaluation.evaluator import inference_context
from torch import nn

from ..data import build_test_loader
from ..errors import InputError
from ..evaluation import TubeletEvaluator
from ..evaluation.metrics import METRICS
from ..modeling import TubeletDetector
from ..structures import Sample, Tubelets
from .loading import prepare_workers, worker_failures_named

logger = logging.getLogger(__name__)

_TASK = "action_detection"


def build_evaluators(cfg: CfgNode, model: nn.Module) -> list[TubeletEvaluator]:
    """Make all that an evaluation needs, so that what is wrong shows before the first iteration.

    Args:
        cfg: the configuration.
        model: the network, whose weights do not matter.

    Returns:
        One evaluator a data set of DATASETS.TEST; each writes under
        ``OUTPUT_DIR/inference/<data set>``.

    Raises:
        InputError: if a test set's files, its classes, the protocol, the strides, the metric of the
            best checkpoint or the expected results are not to be had.
    """
    TubeletDetector(cfg, model)
    _check_metrics(cfg)
    evaluators = []
    for name in cfg.DATASETS.TEST:
        build_test_loader(cfg, name)
        evaluator = TubeletEvaluator(
            name,
            output_dir=os.path.join(cfg.OUTPUT_DIR, "inference", name),
            protocol=cfg.TEST.PROTOCOL,
            min_tubelet_score=cfg.TEST.LINKING.MIN_TUBELET_SCORE,
            trim_to_key_frames=cfg.TEST.LINKING.TRIM_TO_KEY_FRAMES,
            other_settings=cfg.TEST.OTHER_SETTINGS,
        )
        if not _has_ground_truth(evaluator):
            _warn_of_no_ground_truth(name)
        evaluators.append(evaluator)
    return evaluators


def evaluate(
    cfg: CfgNode, model: nn.Module, evaluators: Sequence[DatasetEvaluator] | None = None
) -> dict[str, Any]:
    """Evaluate ``model`` on DATASETS.TEST by Detectron2's ``inference_on_dataset``.

    A test set without ground truth is left out with a warning.

    Args:
        cfg: the configuration.
        model: with its weights.
        evaluators: one a data set; default `build_evaluators`.

    Returns:
        ``{"action_detection": {metric: percent}}`` on the main process; with several data sets
        ``{"<data set>/action_detection": ...}``. Empty on the others.
    """
    evaluators = build_evaluators(cfg, model) if evaluators is None else evaluators
    results = {}
    for name, evaluator in zip(cfg.DATASETS.TEST, evaluators, strict=True):
        if not _has_ground_truth(evaluator):
            _warn_of_no_ground_truth(name)
            continue
        loader = prepare_workers(build_test_loader(cfg, name), cfg.DATALOADER.TIMEOUT)
        with worker_failures_named(loader), inference_context(model):
            found = inference_on_dataset(_Detection(cfg, model), loader, evaluator)
        print_csv_format(found)
        prefix = f"{name}/" if len(cfg.DATASETS.TEST) > 1 else ""
        results.update({prefix + task: metrics for task, metrics in found.items()})
    return results


class _Detection:
    """What ``inference_on_dataset`` calls: a detector on its way through the chunks."""

    def __init__(self, cfg: CfgNode, model: nn.Module) -> None:
        self._detector = TubeletDetector(cfg, model)
        self._state = self._detector.init_state()

    def __call__(self, samples: list[Sample]) -> list[dict[str, Tubelets]]:
        return [{"tubelets": self._detector.step(self._state, sample)} for sample in samples]


def check_expected_results(cfg: CfgNode, results: Mapping[str, Any]) -> None:
    """Compare with TEST.EXPECTED_RESULTS, Detectron2's list of (task, metric, percent, tolerance).

    Raises:
        InputError: naming what was expected and what came, if they differ by more.
    """
    try:
        verify_results(cfg, results)
    except (SystemExit, KeyError) as error:
        raise InputError(
            f"TEST.EXPECTED_RESULTS {cfg.TEST.EXPECTED_RESULTS} are not met: the results are "
            + ", ".join(f"{m} {v:.4g}" for metrics in results.values() for m, v in metrics.items())
        ) from error


def best_metric(cfg: CfgNode) -> str:
    """TEST.BEST_METRIC as the results name it: of the first test set where there are several."""
    several = len(cfg.DATASETS.TEST) > 1
    return f"{cfg.DATASETS.TEST[0]}/{cfg.TEST.BEST_METRIC}" if several else cfg.TEST.BEST_METRIC


def _check_metrics(cfg: CfgNode) -> None:
    names = cfg.DATASETS.TEST
    known = [f"{_TASK}/{metric}" for metric in METRICS]
    if cfg.TEST.BEST_METRIC not in known:
        raise InputError(
            f"TEST.BEST_METRIC is {cfg.TEST.BEST_METRIC!r}; the metrics are {', '.join(known)}"
        )
    tasks = [f"{name}/{_TASK}" for name in names] if len(names) > 1 else [_TASK] * len(names)
    for entry in cfg.TEST.EXPECTED_RESULTS:
        if not _is_expectation(entry, tasks):
            raise InputError(
                f"TEST.EXPECTED_RESULTS has {entry}; an entry is [task, metric, percent, "
                f"tolerance] with a task of {tasks}, a metric of {list(METRICS)}, a percent of 0 "
                "to 100 and a finite tolerance, at least 0"
            )


def _is_expectation(entry: Any, tasks: Sequence[str]) -> bool:
    if not isinstance(entry, list | tuple) or len(entry) != 4:
        return False
    task, metric, *numbers = entry
    if not all(isinstance(number, int | float) for number in numbers):
        return False
    percent, tolerance = numbers
    # NaN compares as False, here and in Detectron2's check, where every result would then pass.
    return task in tasks and metric in METRICS and 0 <= percent <= 100 and 0 <= tolerance < math.inf


def _has_ground_truth(evaluator: TubeletEvaluator) -> bool:
    return any(evaluator.annotations.videos[video].tubes for video in evaluator.videos)


def _warn_of_no_ground_truth(name: str) -> None:
    logger.warning(f"the videos of test set '{name}' have no ground truth: it is not evaluated")
