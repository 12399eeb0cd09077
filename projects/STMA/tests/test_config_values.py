"""Values without meaning are refused when a configuration is read, with their key."""

from __future__ import annotations

import pytest

from stma_d2.config import load_config
from stma_d2.errors import InputError


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SOLVER.BASE_LR", -1.0),
        ("SOLVER.BASE_LR", float("nan")),
        ("SOLVER.BASE_LR", float("inf")),
        ("SOLVER.WEIGHT_DECAY", -1.0),
        ("SOLVER.LR_SCHEDULER_NAME", "Nope"),
        ("SOLVER.WARMUP_ITERS", -5),
        ("SOLVER.CLIP_GRADIENTS.CLIP_TYPE", "foo"),
        ("DATALOADER.NUM_WORKERS", -1),
        ("SEED", 2**32),
        ("VERSION", 1),
        ("TEST.TUBELETS_PER_WINDOW", 0),
        ("TEST.TUBELETS_PER_WINDOW", 10_000),
        ("TEST.LINKING.MIN_TUBELET_SCORE", -1.0),
        ("TEST.LINKING.MIN_TUBELET_SCORE", 2.0),
        ("TEST.LINKING.MIN_TUBELET_SCORE", float("nan")),
        ("INPUT.SIZE", (64,)),
        ("INPUT.SIZE", (64.0, 64.0)),
        ("INPUT.AUGMENTATION.CROP_SCALE", (0.5,)),
        ("MODEL.DEVICE", "nope"),
        ("MODEL.META_ARCHITECTURE", "Nope"),
        ("MODEL.PIXEL_MEAN", [1.0]),
        ("MODEL.PIXEL_STD", [0.0, 1.0, 1.0]),
        ("MODEL.BACKBONE_3D.DEPTH", 33),
        ("MODEL.STMA.HEAD_CHANNELS", 0),
        ("MODEL.STMA.HEAD_NORM", "foo"),
        ("MODEL.STMA.LOSS_WEIGHT.CLS", -1.0),
        ("MODEL.STMA.LOSS_WEIGHT.SIZE", float("nan")),
        ("INPUT.FORMAT", "RGB"),
        ("TEST.AUG.ENABLED", True),
        ("SOLVER.MAX_ITER", None),
        ("TEST.FLIP", None),
        ("DATASETS.TRAIN", None),
    ],
)
def test_a_value_without_meaning_names_its_key(key, value):
    with pytest.raises(InputError, match=rf"^{key} is "):
        load_config("", [key, value])


def test_the_defaults_have_a_meaning():
    load_config("")
