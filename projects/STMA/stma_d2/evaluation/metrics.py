"""All metrics of a set of detections under one protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..structures import Tube, TubeAnnotations, Tubelets
from .confusion import Confusion
from .curves import Curves, sampled_precision_recall
from .error_analysis import ERROR_KINDS, error_analysis
from .frame_boxes import FrameBoxes
from .frame_map import ClassDetections, classify_detections
from .in_threads import in_threads
from .protocols import FRAME_METRIC, Protocol, get_protocol
from .video_map import video_average_precision

_FRAME_IOU = 0.5


@dataclass(frozen=True)
class Evaluation:
    """The numbers of one set of detections, all in percent.

    Attributes:
        protocol: the rules behind them.
        num_videos: how many videos were evaluated.
        average_precision: ``{metric: {label: AP}}`` for the protocol's metrics and classes, of
            these those that have ground truth in the videos.
        errors: ``{label: {kind: points}}``, see :mod:`~stma_d2.evaluation.error_analysis`; empty
            where there is no frame-mAP.
        curves: what plots show beside these numbers; None for finished boxes and tubes.
    """

    protocol: Protocol
    num_videos: int
    average_precision: dict[str, dict[str, float]]
    errors: dict[str, dict[str, float]]
    curves: Curves | None = None

    @property
    def means(self) -> dict[str, float]:
        """``{metric: mAP}``: means over the classes that have ground truth."""
        return {m: float(np.mean([*aps.values()])) for m, aps in self.average_precision.items()}

    @property
    def mean_errors(self) -> dict[str, float]:
        """``{kind: points}``: means over the classes that have ground truth."""
        rows = self.errors.values()
        kinds = ERROR_KINDS if rows else ()
        return {kind: float(np.mean([row[kind] for row in rows])) for kind in kinds}

    def flat(self) -> dict[str, float]:
        """``{metric: mAP}`` and ``{"AP/<metric>/<label>": AP}`` in one dict."""
        per_class = {
            f"AP/{metric}/{label}": value
            for metric, aps in self.average_precision.items()
            for label, value in aps.items()
        }
        return {**self.means, **per_class}


def evaluate_tubelets(
    detections: Mapping[str, Tubelets],
    annotations: TubeAnnotations,
    videos: Sequence[str],
    protocol: str = "moc",
    **options: Any,
) -> dict[str, float]:
    """Frame-mAP and video-mAP of tubelets, in percent.

    The order of ``videos`` and of ``detections`` changes nothing: videos are taken by name.

    Args:
        detections: tubelets by video. A video that is absent has none; those that are not in
            ``videos`` are left out.
        annotations: the ground truth.
        videos: names of the videos to evaluate.
        protocol: a name in ``PROTOCOLS``.
        **options: rules beside the protocol: the other arguments of
            :func:`~stma_d2.evaluation.protocols.get_protocol`.

    Returns:
        The protocol's metrics, such as ``frame_mAP@0.5`` and ``video_mAP@0.2``, each the mean over
        its classes that have ground truth in ``videos``, and ``AP/<metric>/<label>`` for these
        classes.

    Raises:
        InputError: if detections and annotations do not fit together, if a box or a score is not
            finite, or if there is no ground truth; the message names the video.
    """
    rules = get_protocol(protocol, **options)
    return run_evaluation(detections, annotations, videos, rules).flat()


def run_evaluation(
    detections: Mapping[str, Tubelets],
    annotations: TubeAnnotations,
    videos: Sequence[str],
    protocol: Protocol,
) -> Evaluation:
    """As :func:`evaluate_tubelets`, with the error analysis and the protocol in one record."""
    names = sorted(set(videos))
    detections = {video: tubelets.numpy() for video, tubelets in detections.items()}
    check_detections(detections, annotations, names)
    present = _present(annotations, names, protocol)
    confusion = Confusion(len(annotations.labels), _FRAME_IOU)
    frames = classify_detections(detections, annotations, names, protocol, _FRAME_IOU, confusion)
    by_iou = _video_aps(detections, annotations, names, protocol)
    evaluation = _evaluation(frames, by_iou, annotations.labels, present, len(names), protocol)
    curves = _curves(frames, by_iou, confusion, annotations.labels, present)
    return replace(evaluation, curves=curves)


def score(
    on_frames: Mapping[str, FrameBoxes] | None,
    tubes: Mapping[str, Sequence[Tube]] | None,
    annotations: TubeAnnotations,
    videos: Sequence[str],
    protocol: Protocol,
) -> Evaluation:
    """Score finished boxes and tubes that are known to fit the annotations.

    Args:
        on_frames: what is scored frame by frame, by video; None leaves frame-mAP out.
        tubes: what is scored as tubes, by video; None leaves video-mAP out.
        annotations: the ground truth.
        videos: names of the videos to evaluate, ascending; equal scores rank in this order.
        protocol: the rules.

    Raises:
        InputError: if the videos have no ground truth of the protocol's classes.
    """
    present = _present(annotations, videos, protocol)
    frames = by_iou = None
    if on_frames is not None:
        frames = classify_detections(on_frames, annotations, videos, protocol, _FRAME_IOU)
    if tubes is not None:
        by_iou = _video_aps(tubes, annotations, videos, protocol)
    return _evaluation(frames, by_iou, annotations.labels, present, len(videos), protocol)


def _present(
    annotations: TubeAnnotations, videos: Sequence[str], protocol: Protocol
) -> Sequence[int]:
    """The classes that are evaluated.

    Raises:
        InputError: if there is none.
    """
    present = evaluated_labels(annotations, videos, protocol)
    if not present:
        raise InputError(
            "the videos to evaluate have no ground truth of the classes that the protocol "
            f"{protocol.name} evaluates: mAP is not defined"
        )
    return present


def _video_aps(
    tubes: Mapping[str, Tubelets] | Mapping[str, Sequence[Tube]],
    annotations: TubeAnnotations,
    videos: Sequence[str],
    protocol: Protocol,
) -> dict[float, np.ndarray]:
    """The AP of each class, 0 to 1, at each overlap that the protocol's metrics need."""
    ious = sorted({iou for group in protocol.video_ious.values() for iou in group})
    values = video_average_precision(tubes, annotations, videos, protocol, ious)
    return dict(zip(ious, values, strict=True))


