"""``metrics.json`` and ``curves.json`` as an evaluation wrote them, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..evaluation import ERROR_KINDS
from ..plain_values import fields, items, mapping, names, number, percent, text
from ..safe_json import read_json

# Which the plots show class by class.
_SHOWN = ("frame_mAP@0.5", "video_mAP@0.5")


def read_metrics(path: Path) -> dict[str, Any]:
    """The content of metrics.json, see `evaluation_record`, with the data set's name.

    Raises:
        InputError: naming the file and the key, if it is something else.
    """
    needed = ("dataset", "protocol", "comparable", "metrics", "error_analysis")
    record = _read(path, needed)
    for key in ("dataset", "protocol"):
        text(record[key], f"{path}: {key}")
    mapping(record.get("settings", {}), f"{path}: settings")
    metrics = mapping(record["metrics"], f"{path}: metrics")
    mean, per_class = fields(
        record["error_analysis"], ("mean", "per_class"), f"{path}: error_analysis"
    )
    per_class = mapping(per_class, f"{path}: error_analysis: per_class")
    starts = [f"AP/{name}/" for name in _SHOWN]
    classes = {name[len(s) :] for s in starts for name in metrics if name.startswith(s)}
    classes = sorted(classes | per_class.keys())
    means = {name for name in metrics if not name.startswith("AP/")} | set(_SHOWN)
    every = [f"AP/{name}/{label}" for name in sorted(means) for label in classes]
    _numbers(metrics, [*sorted(means), *every], f"{path}: metrics")
    _numbers(mean, ERROR_KINDS, f"{path}: error_analysis: mean")
    losses = fields(per_class, classes, f"{path}: error_analysis: per_class")
    for label, lost in zip(classes, losses, strict=True):
        _numbers(lost, ERROR_KINDS, f"{path}: error_analysis: per_class: {label}")
    return record


def read_curves(path: Path, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The content of curves.json, see `Curves.record`.

    Args:
        path: of the file.
        metrics: of the same evaluation, from `read_metrics`.

    Raises:
        InputError: naming the file and the key, if it is something else.
    """
    record = _read(path, ("frame_iou", "precision_recall", "video_mAP_over_iou", "confusion"))
    number(record["frame_iou"], f"{path}: frame_iou")
    by_class = mapping(record["precision_recall"], f"{path}: precision_recall")
    for label, curve in by_class.items():
        where = f"{path}: precision_recall: {label}"
        if label not in metrics["error_analysis"]["per_class"]:
            raise InputError(f"{where} is no class of the evaluation's metrics.json")
        precision, recall = fields(curve, ("precision", "recall"), where)
        if len(_row(precision, where)) != len(_row(recall, where)):
            raise InputError(f"{where} has more values of the one than of the other")
    pairs = items(record["video_mAP_over_iou"], f"{path}: video_mAP_over_iou")
    if not pairs or any(len(_row(pair, f"{path}: video_mAP_over_iou")) != 2 for pair in pairs):
        raise InputError(f"{path}: video_mAP_over_iou holds no list of pairs")
    where = f"{path}: confusion"
    labels, min_score, counts = fields(
        record["confusion"], ("labels", "min_score", "counts"), where
    )
    number(min_score, f"{where}: min_score")
    side = len(names(labels, f"{where}: labels")) + 1
    rows = [_row(row, f"{where}: counts") for row in items(counts, f"{where}: counts")]
    if [len(row) for row in rows] != [side] * side:
        raise InputError(f"{where}: counts is not of {side} rows of {side} numbers")
    return record


def _read(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    try:
        record = read_json(path)
    except InputError as error:
        raise InputError(f"{error}; evaluate again") from error
    if not isinstance(record, dict) or not record.keys() >= set(keys):
        raise InputError(f"{path} is not what an evaluation writes now; evaluate again")
    return record


def _numbers(value: Any, keys: Sequence[str], where: str) -> None:
    for key, one in zip(keys, fields(value, keys, where), strict=True):
        percent(one, f"{where}: {key}")


def _row(value: Any, where: str) -> list[float]:
    return [number(one, f"an item of {where}") for one in items(value, where)]
