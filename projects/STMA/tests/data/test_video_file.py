"""Video files as they come from cameras and broken downloads: what is decoded, and what is told."""

from __future__ import annotations

import logging
import os
import signal
import struct
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from stma_d2.data import open_frames
from stma_d2.data.video_file import VideoDecoder
from stma_d2.errors import InputError

SIZE = (48, 64)
COUNT = 30


def scene(number: int) -> np.ndarray:
    """Frame ``number``: a smooth picture that moves."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    phase = (columns + 3 * number) / 10
    return (128 + 90 * np.stack([np.sin(phase), np.cos(phase), np.sin(rows / 9)], -1)).astype("u1")


def write(path: Path, codec: str = "libx264", pixel_format: str = "yuv420p", **options) -> Path:
    """Encode ``COUNT`` frames; MP4 files have their index in front."""
    movflags = {"movflags": "+faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=movflags) as container:
        stream = container.add_stream(codec, rate=25, options={"g": "10", **options})
        stream.height, stream.width, stream.pix_fmt = *SIZE, pixel_format
        for number in range(1, COUNT + 1):
            frame = av.VideoFrame.from_ndarray(scene(number), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def packets(path: Path) -> list[av.Packet]:
    with av.open(str(path)) as container:
        return [packet for packet in container.demux(video=0) if packet.size]


def damage(path: Path, number: int) -> None:
    """Write zeros over the packet of the frame that is shown as ``number``."""
    stamps = sorted(packet.pts for packet in packets(path))
    (packet,) = (p for p in packets(path) if p.pts == stamps[number - 1])
    with open(path, "r+b") as file:
        file.seek(packet.pos)
        file.write(bytes(packet.size))


def read_all(path: Path) -> list[np.ndarray]:
    return list(open_frames(str(path), conceal_damage=True))


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mp4", "libx264", "yuvj420p"),
        ("a.mkv", "libx264", "yuv444p"),
        ("a.mp4", "libx264", "yuv422p10le"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.avi", "mjpeg", "yuvj420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
    ],
)
def test_pixels_are_those_of_opencv(tmp_path, name, codec, pixel_format):
    path = write(tmp_path / name, codec, pixel_format)
    capture = cv2.VideoCapture(str(path))
    frames = list(open_frames(str(path)))
    assert len(frames) == COUNT
    for frame in frames:
        np.testing.assert_array_equal(frame, capture.read()[1])
    assert not capture.read()[0]


@pytest.mark.parametrize("name", ["plain.mp4", "pause_with_sound.mp4", "vfr.mkv", "rot90.mp4"])
def test_whole_videos_are_read_whole(shared, name):
    reader = open_frames(str(shared / "cases/videos" / name))
    assert reader.count() == len(list(reader)) == 24


def test_a_rotated_video_is_upright(shared):
    upright = open_frames(str(shared / "cases/videos/rot90.mp4")).read([5])[0]
    lying = open_frames(str(shared / "cases/videos/plain.mp4")).read([5])[0]
    np.testing.assert_array_equal(upright, np.rot90(lying, -1))


# a, b, c, d of x' = a x + c y, y' = b x + d y, and the same done by numpy.
ONE = 1 << 16
DISPLAYS = {
    "as it is": ((ONE, 0, 0, ONE), lambda p: p),
    "quarter turn": ((0, ONE, -ONE, 0), lambda p: np.rot90(p, -1)),
    "half turn": ((-ONE, 0, 0, -ONE), lambda p: np.rot90(p, 2)),
    "three quarters": ((0, -ONE, ONE, 0), lambda p: np.rot90(p)),
    "mirrored": ((-ONE, 0, 0, ONE), np.fliplr),
    "upside down": ((ONE, 0, 0, -ONE), np.flipud),
    "transposed": ((0, ONE, ONE, 0), lambda p: p.transpose(1, 0, 2)),
    "a degree off": ((65526, 1144, -1144, 65526), lambda p: p),
}


@pytest.mark.parametrize("name", DISPLAYS)
def test_a_display_matrix_turns_and_mirrors(tmp_path, name):
    (a, b, c, d), expected = DISPLAYS[name]
    path = write(tmp_path / "a.mp4")
    (lying,) = open_frames(str(path)).read([5])
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44  # of the track's header, version 0
    content[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    np.testing.assert_array_equal(open_frames(str(path)).read([5])[0], expected(lying))


def test_times_are_those_of_the_file(shared):
    uneven, paused = (
        list(open_frames(str(shared / "cases/videos" / name)).timed())
        for name in ("vfr.mkv", "pause_with_sound.mp4")
    )
    assert uneven[0].time == 0 and uneven[-1].time == pytest.approx(5.98)
    assert uneven[-1].time + uneven[-1].duration == pytest.approx(6.02)
    assert max(np.diff([frame.time for frame in paused])) > 119


def test_a_bad_frame_of_xvid_is_named_and_the_others_are_read(shared):
    path = str(shared / "cases/videos/xvid_bad_frame_10.avi")
    reader, decoded = open_frames(path), []
    for number in range(1, 25):
        try:
            decoded += reader.read([number])
        except InputError as error:
            assert str(error) == f"{path}: frame 9 of about 24 could not be decoded"
    assert len(decoded) == 23


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4")])
def test_a_damaged_frame_is_named_and_the_others_keep_their_numbers(tmp_path, name, codec):
    path = write(tmp_path / name, codec)
    whole = read_all(path)
    damage(path, 14)
    reader = open_frames(str(path))
    with pytest.raises(InputError, match=rf"{name}: frame 14 of about 30 could not be decoded$"):
        reader.read([14])
    # From the next key frame on nothing is missing; the first is frame 1, they come each ten.
    for number in [*range(1, 11), *range(21, 31)]:
        np.testing.assert_array_equal(reader.read([number])[0], whole[number - 1])


def test_frames_that_the_decoder_leaves_out_after_damage_keep_their_numbers(tmp_path):
    """Without its parameter sets, H.264 gives nothing before the next key frame."""
    path = write(tmp_path / "a.mp4", bf="0")
    whole = read_all(path)
    damage(path, 11)
    frames = read_all(path)
    assert len(frames) == COUNT
    assert all(np.array_equal(frames[n], whole[n]) for n in [*range(10), *range(20, 30)])


@pytest.mark.parametrize("call", [lambda reader: reader.count(), list])
def test_counting_and_iterating_meet_the_damage(tmp_path, call):
    path = write(tmp_path / "a.avi", "mpeg4")
    damage(path, 14)
    with pytest.raises(InputError, match="frame 14 of about 30 could not be decoded"):
        call(open_frames(str(path)))


def test_concealed_damage_shows_the_frame_before_and_warns_once(tmp_path, caplog):
    path = write(tmp_path / "a.avi", "mpeg4")
    damage(path, 14)
    reader = open_frames(str(path), conceal_damage=True)
    with caplog.at_level(logging.WARNING):
        assert reader.count() == COUNT
        frames = list(reader)
        again = reader.read([13, 14])
    np.testing.assert_array_equal(frames[13], frames[12])
    np.testing.assert_array_equal(again[1], frames[13])
    assert [r.getMessage() for r in caplog.records] == [
        f"{path}: frame 14 of about 30 could not be decoded"
    ]


def test_a_first_frame_that_is_damaged_is_shown_by_the_next_good_one(tmp_path):
    path = write(tmp_path / "a.avi", "mjpeg", "yuvj420p")
    whole = read_all(path)
    damage(path, 1)
    frames = read_all(path)
    assert len(frames) == COUNT
    np.testing.assert_array_equal(frames[0], whole[1])


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mpeg4"), ("a.mkv", "libx264")]
)
@pytest.mark.parametrize("kept", [5, 17, 27])
def test_a_file_that_is_cut_off_gives_its_frames_and_says_so(tmp_path, name, codec, kept):
    path = write(tmp_path / name, codec)
    whole = read_all(path)
    torn = packets(path)[kept]
    os.truncate(path, torn.pos + torn.size // 2)
    reader, decoded = open_frames(str(path)), []
    with pytest.raises(InputError, match=r"frame \d+.* could not be decoded") as error:
        for frame in reader:
            decoded.append(frame)
    assert f"frame {len(decoded) + 1} " in str(error.value)
    assert kept - 3 <= len(decoded) <= kept  # H.264 tells some frames apart by later ones
    for frame, expected in zip(decoded, whole, strict=False):
        np.testing.assert_array_equal(frame, expected)
    assert len(decoded) <= open_frames(str(path), conceal_damage=True).count() <= len(decoded) + 1


def test_a_trimmed_video_is_not_taken_for_damaged(tmp_path):
    """An edit list hides the first ten frames, although the file holds them."""
    source, path = write(tmp_path / "a.mp4"), tmp_path / "trimmed.mp4"
    with av.open(str(source)) as whole, av.open(str(path), "w") as trimmed:
        stream = trimmed.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.size:
                shift = int(10 / 25 / packet.time_base)
                packet.stream = stream
                packet.pts -= shift
                packet.dts -= shift
                trimmed.mux(packet)
    assert open_frames(str(path)).count() == COUNT - 10


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a video" * 100,
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{video}\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '{video}'\n",
    ],
)
def test_what_is_no_video_is_one_error_and_playlists_lead_nowhere(tmp_path, content):
    video = write(tmp_path / "video.mp4")
    path = tmp_path / "other.mp4"
    path.write_bytes(content.replace(b"{video}", str(video).encode()))
    with pytest.raises(InputError, match=r"other\.mp4 cannot be opened as a video"):
        VideoDecoder(str(path))


def test_sound_alone_is_one_error(tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 8000
        container.mux([*stream.encode(frame), *stream.encode()])
    with pytest.raises(InputError, match=r"sound\.mp4 cannot be opened .*: it holds no video"):
        VideoDecoder(str(tmp_path / "sound.mp4"))


def test_larger_frames_than_allowed_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr("stma_d2.data.video_file.MAX_PIXELS", 48 * 64 - 1)
    path = write(tmp_path / "a.mp4")
    with pytest.raises(InputError, match=r"a\.mp4 .*: it holds no video .* at most 3071 pixels"):
        VideoDecoder(str(path))


def test_a_forked_process_can_free_its_parents_reader(tmp_path):
    """Data loaders fork; a decoder with threads of its own would hang there."""
    reader = open_frames(str(write(tmp_path / "a.mp4")))
    reader.read([5])
    child = os.fork()
    if child == 0:
        del reader
        os._exit(0)
    before = signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(20)
    _, status = os.waitpid(child, 0)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    assert status == 0
