"""What is refused of an image file, and that it is refused before it is decoded."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from stma_d2.data.image_file import load_image
from stma_d2.errors import InputError

DAMAGED = r"image\.\w+: the image is truncated or damaged"


@pytest.fixture(params=[".jpg", ".png"])
def detailed(tmp_path, request):
    """A file of 64 x 48 pixels whose data fill many bytes, and its content."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    path = tmp_path / f"image{request.param}"
    cv2.imwrite(str(path), pixels)
    return path, path.read_bytes()


def read(path: Path, reduction: int = 1) -> np.ndarray:
    return load_image(str(path)).decode(reduction)


def test_the_size_is_read_from_the_header(detailed):
    path, _ = detailed
    image = load_image(str(path))
    assert image.size == (48, 64)
    assert image.is_jpeg == (path.suffix == ".jpg")
    assert image.decode().shape == (48, 64, 3)


def test_progressive_and_padded_headers_are_read(tmp_path):
    pixels = np.zeros((30, 20, 3), np.uint8)
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    data = data.tobytes()
    (tmp_path / "image.jpg").write_bytes(data[:2] + b"\xff" * 3 + data[2:])  # filling bytes
    assert load_image(str(tmp_path / "image.jpg")).size == (30, 20)
    assert read(tmp_path / "image.jpg").shape == (30, 20, 3)


@pytest.mark.parametrize("reduction", [1, 2])
@pytest.mark.parametrize("kept", [0, 1, 30, 300, 0.5])
def test_a_truncated_image_is_one_error(detailed, kept, reduction):
    path, content = detailed
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(InputError, match=DAMAGED):
        read(path, reduction)


@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_without_its_end_marker_is_one_error(tmp_path, missing):
    (tmp_path / "image.jpg").write_bytes(cv2.imencode(".jpg", np.eye(64))[1].tobytes()[:-missing])
    with pytest.raises(InputError, match=DAMAGED):
        read(tmp_path / "image.jpg")


def test_an_image_whose_end_was_never_written_is_one_error(detailed):
    # The file has its full length, as after a crash; OpenCV would pad the rest with grey.
    path, content = detailed
    half = len(content) // 2
    path.write_bytes(content[:half] + bytes(len(content) - half))
    with pytest.raises(InputError, match=DAMAGED):
        read(path)


def test_an_image_with_bytes_after_its_end_is_whole(detailed):
    path, content = detailed
    expected = read(path)
    path.write_bytes(content + b"\0" * 100)
    np.testing.assert_array_equal(read(path), expected)


def huge_png() -> bytes:
    """A PNG of 32000 x 32000 black pixels: 3 GB when it is decoded, under 1 MB as a file."""
    rows, side = zlib.compressobj(9), 32000
    line = bytes(1 + side // 8)
    data = b"".join(rows.compress(line) for _ in range(side)) + rows.flush()
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), (b"IDAT", data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + name + d + struct.pack(">I", zlib.crc32(name + d))
        for name, d in [*chunks, (b"IEND", b"")]
    )


def huge_jpeg() -> bytes:
    """A small JPEG whose header states 32000 x 32000 pixels."""
    data = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    start = data.index(b"\xff\xc0") + 5
    return data[:start] + struct.pack(">HH", 32000, 32000) + data[start + 4 :]


def test_a_png_whose_part_states_a_huge_length_is_refused_before_it_is_decoded(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("the image was decoded"))
    data = cv2.imencode(".png", np.eye(64, dtype=np.uint8))[1].tobytes()
    start = data.index(b"IDAT") - 4
    (tmp_path / "image.png").write_bytes(data[:start] + b"\x7f" + data[start + 1 :])
    with pytest.raises(InputError, match=DAMAGED):
        read(tmp_path / "image.png")


@pytest.mark.parametrize("make", [huge_png, huge_jpeg])
def test_a_huge_image_is_refused_before_it_is_decoded(tmp_path, monkeypatch, make):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("the image was decoded"))
    (tmp_path / "image").write_bytes(make())
    with pytest.raises(InputError, match="image: 32000 x 32000 pixels; a frame may have"):
        read(tmp_path / "image")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    with open(tmp_path / "image.jpg", "wb") as file:
        file.truncate(2**40)  # holds no data
    with pytest.raises(InputError, match=r"image\.jpg has 1099511627776 bytes"):
        read(tmp_path / "image.jpg")


def test_what_is_no_regular_file_is_refused_and_nobody_waits(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "device.jpg", "folder.jpg"):
        with pytest.raises(InputError, match=rf"{name} is not a regular file"):
            read(tmp_path / name)


def test_other_formats_are_refused(tmp_path):
    _, data = cv2.imencode(".bmp", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "image.png").write_bytes(data.tobytes())
    with pytest.raises(InputError, match="neither JPEG nor PNG"):
        read(tmp_path / "image.png")
