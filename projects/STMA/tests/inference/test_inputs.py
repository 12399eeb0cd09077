"""What ``--input`` stands for."""

from __future__ import annotations

import os

import pytest

from stma_d2.errors import InputError
from stma_d2.inference.inputs import expand_inputs, short_name


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("clips/b.MP4", "clips/a.mp4", "clips/a.mp4.index", "clips/more/c.avi", "x.dat"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in ("frames/00001.jpg", "texts/readme.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["clips/a.mp4"], ["clips/a.mp4"]),
        (["x.dat"], ["x.dat"]),  # a file that is named is tried, whatever its ending
        (["frames"], ["frames"]),
        (["clips"], ["clips/a.mp4", "clips/b.MP4", "clips/more/c.avi"]),
        (["clips/*"], ["clips/a.mp4", "clips/b.MP4", "clips/more/c.avi"]),
        (["**/*.avi", "frames"], ["clips/more/c.avi", "frames"]),
        (["clips/b.MP4", "clips/*.mp4", "clips/b.MP4"], ["clips/b.MP4", "clips/a.mp4"]),
        (["0"], ["0"]),
        (["rtsp://a/b?c=*"], ["rtsp://a/b?c=*"]),
    ],
)
def test_files_folders_and_patterns_are_videos(root, names, expected):
    assert expand_inputs(names) == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["clips/d.mp4"],
            r"clips/d\.mp4 is not there; .*clips holds 2 video files \(a\.mp4, b\.MP4",
        ),
        (["texts"], r"texts holds no video .*; it holds 1 other file \(readme\.txt\)"),
        (["*.mkv"], r"'\*\.mkv': nothing fits"),
        (["*.dat"], r"'\*\.dat': none of the 1 that fit is a video"),
        (["0", "clips/a.mp4"], "0 is live and never ends by itself; give it alone"),
    ],
)
def test_a_name_that_stands_for_nothing_says_what_is_there(root, names, message):
    with pytest.raises(InputError, match=message):
        expand_inputs(names)


def test_what_is_there_and_no_file_is_said_so(root):
    os.mkfifo("pipe.mp4")
    os.symlink("loop.mp4", "loop.mp4")
    for name in ("pipe.mp4", "loop.mp4"):
        with pytest.raises(InputError, match=rf"{name} is a pipe, a device or a link to nothing"):
            expand_inputs([name])


def test_short_names_have_no_folder_and_no_extension(root):
    names = ["clips/a.mp4", "frames/", "0", "rtsp://u:p@host/x.mp4", "."]
    assert [short_name(name) for name in names] == ["a", "frames", "camera0", "stream", root.name]
