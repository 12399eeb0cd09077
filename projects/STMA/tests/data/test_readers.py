"""Every way to a frame gives the same frame; what cannot be read is one clear error."""

from __future__ import annotations

import pickle
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from stma_d2.data import open_frames
from stma_d2.errors import InputError

NUM_FRAMES = 12
SIZE = (24, 32)


def image(number: int) -> np.ndarray:
    """A frame of one color that tells its number."""
    return np.full((*SIZE, 3), (10 * number, 255 - 10 * number, 128), dtype=np.uint8)


def shows(frame: np.ndarray, number: int) -> bool:
    return bool(np.abs(frame.astype(int) - image(number)).max() < 5)


def write_folder(path: Path, extension: str) -> Path:
    path.mkdir()
    for number in range(1, NUM_FRAMES + 1):
        cv2.imwrite(str(path / f"{number:05d}{extension}"), image(number))
    return path


def write_video(path: Path) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, SIZE[::-1])
    for number in range(1, NUM_FRAMES + 1):
        writer.write(image(number))
    writer.release()
    return path


@pytest.fixture(params=[".jpg", ".png"])
def folder(tmp_path, request):
    return write_folder(tmp_path / "video", request.param)


@pytest.fixture
def video_file(tmp_path):
    return write_video(tmp_path / "video.avi")


@pytest.fixture(params=[".jpg", ".png", ".avi"])
def source(tmp_path, request):
    """A folder of images, or a video file."""
    if request.param == ".avi":
        return str(write_video(tmp_path / "source.avi"))
    return str(write_folder(tmp_path / "source", request.param))


def test_frames_come_in_the_order_asked_for(source):
    numbers = [5, 1, 12, 5, 6, 2, 2]
    frames = open_frames(source).read(numbers)
    assert [shows(f, n) for f, n in zip(frames, numbers, strict=True)] == [True] * 7
    assert frames[0].shape == (*SIZE, 3) and frames[0].dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):  # equal numbers share one array
        frames[0][:] = 0


def test_reading_on_and_reading_back_give_the_right_frames(source):
    reader = open_frames(source)
    for numbers in ([3, 4], [5], [5], [4, 5, 6], [12], [1], [2, 9]):
        frames = reader.read(numbers)
        assert all(shows(f, n) for f, n in zip(frames, numbers, strict=True))


def test_iteration_gives_every_frame_once_and_leaves_reading_alone(source):
    reader = open_frames(source)
    reader.read([7])
    assert [shows(f, n) for n, f in enumerate(reader, start=1)] == [True] * NUM_FRAMES
    assert reader.count() == NUM_FRAMES
    frames = list(reader.timed())
    assert reader.times()[:-1].tolist() == [frame.time for frame in frames]
    assert reader.times()[-1] == pytest.approx(frames[-1].time + frames[-1].duration)
    assert shows(reader.read([8])[0], 8)


def test_a_reader_can_be_sent_to_another_process(source):
    reader = open_frames(source)
    reader.read([4])
    assert shows(pickle.loads(pickle.dumps(reader)).read([2])[0], 2)


def test_each_distinct_frame_is_decoded_once(folder, monkeypatch):
    decoded = []
    decode = cv2.imdecode
    monkeypatch.setattr(cv2, "imdecode", lambda *args: decoded.append(1) or decode(*args))
    open_frames(str(folder)).read([1, 1, 2, 1, 3, 3])
    assert len(decoded) == 3


def test_reading_on_opens_a_video_file_once(video_file, monkeypatch):
    opened = []
    av_open = av.open
    monkeypatch.setattr(av, "open", lambda *a, **k: opened.append(1) or av_open(*a, **k))
    reader = open_frames(str(video_file))
    assert not opened
    reader.count()  # makes the index
    opened.clear()
    for number in range(1, NUM_FRAMES + 1):
        reader.read([number])
    assert len(opened) == 1


def test_a_frame_beyond_the_end_is_one_error_and_reading_goes_on(source):
    reader = open_frames(source)
    with pytest.raises(
        InputError,
        match=r"frame 13 (is missing \(00013\.(jpg|png)\)|was asked for; .*frame 12)",
    ):
        reader.read([2, 13])
    assert shows(reader.read([11])[0], 11)


def test_frame_numbers_start_at_one(source):
    with pytest.raises(InputError, match="the first is frame 1"):
        open_frames(source).read([3, 0])


def test_a_missing_frame_is_named(folder):
    for path in folder.glob("00004.*"):
        path.unlink()
    reader = open_frames(str(folder))
    with pytest.raises(InputError, match="frame 4 is missing"):
        reader.read([3, 4, 5])
    with pytest.raises(InputError, match="frame 4 .* is missing"):
        reader.count()


def test_an_empty_folder_and_a_missing_video_are_one_error(tmp_path):
    with pytest.raises(InputError, match="holds no numbered pictures .* it holds nothing"):
        open_frames(str(tmp_path)).count()
    with pytest.raises(InputError, match=r"no folder of frames and no video file at .*absent"):
        open_frames(str(tmp_path / "absent"))


