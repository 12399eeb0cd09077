"""What is known of a video file's frames once it was decoded: its index, kept if wanted."""

from __future__ import annotations

import io
import logging
import os
import zlib
from dataclasses import asdict, dataclass
from functools import lru_cache

import av
import numpy as np

from ..errors import InputError
from ..files import atomic_write
from ..safe_arrays import read_arrays
from .video_file import VideoDecoder, timestamp

logger = logging.getLogger(__name__)

INDEX_EXTENSION = ".index"  # after the video file's whole name
_VERSION = 1  # of the file's layout and of what decides what a frame is
_SAMPLE = 2**16  # bytes at each end of a video file that the index is bound to
_BYTES_A_BYTE = 64  # of an index for one of a video: a frame has 37 of index and 10 of video
_LEAST_BYTES = 2**16
_LONG = 2000  # frames; the log speaks of indexing such a video


@dataclass(frozen=True)
class VideoIndex:
    """The frames that decoding from the start gives, N of them, without their pixels.

    Attributes:
        stamps: (N,) float64 timestamps of what is shown, in the stream's units; a frame that could
            not be decoded has its neighbor's.
        checksums: (N,) uint32, CRC-32 of the pixels that are shown.
        damaged: (N,) bool, whether the frame could not be decoded whole.
        times: (N + 1,) float64 seconds, when each frame appears and the last one ends.
        keys: (keys, 2) float64, of each key frame the timestamp, ascending, and where to seek.
        stated_length: the number of frames that the file's header states; 0 where it states none.
        is_cut_off: whether the rest of the file is missing or cannot be read.
    """

    stamps: np.ndarray
    checksums: np.ndarray
    damaged: np.ndarray
    times: np.ndarray
    keys: np.ndarray
    stated_length: int
    is_cut_off: bool

    def __len__(self) -> int:
        return len(self.stamps)


def video_index(path: str, keep: bool = False) -> VideoIndex:
    """The index of a video file, from memory, from beside it, or made by decoding it once.

    An index holds for the file's size, time of change and both ends, and for the decoders' version;
    any other is made anew.

    Args:
        path: the video file.
        keep: write a new index to ``<path>.index``, whole. Else, and where that cannot be written,
            it is kept in this process.

    Raises:
        InputError: if the file is no video that can be opened.
    """
    status = os.stat(path)
    return _index(os.path.abspath(path), status.st_size, status.st_mtime_ns, keep)


@lru_cache(maxsize=4096)
def _index(path: str, size: int, changed_ns: int, keep: bool) -> VideoIndex:
    # Checksums are those of one version of the decoders.
    versions = [
        part for library in ("libavcodec", "libswscale") for part in av.library_versions[library]
    ]
    bound_to = np.array([_VERSION, size, changed_ns, _ends(path, size), *versions], np.int64)
    kept = _load(path + INDEX_EXTENSION, bound_to)
    if kept is not None:
        return kept
    index = _make(path)
    where = "in memory"
    if keep and os.stat(path).st_mtime_ns == changed_ns:
        try:
            _save(path + INDEX_EXTENSION, index, bound_to)
            where = path + INDEX_EXTENSION
        except OSError as error:
            logger.debug("no index is written beside %s: %s", path, error.strerror)
    if len(index) >= _LONG:
        logger.info("%s: %d frames were indexed; the index is kept %s", path, len(index), where)
    return index


def _make(path: str) -> VideoIndex:
    decoder = VideoDecoder(path)
    stamps, checksums, damaged, times = [], [], [], []
    shown, checksum, end = None, 0, 0.0
    for picture in decoder:
        if picture.frame is not shown:  # else a neighbor stands in
            shown, checksum = picture.frame, zlib.crc32(decoder.pixels(picture.frame))
        stamps.append(timestamp(shown))
        checksums.append(checksum)
        damaged.append(picture.damaged)
        times.append(picture.time)
        end = picture.time + picture.duration
    return VideoIndex(
        np.array(stamps, np.float64),
        np.array(checksums, np.uint32),
        np.array(damaged, bool),
        np.array([*times, end]),
        np.array(sorted(decoder.keys), np.float64).reshape(-1, 2),
        decoder.stated_length,
        decoder.is_cut_off,
    )


def _ends(path: str, size: int) -> int:
    """A checksum of the file's first and last bytes."""
    with open(path, "rb") as file:
        checksum = zlib.crc32(file.read(_SAMPLE))
        file.seek(max(size - _SAMPLE, 0))
        return zlib.crc32(file.read(_SAMPLE), checksum)


def _save(path: str, index: VideoIndex, bound_to: np.ndarray) -> None:
    content = io.BytesIO()
    np.savez(content, bound_to=bound_to, **asdict(index))
    with atomic_write(path) as file:
        file.write(content.getvalue())


def _load(path: str, bound_to: np.ndarray) -> VideoIndex | None:
    """The index in the file; None where there is none, it is another video's, or damaged."""
    size = int(bound_to[1])
    try:
        values = read_arrays(path, max(_BYTES_A_BYTE * size, _LEAST_BYTES))
    except (OSError, InputError):
        return None
    if not np.array_equal(values.pop("bound_to", None), bound_to):
        return None
    count = values["stamps"].size if "stamps" in values else 0
    forms = {
        "stamps": (np.float64, (count,)),
        "checksums": (np.uint32, (count,)),
        "damaged": (np.bool_, (count,)),
        "times": (np.float64, (count + 1,)),
        "keys": (np.float64, (values["keys"].size // 2 if "keys" in values else 0, 2)),
        "stated_length": (np.int64, ()),
        "is_cut_off": (np.bool_, ()),
    }
    if {name: (value.dtype.type, value.shape) for name, value in values.items()} != forms:
        return None
    if not all(np.isfinite(values[name]).all() for name in ("times", "keys")):
        return None
    values["stated_length"] = int(values["stated_length"])
    values["is_cut_off"] = bool(values["is_cut_off"])
    return VideoIndex(**values)
