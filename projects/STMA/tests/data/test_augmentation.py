"""Augmentation: what a draw does to pixels and instances; `test_plain_sampler` checks the draws."""

from dataclasses import replace

import numpy as np
import pytest

from stma_d2.config import load_config
from stma_d2.data.augmentation import (
    AugmentationRules,
    PhotometricDistortion,
    distort_frame,
    draw_augmentation,
)
from stma_d2.data.geometry import FrameGeometry

RULES = AugmentationRules.from_config(load_config("").INPUT.AUGMENTATION)
NOTHING = replace(RULES, mirror_prob=0, distort_prob=0, expand_prob=0, crop=False)
FRAME_SIZE = (120, 160)
SMALL = np.tile(np.array([20, 30, 50, 70], np.float32), (5, 1))
LARGE = np.tile(np.array([60, 10, 150, 110], np.float32), (5, 1))
BOXES = np.stack([SMALL, LARGE])


def draws(rules: AugmentationRules, count: int, boxes: np.ndarray = BOXES, seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    return [draw_augmentation(rules, FRAME_SIZE, boxes, rng) for _ in range(count)]


def test_rules_come_from_the_configuration() -> None:
    assert (RULES.mirror_prob, RULES.expand_prob, RULES.distort_prob) == (0.5, 0.5, 0.5)
    assert (RULES.max_expand, RULES.crop_scale, RULES.contrast) == (4.0, (0.3, 1.0), (0.5, 1.5))


def test_equal_generators_draw_equally() -> None:
    assert draws(RULES, 20) == draws(RULES, 20)
    assert draws(RULES, 20) != draws(RULES, 20, seed=1)


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


def test_background_clips_are_cropped_and_still_show_the_frame() -> None:
    rules = replace(NOTHING, crop=True, expand_prob=1.0)
    drawn = draws(rules, 200, np.zeros((0, 5, 4), np.float32))
    assert all(d.instances == () for d in drawn)
    cropped = 0
    for d in drawn:
        x, y = d.geometry.boxes_on_canvas(np.array([[79.5, 59.5, 79.5, 59.5]]))[0, :2]
        assert 0 <= x <= d.geometry.width - 1 and 0 <= y <= d.geometry.height - 1
        cropped += d.geometry.width < 160
    assert cropped > 10


LAST = {"contrast_last": True}


@pytest.mark.parametrize(
    ("pixel", "draw", "expected", "tolerance"),
    [
        # 100 + 20 = 120, times 1.5 = 180; 250 + 20 is cut at 255.
        ((100, 250, 0), {"brightness": 20, "contrast": 1.5}, (180, 255, 30), 0),
        # -30 cuts 20 to 0.
        ((20, 40, 200), {"brightness": -30, "contrast": 2.0}, (0, 20, 255), 0),
        # 250 + 30 is cut at 255, half of which is 128; last or first, contrast alone is the same.
        ((250, 100, 10), {"brightness": 30, "contrast": 0.5, **LAST}, (128, 65, 20), 0),
        # No saturation leaves the greatest channel.
        ((10, 60, 200), {"saturation": 0}, (200, 200, 200), 0),
        # Half the saturation halves the distances from the greatest channel.
        ((50, 50, 200), {"saturation": 0.5}, (125, 125, 200), 1),
        # Contrast first: (150, 150, 255), then 255 - 105 / 2 = 202.
        ((100, 100, 200), {"contrast": 1.5, "saturation": 0.5}, (202, 202, 255), 1),
        # Contrast last: 200 - 100 / 2 = 150, times 1.5 = 225, and 300 is cut.
        ((100, 100, 200), {"contrast": 1.5, "saturation": 0.5, **LAST}, (225, 225, 255), 2),
        # Red turns by degrees, in 256 steps: to green, blue, yellow, magenta.
        ((0, 0, 200), {"hue": 120}, (0, 200, 0), 5),
        ((0, 0, 200), {"hue": -120}, (200, 0, 0), 5),
        ((0, 0, 200), {"hue": 60}, (0, 200, 200), 5),
        ((0, 0, 200), {"hue": -60}, (200, 0, 200), 5),
    ],
)
def test_distortion_by_hand_leaves_the_frame_itself(pixel, draw, expected, tolerance) -> None:
    frame = np.array([[pixel]], np.uint8)
    distorted = distort_frame(frame, PhotometricDistortion(**draw))
    assert np.abs(distorted[0, 0].astype(int) - expected).max() <= tolerance
    assert frame.tolist() == [[list(pixel)]]
