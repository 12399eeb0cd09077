"""Geometry of frames and boxes against the same steps done one after the other on pixels."""

import cv2
import numpy as np
import pytest

from stma_d2.data.geometry import FrameGeometry, warp_frame

SIZE = (96, 128)  # height, width of the input
FRAME = (80, 100)  # height, width of the frame
FILL = (7, 90, 200)
EXPAND = (1280, 960, 301, 203)


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    """A smooth texture of 100 x 80 pixels."""
    noise = np.random.default_rng(0).random((80, 100, 3)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 2)
    return cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def filled(frame: np.ndarray, geometry: FrameGeometry, size: tuple[int, int]) -> np.ndarray:
    """The whole input: the warped frame where it is shown, the fill elsewhere."""
    picture = np.full((*size, 3), FILL, np.uint8)
    picture[geometry.covered(FRAME, size)] = warp_frame(frame, FRAME, geometry, size)
    return picture


def difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


@pytest.mark.parametrize("mirrored", [False, True])
def test_crop_inside_the_frame_is_cut_out_and_resized(frame: np.ndarray, mirrored: bool) -> None:
    # The crop's own edge repeats at the border, as it does where the steps are done one by one.
    geometry = FrameGeometry(100, 80).hflip() if mirrored else FrameGeometry(100, 80)
    geometry = geometry.expand(170, 150, 40, 30).crop(47, 41, 119, 99)
    shown = (frame[:, ::-1] if mirrored else frame)[11:70, 7:80]
    expected = cv2.resize(shown, (128, 96), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(warp_frame(frame, FRAME, geometry, SIZE), expected)


@pytest.mark.parametrize("mirrored", [False, True])
def test_warp_equals_the_steps_one_by_one(frame: np.ndarray, mirrored: bool) -> None:
    geometry = FrameGeometry(100, 80).hflip() if mirrored else FrameGeometry(100, 80)
    geometry = geometry.expand(170, 150, 40, 30).crop(20, 25, 159, 139)
    canvas = np.full((150, 170, 3), FILL, np.uint8)
    canvas[30:110, 40:140] = frame[:, ::-1] if mirrored else frame
    expected = cv2.resize(canvas[25:140, 20:160], (128, 96), interpolation=cv2.INTER_LINEAR)
    # Frame and fill meet at x = 20 and 120 of 140, y = 5 and 85 of 115; within one pixel of there,
    # resizing mixes them.
    x, y = (np.arange(128) + 0.5) * 140 / 128, (np.arange(96) + 0.5) * 115 / 96
    mixed = np.abs(x[None, :, None] - [20, 120]).min(-1) < 1
    mixed = mixed | (np.abs(y[:, None, None] - [5, 85]).min(-1) < 1)
    warped = filled(frame, geometry, SIZE)
    assert difference(warped[~mixed], expected[~mixed]) <= 3
    assert mixed.mean() < 0.08
    inside = (x > 20) & (x < 120) & ((y > 5) & (y < 85))[:, None]
    assert np.array_equal((warped == FILL).all(axis=-1), ~inside)


def test_order_of_the_steps_matters(frame: np.ndarray) -> None:
    geometry = FrameGeometry(100, 80).crop(10, 5, 79, 64).hflip()
    part = np.ascontiguousarray(frame[5:65, 10:80][:, ::-1])
    warped = warp_frame(frame, FRAME, geometry, (60, 70))
    assert (geometry.width, geometry.height) == (70, 60)
    assert np.array_equal(warped, part)  # no scaling: pixels move, none is interpolated


def test_boxes_on_input_by_hand() -> None:
    # Mirror: 10..30 -> 69..89; expand by (20, 10): 89..109, 30..60; crop from (9, 10) to
    # 191 wide, 96 high: 80..100, 20..50; then times 96 / 192 and 48 / 96.
    geometry = FrameGeometry(100, 80).hflip().expand(220, 130, 20, 10).crop(9, 10, 200, 105)
    boxes = geometry.boxes_on_input(np.array([[10.0, 20.0, 30.0, 50.0]]), (48, 96))
    assert boxes.dtype == np.float32
    assert boxes.tolist() == [[40, 10, 50, 25]]
    assert geometry.boxes_on_input(np.zeros((0, 5, 4)), SIZE).shape == (0, 5, 4)


def test_boxes_are_clipped_to_the_canvas() -> None:
    geometry = FrameGeometry(100, 80).crop(20, 10, 59, 49)
    boxes = geometry.boxes_on_input(np.array([[0.0, 0.0, 99.0, 30.0]]), (80, 80))
    assert boxes.tolist() == [[0, 0, 78, 40]]  # last pixel 39, doubled


def test_boxes_follow_the_picture() -> None:
    # A bright box painted into the frame is found where the geometry says.
    frame = np.zeros((80, 100, 3), np.uint8)
    frame[20:51, 30:61] = 255  # x 30..60, y 20..50
    geometry = FrameGeometry(100, 80).hflip().expand(150, 100, 13, 9).crop(10, 5, 139, 94)
    size = (90 * 4, 130 * 4)
    warped = filled(frame, geometry, size)
    rows, columns = np.nonzero(warped[..., 1] > 127)
    x1, y1, x2, y2 = geometry.boxes_on_input(np.array([30, 20, 60, 50]), size)
    # Four input pixels show each canvas pixel: from 4 x1 to 4 x2 + 3.
    assert [columns.min(), rows.min(), columns.max(), rows.max()] == [x1, y1, x2 + 3, y2 + 3]


def test_frame_covers_the_input_unless_the_canvas_shows_more() -> None:
    everything = (slice(0, 96), slice(0, 128))
    assert FrameGeometry(100, 80).covered(FRAME, SIZE) == everything
    assert FrameGeometry(100, 80).hflip().crop(0, 3, 50, 79).covered(FRAME, SIZE) == everything
    # A frame of 100 x 80 in the middle of 200 x 160.
    expanded = FrameGeometry(100, 80).expand(200, 160, 50, 40)
    assert expanded.covered(FRAME, SIZE) == (slice(24, 72), slice(32, 96))
    assert expanded.hflip().covered(FRAME, SIZE) == (slice(24, 72), slice(32, 96))


def test_crop_beside_the_frame_shows_nothing_of_it(frame: np.ndarray) -> None:
    geometry = FrameGeometry(100, 80).expand(400, 320, 0, 0).crop(120, 90, 300, 250)
    rows, columns = geometry.covered(FRAME, SIZE)
    assert (rows.stop - rows.start) * (columns.stop - columns.start) == 0
    assert warp_frame(frame, FRAME, geometry, SIZE).size == 0


@pytest.mark.parametrize(
    ("canvas", "expected"),
    [((127, 96), 1), ((256, 191), 1), ((256, 192), 2), ((600, 400), 4), ((9000, 768), 8)],
)
def test_frames_may_be_reduced_as_far_as_the_input_shrinks_them(canvas, expected: int) -> None:
    assert FrameGeometry(*canvas).reduction(SIZE) == expected  # the input: 96 high, 128 wide


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("left", [160, 163])  # in units of the reduced pixels, and not
def test_reduced_frame_lands_where_the_whole_one_does(factor, mirrored: bool, left: int) -> None:
    # A ramp of 640 x 480: its mean over a block is its value at the block's middle, so the reduced
    # ramp is warped to the same values, unless it is shifted.
    y, x = np.mgrid[:480, :640]
    ramp = np.stack([x * 0.3, y * 0.4, x * 0.1 + y * 0.2], axis=-1)
    blocks = ramp.reshape(480 // factor, factor, 640 // factor, factor, 3)
    reduced = np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)
    whole = np.rint(ramp).astype(np.uint8)
    whole_canvas = FrameGeometry(640, 480).hflip() if mirrored else FrameGeometry(640, 480)
    cropped, expanded = whole_canvas.crop(left, 80, left + 319, 399), whole_canvas.expand(*EXPAND)
    for geometry in (whole_canvas, cropped, expanded):
        size = (geometry.height // factor, geometry.width // factor)
        warped, expected = (warp_frame(f, (480, 640), geometry, size) for f in (reduced, whole))
        assert warped.shape == expected.shape and warped.size
        inner = np.s_[1:-1, 1:-1]  # at the border less of the frame's edge is seen
        assert difference(warped[inner], expected[inner]) <= 1
