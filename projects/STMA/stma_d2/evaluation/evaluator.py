"""Detectron2's evaluator of tubelets."""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from detectron2.data import MetadataCatalog
from detectron2.evaluation import DatasetEvaluator
from detectron2.utils import comm

from ..data import load_ground_truth
from ..errors import InputError
from ..files import write_json
from ..structures import Sample, Tubelets
from .benchmark_files import save_benchmark_files
from .detections_io import save_detections
from .metrics import check_finite, run_evaluation
from .protocols import PROTOCOLS, TASK, Protocol
from .report import evaluation_record, evaluation_table
from .tube_length import too_short

logger = logging.getLogger(__name__)


class TubeletEvaluator(DatasetEvaluator):
    """Collects tubelets, links them and reports frame-mAP, video-mAP and the error analysis.

    ``evaluate`` leaves three files in ``output_dir``: ``detections.npz`` (to be scored again by
    ``tools/evaluate.py``), ``metrics.json``, and ``curves.json`` for plots; if asked for also those
    of ``benchmark_files``.
    """

    def __init__(
        self,
        dataset_name: str,
        output_dir: str | None = None,
        *,
        protocol: Protocol = PROTOCOLS["moc"],
        benchmark_files: bool = False,
        min_box_score: float = 0.0,
        other_settings: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Take the ground truth of the data set, which needs no frames.

        Args:
            dataset_name: a registered data set; all videos of its split are evaluated.
            output_dir: where files go; None writes none.
            protocol: the rules, such as `get_protocol` gives; a warning tells of annotated tubes
                that are shorter than those it keeps.
            benchmark_files: also write `FRAME_FILE` and `TUBE_FILE`.
            min_box_score: boxes that score less are left out of `FRAME_FILE`.
            other_settings: whether the network may be used otherwise than it was trained, which
                ``metrics.json`` then says.
            settings: with what the network is used, which ``metrics.json`` then says; plain values.

        Raises:
            InputError: if the data set is unknown, or the annotations are missing.
        """
        self.protocol = protocol
        self.dataset_name = dataset_name
        self.benchmark_files = benchmark_files
        self.min_box_score = min_box_score
        self.other_settings = other_settings
        self.settings = dict(settings or {})
        self.output_dir = output_dir
        self.annotations, self.videos = load_ground_truth(dataset_name)
        if warning := too_short(self.annotations, self.videos, self.protocol):
            logger.warning(f"'{dataset_name}': {warning}")
        self.reset()

    def reset(self) -> None:
        """Forget all tubelets."""
        self._tubelets: dict[str, list[Tubelets]] = {}

    def process(self, inputs: Sequence[Sample], outputs: Sequence[Mapping[str, Tubelets]]) -> None:
        """Take the output of one batch of chunks.

        Args:
            inputs: sample dicts, of which ``video_id`` is read.
            outputs: for each sample a dict whose ``tubelets`` are those of its windows, tensors or
                arrays, in the video's pixels.

        Raises:
            InputError: if a box or a score is not finite, or the number of classes is not the
                data set's; at once, before hours of inference are lost.
        """
        num_classes = len(self.annotations.labels)
        for sample, output in zip(inputs, outputs, strict=True):
            video, tubelets = sample["video_id"], output["tubelets"].numpy()
            if tubelets.num_classes != num_classes:
                raise InputError(
                    f"the model scores {tubelets.num_classes} classes, but the data set "
                    f"'{self.dataset_name}' has {num_classes}"
                )
            check_finite(video, tubelets)
            self._tubelets.setdefault(video, []).append(tubelets)

    def evaluate(self) -> OrderedDict[str, dict[str, float]] | None:
        """Gather, save, link, compare and report.

        Returns:
            ``{"action_detection": {metric: percent}}`` with the protocol's metrics on the main
            process, None on the others. Per-class figures are in ``metrics.json`` and in the log.
        """
        comm.synchronize()
        gathered = comm.gather(self._tubelets)
        if not comm.is_main_process():
            return None
        detections = {
            video: _join([part for collected in gathered for part in collected.get(video, ())])
            for video in sorted(set().union(*gathered))
        }
        missing = sorted(set(self.videos) - set(detections))
        if missing:
            logger.warning(
                f"{len(missing)} of {len(self.videos)} videos of '{self.dataset_name}' were not "
                f"given to the model and count as missed, the first is {missing[0]}"
            )
        if self.output_dir:
            path = os.path.join(self.output_dir, "detections.npz")
            save_detections(path, detections, self.annotations.labels, self.protocol)
        evaluation = run_evaluation(detections, self.annotations, self.videos, self.protocol)
        logger.info(f"'{self.dataset_name}'. {evaluation_table(evaluation)}")
        if self.output_dir:
            metadata = MetadataCatalog.get(self.dataset_name)
            record = {
                "dataset": self.dataset_name,
                "split": metadata.split,
                "subset": metadata.subset,
                "other_settings": self.other_settings,
                "settings": self.settings,
                **evaluation_record(evaluation),
            }
            write_json(os.path.join(self.output_dir, "metrics.json"), record)
            curves = evaluation.curves.record()
            write_json(os.path.join(self.output_dir, "curves.json"), curves, indent=None)
            if self.benchmark_files:
                save_benchmark_files(
                    self.output_dir,
                    detections,
                    self.annotations,
                    self.videos,
                    self.protocol,
                    self.min_box_score,
                )
        return OrderedDict({TASK: evaluation.means})


def _join(parts: Sequence[Tubelets]) -> Tubelets:
    """The windows of a video in ascending order.

    A window that came twice counts once: samplers repeat some to give all processes the same work.
    """
    fields = ([getattr(part, name) for part in parts] for name in ("windows", "boxes", "scores"))
    windows, boxes, scores = map(np.concatenate, fields)
    windows, rows = np.unique(windows, return_index=True)
    return Tubelets(windows, boxes[rows], scores[rows])
