from __future__ import annotations

import numpy as np
import pytest

from stma_d2.linking import box_areas, box_iou


def iou(first, second, **options):
    return box_iou(np.array(first, np.float32), np.array(second, np.float32), **options)


def test_corner_pixels_belong_to_the_box():
    assert box_areas(np.array([[0, 0, 9, 4], [3, 3, 3, 3]])).tolist() == [50, 1]


def test_overlap_of_boxes_by_hand():
    """10 x 10 pixels, shifted by 5: 50 shared of 150. Touching in one pixel: 1 of 103."""
    square = [0, 0, 9, 9]
    assert iou(square, square) == 1
    assert iou(square, [5, 0, 14, 9]) == pytest.approx(1 / 3)
    assert iou(square, [9, 9, 10, 10]) == pytest.approx(1 / 103)
    assert iou(square, [10, 0, 19, 9]) == 0
    assert iou(square, [100, 100, 109, 109]) == 0


def test_box_of_one_pixel_overlaps_itself():
    assert iou([7, 7, 7, 7], [7, 7, 7, 7]) == 1


def test_box_without_area_overlaps_nothing():
    empty = [5, 0, 4, 9]
    with np.errstate(all="raise"):
        assert iou(empty, empty) == 0
        assert iou(empty, [0, 0, 9, 9]) == 0


def test_leading_axes_broadcast_and_float32_stays():
    boxes = np.random.default_rng(0).uniform(0, 50, (3, 4, 4)).astype(np.float32)
    boxes[..., 2:] += boxes[..., :2]
    result = box_iou(boxes[:, :, None], boxes[:, None])
    assert result.shape == (3, 4, 4) and result.dtype == np.float32
    assert np.array_equal(result, result.transpose(0, 2, 1))
    assert result[1, 2, 3] == box_iou(boxes[1, 2], boxes[1, 3])


def test_order_of_the_added_one_changes_only_the_rounding():
    boxes = np.random.default_rng(1).uniform(0, 50, (2, 5000, 4)).astype(np.float32)
    boxes[..., 2:] += boxes[..., :2]
    first, last = box_iou(*boxes), box_iou(*boxes, add_one_last=True)
    assert not np.array_equal(first, last)
    np.testing.assert_allclose(first, last, atol=1e-6)
