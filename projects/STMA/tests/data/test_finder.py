"""What is found under which name, and what messages say about what is there."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

from stma_d2.data import check_frames, describe, find_frames, list_videos, open_frames
from stma_d2.errors import InputError


def put(folder, *names):
    """Pictures of 4 x 6 pixels whose level is their number among the names, from 10 on."""
    folder.mkdir(parents=True, exist_ok=True)
    for level, name in enumerate(names):
        picture = np.full((4, 6, 3), 10 * (level + 1), np.uint8)
        end = os.path.splitext(name)[1].lower()
        (folder / name).write_bytes(cv2.imencode(end, picture)[1].tobytes())
    return str(folder)


@pytest.mark.parametrize(
    "names",
    [
        ["00001.jpg", "00002.jpg", "00003.jpg"],
        ["img_00001.jpg", "img_00002.jpg", "img_00003.jpg"],
        ["000001.jpg", "000002.jpg", "000003.jpg"],
        ["00000.jpg", "00001.jpg", "00002.jpg"],
        ["frame_000000.PNG", "frame_000001.PNG", "frame_000002.PNG"],
        ["0.jpeg", "1.jpeg", "2.jpeg"],
        ["v_Run_g01-1.png", "v_Run_g01-2.png", "v_Run_g01-3.png"],
    ],
)
def test_frames_are_read_under_the_names_of_other_projects(tmp_path, names):
    reader = open_frames(put(tmp_path / "v", *names))
    assert reader.count() == 3
    levels = [round(float(frame.mean()), -1) for frame in reader.read([1, 2, 3, 1])]
    assert levels == [10, 20, 30, 10]
    assert [round(float(frame.mean()), -1) for frame in reader] == [10, 20, 30]
    with pytest.raises(InputError, match=r"frame 4 is missing \(.*[34]\.\w+\)"):
        reader.read([4])


def test_numbers_without_zeros_in_front_are_counted_as_numbers(tmp_path):
    reader = open_frames(put(tmp_path / "v", *(f"{number}.png" for number in range(1, 13))))
    assert reader.count() == 12
    assert [frame[0, 0, 0] for frame in reader.read([2, 10, 12])] == [20, 100, 120]


def test_a_gap_is_named_as_the_file_is_called(tmp_path):
    folder = put(tmp_path / "v", "img_00000.jpg", "img_00001.jpg", "img_00003.jpg")
    with pytest.raises(InputError, match=r"frame 3 \(img_00002\.jpg\) is missing"):
        open_frames(folder).count()


def test_a_listing_tells_the_first_frame_that_is_missing(tmp_path):
    folder = put(tmp_path / "v", "000000.png", "000001.png", "000002.png", "000004.png")
    check_frames(folder, 3)  # what comes after the frames that are asked for does not matter
    for num_frames in (4, 5, 9):
        with pytest.raises(InputError, match=r"v: frame 4 \(000003\.png\) is missing"):
            check_frames(folder, num_frames)


def test_of_several_series_the_usual_one_is_taken_and_doubt_is_an_error(tmp_path):
    usual = put(tmp_path / "a", "img_00001.jpg", "flow_x_00001.jpg", "flow_y_00001.jpg", "._1.jpg")
    assert open_frames(usual).read([1])[0].mean().round() == 10
    doubt = put(tmp_path / "b", "flow_x_00001.jpg", "flow_y_00001.jpg")
    message = r"several series of pictures: flow_x_\*\.jpg \(1\), flow_y_\*\.jpg \(1\)"
    with pytest.raises(InputError, match=message):
        open_frames(doubt).count()
    both = put(tmp_path / "c", "img_0001.jpg", "img_0001.png")
    with pytest.raises(InputError, match=r"img_\*\.jpg \(1\), img_\*\.png \(1\)"):
        open_frames(both).count()


def test_frames_that_begin_late_are_an_error(tmp_path):
    folder = put(tmp_path / "v", "00037.jpg", "00038.jpg")
    with pytest.raises(InputError, match=r"first frame is 00037\.jpg; .* from 0 or 1"):
        open_frames(folder).count()


def test_a_folder_without_frames_says_what_it_holds(tmp_path):
    folder = put(tmp_path / "v", "cover.jpg", "back.jpg")
    (tmp_path / "v" / "a.MP4").touch()
    (tmp_path / "v" / "more").mkdir()
    message = (
        r"holds no numbered pictures .*; it holds 1 video file \(a\.MP4\), 1 folder \(more\), "
        r"2 other files \(back\.jpg, cover\.jpg\)"
    )
    with pytest.raises(InputError, match=message):
        open_frames(folder).count()


def test_a_video_is_found_as_a_folder_or_as_a_file(tmp_path):
    (tmp_path / "Run" / "a").mkdir(parents=True)
    (tmp_path / "Run" / "b.AVI.txt").touch()
    (tmp_path / "Run" / "v.1_c.mkv").touch()
    root = str(tmp_path)
    assert find_frames(root, "Run/a") == str(tmp_path / "Run" / "a")
    assert find_frames(root, "Run/v.1_c") == str(tmp_path / "Run" / "v.1_c.mkv")
    assert find_frames(root, "Run/b") is None


@pytest.mark.parametrize("name", ["../b", "a/../../b", "..", "", ".", "/etc"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    (tmp_path / "root" / "a").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    with pytest.raises(InputError, match="leads out of"):
        find_frames(str(tmp_path / "root"), name)


@pytest.mark.parametrize("asked", ["Run/v", "run/V", "RUN/v.mp4", "Run/v.MP4", "Run/v.avi"])
def test_capitals_and_extensions_of_an_id_do_not_matter(tmp_path, asked):
    (tmp_path / "Run").mkdir()
    (tmp_path / "Run" / "v.MP4").touch()
    assert find_frames(str(tmp_path), asked) == str(tmp_path / "Run" / "v.MP4")


def test_an_id_with_an_extension_finds_the_folder_of_frames(tmp_path):
    (tmp_path / "Run" / "v").mkdir(parents=True)
    assert find_frames(str(tmp_path), "Run/v.avi") == str(tmp_path / "Run" / "v")
    assert find_frames(str(tmp_path), "run/V.avi") == str(tmp_path / "Run" / "v")
    (tmp_path / "Run" / "v.avi").touch()
    assert find_frames(str(tmp_path), "Run/v.avi") == str(tmp_path / "Run" / "v.avi")


def test_names_that_differ_only_in_capitals_are_an_error_unless_one_is_meant(tmp_path):
    for name in ("v.mp4", "V.mp4"):
        (tmp_path / name).touch()
    if len(os.listdir(tmp_path)) < 2:
        pytest.skip("this file system does not tell capitals apart")
    assert find_frames(str(tmp_path), "V") == str(tmp_path / "V.mp4")
    (tmp_path / "v.mp4").rename(tmp_path / "v.MP4")
    (tmp_path / "V.mp4").rename(tmp_path / "V.Mp4")
    with pytest.raises(InputError, match=r"'v' may be any of V\.Mp4, v\.MP4 in"):
        find_frames(str(tmp_path), "v")


def test_all_videos_of_a_folder_are_listed(tmp_path):
    for name in ("b.MKV", "a/x.mp4", "a/x.mp4.index", "a/cover1.jpg", "notes.txt", ".hidden.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    put(tmp_path / "a" / "frames", "img_1.jpg")
    expected = [str(tmp_path / name) for name in ("a/frames", "a/x.mp4", "b.MKV")]
    assert list_videos(str(tmp_path)) == expected


def test_a_missing_input_says_what_is_there(tmp_path):
    (tmp_path / "Street.MP4").touch()
    with pytest.raises(InputError, match=r"no video file at .*street\.mov; there is .*Street\.MP4"):
        open_frames(str(tmp_path / "street.mov"))
    with pytest.raises(InputError, match=r"holds 1 video file \(Street\.MP4\)"):
        open_frames(str(tmp_path / "house.mp4"))
    assert describe(str(tmp_path / "no")) == "is no folder"
