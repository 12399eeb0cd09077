"""What a person reads of a video file that does not open."""

from __future__ import annotations

import av
import numpy as np
import pytest

from stma_d2.data import open_frames
from stma_d2.data.video_damage import missing_boxes
from stma_d2.data.video_file import VideoDecoder
from stma_d2.errors import InputError

BROKEN_OFF = "its index .moov. is missing, because a recording or a copy was broken off; copy"


@pytest.fixture(params=["index last", "index first", "mov"])
def content(request, tmp_path):
    """The bytes of a video of 20 frames, and where its index is."""
    path = tmp_path / ("a.mov" if request.param == "mov" else "a.mp4")
    options = {"movflags": "faststart"} if request.param == "index first" else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("h264", rate=25)
        stream.width = stream.height = 64
        for number in range(20):
            picture = np.random.default_rng(number).integers(0, 255, (64, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return path.read_bytes(), request.param == "index first"


def test_a_whole_file_misses_nothing(content, tmp_path):
    (tmp_path / "whole.mp4").write_bytes(content[0])
    assert missing_boxes(str(tmp_path / "whole.mp4")) == set()


def test_of_a_file_that_is_cut_off_the_missing_index_is_named(content, tmp_path):
    whole, index_first = content
    for share in (0.01, 0.3, 0.6, 0.9):
        path = tmp_path / "cut.mp4"
        path.write_bytes(whole[: int(len(whole) * share)])
        if index_first and share > 0.1:
            assert missing_boxes(str(path)) == {"mdat"}
            with pytest.raises(InputError, match="the rest of the file is missing or unreadable"):
                open_frames(str(path)).count()
        else:
            with pytest.raises(InputError, match=rf"cut\.mp4 cannot be .* video: {BROKEN_OFF}"):
                VideoDecoder(str(path))


def test_boxes_of_large_files_and_to_the_files_end_are_followed(tmp_path):
    path = tmp_path / "a.mp4"
    large = (1).to_bytes(4, "big") + b"mdat" + (24).to_bytes(8, "big") + bytes(8)
    path.write_bytes(large + (0).to_bytes(4, "big") + b"moov" + bytes(50))
    assert missing_boxes(str(path)) == set()
    path.write_bytes(large + (3).to_bytes(4, "big") + b"moov" + bytes(50))
    assert missing_boxes(str(path)) == {"moov"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"<html>404</html>" * 9, "it is damaged, cut off or no video file"),
        (b"R", "it is damaged, cut off or no video file"),  # all that came of an AVI file
    ],
)
def test_what_is_no_mp4_is_told_as_far_as_is_known(tmp_path, content, words):
    (tmp_path / "a.mp4").write_bytes(content)
    assert missing_boxes(str(tmp_path / "a.mp4")) is None
    with pytest.raises(InputError, match=rf"a\.mp4 cannot be opened as a video: {words}"):
        VideoDecoder(str(tmp_path / "a.mp4"))
