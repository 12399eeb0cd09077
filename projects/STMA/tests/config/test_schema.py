"""Values without meaning are refused when a configuration is read, with their key."""

from __future__ import annotations

import math

import pytest
from detectron2.config import get_cfg

from stma_d2 import add_stma_config
from stma_d2.config import load_config
from stma_d2.config.overriding import by_full_name
from stma_d2.config.schema import rules
from stma_d2.config.without_effect import WITHOUT_EFFECT
from stma_d2.errors import InputError

FULL = "build_resnet_fpn_backbone"  # which reads all that is Detectron2's
# Keys that Detectron2 has since its version 0.6.
NEWER = {
    *("FLOAT32_PRECISION", "SOLVER.BASE_LR_END", "SOLVER.RESCALE_INTERVAL", "SOLVER.NUM_DECAYS"),
    *("DATALOADER.RANDOM_SUBSET_RATIO", "DATALOADER.REPEAT_SQRT"),
}


def all_keys():
    cfg = get_cfg()
    add_stma_config(cfg)
    return dict(by_full_name(cfg))


def test_every_key_has_a_rule_or_a_reason_why_it_has_no_effect():
    for key in all_keys():
        assert (key in rules()) != any(f"{key}.".startswith(f"{k}.") for k in WITHOUT_EFFECT), key


def test_rules_and_reasons_are_of_keys_that_exist():
    keys = all_keys()
    assert set(rules()) - set(keys) <= NEWER
    for name in WITHOUT_EFFECT.keys() - NEWER:
        assert any(f"{key}.".startswith(f"{name}.") for key in keys), name


