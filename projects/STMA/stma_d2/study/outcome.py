"""What a finished run must say, wherever it is read from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..errors import InputError
from ..evaluation import METRICS, get_protocol
from .rows import ROWS

_NUMBER, _NAMES = (int, float), (list, tuple)
# The values that the page and the plots are made of, by name.
_NEEDED = MappingProxyType(
    {
        **{"row": str, "recipe": Mapping, "learning_rate": _NUMBER, "datasets": _NAMES},
        **{"iterations": int, "batch": int, "seed": (int, type(None)), "hardware": str},
        **{"commit": str, "seconds": (*_NUMBER, type(None)), "jobs": int},
        **{"evaluation": Mapping, "video_mAP_over_iou": _NAMES},
    }
)
_NEEDED_OF_EVALUATION = MappingProxyType(
    {
        **{"dataset": str, "protocol": str, "num_videos": int, "metrics": Mapping},
        **dict.fromkeys(get_protocol("moc").options, object),
    }
)


def check_outcome(outcome: Any, where: str) -> None:
    """Check what `results.read_run` gives, after it was in a file.

    Args:
        outcome: may be anything that JSON can say.
        where: begins the message.

    Raises:
        InputError: naming what is missing or of another kind.
    """
    _check(outcome, _NEEDED, f"{where}: the run")
    if outcome["row"] not in ROWS:
        raise InputError(f"{where}: the run is of the unknown row {outcome['row']!r}")
    where = f"{where}: the run {outcome['row']}, seed {outcome['seed']}"
    _check(outcome["evaluation"], _NEEDED_OF_EVALUATION, f"{where}: its evaluation")
    metrics = outcome["evaluation"]["metrics"]
    _check(metrics, dict.fromkeys(METRICS, _NUMBER), f"{where}: its metrics")
    _check(metrics, dict.fromkeys(metrics, _NUMBER), f"{where}: its metrics")
    for point in outcome["video_mAP_over_iou"]:
        if not isinstance(point, _NAMES) or [isinstance(v, _NUMBER) for v in point] != [True] * 2:
            raise InputError(f"{where}: video_mAP_over_iou has {str(point)[:40]!r}, and no pair")


def _check(values: Any, kinds: Mapping[str, Any], where: str) -> None:
    if not isinstance(values, Mapping):
        raise InputError(f"{where} is {str(values)[:40]!r}, and no mapping")
    for name, kind in kinds.items():
        if name not in values:
            raise InputError(f"{where} lacks {name!r}")
        if not isinstance(values[name], kind):
            raise InputError(f"{where} has {str(values[name])[:40]!r} as {name!r}")
