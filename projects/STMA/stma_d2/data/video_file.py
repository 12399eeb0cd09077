"""Decoding a video file forwards, frame by frame, and telling its end from damage."""

from __future__ import annotations

import bisect
import math
import os
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import VideoReformatter

from ..errors import InputError
from .image_file import MAX_PIXELS
from .video_damage import why_cut_off, why_not_opened

# Containers that hold their pictures. A playlist would lead to files elsewhere.
_FORMATS = "mov,mp4,avi,matroska,webm,mpeg,mpegts,mpegvideo,m4v,h264,hevc,asf,flv,ogg,gif"
_DEFAULT_RATE = 25  # frames a second, of a file that does not say


class Picture(NamedTuple):
    """One frame of a video file.

    Attributes:
        frame: what to show; a neighbor where the frame could not be decoded.
        time: seconds from the file's zero to the moment when the frame appears.
        duration: seconds that it is meant to last.
        damaged: whether it could not be decoded, or not whole.
    """

    frame: av.VideoFrame
    time: float
    duration: float
    damaged: bool


class VideoDecoder:
    """Decodes a video file once, from its beginning to its end.

    One thread decodes. The workers of a data loader are forked, and a process that was forked while
    a decoder had threads hangs when it frees it.

    The pixels are those of OpenCV's reader, bit for bit (compared for 8 and 10 bits, full and
    limited range, 4:2:0 to 4:4:4). What a codec conceals inside a frame, as H.264 decoders do,
    counts as decoded.

    Attributes:
        stated_length: the number of frames that the file's header states; 0 where it states none.
        is_cut_off: whether the rest of the file is missing or cannot be read; known at its end.
        keys: of the key frames met so far, the timestamp and where to seek for it.
    """

    def __init__(self, path: str) -> None:
        """Open the file; nothing is decoded yet.

        Raises:
            InputError: if it is no video that can be opened, or its frames have more than
                `MAX_PIXELS` pixels.
        """
        limit = {"max_pixels": str(MAX_PIXELS)}
        options = {"format_whitelist": _FORMATS, **limit}
        try:
            self._container = av.open(path, options=options, metadata_errors="ignore")
        except (av.error.FFmpegError, OSError) as error:
            raise InputError(
                f"{path} cannot be opened as a video: {why_not_opened(path, error)}"
            ) from error
        self._stream = self._container.streams.best("video")
        self._codec = self._stream and self._stream.codec_context
        if not self._codec or not 0 < self._codec.width * self._codec.height <= MAX_PIXELS:
            none = f"it holds no video of a known codec with frames of at most {MAX_PIXELS} pixels"
            raise InputError(f"{path} cannot be opened as a video: {why_cut_off(path) or none}")
        self._codec.thread_type, self._codec.thread_count, self._codec.options = "NONE", 1, limit
        self._path, self._reformatter = path, VideoReformatter()
        self.stated_length = self._stream.frames
        self.is_cut_off = False
        self.keys: list[tuple[float, float]] = []
        self._failed = False
        # Timestamps of packets whose frames are still to come, ascending.
        self._waiting: list[float] = []

    def __iter__(self) -> Iterator[Picture]:
        """The frames in the order in which they are shown."""
        last: Picture | None = None
        for frame, lost in self._decoded():
            picture = self._picture(frame, last)
            if self.is_cut_off and last and picture.time > last.time + 1.5 * last.duration:
                return  # a frame between the two was in the missing part
            for stamp in lost:
                last = self._stand_in(last or picture, stamp)
                yield last
            last = picture._replace(frame=last.frame) if picture.damaged and last else picture
            yield last
        if last and self._failed and not self.is_cut_off:
            for stamp in self._waiting:
                last = self._stand_in(last, stamp)
                yield last

    def frames_from(self, position: float) -> Iterator[av.VideoFrame]:
        """Decode from a key frame on, without a word about damage.

        The decoder is used up for `__iter__`. Frames that refer to others before the key frame may
        come first, or not, and be wrong.

        Args:
            position: where to seek for it, of `keys`.
        """
        try:
            self._container.seek(int(position), stream=self._stream)
            for packet in self._container.demux(self._stream):
                yield from self._decode(packet)
        except av.error.FFmpegError:
            return

    def pixels(self, frame: av.VideoFrame) -> np.ndarray:
        """(height, width, 3) uint8 BGR, upright."""
        return upright_pixels(frame, self._reformatter)

    def _packets(self) -> Iterator[av.Packet | None]:
        """The packets that hold something, and None at the end."""
        end = Fraction(0)  # seconds, of the last packet of any stream
        try:
            for packet in self._container.demux():
                if packet.pts is not None:
                    end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
                if packet.stream_index == self._stream.index and packet.size:
                    yield packet
            self.is_cut_off = self._ends_before_its_time(end)
        except av.error.FFmpegError:
            self.is_cut_off = True
        yield None

    def _decoded(self) -> Iterator[tuple[av.VideoFrame, list[float]]]:
        """Each frame with the timestamps of those that should have come before it.

        After a failure decoders also leave out frames without a word, or give them late. From then
        on each packet stands for one frame.
        """
        newest = -math.inf
        for packet in self._packets():
            if packet is not None and not packet.is_discard:
                bisect.insort(self._waiting, timestamp(packet))
                if packet.is_keyframe and math.isfinite(timestamp(packet)):
                    self.keys.append((timestamp(packet), self._position(packet)))
            for frame in self._decode(packet):
                stamp = timestamp(frame)
                if self._failed and frame.pts is not None and stamp <= newest:
                    continue  # it comes late; another was shown for it
                newest = stamp
                passed = bisect.bisect_left(self._waiting, stamp)
                yield frame, self._waiting[:passed] if self._failed else []
                del self._waiting[: bisect.bisect_right(self._waiting, stamp)]

    def _position(self, packet: av.Packet) -> float:
        """Matroska finds key frames by the time when they are shown, others when decoded."""
        by_display = self._container.format.name.startswith("matroska") or packet.dts is None
        return timestamp(packet) if by_display else packet.dts

    def _decode(self, packet: av.Packet | None) -> list[av.VideoFrame]:
        try:
            frames = self._codec.decode(packet)
        except av.error.FFmpegError:
            self._failed = True
            return []
        self._failed |= any(frame.is_corrupt for frame in frames)
        return frames

    def _picture(self, frame: av.VideoFrame, last: Picture | None) -> Picture:
        base = self._stream.time_base
        duration = frame.duration * base or 1 / (self._stream.guessed_rate or _DEFAULT_RATE)
        time = last.time + last.duration if last else 0.0
        if frame.pts is not None:
            time = frame.pts * base
        return Picture(frame, float(time), float(duration), frame.is_corrupt)

    def _stand_in(self, neighbor: Picture, stamp: float) -> Picture:
        time = float(stamp * self._stream.time_base) if math.isfinite(stamp) else neighbor.time
        return neighbor._replace(time=time, damaged=True)

    def _ends_before_its_time(self, end: Fraction) -> bool:
        if os.path.getsize(self._path) < self._stated_bytes():
            return True
        stated = (self._container.duration or 0) / av.time_base
        slack = 2.5 / (self._stream.guessed_rate or _DEFAULT_RATE)
        return self._container.format.name.startswith("matroska") and end + slack < stated

    def _stated_bytes(self) -> int:
        """The size that the file must have by its header or index; 0 where neither says."""
        name = self._container.format.name
        with open(self._path, "rb") as file:
            head = file.read(4096)
        if name.startswith("mov"):
            return max((entry.pos + entry.size for entry in self._stream.index_entries), default=0)
        if name == "avi":  # the RIFF chunk's size
            return int.from_bytes(head[4:8], "little")
        start = head.find(b"\x18\x53\x80\x67") + 4  # Matroska's segment
        if name.startswith("matroska") and 4 <= start < len(head) - 8 and head[start]:
            width = 9 - head[start].bit_length()  # leading zeros of the first byte say the width
            size = int.from_bytes(head[start : start + width], "big") & ((1 << 7 * width) - 1)
            unknown = size == (1 << 7 * width) - 1
            return 0 if unknown else start + width + size
        return 0


def upright_pixels(frame: av.VideoFrame, reformatter: VideoReformatter) -> np.ndarray:
    """(height, width, 3) uint8 BGR, turned and mirrored as the file's display matrix says.

    Another angle than a multiple of 90 degrees is taken for the nearest.
    """
    converted = reformatter.reformat(frame, format="bgr24", interpolation="BICUBIC", threads=1)
    pixels, matrix = converted.to_ndarray(), frame.side_data.get(Type.DISPLAYMATRIX)
    if matrix is not None:
        # x' = a x + c y, y' = b x + d y
        (a, b), (c, d) = np.frombuffer(matrix, np.int32).reshape(3, 3)[:2, :2]
        if abs(b) + abs(c) > abs(a) + abs(d):
            pixels, (a, d) = pixels.transpose(1, 0, 2), (c, b)
        pixels = pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
    return np.ascontiguousarray(pixels)


def timestamp(item: av.Packet | av.VideoFrame) -> float:
    """When it is shown, or, where it does not say, when it is decoded; in the stream's units."""
    stamps = (item.pts, item.dts)
    return next((stamp for stamp in stamps if stamp is not None), -math.inf)