def test_a_frame_of_another_size_than_expected_is_one_error(source, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("the image was decoded"))
    with pytest.raises(InputError, match=r"source.*: frame 2 is 32 x 24 pixels, expected 48 x 36"):
        open_frames(source, size=(36, 48)).read([2])


def test_a_frame_of_another_size_than_the_others_is_one_error(folder):
    cv2.imwrite(str(next(folder.glob("00003.*"))), np.zeros((10, 20, 3), np.uint8))
    with pytest.raises(InputError, match=r"frame 3 is 20 x 10 pixels, expected 32 x 24"):
        open_frames(str(folder)).read([1, 2, 3])


@pytest.fixture
def large_jpeg(tmp_path):
    """A smooth picture of 64 x 48 pixels, as a JPEG in a folder of its own."""
    rows, columns = np.mgrid[:48, :64]
    picture = np.stack([4 * columns, 5 * rows, 255 - 2 * rows - 2 * columns], axis=-1)
    folder = tmp_path / "large"
    folder.mkdir()
    cv2.imwrite(str(folder / "00001.jpg"), picture.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 95])
    return folder


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_reduced_jpegs_are_the_means_of_blocks_of_pixels(large_jpeg, factor):
    reader = open_frames(str(large_jpeg), size=(48, 64))
    (whole,), (reduced,) = reader.read([1]), reader.read([1], reduction=factor)
    assert reduced.shape == (48 // factor, 64 // factor, 3)
    blocks = whole.reshape(48 // factor, factor, 64 // factor, factor, 3).mean(axis=(1, 3))
    assert np.abs(reduced - blocks).mean() < 1.5
    with pytest.raises(ValueError, match="read-only"):
        reduced[:] = 0


def test_frames_that_are_no_faster_reduced_come_whole(source, large_jpeg, tmp_path):
    assert open_frames(source).read([1], reduction=2)[0].shape[:2] == SIZE  # no size to check
    if not list(Path(source).glob("*.jpg")):
        assert open_frames(source, SIZE).read([1], reduction=2)[0].shape[:2] == SIZE
    odd = tmp_path / "odd"
    odd.mkdir()
    cv2.imwrite(str(odd / "00001.jpg"), np.zeros((50, 60, 3), np.uint8))
    reader = open_frames(str(odd), size=(50, 60))
    assert [reader.read([1], r)[0].shape[:2] for r in (2, 4)] == [(25, 30), (50, 60)]
    (large_jpeg / "00001.jpg").write_bytes(cv2.imencode(".png", image(1))[1].tobytes())
    assert shows(open_frames(str(large_jpeg), SIZE).read([1], reduction=2)[0], 1)


@pytest.mark.parametrize("true_size", [(47, 64), (24, 32), (64, 48)])
def test_a_reduced_frame_of_another_size_than_expected_tells_its_true_size(large_jpeg, true_size):
    # Reduced by two, 47 x 64 pixels would look like 48 x 64; and 24 x 32 looks so when whole.
    cv2.imwrite(str(large_jpeg / "00001.jpg"), np.zeros((*true_size, 3), np.uint8))
    message = f"frame 1 is {true_size[1]} x {true_size[0]} pixels, expected 64 x 48"
    with pytest.raises(InputError, match=message):
        open_frames(str(large_jpeg), size=(48, 64)).read([1], reduction=2)


@pytest.mark.parametrize("orientation", [2, 3, 4, 6, 8])
def test_reduced_frames_are_turned_by_exif_like_whole_ones(large_jpeg, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(large_jpeg / "00001.jpg") as picture:
        picture.save(large_jpeg / "00001.jpg", exif=exif, quality=95)
    (whole,) = open_frames(str(large_jpeg)).read([1])
    assert whole.shape[:2] == ((64, 48) if orientation > 4 else (48, 64))
    reader = open_frames(str(large_jpeg), size=whole.shape[:2])
    (read,) = reader.read([1], reduction=2)
    expected = whole
    if orientation <= 4:
        expected = cv2.resize(whole, (32, 24), interpolation=cv2.INTER_AREA)
    assert read.shape == expected.shape  # where the sides change places, frames come whole
    assert np.abs(read.astype(int) - expected).mean() < 1.5
    with pytest.raises(InputError, match="frame 1 is"):
        open_frames(str(large_jpeg), size=whole.shape[1::-1]).read([1], reduction=2)


def test_random_access_to_a_real_video_equals_sequential_decoding(shared):
    path = str(shared / "ucf24-mini/videos/CliffDiving/v_CliffDiving_g03_c01.mp4")
    sequence = list(open_frames(path, size=(240, 320)))
    assert len(sequence) == 92  # the annotation's count
    reader = open_frames(path)
    for numbers in ([92], [1], [40, 41, 44, 50], [49, 50, 51], [60, 3, 60]):
        for number, frame in zip(numbers, reader.read(numbers), strict=True):
            np.testing.assert_array_equal(frame, sequence[number - 1])