def _evaluation(
    frames: Sequence[ClassDetections] | None,
    by_iou: Mapping[float, np.ndarray] | None,
    labels: tuple[str, ...],
    present: Sequence[int],
    num_videos: int,
    protocol: Protocol,
) -> Evaluation:
    """The metrics of what was scored, of the classes ``present``."""
    aps, errors = {}, {}
    if frames is not None:
        rule = protocol.average_precision
        aps[FRAME_METRIC] = [*in_threads(lambda found: found.average_precision(rule), frames)]
        losses = error_analysis(frames, labels)
        errors = {labels[label]: losses[labels[label]] for label in present}
    if by_iou is not None:
        for metric, group in protocol.video_ious.items():
            aps[metric] = np.mean([by_iou[iou] for iou in group], axis=0).tolist()
    return Evaluation(
        protocol=protocol,
        num_videos=num_videos,
        average_precision={
            metric: {labels[label]: 100 * by_class[label] for label in present}
            for metric, by_class in aps.items()
        },
        errors=errors,
    )


def _curves(
    frames: Sequence[ClassDetections],
    by_iou: Mapping[float, np.ndarray],
    confusion: Confusion,
    labels: tuple[str, ...],
    present: Sequence[int],
) -> Curves:
    """What plots show of the classes ``present``; the confusion is one of all classes."""
    return Curves(
        frame_iou=_FRAME_IOU,
        precision_recall={labels[i]: sampled_precision_recall(frames[i]) for i in present},
        video_map_over_iou={
            round(iou, 2): 100 * float(np.mean(values[present])) for iou, values in by_iou.items()
        },
        labels=labels,
        confusion=confusion.matrix([record.num_boxes for record in frames]),
    )


def evaluated_labels(
    annotations: TubeAnnotations, videos: Iterable[str], protocol: Protocol
) -> list[int]:
    """The classes that have ground truth in ``videos`` and are not left out, ascending."""
    present = {tube.label for video in videos for tube in annotations.videos[video].tubes}
    return [
        label for label in sorted(present) if annotations.labels[label] not in protocol.left_out
    ]


def check_detections(
    detections: Mapping[str, Tubelets],
    annotations: TubeAnnotations,
    videos: Iterable[str],
) -> None:
    """Refuse what cannot be evaluated, before any work is done.

    Raises:
        InputError: naming the first video that is at fault, and its window where one is.
    """
    unknown = sorted((set(detections) | set(videos)) - set(annotations.videos))
    if unknown:
        raise InputError(
            f"{len(unknown)} video(s) are not in the annotations, the first is {unknown[0]!r}; "
            "were the detections made on another data set?"
        )
    first = None
    for video, tubelets in detections.items():
        check_finite(video, tubelets)
        if tubelets.num_classes != len(annotations.labels):
            raise InputError(
                f"{video}: scores for {tubelets.num_classes} classes, but the annotations have "
                f"{len(annotations.labels)}"
            )
        first = first or (video, tubelets.num_frames)
        if tubelets.num_frames != first[1]:
            raise InputError(
                f"tubelets of {video} span {tubelets.num_frames} frames, those of {first[0]} "
                f"{first[1]}; one set of detections has one snippet length"
            )
        _check_windows(video, tubelets, annotations.videos[video].num_frames)


def check_finite(video: str, tubelets: Tubelets) -> None:
    """Raise an InputError that names video and window if a box or a score is NaN or infinite."""
    for name, values in (("box", tubelets.boxes), ("score", tubelets.scores)):
        bad = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if bad.any():
            window = tubelets.windows[bad.argmax()]
            raise InputError(f"{video}: window {window} has a {name} that is NaN or infinite")


def _check_windows(video: str, tubelets: Tubelets, num_frames: int) -> None:
    last = max(num_frames - tubelets.num_frames + 1, 1)
    outside = tubelets.windows[(tubelets.windows < 1) | (tubelets.windows > last)]
    if len(outside):
        raise InputError(
            f"{video}: window {outside[0]} lies outside the video, whose {num_frames} frames have "
            f"windows 1 to {last} of {tubelets.num_frames} frames"
        )
