"""What the value of each key must be; the keys without effect are in `without_effect`.

What depends on several keys, on the data or on the network is checked where it is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import detectron2._C
from detectron2.modeling import BACKBONE_REGISTRY, META_ARCH_REGISTRY

from ..evaluation.protocols import PROTOCOLS, TASK
from ..modeling import STMA
from ..modeling.backbone.resnext3d import BLOCKS_OF_DEPTH
from ..modeling.heads import TUBELET_HEAD_REGISTRY
from .inference_rules import INFERENCE_RULES
from .rules import Rule, flag, list_of, none_or, number, one_of, several, text, whole

_NAME = r"[^\0\r\n]+"  # of a file: in a message it stands on one line
_PROBABILITY, _SHARE = number(0, 1), number(0, 1, below=True)
_CHANNELS, _GROUPS, _COUNT = whole(1, 8192), whole(1, 1024), whole(0, 10**9)
_LOSS_WEIGHT, _DECAY = number(0, 10**6), number(0, 1)
_NORM_OF_OURS = one_of("BN", "SyncBN", "FrozenBN")
_NORM_OF_DETECTRON2 = one_of("", "BN", "SyncBN", "FrozenBN", "GN", "nnSyncBN", "naiveSyncBN")
_STAGES = ("res2", "res3", "res4", "res5")
_DATASETS = list_of(text(".+", "the name of a data set"), distinct=True)
_METRICS = tuple(dict.fromkeys(metric for one in PROTOCOLS.values() for metric in one.metrics))
_STEPS = list_of(whole(1, 10**9), ascending=True)

_CLIP_BACKBONES = ("build_resnext3d_backbone", "build_small_resnext3d_backbone")
_HEADS = {
    "CENTER": "build_center_head",
    "MOVEMENT": "build_movement_head",
    "SIZE": "build_size_head",
    "ACTION": "ActionHead",
}


def is_known_backbone(name: str) -> bool:
    """Whether a registered backbone is Detectron2's or ours, and not other people's."""
    return BACKBONE_REGISTRY.get(name).__module__.startswith(("detectron2.", "stma_d2."))


def _backbones(of_clips: bool) -> Iterator[str]:
    """The backbones of Detectron2 and ours that take clips or frames, and all of other people's."""
    for name, _ in BACKBONE_REGISTRY:
        if not is_known_backbone(name) or (name in _CLIP_BACKBONES) == of_clips:
            yield name


def _head(slot: str) -> Rule:
    """The head of ours that belongs there, or one of other people's."""
    others = [name for name in _HEADS.values() if name != _HEADS[slot]]
    return one_of(*(name for name, _ in TUBELET_HEAD_REGISTRY if name not in others))


def _is_network(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, STMA)


