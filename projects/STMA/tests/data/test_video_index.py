"""The index of a video file: what it says, when it is made anew, and where it is kept."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from stma_d2.data import open_frames, video_index
from stma_d2.data.video_index import video_index as index_of
from stma_d2.visualization import write_video


@pytest.fixture
def made(monkeypatch):
    """Which videos were indexed anew; nothing is remembered from other tests."""
    make, paths = video_index._make, []
    video_index._index.cache_clear()
    monkeypatch.setattr(
        video_index, "_make", lambda path: paths.append(os.path.basename(path)) or make(path)
    )
    yield paths
    video_index._index.cache_clear()


def write(path, level=60, count=6):
    pictures = (np.full((32, 48, 3), level + 10 * number, np.uint8) for number in range(count))
    write_video(path, pictures, fps=10)
    return str(path)


def forget():
    """As in a new process."""
    video_index._index.cache_clear()


def test_the_index_is_kept_beside_the_file_and_used_again(tmp_path, made):
    path = write(tmp_path / "a.mp4")
    first = index_of(path, keep=True)
    assert sorted(os.listdir(tmp_path)) == ["a.mp4", "a.mp4.index"]
    forget()
    again = index_of(path, keep=True)
    assert made == ["a.mp4"]
    for name, value in vars(first).items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert len(first) == 6 and not first.damaged.any() and not first.is_cut_off
    assert first.times == pytest.approx(np.arange(7) / 10)


def test_a_file_that_changed_is_indexed_anew(tmp_path, made):
    path = write(tmp_path / "a.mp4")
    index_of(path, keep=True)
    write(tmp_path / "a.mp4", count=4)
    assert len(index_of(path, keep=True)) == 4
    assert open_frames(path, keep_index=True).count() == 4 and made == ["a.mp4"] * 2


def test_another_file_of_the_same_size_and_time_is_indexed_anew(tmp_path, made):
    path, status = write(tmp_path / "a.mp4"), None
    index_of(path, keep=True)
    status = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(-3, os.SEEK_END)
        file.write(b"\0\0\0")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    forget()
    index_of(path, keep=True)
    assert made == ["a.mp4"] * 2


def test_the_index_of_another_video_is_not_used(tmp_path, made):
    one, two = write(tmp_path / "a.mp4"), write(tmp_path / "b.mp4", count=9)
    index_of(one, keep=True)
    shutil.copy(one + ".index", two + ".index")
    assert len(index_of(two, keep=True)) == 9 and made == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize("harm", [b"", b"no index", None])
def test_a_damaged_index_is_made_anew(tmp_path, made, harm):
    path = write(tmp_path / "a.mp4")
    index_of(path, keep=True)
    index = tmp_path / "a.mp4.index"
    index.write_bytes(index.read_bytes()[:-40] if harm is None else harm)
    forget()
    assert len(index_of(path, keep=True)) == 6 and made == ["a.mp4"] * 2
    forget()
    index_of(path, keep=True)
    assert made == ["a.mp4"] * 2, "the new one was written"


@pytest.mark.parametrize(
    "arrays",
    [
        {"stamps": np.zeros(())},
        {"stamps": np.zeros(6, np.int8)},
        {"times": np.full(7, np.nan)},
        {"keys": np.zeros(4)},
        {"stated_length": np.zeros(3, np.int64)},
        {"is_cut_off": np.array("x")},
        {"bound_to": np.array(["x"])},
        {"more": np.zeros(10**6)},
    ],
)
def test_an_index_with_other_arrays_than_its_own_is_made_anew(tmp_path, made, arrays):
    path = write(tmp_path / "a.mp4")
    index_of(path, keep=True)
    with np.load(path + ".index") as kept:
        content = {**kept, **arrays}
    with open(path + ".index", "wb") as file:
        np.savez(file, **content)
    forget()
    assert len(index_of(path, keep=True)) == 6 and made == ["a.mp4"] * 2


def test_a_pipe_in_the_place_of_an_index_is_not_read(tmp_path, made):
    path = write(tmp_path / "a.mp4")
    os.mkfifo(path + ".index")
    assert len(index_of(path)) == 6 and made == ["a.mp4"]


def test_where_nothing_can_be_written_the_index_stays_in_memory(tmp_path, made, monkeypatch):
    path = write(tmp_path / "a.mp4")

    def refuse(target):
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr(video_index, "atomic_write", refuse)
    assert [open_frames(path, keep_index=True).count() for _ in range(2)] == [6, 6]
    assert os.listdir(tmp_path) == ["a.mp4"] and made == ["a.mp4"]


def test_nothing_is_left_beside_a_video_that_is_read_once(tmp_path, made):
    path = write(tmp_path / "a.mp4")
    reader = open_frames(path)
    assert (reader.count(), len(reader.times()), len(reader.read([5, 2]))) == (6, 7, 2)
    assert os.listdir(tmp_path) == ["a.mp4"] and made == ["a.mp4"]


def test_a_kept_index_serves_those_who_keep_none(tmp_path, made):
    path = write(tmp_path / "a.mp4")
    index_of(path, keep=True)
    forget()
    assert open_frames(path).count() == 6 and made == ["a.mp4"]


def test_another_version_of_the_decoders_makes_another_index(tmp_path, made, monkeypatch):
    path = write(tmp_path / "a.mp4")
    index_of(path, keep=True)
    forget()
    versions = {**video_index.av.library_versions, "libavcodec": (1, 2, 3)}
    monkeypatch.setattr(video_index.av, "library_versions", versions)
    index_of(path, keep=True)
    assert made == ["a.mp4"] * 2


def test_a_file_without_a_video_leaves_no_index(tmp_path, made):
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"a\.mp4 cannot be opened as a video"):
        index_of(str(tmp_path / "a.mp4"), keep=True)
    assert os.listdir(tmp_path) == ["a.mp4"]
