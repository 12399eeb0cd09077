"""Augmentation: the ranges of what is drawn, and what a draw does to pixels and instances."""

from dataclasses import replace

import numpy as np
import pytest
from detectron2.config import get_cfg

from stma_d2 import add_stma_config
from stma_d2.data.augmentation import (
    AugmentationRules,
    PhotometricDistortion,
    distort_frame,
    draw_augmentation,
)
from stma_d2.data.geometry import FrameGeometry
from stma_d2.errors import InputError

NOTHING = AugmentationRules(
    mirror_prob=0,
    distort_prob=0,
    brightness=32,
    contrast=(0.5, 1.5),
    saturation=(0.5, 1.5),
    hue=18,
    expand_prob=0,
    max_expand=4,
    crop=False,
    crop_scale=(0.3, 1.0),
)
FRAME_SIZE = (120, 160)
SMALL = np.tile(np.array([20, 30, 50, 70], np.float32), (5, 1))
LARGE = np.tile(np.array([60, 10, 150, 110], np.float32), (5, 1))
BOXES = np.stack([SMALL, LARGE])


def draws(rules: AugmentationRules, count: int, boxes: np.ndarray = BOXES, seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    return [draw_augmentation(rules, FRAME_SIZE, boxes, rng) for _ in range(count)]


def pixel(*bgr: int) -> np.ndarray:
    return np.array([[bgr]], np.uint8)


def test_rules_come_from_the_configuration() -> None:
    cfg = get_cfg()
    add_stma_config(cfg)
    rules = AugmentationRules.from_config(cfg.INPUT.AUGMENTATION)
    assert (rules.mirror_prob, rules.expand_prob, rules.distort_prob) == (0.5, 0.5, 0.5)
    assert (rules.max_expand, rules.crop_scale, rules.contrast) == (4.0, (0.3, 1.0), (0.5, 1.5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mirror_prob": 1.5}, "INPUT.AUGMENTATION.MIRROR_PROB is 1.5; it must be a probability"),
        ({"contrast": (1.5, 0.5)}, r"INPUT.AUGMENTATION.CONTRAST is \(1.5, 0.5\)"),
        ({"max_expand": 0.5}, "INPUT.AUGMENTATION.MAX_EXPAND is 0.5; it must be at least 1"),
        ({"crop_scale": (0.0, 1.0)}, "INPUT.AUGMENTATION.CROP_SCALE"),
        ({"hue": -1}, "INPUT.AUGMENTATION.HUE"),
    ],
)
def test_rules_out_of_range_name_their_key(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(NOTHING, **change)


def test_equal_generators_draw_equally() -> None:
    rules = replace(NOTHING, mirror_prob=0.5, distort_prob=0.5, expand_prob=0.5, crop=True)
    assert draws(rules, 20) == draws(rules, 20)
    assert draws(rules, 20) != draws(rules, 20, seed=1)


def test_probability_zero_changes_nothing() -> None:
    for drawn in draws(NOTHING, 5):
        assert drawn.geometry == FrameGeometry(160, 120)
        assert drawn.instances == (0, 1)
        frame = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
        assert np.array_equal(distort_frame(frame, drawn.distortion), frame)


def crop_of(drawn) -> np.ndarray:
    """First and last pixels of a draw that neither mirrors nor expands."""
    g = drawn.geometry
    return np.array([-g.shift_x, -g.shift_y, -g.shift_x + g.width - 1, -g.shift_y + g.height - 1])


def test_instances_remain_when_all_their_centers_lie_in_the_crop() -> None:
    moving = SMALL + np.arange(5)[:, None] * np.array([20, 0, 20, 0])  # centers x 35 .. 115
    boxes = np.stack([SMALL, LARGE, moving])
    dropped = 0
    for drawn in draws(replace(NOTHING, crop=True), 200, boxes):
        x1, y1, x2, y2 = crop_of(drawn)
        expected = []
        for i, instance in enumerate(boxes):
            centers = [((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for b in instance]
            if all(x1 <= x <= x2 and y1 <= y <= y2 for x, y in centers):
                expected.append(i)
        assert drawn.instances == tuple(expected)
        assert expected  # at least one remains
        dropped += len(expected) < 3
    assert dropped > 20


def test_crop_reaches_the_samplers_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stma_d2.data.augmentation.CROP_SAMPLERS", (0.5,))
    moving = LARGE + np.arange(5)[:, None] * np.array([-10, 0, -10, 0])
    cropped = 0
    for drawn in draws(replace(NOTHING, crop=True), 50, np.stack([SMALL, moving])):
        crop = crop_of(drawn)
        if crop.tolist() == [0, 0, 159, 119]:
            continue  # none of the tries fitted
        cropped += 1
        means = []
        for instance in (SMALL, moving):
            overlaps = []
            for box in instance:
                # Count the pixels: they are whole here.
                a, b = np.zeros((2, *FRAME_SIZE), bool)
                a[int(box[1]) : int(box[3]) + 1, int(box[0]) : int(box[2]) + 1] = True
                b[crop[1] : crop[3] + 1, crop[0] : crop[2] + 1] = True
                overlaps.append((a & b).sum() / (a | b).sum())
            means.append(np.mean(overlaps))
        assert max(means) >= 0.5
    assert cropped > 25


def test_background_clips_may_be_cropped_anywhere() -> None:
    drawn = draws(replace(NOTHING, crop=True), 20, np.zeros((0, 5, 4), np.float32))
    assert all(d.instances == () for d in drawn)
    assert any(d.geometry != FrameGeometry(160, 120) for d in drawn)


def test_brightness_then_contrast_by_hand() -> None:
    # 100 + 20 = 120, times 1.5 = 180; 250 + 20 is cut at 255.
    distortion = PhotometricDistortion(brightness=20, contrast=1.5)
    assert distort_frame(pixel(100, 250, 0), distortion).tolist() == [[[180, 255, 30]]]


def test_every_step_is_cut_to_8_bit() -> None:
    # -30 cuts 20 to 0; contrast last: the cut 255 shrinks to 128.
    distortion = PhotometricDistortion(brightness=-30, contrast=2.0)
    assert distort_frame(pixel(20, 40, 200), distortion).tolist() == [[[0, 20, 255]]]
    distortion = PhotometricDistortion(brightness=30, contrast=0.5, contrast_last=True)
    assert distort_frame(pixel(250, 100, 10), distortion).tolist() == [[[128, 65, 20]]]


def test_saturation_zero_leaves_the_greatest_channel() -> None:
    distorted = distort_frame(pixel(10, 60, 200), PhotometricDistortion(saturation=0))
    assert distorted.tolist() == [[[200, 200, 200]]]


def test_saturation_by_hand() -> None:
    # V = 200, S = 150 / 200; half the saturation doubles the distance of the others to V / 2.
    distorted = distort_frame(pixel(50, 50, 200), PhotometricDistortion(saturation=0.5))
    assert np.abs(distorted[0, 0].astype(int) - [125, 125, 200]).max() <= 1


@pytest.mark.parametrize(
    ("hue", "expected"),
    [(120, (0, 200, 0)), (-120, (200, 0, 0)), (60, (0, 200, 200)), (-60, (200, 0, 200))],
)
def test_hue_turns_red_by_degrees(hue: float, expected: tuple) -> None:
    distorted = distort_frame(pixel(0, 0, 200), PhotometricDistortion(hue=hue))
    assert np.abs(distorted[0, 0].astype(int) - expected).max() <= 5  # one of 256 hues


def test_contrast_may_come_before_or_after_the_colors() -> None:
    # Contrast cuts red at 255 and lifts blue: before, the saturation sees the lifted levels.
    frame = pixel(100, 100, 200)
    before = distort_frame(frame, PhotometricDistortion(contrast=1.5, saturation=0.5))
    after = distort_frame(
        frame, PhotometricDistortion(contrast=1.5, saturation=0.5, contrast_last=True)
    )
    # Before: (150, 150, 255) -> 255 - (105) / 2 = 202; after: 200 - 50 = 150, times 1.5 = 225.
    assert np.abs(before[0, 0].astype(int) - [202, 202, 255]).max() <= 1
    assert np.abs(after[0, 0].astype(int) - [225, 225, 255]).max() <= 2


def test_frame_given_is_not_changed() -> None:
    frame = pixel(100, 150, 200)
    distort_frame(frame, PhotometricDistortion(20, 1.5, 0.5, 10))
    assert frame.tolist() == [[[100, 150, 200]]]
