"""Which values the keys of a configuration may have, told in one place.

What depends on other keys, on the data or on the network is checked where it is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import Any, NamedTuple

import torch
from detectron2.config import CfgNode, get_cfg
from detectron2.modeling import META_ARCH_REGISTRY

from .errors import InputError


class Rule(NamedTuple):
    """What a value must be: a test, and the words for it."""

    holds: Callable[[Any], bool]
    words: str


def _number(
    low: float, high: float = math.inf, *, above: bool = False, below: bool = False
) -> Rule:
    """A finite number between ``low`` and ``high``, which themselves count unless excluded."""
    words = f"a finite number, {'above' if above else 'at least'} {low:g}"
    if high < math.inf:
        words += f" and {'below' if below else 'at most'} {high:g}"

    def holds(value: Any) -> bool:
        if not isinstance(value, int | float) or not math.isfinite(value):
            return False
        small_enough = value < high if below else value <= high
        return small_enough and (value > low if above else value >= low)

    return Rule(holds, words)


def _one_of(*values: Any) -> Rule:
    return Rule(lambda value: value in values, "one of " + ", ".join(map(repr, values)))


def _several(count: int, rule: Rule, kind: type | None = None) -> Rule:
    """``count`` values that each keep to ``rule``, all of type ``kind`` if one is given."""

    def holds(value: Any) -> bool:
        return (
            isinstance(value, list | tuple)
            and len(value) == count
            and all(rule.holds(v) and (kind is None or isinstance(v, kind)) for v in value)
        )

    numbers = "whole numbers" if kind is int else "numbers"
    return Rule(holds, f"{count} {numbers}, each {rule.words}")


def _is_device(value: str) -> bool:
    try:
        return bool(torch.device(value))
    except RuntimeError:
        return False


_FINITE = Rule(math.isfinite, "a finite number")
_POSITIVE, _NOT_NEGATIVE, _SHARE = _number(0, above=True), _number(0), _number(0, 1, below=True)
_CHANNELS, _COUNT = _number(1, 65536), _number(1)
_NORMS = ("", "BN", "SyncBN", "FrozenBN", "GN", "nnSyncBN", "naiveSyncBN")

RULES: dict[str, Rule] = {
    "VERSION": _one_of(2),
    "SEED": _number(-1, 2**32 - 1),
    "MODEL.DEVICE": Rule(_is_device, "a device of PyTorch: 'cpu', 'cuda', 'cuda:1', ..."),
    "MODEL.META_ARCHITECTURE": Rule(
        lambda value: value in META_ARCH_REGISTRY, "a name in META_ARCH_REGISTRY, such as 'STMA'"
    ),
    "MODEL.PIXEL_MEAN": _several(3, _FINITE),
    "MODEL.PIXEL_STD": _several(3, _POSITIVE),
    "MODEL.BACKBONE.STEM_CHANNELS": _CHANNELS,
    "MODEL.BACKBONE_3D.STEM_CHANNELS": _CHANNELS,
    "MODEL.BACKBONE_3D.DEPTH": _one_of(50, 101, 152),
    "MODEL.BACKBONE_3D.PIXEL_MEAN": _several(3, _FINITE),
    "MODEL.BACKBONE_3D.PIXEL_STD": _several(3, _POSITIVE),
    "MODEL.STMA.NUM_CLASSES": _COUNT,
    "MODEL.STMA.HEAD_CHANNELS": _CHANNELS,
    "MODEL.STMA.HEAD_NORM": _one_of(*_NORMS),
    "MODEL.STMA.SIZE.HEAD_CHANNELS": _number(0, 65536),
    "MODEL.STMA.ACTION.CHANNELS": _CHANNELS,
    "MODEL.STMA.ACTION.FUSED_CHANNELS": _CHANNELS,
    "MODEL.STMA.LOSS_WEIGHT.CLS": _NOT_NEGATIVE,
    "MODEL.STMA.LOSS_WEIGHT.CENTER": _NOT_NEGATIVE,
    "MODEL.STMA.LOSS_WEIGHT.REG": _NOT_NEGATIVE,
    "MODEL.STMA.LOSS_WEIGHT.SIZE": _NOT_NEGATIVE,
    "INPUT.SIZE": _several(2, _COUNT, int),
    "INPUT.AUGMENTATION.CONTRAST": _several(2, _NOT_NEGATIVE),
    "INPUT.AUGMENTATION.SATURATION": _several(2, _NOT_NEGATIVE),
    "INPUT.AUGMENTATION.CROP_SCALE": _several(2, _number(0, 1, above=True)),
    "SOLVER.BASE_LR": _POSITIVE,
    "SOLVER.GAMMA": _POSITIVE,
    "SOLVER.WEIGHT_DECAY": _NOT_NEGATIVE,
    "SOLVER.WEIGHT_DECAY_NORM": _NOT_NEGATIVE,
    "SOLVER.LR_SCHEDULER_NAME": _one_of("WarmupCosineLR", "WarmupMultiStepLR"),
    "SOLVER.WARMUP_ITERS": _NOT_NEGATIVE,
    "SOLVER.WARMUP_FACTOR": _NOT_NEGATIVE,
    "SOLVER.WARMUP_METHOD": _one_of("linear", "constant"),
    "SOLVER.CLIP_GRADIENTS.CLIP_TYPE": _one_of("value", "norm"),
    "SOLVER.CLIP_GRADIENTS.CLIP_VALUE": _POSITIVE,
    "DATALOADER.NUM_WORKERS": _number(0, 1024),
    "DATALOADER.SKIP_BAD_CLIPS": _SHARE,
    "TEST.TUBELETS_PER_WINDOW": _number(1, 1000),
    "TEST.LINKING.MIN_TUBELET_SCORE": _SHARE,
}

# Detectron2 takes None for every key; only here it means something (as the other weights).
MAY_BE_NONE = ("SOLVER.WEIGHT_DECAY_BIAS",)

# Keys of Detectron2 that nothing here reads.
WITHOUT_EFFECT = (
    "MODEL.KEYPOINT_ON",
    "MODEL.LOAD_PROPOSALS",
    "MODEL.MASK_ON",
    "INPUT.CROP.ENABLED",
    "INPUT.FORMAT",
    "INPUT.MAX_SIZE_TEST",
    "INPUT.MAX_SIZE_TRAIN",
    "INPUT.MIN_SIZE_TEST",
    "INPUT.MIN_SIZE_TRAIN",
    "INPUT.RANDOM_FLIP",
    "DATALOADER.ASPECT_RATIO_GROUPING",
    "DATALOADER.FILTER_EMPTY_ANNOTATIONS",
    "DATALOADER.REPEAT_THRESHOLD",
    "TEST.AUG.ENABLED",
    "TEST.DETECTIONS_PER_IMAGE",
)


def check_values(cfg: CfgNode) -> None:
    """Refuse values without meaning, and keys of Detectron2 without effect here.

    Raises:
        InputError: naming the first key, its value and what it must be.
    """
    for key in _keys_without_value(cfg):
        if key not in MAY_BE_NONE:
            raise InputError(f"{key} is None; it must have a value")
    for key, rule in RULES.items():
        value = _get(cfg, key)
        if not rule.holds(value):
            raise InputError(f"{key} is {value!r}; it must be {rule.words}")
    for key, default in _defaults(WITHOUT_EFFECT):
        if _get(cfg, key) != default:
            raise InputError(
                f"{key} is {_get(cfg, key)!r}, but nothing here reads this key of Detectron2; "
                f"leave it at {default!r}"
            )


def _keys_without_value(cfg: CfgNode, prefix: str = "") -> Iterator[str]:
    for name, value in cfg.items():
        if isinstance(value, CfgNode):
            yield from _keys_without_value(value, f"{prefix}{name}.")
        elif value is None:
            yield prefix + name


def _get(cfg: CfgNode, key: str) -> Any:
    return reduce(lambda node, name: node[name], key.split("."), cfg)


def _defaults(keys: Iterable[str]) -> list[tuple[str, Any]]:
    defaults = get_cfg()
    return [(key, _get(defaults, key)) for key in keys]