def test_no_key_of_ours_is_without_effect():
    assert not set(all_keys()) - set(dict(by_full_name(get_cfg()))) - set(rules())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("VERSION", 1),
        ("SEED", 2**32),
        ("SEED", -2),
        ("OUTPUT_DIR", ""),
        ("OUTPUT_DIR", "a\nb"),
        ("MODEL.WEIGHTS", "a\nb"),
        ("MODEL.BACKBONE.TIMM_NAME", "a\nb"),
        ("DATASETS.FILES", ("a\nb",)),
        ("MODEL.DEVICE", "nope"),
        ("MODEL.DEVICE", "mps"),
        ("MODEL.DEVICE", "meta"),
        ("MODEL.DEVICE", "xla"),
        ("MODEL.DEVICE", "cpu:3"),
        ("MODEL.META_ARCHITECTURE", "Nope"),
        ("MODEL.META_ARCHITECTURE", "RetinaNet"),
        ("MODEL.PIXEL_MEAN", [1.0]),
        ("MODEL.PIXEL_MEAN", [300, 0, 0]),
        ("MODEL.PIXEL_STD", [0.0, 1.0, 1.0]),
        ("MODEL.PIXEL_STD", [1e-300, 1.0, 1.0]),
        ("MODEL.BACKBONE.NAME", "nobody"),
        ("MODEL.BACKBONE.NAME", "build_small_resnext3d_backbone"),
        ("MODEL.BACKBONE.NORM", "LN"),
        ("MODEL.BACKBONE.FREEZE_AT", -1),
        ("MODEL.BACKBONE_3D.NAME", "build_dla34_backbone"),
        ("MODEL.BACKBONE_3D.NAME", "build_resnet_backbone"),
        ("MODEL.BACKBONE_3D.DEPTH", 33),
        ("MODEL.BACKBONE_3D.INPUT_FORMAT", "GRB"),
        ("MODEL.BACKBONE_3D.STEM_CHANNELS", 3),
        ("MODEL.RESNETS.DEPTH", 49),
        ("MODEL.FPN.NORM", "abc"),
        ("MODEL.STMA.HEAD_CHANNELS", 0),
        ("MODEL.STMA.HEAD_NORM", "foo"),
        ("MODEL.STMA.CENTER.NAME", "ActionHead"),
        ("MODEL.STMA.ACTION.ATTENTION", "other"),
        ("MODEL.STMA.SIZE.AREA", "box"),
        ("MODEL.STMA.LOSS_WEIGHT.CLS", -1.0),
        ("MODEL.STMA.LOSS_WEIGHT.SIZE", math.nan),
        ("MODEL.STMA.LOSS_WEIGHT.NORMALIZER", "all"),
        ("INPUT.SIZE", (64,)),
        ("INPUT.SIZE", (64.0, 64.0)),
        ("INPUT.SIZE", (10**9, 64)),
        ("INPUT.SNIPPET_LENGTH", 4),
        ("INPUT.SNIPPET_POSITION", "start"),
        ("INPUT.CLIP_FRAME_STRIDE", 0),
        ("INPUT.CLIP_LENGTH", 10**6),
        ("INPUT.BACKGROUND_WINDOWS", 1.0),
        ("INPUT.AUGMENTATION.MIRROR_PROB", 1.5),
        ("INPUT.AUGMENTATION.CONTRAST", (1.5, 0.5)),
        ("INPUT.AUGMENTATION.HUE", 100_000),
        ("INPUT.AUGMENTATION.MAX_EXPAND", 0.5),
        ("INPUT.AUGMENTATION.CROP_SCALE", (0.5,)),
        ("INPUT.AUGMENTATION.CROP_SCALE", (0.0, 1.0)),
        ("DATASETS.TRAIN", None),
        ("DATASETS.TRAIN", (3,)),
        ("DATASETS.TRAIN", ("a", "a")),
        ("DATASETS.TEST", ("a", "b", "a")),
        ("DATALOADER.NUM_WORKERS", -1),
        ("DATALOADER.TIMEOUT", -1),
        ("SOLVER.BASE_LR", -1.0),
        ("SOLVER.BASE_LR", math.nan),
        ("SOLVER.BASE_LR", math.inf),
        ("SOLVER.BASE_LR", 1e300),
        ("SOLVER.BASE_LR", True),
        ("SOLVER.WEIGHT_DECAY", -1.0),
        ("SOLVER.WEIGHT_DECAY_BIAS", -1),
        ("SOLVER.WEIGHT_DECAY_BIAS", "abc"),
        ("SOLVER.BIAS_LR_FACTOR", -1.0),
        ("SOLVER.LR_SCHEDULER_NAME", "Nope"),
        ("SOLVER.MAX_ITER", None),
        ("SOLVER.MAX_ITER", -3),
        ("SOLVER.STEPS", (3, 2)),
        ("SOLVER.STEPS", (0,)),
        ("SOLVER.STEPS", ("a",)),
        ("SOLVER.STEP_EPOCHS", (1.5,)),
        ("SOLVER.WARMUP_ITERS", -5),
        ("SOLVER.WARMUP_FACTOR", 1e6),
        ("SOLVER.IMS_PER_BATCH", 10**11),
        ("SOLVER.ACCUMULATION_STEPS", 0),
        ("SOLVER.CHECKPOINT_PERIOD", -1),
        ("SOLVER.CHECKPOINTS_KEPT", -1),
        ("SOLVER.CLIP_GRADIENTS.CLIP_TYPE", "foo"),
        ("SOLVER.CLIP_GRADIENTS.NORM_TYPE", -2.0),
        ("SOLVER.CLIP_GRADIENTS.NORM_TYPE", 1e9),
        ("SOLVER.EMA.DECAY", 1.0),
        ("TEST.BEST_METRIC", "video_mAP@0.5"),
        ("TEST.CLIP_STRIDE", 0),
        ("TEST.EVAL_PERIOD", -1),
        ("TEST.EXPECTED_RESULTS", [5]),
        ("TEST.EXPECTED_RESULTS", [["action_detection", 95]]),
        ("TEST.EXPECTED_RESULTS", [["action_detection", "frame_mAP@0.5", math.nan, 1.0]]),
        ("TEST.EXPECTED_RESULTS", [["action_detection", "frame_mAP@0.5", 50.0, math.inf]]),
        ("TEST.EXPECTED_RESULTS", [["action_detection", "frame_mAP@0.5", 50.0, None]]),
        ("TEST.FLIP", None),
        ("TEST.LINKING.MIN_TUBELET_SCORE", 2.0),
        ("TEST.LINKING.MIN_TUBELET_SCORE", math.nan),
        ("TEST.BENCHMARK_FILES.MIN_SCORE", -0.1),
        ("TEST.PROTOCOL", "coco"),
        ("TEST.TUBELETS_PER_WINDOW", 0),
        ("TEST.TUBELETS_PER_WINDOW", 10_000),
        ("TEST.WINDOWS_PER_CHUNK", 0),
    ],
)
def test_a_value_without_meaning_names_its_key(key, value):
    with pytest.raises(InputError, match=rf"^{key} is [^\n]*; it must be [^\n]*$"):
        load_config("", [key, value])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("DATALOADER.SAMPLER_TRAIN", "RepeatFactorTrainingSampler"),
        ("INPUT.FORMAT", "RGB"),
        ("MODEL.MASK_ON", 0),
        ("MODEL.RPN.NMS_THRESH", 0.5),
        ("MODEL.RESNETS.DEPTH", 18),
        ("MODEL.FPN.NORM", "GN"),
        ("MODEL.BACKBONE.TIMM_NAME", "resnet18"),
        ("MODEL.BACKBONE.STEM_CHANNELS", 8),
        ("MODEL.BACKBONE_3D.STEM_CHANNELS", 8),
        ("SOLVER.MOMENTUM", 0.5),
        ("SOLVER.NESTEROV", True),
        ("TEST.AUG.ENABLED", True),
        ("TEST.AUG.MAX_SIZE", 1),
        ("TEST.KEYPOINT_OKS_SIGMAS", [1.0]),
        ("TEST.PRECISE_BN.NUM_ITER", -5),
        ("VIS_PERIOD", -1),
    ],
)
def test_a_key_without_effect_is_refused_where_it_is_changed(key, value):
    with pytest.raises(InputError, match=rf"^{key} is [^\n]*nothing here reads [^\n]* leave it at"):
        load_config("", [key, value])
    load_config("", [key, all_keys()[key]])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("INPUT.BACKGROUND_WINDOWS", 0),
        ("SOLVER.CLIP_GRADIENTS.NORM_TYPE", math.inf),
        ("SOLVER.EMA.DECAY", 0),
        ("SOLVER.WEIGHT_DECAY_BIAS", 0),
        ("SOLVER.WEIGHT_DECAY_BIAS", None),
        ("TEST.LINKING.MIN_TUBELET_SCORE", 0),
        ("MODEL.BACKBONE_3D.NAME", ""),
    ],
)
def test_documented_values_are_taken(key, value):
    load_config("", [key, value])


