"""The package's augmentation against the plain sampler's: draw by draw, and over many draws."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import lru_cache
from types import ModuleType

import numpy as np
import pytest

from stma_d2.config import load_config
from stma_d2.data.augmentation import AugmentationRules, distort_frame, draw_augmentation
from stma_d2.data.geometry import FrameGeometry, warp_frame

RULES = AugmentationRules.from_config(load_config("").INPUT.AUGMENTATION)
FRAME_SIZE, INPUT_SIZE, FILL = (96, 128), (96, 96), (104, 114, 120)
# Two instances in three frames: a small one that moves, and a large one.
BOXES = np.array(
    [
        [[20, 25, 45, 60], [26, 27, 51, 62], [32, 29, 57, 64]],
        [[60, 10, 115, 85], [60, 10, 115, 85], [60, 10, 115, 85]],
    ],
    np.float32,
)


@pytest.fixture(scope="module")
def plain(oracle) -> ModuleType:
    return oracle("plain_sampler")


def number_of_draws(rules: AugmentationRules) -> int:
    return 700 if rules.crop else 3000  # crops take long to find


def geometry_of(draw) -> FrameGeometry:
    geometry = FrameGeometry(FRAME_SIZE[1], FRAME_SIZE[0])
    if draw.mirrored:
        geometry = geometry.hflip()
    if draw.canvas is not None:
        geometry = geometry.expand(*draw.canvas)
    return geometry if draw.crop is None else geometry.crop(*draw.crop)


def numbers_of(distortion, geometry: FrameGeometry, boxes: np.ndarray, remaining) -> dict:
    """What is compared of one draw: colors, the part that is shown, and the boxes on the input."""
    x1, y1, x2, y2 = geometry.visible()
    x_low, y_low, x_high, y_high = boxes[remaining[0], 1]
    return {
        **{name: float(value) for name, value in vars(distortion).items()},
        "share of mirrored": float(geometry.mirrored),
        "share of whole frames": float((x1, y1, x2, y2) == (0, 0, 127, 95)),
        "width": geometry.width / FRAME_SIZE[1],
        "height": geometry.height / FRAME_SIZE[0],
        "aspect": np.log(geometry.width / geometry.height),
        "left": x1,
        "top": y1,
        "right": x2,
        "bottom": y2,
        "instances": len(remaining),
        "first instance": remaining[0],
        "box width": x_high - x_low,
        "box height": y_high - y_low,
        "box center x": x_low + x_high,
        "box center y": y_low + y_high,
    }


def table(rows: list[dict]) -> dict[str, np.ndarray]:
    return {name: np.array([row[name] for row in rows], float) for name in rows[0]}


@lru_cache
def draws_of_the_package(rules: AugmentationRules) -> dict[str, np.ndarray]:
    rng, rows = np.random.default_rng(1), []
    for _ in range(number_of_draws(rules)):
        draw = draw_augmentation(rules, FRAME_SIZE, BOXES, rng)
        boxes = draw.geometry.boxes_on_input(BOXES, INPUT_SIZE)
        rows.append(numbers_of(draw.distortion, draw.geometry, boxes, list(draw.instances)))
    return table(rows)


def plain_draws(plain: ModuleType, rules: AugmentationRules) -> dict[str, np.ndarray]:
    rng, rows = random.Random(2), []
    for _ in range(number_of_draws(rules)):
        draw = plain.draw_plainly(rules, FRAME_SIZE, BOXES, rng)
        boxes, remaining = plain.move_plainly(BOXES, draw, FRAME_SIZE, INPUT_SIZE)
        rows.append(numbers_of(draw.distortion, geometry_of(draw), boxes, remaining))
    return table(rows)


def differences(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> list[str]:
    """The numbers whose distributions differ by more than chance (once in ten thousand) does.

    Means and standard deviations by four standard errors of their difference: the variance of a
    mean is m2 / n, that of a standard deviation about (m4 / m2 - m2) / 4n, with m2 and m4 the
    central moments. All quantiles at once by Kolmogorov and Smirnov: the distribution functions
    are apart by less than sqrt(-log(0.0001 / 2) / 2) x sqrt(2 / n).
    """
    found = []
    for name, x in a.items():
        y, n = b[name], len(x)
        m2, m4 = (np.array([np.mean((v - v.mean()) ** p) for v in (x, y)]) for p in (2, 4))
        if abs(x.mean() - y.mean()) > 4 * np.sqrt(m2.sum() / n) + 1e-9:
            found.append(f"mean of {name}")
        spread = np.maximum((m4 / np.maximum(m2, 1e-12) - m2) / 4, 0).sum() / n
        if abs(np.diff(np.sqrt(m2))[0]) > 4 * np.sqrt(spread) + 1e-9:
            found.append(f"standard deviation of {name}")
        at = np.concatenate([x, y])
        below = [np.searchsorted(np.sort(v), at, side="right") / n for v in (x, y)]
        if np.abs(below[0] - below[1]).max() > 2.225 * np.sqrt(2 / n):
            found.append(f"quantiles of {name}")
    return found


ONLY_EXPAND = replace(RULES, crop=False, expand_prob=1)
ONLY_CROP = replace(RULES, expand_prob=0)


@pytest.mark.parametrize("rules", [RULES, ONLY_EXPAND, ONLY_CROP], ids=["all", "expand", "crop"])
def test_package_draws_from_the_plain_distributions(plain, rules: AugmentationRules) -> None:
    assert differences(draws_of_the_package(rules), plain_draws(plain, rules)) == []


@pytest.mark.parametrize(
    ("rules", "change", "expected"),
    [
        (ONLY_EXPAND, {"max_expand": 3.6}, "mean of width"),
        (ONLY_EXPAND, {"mirror_prob": 0.35}, "mean of share of mirrored"),
        (ONLY_EXPAND, {"hue": 22}, "standard deviation of hue"),
        (ONLY_CROP, {"crop_scale": (0.45, 1.0)}, "standard deviation of width"),
    ],
)
def test_comparison_tells_slightly_other_rules_apart(plain, rules, change, expected: str) -> None:
    found = differences(draws_of_the_package(rules), plain_draws(plain, replace(rules, **change)))
    assert expected in found


def test_a_draw_gives_the_plain_picture_and_boxes(plain) -> None:
    y, x = np.mgrid[:96, :128]
    waves = [np.sin(x / 9 + y / 13), np.sin(x / 11 - y / 7 + 1), np.sin(y / 8 + 2)]
    frame = np.rint(120 + 85 * np.stack(waves, axis=-1)).astype(np.uint8)
    rng, errors = random.Random(3), []
    for _ in range(80):
        draw = plain.draw_plainly(RULES, FRAME_SIZE, BOXES, rng)
        geometry = geometry_of(draw)
        picture = np.full((*INPUT_SIZE, 3), FILL, np.uint8)
        warped = warp_frame(frame, FRAME_SIZE, geometry, INPUT_SIZE)
        shown = geometry.covered(FRAME_SIZE, INPUT_SIZE)
        picture[shown] = distort_frame(warped, draw.distortion)
        expected = plain.apply_plainly(frame, draw, INPUT_SIZE, FILL)
        error = np.abs(picture - expected)
        # Hues are 8-bit levels of 1.4 degrees here, and edges of the frame are not mixed.
        assert np.quantile(error, 0.9) < 6
        errors.append(error.mean())
        boxes, _ = plain.move_plainly(BOXES, draw, FRAME_SIZE, INPUT_SIZE)
        np.testing.assert_allclose(
            boxes, geometry.boxes_on_input(BOXES, INPUT_SIZE), rtol=1e-5, atol=1e-4
        )
    assert np.median(errors) < 1 and max(errors) < 5
