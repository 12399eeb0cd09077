from __future__ import annotations

import numpy as np
import pytest

from stma_d2.linking import box_iou, pair_overlaps


def iou(first, second):
    return box_iou(np.array(first, np.float32), np.array(second, np.float32))


def test_overlap_of_boxes_by_hand():
    """10 x 10 pixels, shifted by 5: 50 shared of 150. Touching in one pixel: 1 of 103."""
    square = [0, 0, 9, 9]
    assert iou(square, square) == 1
    assert iou(square, [5, 0, 14, 9]) == pytest.approx(1 / 3)
    assert iou(square, [9, 9, 10, 10]) == pytest.approx(1 / 103)
    assert iou(square, [10, 0, 19, 9]) == 0
    assert iou(square, [100, 100, 109, 109]) == 0


def test_overlap_of_boxes_whose_corners_are_points():
    """10 x 10, shifted by 5: 50 shared of 150. Touching edges share nothing."""
    square = np.array([0, 0, 10, 10], np.float32)

    def overlap(*box):
        return box_iou(square, np.array(box, np.float32), inclusive=False)

    assert overlap(0, 0, 10, 10) == 1
    assert overlap(5, 0, 15, 10) == pytest.approx(1 / 3)
    assert overlap(10, 0, 20, 10) == 0
    with np.errstate(all="raise"):
        point = np.array([7, 7, 7, 7], np.float32)
        assert box_iou(point, point, inclusive=False) == 0


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


def test_pairs_within_groups_sum_over_frames_and_add_one_last():
    """Both orders of the added pixel give the same up to rounding, but not the same."""
    rng = np.random.default_rng(1)
    boxes = rng.uniform(0, 50, (3, 40, 4, 4)).astype(np.float32)
    boxes[..., 2:] += boxes[..., :2]
    overlaps = pair_overlaps(boxes)
    width, height = boxes[..., 2] - boxes[..., 0] + 1, boxes[..., 3] - boxes[..., 1] + 1
    areas = width * height
    expected = np.zeros((3, 40, 40), np.float32)
    for k in range(4):
        one, two = boxes[:, :, None, k], boxes[:, None, :, k]
        side = np.minimum(one[..., 2:], two[..., 2:]) - np.maximum(one[..., :2], two[..., :2])
        shared = np.maximum(side + 1, 0).prod(axis=-1)
        expected += shared / (areas[:, :, None, k] + areas[:, None, :, k] - shared)
    np.testing.assert_array_equal(overlaps, expected)
    other = sum(box_iou(boxes[:, :, None, k], boxes[:, None, :, k]) for k in range(4))
    assert not np.array_equal(overlaps, other)
    np.testing.assert_allclose(overlaps, other, atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 2, 1, 4), (2, 0, 1, 4)])
def test_no_pairs(shape):
    assert pair_overlaps(np.zeros(shape)).shape == (shape[0], shape[1], shape[1])