def _is_expectation(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 4:
        return False
    task, metric, percent, tolerance = value
    return (
        isinstance(task, str)
        and metric in _METRICS
        and number(0, 100).holds(percent)
        and number(0, 100).holds(tolerance)
    )


def _can_deform(value: Any) -> bool:
    has_operators = hasattr(detectron2._C, "deform_conv_forward")
    return several(4, flag()).holds(value) and (has_operators or not any(value))


def rules() -> dict[str, Rule]:
    """What the value of each key must be; the names are those that are registered by now."""
    networks = [name for name, one in META_ARCH_REGISTRY if _is_network(one)]
    return {
        **INFERENCE_RULES,
        "VERSION": one_of(2),
        "OUTPUT_DIR": text(_NAME, "a folder's name"),
        "SEED": whole(-1, 2**31 - 1),
        "CUDNN_BENCHMARK": flag(),
        # Of newer Detectron2 than 0.6.
        "FLOAT32_PRECISION": one_of("", "highest", "high", "medium"),
        "MODEL.META_ARCHITECTURE": one_of(*networks),
        "MODEL.WEIGHTS": text(f"({_NAME})?", "a file's name, or ''"),
        "MODEL.COMPILE": flag(),
        "MODEL.BACKBONE.NAME": one_of(*_backbones(of_clips=False)),
        "MODEL.BACKBONE.OUT_FEATURE": text(),
        "MODEL.BACKBONE.NORM": _NORM_OF_OURS,
        "MODEL.BACKBONE.FREEZE_AT": whole(0, 5),
        "MODEL.BACKBONE.STEM_CHANNELS": whole(1, 1024),
        "MODEL.BACKBONE.TIMM_NAME": text(r"[\w.:/@-]+", "the name of a network of timm"),
        "MODEL.FPN.IN_FEATURES": list_of(one_of(*_STAGES), distinct=True),
        "MODEL.FPN.OUT_CHANNELS": _CHANNELS,
        "MODEL.FPN.NORM": _NORM_OF_DETECTRON2,
        "MODEL.FPN.FUSE_TYPE": one_of("sum", "avg"),
        "MODEL.RESNETS.DEPTH": one_of(18, 34, 50, 101, 152),
        "MODEL.RESNETS.OUT_FEATURES": list_of(one_of("stem", *_STAGES), distinct=True),
        "MODEL.RESNETS.NUM_GROUPS": _GROUPS,
        "MODEL.RESNETS.NORM": _NORM_OF_DETECTRON2,
        "MODEL.RESNETS.WIDTH_PER_GROUP": _GROUPS,
        "MODEL.RESNETS.STRIDE_IN_1X1": flag(),
        "MODEL.RESNETS.RES5_DILATION": one_of(1, 2),
        "MODEL.RESNETS.RES2_OUT_CHANNELS": _CHANNELS,
        "MODEL.RESNETS.STEM_OUT_CHANNELS": _CHANNELS,
        "MODEL.RESNETS.DEFORM_ON_PER_STAGE": Rule(
            _can_deform,
            "4 values, each True or False; True needs a Detectron2 with its compiled operators",
        ),
        "MODEL.RESNETS.DEFORM_MODULATED": flag(),
        "MODEL.RESNETS.DEFORM_NUM_GROUPS": _GROUPS,
        "MODEL.BACKBONE_3D.NAME": one_of("", *_backbones(of_clips=True)),
        "MODEL.BACKBONE_3D.OUT_FEATURE": text(),
        "MODEL.BACKBONE_3D.NORM": _NORM_OF_OURS,
        "MODEL.BACKBONE_3D.DEPTH": one_of(*BLOCKS_OF_DEPTH),
        "MODEL.BACKBONE_3D.OUT_STRIDE": one_of(16, 32),
        "MODEL.BACKBONE_3D.STEM_CHANNELS": whole(2, 1024, step=2),
        "MODEL.BACKBONE_3D.CHECKPOINT_ACTIVATIONS": flag(),
        "MODEL.STMA.HEAD_CHANNELS": _CHANNELS,
        "MODEL.STMA.HEAD_NORM": _NORM_OF_DETECTRON2,
        **{f"MODEL.STMA.{slot}.NAME": _head(slot) for slot in _HEADS},
        "MODEL.STMA.MOVEMENT.GAUSSIAN": flag(),
        "MODEL.STMA.SIZE.AREA": one_of("frame", "key"),
        "MODEL.STMA.SIZE.HEAD_CHANNELS": whole(0, 8192),
        "MODEL.STMA.ACTION.MOTION_EXCITATION": flag(),
        "MODEL.STMA.ACTION.ATTENTION": one_of("gram", "cfam"),
        "MODEL.STMA.ACTION.CHANNELS": _CHANNELS,
        "MODEL.STMA.ACTION.FUSED_CHANNELS": _CHANNELS,
        "MODEL.STMA.LOSS_WEIGHT.CLS": _LOSS_WEIGHT,
        "MODEL.STMA.LOSS_WEIGHT.CENTER": _LOSS_WEIGHT,
        "MODEL.STMA.LOSS_WEIGHT.REG": _LOSS_WEIGHT,
        "MODEL.STMA.LOSS_WEIGHT.SIZE": _LOSS_WEIGHT,
        "MODEL.STMA.LOSS_WEIGHT.NORMALIZER": one_of("weights", "instances"),
        "INPUT.BACKGROUND_WINDOWS": _SHARE,
        "INPUT.AUGMENTATION.MIRROR_PROB": _PROBABILITY,
        "INPUT.AUGMENTATION.DISTORT_PROB": _PROBABILITY,
        "INPUT.AUGMENTATION.BRIGHTNESS": whole(0, 255),
        "INPUT.AUGMENTATION.CONTRAST": several(2, number(0, 255), ascending=True),
        "INPUT.AUGMENTATION.SATURATION": several(2, number(0, 255), ascending=True),
        "INPUT.AUGMENTATION.HUE": whole(0, 180),
        "INPUT.AUGMENTATION.EXPAND_PROB": _PROBABILITY,
        "INPUT.AUGMENTATION.MAX_EXPAND": number(1, 100),
        "INPUT.AUGMENTATION.CROP": flag(),
        "INPUT.AUGMENTATION.CROP_SCALE": several(2, number(0, 1, above=True), ascending=True),
        "DATASETS.FILES": list_of(text(_NAME, "the name of a file"), distinct=True),
        "DATASETS.TRAIN": _DATASETS,
        "DATASETS.TEST": _DATASETS,
        "DATALOADER.NUM_WORKERS": whole(0, 1024),
        "DATALOADER.TIMEOUT": _COUNT,
        "DATALOADER.SKIP_BAD_CLIPS": _SHARE,
        "SOLVER.LR_SCHEDULER_NAME": one_of("WarmupCosineLR", "WarmupMultiStepLR"),
        "SOLVER.MAX_ITER": _COUNT,
        "SOLVER.EPOCHS": _COUNT,
        "SOLVER.BASE_LR": number(0, 1000, above=True),
        "SOLVER.BASE_LR_END": number(0, 1000),  # of newer Detectron2
        "SOLVER.RESCALE_INTERVAL": flag(),  # of newer Detectron2
        "SOLVER.GAMMA": number(0, 1, above=True),
        "SOLVER.STEPS": _STEPS,
        "SOLVER.STEP_EPOCHS": _STEPS,
        "SOLVER.WEIGHT_DECAY": _DECAY,
        "SOLVER.WEIGHT_DECAY_NORM": _DECAY,
        "SOLVER.WEIGHT_DECAY_BIAS": none_or(_DECAY),  # None: as the other weights
        "SOLVER.BIAS_LR_FACTOR": number(0, 1000),
        "SOLVER.WARMUP_FACTOR": number(0, 1),
        "SOLVER.WARMUP_ITERS": _COUNT,
        "SOLVER.WARMUP_METHOD": one_of("linear", "constant"),
        "SOLVER.CHECKPOINT_PERIOD": _COUNT,
        "SOLVER.CHECKPOINT_EPOCHS": _COUNT,
        "SOLVER.CHECKPOINTS_KEPT": _COUNT,
        "SOLVER.IMS_PER_BATCH": whole(1, 65536),
        "SOLVER.ACCUMULATION_STEPS": whole(1, 65536),
        "SOLVER.REFERENCE_WORLD_SIZE": whole(0, 65536),
        "SOLVER.CLIP_GRADIENTS.ENABLED": flag(),
        "SOLVER.CLIP_GRADIENTS.CLIP_TYPE": one_of("value", "norm"),
        "SOLVER.CLIP_GRADIENTS.CLIP_VALUE": number(0, 10**9, above=True),
        "SOLVER.CLIP_GRADIENTS.NORM_TYPE": Rule(
            lambda value: value == math.inf or number(1, 100).holds(value),
            "a number, at least 1 and at most 100, or inf",
        ),
        "SOLVER.AMP.ENABLED": flag(),
        "SOLVER.EMA.DECAY": _SHARE,
        "TEST.EXPECTED_RESULTS": list_of(
            Rule(
                _is_expectation,
                f"[task, metric, percent, tolerance] with a metric of {', '.join(_METRICS)}, "
                "a percent and a tolerance of 0 to 100",
            )
        ),
        "TEST.EVAL_PERIOD": _COUNT,
        "TEST.EVAL_EPOCHS": _COUNT,
        "TEST.BEST_METRIC": one_of(*(f"{TASK}/{metric}" for metric in _METRICS)),
        "TEST.OTHER_SETTINGS": flag(),
        "TEST.BENCHMARK_FILES.ENABLED": flag(),
        "TEST.BENCHMARK_FILES.MIN_SCORE": _SHARE,
    }
