"""What a finished run must say, wherever it is read from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..checkpoint import changed_values
from ..errors import InputError
from ..evaluation import OPTIONS
from ..model_zoo.runs import check_evaluation, check_training
from ..plain_values import count, items, mapping, number, percent, text
from .rows import ROWS

# The values of a run beside its training's that the page and the plots are made of, by name.
_NEEDED = MappingProxyType(
    {
        **{"row": text, "seed": count, "recipe": mapping, "learning_rate": number},
        **{"annotations": mapping, "jobs": count},
        **{"evaluation": mapping, "video_mAP_over_iou": items},
    }
)

_RULES = ("dataset", "protocol", *OPTIONS)
# What all runs of a study have in common.
_SAME = MappingProxyType(
    {
        "iterations": lambda run: run["iterations"],
        "clips a batch": lambda run: run["batch"],
        "data sets": lambda run: run["datasets"],
        "rules": lambda run: [run["evaluation"][name] for name in _RULES],
        "metrics": lambda run: run["evaluation"]["metrics"].keys(),
        "overlaps": lambda run: [iou for iou, _ in run["video_mAP_over_iou"]],
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
    check_training(outcome, f"{where}: the run", _NEEDED)
    if outcome["row"] not in ROWS:
        raise InputError(f"{where}: the run is of the unknown row {outcome['row']!r}")
    where = f"{where}: the run {outcome['row']}, seed {outcome['seed']}"
    check_evaluation(outcome["evaluation"], f"{where}: its evaluation")
    for point in outcome["video_mAP_over_iou"]:
        pair = items(point, f"{where}: a point of video_mAP_over_iou")
        if len(pair) != 2 or not 0 <= number(pair[0], f"{where}: an overlap") <= 1:
            raise InputError(f"{where}: video_mAP_over_iou has {str(point)[:40]!r}, and no pair")
        percent(pair[1], f"{where}: video_mAP_over_iou")


def check_comparable(outcomes: list[Mapping[str, Any]], where: str) -> None:
    """Check that runs can be compared: none twice, equal budgets, the same data and figures.

    Args:
        outcomes: each checked by `check_outcome`.
        where: begins the message.

    Raises:
        InputError: naming the first run that is there twice or differs from the first of all.
    """
    known = set()
    for one in outcomes:
        name = f"the run {one['row']}, seed {one['seed']}"
        if name in known:
            raise InputError(f"{where}: {name} is there twice")
        known.add(name)
        for what, of in _SAME.items():
            if of(one) != of(outcomes[0]):
                raise InputError(f"{where}: {name} has other {what} than the first run")
        if changed_values(outcomes[0]["annotations"], one["annotations"]):
            raise InputError(f"{where}: {name} has other data than the first run")
