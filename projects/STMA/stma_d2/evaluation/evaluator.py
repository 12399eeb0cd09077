"""Detectron2's evaluator of tubelets."""

from __future__ import annotations

import itertools
import logging
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.evaluation import DatasetEvaluator
from detectron2.structures import Instances
from detectron2.utils import comm

from ..data import TubeAnnotations, load_annotations
from ..errors import InputError
from ..structures import Tubelets
from .detections_io import save_detections
from .metrics import check_finite, run_evaluation
from .protocols import get_protocol
from .report import evaluation_record, evaluation_table, write_json

logger = logging.getLogger(__name__)

# One window's output: first frame, boxes (N, K, 4) and scores (N, C), float32.
_Window = tuple[int, np.ndarray, np.ndarray]


class TubeletEvaluator(DatasetEvaluator):
    """Collects tubelets, links them and reports frame-mAP, video-mAP and the error analysis.

    ``evaluate`` leaves two files in ``output_dir``: ``detections.npz`` (to be scored again by
    ``tools/evaluate.py``) and ``metrics.json``.
    """

    def __init__(
        self,
        dataset_name: str,
        output_dir: str | None = None,
        *,
        protocol: str = "moc",
        min_tubelet_score: float = 0.0,
        distributed: bool = True,
    ) -> None:
        """Read the ground truth.

        Args:
            dataset_name: a registered data set; all videos of its split are evaluated.
            output_dir: where files go; None writes none.
            protocol: "moc", "act" or "voc".
            min_tubelet_score: tubelets below it are not linked; 0 is the protocol as published.
            distributed: gather the tubelets of all processes; False evaluates one's own.

        Raises:
            InputError: if the protocol or the data set is unknown.
            FileNotFoundError: if the annotations are missing.
        """
        get_protocol(protocol)
        self.dataset_name = dataset_name
        self.output_dir = output_dir
        self.protocol = protocol
        self.min_tubelet_score = min_tubelet_score
        self.distributed = distributed
        self.annotations, self.videos = dataset_ground_truth(dataset_name)
        self.reset()

    def reset(self) -> None:
        """Forget all tubelets."""
        self._windows: dict[str, list[_Window]] = {}

    def process(
        self, inputs: Sequence[Mapping[str, Any]], outputs: Sequence[Sequence[Instances]]
    ) -> None:
        """Take the output of one batch of chunks.

        Args:
            inputs: sample dicts, of which ``video_id`` is read.
            outputs: for each sample a list over its windows of Instances with ``tubelets``
                (TubeletBoxes, N x K x 4), ``scores`` (N, C) and ``window`` (N,), the window's
                first frame, N times.

        Raises:
            InputError: if a box or a score is not finite, or the number of classes is not the
                data set's; at once, before hours of inference are lost.
        """
        for sample, chunk in zip(inputs, outputs, strict=True):
            video = sample["video_id"]
            collected = self._windows.setdefault(video, [])
            found = chunk["tubelets"].numpy()
            windows = found.windows.tolist()
            for window, boxes, scores in zip(windows, found.boxes, found.scores, strict=True):
                self._check(video, window, boxes, scores)
                collected.append((window, boxes, scores))

    def _check(self, video: str, window: int, boxes: np.ndarray, scores: np.ndarray) -> None:
        if scores.shape[1] != len(self.annotations.labels):
            raise InputError(
                f"the model scores {scores.shape[1]} classes, but the data set "
                f"'{self.dataset_name}' has {len(self.annotations.labels)}"
            )
        check_finite(video, Tubelets(np.array([window]), boxes[None], scores[None]))

    def evaluate(self) -> OrderedDict[str, dict[str, float]] | None:
        """Gather, save, link, compare and report.

        Returns:
            ``{"action_detection": {metric: percent}}`` with the five metrics on the main process,
            None on the others. Per-class figures are in ``metrics.json`` and in the log.
        """
        collected = [self._windows]
        if self.distributed:
            comm.synchronize()
            collected = comm.gather(self._windows)
            if not comm.is_main_process():
                return None
        detections = merge_windows(collected)
        missing = sorted(set(self.videos).difference(*collected))
        if missing:
            logger.warning(
                f"{len(missing)} of {len(self.videos)} videos of '{self.dataset_name}' were not "
                f"given to the model and count as missed, the first is {missing[0]}"
            )
        if self.output_dir:
            save_detections(os.path.join(self.output_dir, "detections.npz"), detections)
        evaluation = run_evaluation(
            detections, self.annotations, self.videos, self.protocol, self.min_tubelet_score
        )
        logger.info(f"'{self.dataset_name}'. {evaluation_table(evaluation)}")
        if self.output_dir:
            record = {"dataset": self.dataset_name, **dataset_split(self.dataset_name)}
            record.update(evaluation_record(evaluation))
            write_json(os.path.join(self.output_dir, "metrics.json"), record)
        return OrderedDict(action_detection=evaluation.means)


def dataset_split(dataset_name: str) -> dict[str, Any]:
    """Which part of its annotations a registered data set is: ``split`` (1-based), ``subset``."""
    metadata = MetadataCatalog.get(dataset_name)
    return {"split": metadata.split, "subset": metadata.subset}


def dataset_ground_truth(dataset_name: str) -> tuple[TubeAnnotations, tuple[str, ...]]:
    """Annotations of a registered data set and the names of its videos; needs no frames.

    Raises:
        InputError: if no data set of tubes has that name.
        FileNotFoundError: if the annotation file is missing.
    """
    known = [
        name
        for name in DatasetCatalog.list()
        if MetadataCatalog.get(name).get("evaluator_type") == "tubelet"
    ]
    if dataset_name not in known:
        raise InputError(f"no data set of tubes is called '{dataset_name}'; there are {known}")
    metadata = MetadataCatalog.get(dataset_name)
    path = metadata.annotations_file
    if not os.path.isfile(path):
        raise FileNotFoundError(f"data set '{dataset_name}': no annotation file at {path}")
    annotations = load_annotations(path)
    if not 1 <= metadata.split <= len(annotations.splits):
        raise InputError(
            f"data set '{dataset_name}' is split {metadata.split}, but {path} has only "
            f"{len(annotations.splits)}"
        )
    return annotations, getattr(annotations.splits[metadata.split - 1], metadata.subset)


def merge_windows(
    collected: Sequence[Mapping[str, Sequence[_Window]]],
) -> dict[str, Tubelets]:
    """Join the windows that several processes saw, whatever the order.

    A window that came twice (samplers repeat some to give all processes the same work) counts
    once. Windows with fewer tubelets than others of their video are filled up with zero scores.
    """
    detections = {}
    for video in sorted(set().union(*collected)):
        parts = itertools.chain.from_iterable(part.get(video, ()) for part in collected)
        windows = {window: (boxes, scores) for window, boxes, scores in parts}
        if windows:
            detections[video] = _stack(windows)
    return detections


def _stack(windows: Mapping[int, tuple[np.ndarray, np.ndarray]]) -> Tubelets:
    starts = sorted(windows)
    slots = max(len(scores) for _, scores in windows.values())
    first_boxes, first_scores = windows[starts[0]]
    boxes = np.zeros((len(starts), slots, *first_boxes.shape[1:]), np.float32)
    scores = np.zeros((len(starts), slots, *first_scores.shape[1:]), np.float32)
    for row, start in enumerate(starts):
        count = len(windows[start][1])
        boxes[row, :count], scores[row, :count] = windows[start]
    return Tubelets(np.array(starts), boxes, scores)
