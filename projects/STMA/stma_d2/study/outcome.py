"""What a finished run must say, wherever it is read from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ..data.annotation_values import (
    fields,
    items,
    mapping,
    names,
    number,
    percent,
    text,
    whole_number,
)
from ..errors import InputError
from ..evaluation import METRICS, get_protocol
from .rows import ROWS


def _count(value: Any, where: str) -> None:
    if whole_number(value, where) < 0:
        raise InputError(f"{where} is {value}; it must be at least 0")


def _seconds(value: Any, where: str) -> None:
    if value is not None and number(value, where) < 0:
        raise InputError(f"{where} is {value}; it must be at least 0, or null")


# The values that the page and the plots are made of, by name.
_NEEDED: Mapping[str, Callable[[Any, str], Any]] = MappingProxyType(
    {
        **{"row": text, "recipe": mapping, "learning_rate": number, "datasets": names},
        **{"iterations": _count, "batch": _count, "seed": _count, "hardware": text},
        **{"commit": text, "seconds": _seconds, "annotations": mapping, "jobs": _count},
        **{"evaluation": mapping, "video_mAP_over_iou": items},
    }
)
_NEEDED_OF_EVALUATION: Mapping[str, Callable[[Any, str], Any]] = MappingProxyType(
    {
        **{"dataset": text, "protocol": text, "num_videos": _count, "metrics": mapping},
        **dict.fromkeys(get_protocol("moc").options, lambda value, where: None),
    }
)


def check_outcome(outcome: Any, where: str) -> None:
    """Check what `results.read_run` gives, after it was in a file.

    Args:
        outcome: may be anything that JSON can say.
        where: begins the message.

    Raises:
        InputError: naming what is missing, of another kind or without meaning.
    """
    _check(outcome, _NEEDED, f"{where}: the run")
    if outcome["row"] not in ROWS:
        raise InputError(f"{where}: the run is of the unknown row {outcome['row']!r}")
    where = f"{where}: the run {outcome['row']}, seed {outcome['seed']}"
    evaluation = outcome["evaluation"]
    _check(evaluation, _NEEDED_OF_EVALUATION, f"{where}: its evaluation")
    options = {name: evaluation[name] for name in get_protocol("moc").options}
    try:
        get_protocol(evaluation["protocol"], **options)
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: its evaluation: {error}") from error
    metrics = evaluation["metrics"]
    _check(metrics, dict.fromkeys((*METRICS, *metrics), percent), f"{where}: its metrics")
    for point in outcome["video_mAP_over_iou"]:
        pair = items(point, f"{where}: a point of video_mAP_over_iou")
        if len(pair) != 2 or not 0 <= number(pair[0], f"{where}: an overlap") <= 1:
            raise InputError(f"{where}: video_mAP_over_iou has {str(point)[:40]!r}, and no pair")
        percent(pair[1], f"{where}: video_mAP_over_iou")


def check_same_figures(outcomes: list[Mapping[str, Any]], where: str) -> None:
    """Check that runs can be compared: that they have the same metrics and overlaps.

    Args:
        outcomes: each checked by `check_outcome`.
        where: begins the message.

    Raises:
        InputError: naming the first run that differs from the first of all.
    """
    for one in outcomes:
        for name, of in (
            ("metrics", lambda run: run["evaluation"]["metrics"].keys()),
            ("overlaps", lambda run: [iou for iou, _ in run["video_mAP_over_iou"]]),
        ):
            if of(one) != of(outcomes[0]):
                raise InputError(
                    f"{where}: the run {one['row']}, seed {one['seed']} has other {name} than the "
                    "first run"
                )


def _check(values: Any, checks: Mapping[str, Callable[[Any, str], Any]], where: str) -> None:
    found = fields(values, list(checks), where)
    for (name, check), value in zip(checks.items(), found, strict=True):
        check(value, f"{where}: {name}")
