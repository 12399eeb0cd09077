"""Geometry of frames and boxes against the same steps done one after the other on pixels."""

import cv2
import numpy as np
import pytest

from stma_d2.data.geometry import FrameGeometry, warp_frame

SIZE = (96, 128)  # height, width of the input
FILL = (7, 90, 200)


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    """A smooth texture of 100 x 80 pixels."""
    noise = np.random.default_rng(0).random((80, 100, 3)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 2)
    return cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


def test_untouched_frame_is_plainly_resized(frame: np.ndarray) -> None:
    warped = warp_frame(frame, FrameGeometry(100, 80), SIZE, FILL)
    expected = cv2.resize(frame, (128, 96), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(warped, expected)


@pytest.mark.parametrize("size", [(96, 128), (64, 64), (80, 100)])
def test_warp_agrees_with_resize_up_to_the_border(frame: np.ndarray, size) -> None:
    twice_mirrored = warp_frame(frame[:, ::-1], FrameGeometry(100, 80).mirror(), size, FILL)
    resized = cv2.resize(frame, size[::-1], interpolation=cv2.INTER_LINEAR)
    assert difference(twice_mirrored, resized) <= 2  # two roundings


def test_warp_equals_the_steps_one_by_one(frame: np.ndarray) -> None:
    geometry = FrameGeometry(100, 80).mirror().expand(170, 150, 40, 30).crop(20, 25, 159, 139)
    canvas = np.full((150, 170, 3), FILL, np.uint8)
    canvas[30:110, 40:140] = frame[:, ::-1]
    expected = cv2.resize(canvas[25:140, 20:160], (128, 96), interpolation=cv2.INTER_LINEAR)
    assert difference(warp_frame(frame, geometry, SIZE, FILL), expected) <= 3


def test_order_of_the_steps_matters(frame: np.ndarray) -> None:
    geometry = FrameGeometry(100, 80).crop(10, 5, 79, 64).mirror()
    part = np.ascontiguousarray(frame[5:65, 10:80][:, ::-1])
    warped = warp_frame(frame, geometry, (60, 70), FILL)
    assert (geometry.width, geometry.height) == (70, 60)
    assert np.array_equal(warped, part)  # no scaling: pixels move, none is interpolated


def test_mirror_maps_inclusive_corners_to_width_minus_one_minus_x() -> None:
    boxes = np.array([[0, 3, 9, 5], [90, 0, 99, 79]], np.float32)
    mirrored = FrameGeometry(100, 80).mirror().boxes_on_canvas(boxes)
    assert mirrored.tolist() == [[90, 3, 99, 5], [0, 0, 9, 79]]


def test_mirror_twice_is_nothing() -> None:
    assert FrameGeometry(100, 80).mirror().mirror() == FrameGeometry(100, 80)


def test_boxes_on_input_by_hand() -> None:
    # Mirror: 10..30 -> 69..89; expand by (20, 10): 89..109, 30..60; crop from (9, 10) to
    # 191 wide, 96 high: 80..100, 20..50; then times 96 / 192 and 48 / 96.
    geometry = FrameGeometry(100, 80).mirror().expand(220, 130, 20, 10).crop(9, 10, 200, 105)
    boxes = geometry.boxes_on_input(np.array([[10.0, 20.0, 30.0, 50.0]]), (48, 96))
    assert boxes.dtype == np.float32
    assert boxes.tolist() == [[40, 10, 50, 25]]


def test_boxes_are_clipped_to_the_canvas() -> None:
    geometry = FrameGeometry(100, 80).crop(20, 10, 59, 49)
    boxes = geometry.boxes_on_input(np.array([[0.0, 0.0, 99.0, 30.0]]), (80, 80))
    assert boxes.tolist() == [[0, 0, 78, 40]]  # last pixel 39, doubled


def test_empty_boxes_keep_their_shape() -> None:
    boxes = FrameGeometry(100, 80).mirror().boxes_on_input(np.zeros((0, 5, 4)), SIZE)
    assert boxes.shape == (0, 5, 4)


def test_boxes_follow_the_picture() -> None:
    # A bright box painted into the frame is found where the geometry says.
    frame = np.zeros((80, 100, 3), np.uint8)
    frame[20:51, 30:61] = 255  # x 30..60, y 20..50
    geometry = FrameGeometry(100, 80).mirror().expand(150, 100, 13, 9).crop(10, 5, 139, 94)
    size = (90 * 4, 130 * 4)
    warped = warp_frame(frame, geometry, size, (0, 0, 0))
    rows, columns = np.nonzero(warped[..., 0] > 127)
    x1, y1, x2, y2 = geometry.boxes_on_input(np.array([30, 20, 60, 50]), size)
    # Four input pixels show each canvas pixel: from 4 x1 to 4 x2 + 3.
    assert [columns.min(), rows.min(), columns.max(), rows.max()] == [x1, y1, x2 + 3, y2 + 3]


def test_fill_surrounds_only_an_expanded_frame(frame: np.ndarray) -> None:
    expanded = warp_frame(frame, FrameGeometry(100, 80).expand(200, 160, 50, 40), SIZE, FILL)
    assert expanded[0, 0].tolist() == list(FILL) and expanded[-1, -1].tolist() == list(FILL)
    black = np.zeros_like(frame)
    assert warp_frame(black, FrameGeometry(100, 80).crop(0, 0, 50, 50), SIZE, FILL).max() == 0