def test_keys_of_detectron2_s_backbones_are_taken_with_a_backbone_that_reads_them():
    keys = ["MODEL.BACKBONE.NAME", FULL, "MODEL.RESNETS.DEPTH", 18, "MODEL.FPN.NORM", "GN"]
    assert load_config("", keys).MODEL.RESNETS.DEPTH == 18
    with pytest.raises(InputError, match="RESNETS.DEPTH is 18, .*build_timm_fpn_backbone does not"):
        load_config("", [*keys, "MODEL.BACKBONE.NAME", "build_timm_fpn_backbone"])


def test_keys_of_one_backbone_are_taken_with_it():
    name, key = "build_timm_fpn_backbone", "MODEL.BACKBONE.TIMM_NAME"
    keys = ["MODEL.BACKBONE.NAME", name, key, "resnet18"]
    assert load_config("", keys).MODEL.BACKBONE.TIMM_NAME == "resnet18"
    name, key = "build_small_resnext3d_backbone", "MODEL.BACKBONE_3D.DEPTH"
    with pytest.raises(InputError, match=f"{key} is 50, .*MODEL.BACKBONE_3D.NAME {name} does not"):
        load_config("", ["MODEL.BACKBONE_3D.NAME", name, key, 50])
    load_config("", ["MODEL.BACKBONE_3D.NAME", "", key, 50])  # a row of an ablation without it
