"""Evaluating a network on the test sets of a configuration."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from detectron2.config import CfgNode
from detectron2.evaluation import (
    DatasetEvaluator,
    inference_on_dataset,
    print_csv_format,
    verify_results,
)
from detectron2.evaluation.evaluator import inference_context
from detectron2.utils import comm
from torch import nn

from ..config import value_of
from ..data import build_test_loader, check_frames, find_video, known_labels
from ..errors import InputError
from ..evaluation import TubeletEvaluator, configured_protocol, get_protocol
from ..evaluation.metrics import evaluated_labels
from ..evaluation.protocols import TASK
from ..modeling import TubeletDetector
from ..structures import Sample, Tubelets
from ..visualization.plots import write_plots
from .loading import prepare_workers, worker_failures_named

logger = logging.getLogger(__name__)

# What an evaluation may have otherwise than the training beside it, and metrics.json tells.
_SETTINGS = (
    *("INPUT.CLIP_FRAME_STRIDE", "TEST.FLIP", "TEST.CLIP_STRIDE", "TEST.TUBELETS_PER_WINDOW"),
    "TEST.AMP.ENABLED",
)


def build_evaluators(
    cfg: CfgNode, model: nn.Module, weights: str | None = None
) -> list[TubeletEvaluator]:
    """Make all that an evaluation needs, so that what is wrong shows before the first iteration.

    Args:
        cfg: the configuration.
        model: the network, whose weights do not matter.
        weights: where they are from, which ``metrics.json`` then says; None: from a training.

    Returns:
        One evaluator a data set of DATASETS.TEST; each writes under
        ``OUTPUT_DIR/inference/<data set>``.

    Raises:
        InputError: if a test set's files (every frame that lies in a folder), its classes, the
            strides, the protocol's metrics or the expected results are not to be had, or if the
            test sets' labels differ.
    """
    TubeletDetector.from_config(cfg, model)
    _check_metrics(cfg)
    evaluators = []
    for name in cfg.DATASETS.TEST:
        build_test_loader(cfg, name)
        evaluator = TubeletEvaluator(
            name,
            output_dir=os.path.join(cfg.OUTPUT_DIR, "inference", name),
            protocol=configured_protocol(cfg),
            benchmark_files=cfg.TEST.BENCHMARK_FILES.ENABLED,
            min_box_score=cfg.TEST.BENCHMARK_FILES.MIN_SCORE,
            other_settings=cfg.TEST.OTHER_SETTINGS,
            settings=_settings(cfg, weights),
        )
        _check_frames(name, evaluator)
        if not _has_ground_truth(evaluator):
            _check_nothing_expected(cfg, name)
            _warn_of_no_ground_truth(name)
        evaluators.append(evaluator)
    check_labels(cfg, cfg.DATASETS.TEST)
    return evaluators


def check_labels(cfg: CfgNode, names: Sequence[str]) -> None:
    """Check that data sets have the same labels in the same order; a class is only a number.

    With TEST.OTHER_SETTINGS a difference is only told.

    Args:
        cfg: the configuration.
        names: of data sets; those whose labels are not known are passed over.

    Raises:
        InputError: naming two that differ, and their first labels that do.
    """
    known = {name: labels for name in names if (labels := known_labels(name)) is not None}
    first = next(iter(known), None)
    for name, labels in known.items():
        if labels == known[first]:
            continue
        ours, theirs = next(two for two in zip_longest(labels, known[first]) if two[0] != two[1])
        difference = (
            f"the labels of the data sets '{first}' and '{name}' are not the same in the same "
            f"order: {theirs!r} there is {ours!r} here"
        )
        if not cfg.TEST.OTHER_SETTINGS:
            raise InputError(
                f"{difference}; classes would be taken for each other. Make them the same, or set "
                "TEST.OTHER_SETTINGS True"
            )
        logger.warning(f"TEST.OTHER_SETTINGS: {difference}")


def _settings(cfg: CfgNode, weights: str | None) -> dict[str, Any]:
    settings = {name: value_of(cfg, name) for name in _SETTINGS}
    return settings if weights is None else {"MODEL.WEIGHTS": weights, **settings}


def evaluate(
    cfg: CfgNode, model: nn.Module, evaluators: Sequence[DatasetEvaluator] | None = None
) -> dict[str, Any]:
    """Evaluate ``model`` on DATASETS.TEST by Detectron2's ``inference_on_dataset``.

    A test set without ground truth is left out with a warning.

    Args:
        cfg: the configuration.
        model: with its weights.
        evaluators: one a data set; default `build_evaluators`. Plots go beside what they write.

    Returns:
        ``{"action_detection": {metric: percent}}`` on the main process; with several data sets
        ``{"<data set>/action_detection": ...}``. Empty on the others.

    Raises:
        InputError: if there are neither evaluators nor test sets; as `build_evaluators`.
    """
    if evaluators is None and not cfg.DATASETS.TEST:
        raise InputError("DATASETS.TEST names no data set to evaluate on")
    evaluators = build_evaluators(cfg, model) if evaluators is None else evaluators
    results = {}
    for name, evaluator in zip(cfg.DATASETS.TEST, evaluators, strict=True):
        if not _has_ground_truth(evaluator):
            _warn_of_no_ground_truth(name)
            continue
        loader = prepare_workers(build_test_loader(cfg, name), cfg.DATALOADER.TIMEOUT)
        with worker_failures_named(loader), inference_context(model):
            found = inference_on_dataset(_Detection(cfg, model), loader, evaluator)
        if comm.is_main_process() and evaluator.output_dir:
            _plot(Path(evaluator.output_dir))
        print_csv_format(found)
        prefix = f"{name}/" if len(cfg.DATASETS.TEST) > 1 else ""
        results.update({prefix + task: metrics for task, metrics in found.items()})
    return results


def _plot(folder: Path) -> None:
    """Draw the evaluation; whatever goes wrong in a plot must not cost a training its numbers."""
    try:
        write_plots(folder)
    except Exception as error:
        logger.warning(f"the plots of {folder} could not be drawn: {error!r}")
    finally:
        gc.collect()  # a figure's parts hold each other: 12 MB that would wait for long


class _Detection:
    """What ``inference_on_dataset`` calls: a detector on its way through the chunks."""

    def __init__(self, cfg: CfgNode, model: nn.Module) -> None:
        self._detector = TubeletDetector.from_config(cfg, model)
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


def _task(cfg: CfgNode, name: str) -> str:
    """What the results call the evaluation on a test set."""
    return f"{name}/{TASK}" if len(cfg.DATASETS.TEST) > 1 else TASK


def _check_metrics(cfg: CfgNode) -> None:
    tasks = [_task(cfg, name) for name in cfg.DATASETS.TEST]
    protocol = get_protocol(cfg.TEST.PROTOCOL)
    metrics = f"the metrics of TEST.PROTOCOL {protocol.name} are {', '.join(protocol.metrics)}"
    if cfg.TEST.BEST_METRIC.split("/")[-1] not in protocol.metrics:
        raise InputError(f"TEST.BEST_METRIC is {cfg.TEST.BEST_METRIC!r}; {metrics}")
    for entry in cfg.TEST.EXPECTED_RESULTS:
        if entry[0] not in tasks:
            raise InputError(
                f"TEST.EXPECTED_RESULTS has {entry}; the tasks of DATASETS.TEST are {tasks}"
            )
        if entry[1] not in protocol.metrics:
            raise InputError(f"TEST.EXPECTED_RESULTS has {entry}; {metrics}")


def _check_frames(name: str, evaluator: TubeletEvaluator) -> None:
    for video in evaluator.videos:
        path = find_video(name, video)
        if not os.path.isdir(path):
            continue  # a video file tells its frames only when it is decoded
        try:
            check_frames(path, evaluator.annotations.videos[video].num_frames)
        except InputError as error:
            raise InputError(
                f"data set '{name}': {error}; tools/prepare_dataset.py check finds all such videos"
            ) from error


def _check_nothing_expected(cfg: CfgNode, name: str) -> None:
    for entry in cfg.TEST.EXPECTED_RESULTS:
        if entry[0] == _task(cfg, name):
            raise InputError(
                f"TEST.EXPECTED_RESULTS has {entry}, but the videos of test set '{name}' have no "
                "ground truth to evaluate on"
            )


def _has_ground_truth(evaluator: TubeletEvaluator) -> bool:
    return bool(evaluated_labels(evaluator.annotations, evaluator.videos, evaluator.protocol))


def _warn_of_no_ground_truth(name: str) -> None:
    logger.warning(f"the videos of test set '{name}' have no ground truth: it is not evaluated")
