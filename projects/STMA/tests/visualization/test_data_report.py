"""The sheet about a data set, by hand."""

from __future__ import annotations

import html
import json
import re

import cv2
import numpy as np
import pytest

from stma_d2.structures import Tube
from stma_d2.visualization.data_report import write_data_sheet


def tube(first, last, label, side=20):
    frames = np.arange(first, last + 1)
    box = np.array([4, 4, 4 + side - 1, 4 + side - 1], np.float32)
    return Tube(frames, np.tile(box, (len(frames), 1)), label)


@pytest.fixture
def video(tmp_path):
    """Makes a video of 30 frames of 50 x 32 pixels: an area of 40 x 40."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(1, 31):
        cv2.imwrite(str(folder / f"{number:05d}.jpg"), np.full((32, 50, 3), 90, np.uint8))

    def make(name, *tubes):
        shape = {"num_frames": 30, "height": 32, "width": 50}
        return {"video_id": name, "path": str(folder), "tubes": list(tubes), **shape}

    return make


def rows(page):
    lines = re.findall("<tr>.*?</tr>", page)
    cells = (re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line) for line in lines)
    return {html.unescape(first): rest for first, *rest in cells}


def test_counts_durations_and_sizes(video, tmp_path, evil):
    """Class a: tubes of 10, 20 and 30 frames, boxes of half the frame's side but for one tube."""
    videos = [
        video("v", tube(1, 10, 0), tube(1, 30, 0)),
        video("w", tube(5, 24, 0, side=10), tube(1, 30, 1)),
        video("silent"),
    ]
    write_data_sheet(videos, ["a", evil.label, "never"], "mine", tmp_path, 15)
    page = (tmp_path / "data.html").read_text()
    table = rows(page)
    assert table["a"] == ["2", "3", "60", "10", "20", "30", "50"]
    assert table[evil.label] == ["1", "1", "30", "30", "30", "30", "50"]
    assert table["never"] == ["0", "0", "0", "", "", "", ""]
    assert "Classes without a tube: never." in page
    assert "Tubes of fewer than 15 frames: 1." in page
    write_data_sheet(videos, ["a", evil.label, "never"], "mine", tmp_path, 10)
    assert "Tubes of fewer than" not in (tmp_path / "data.html").read_text()
    assert "reach out of the frame" not in page
    counts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert counts["videos"] == "3" and counts["frames"] == "90" and counts["tubes"] == "4"
    assert counts["videos without a tube"] == "1" and counts["frame sizes"] == "50 x 32"
    assert "<script>document" not in page


def test_a_video_of_each_class_with_its_tubes(video, tmp_path):
    videos = [video(f"v{n}", tube(1, n, 0)) for n in (16, 20, 30)] + [video("x", tube(2, 9, 1))]
    write_data_sheet(videos, ["a", "b"], "mine", tmp_path, 15)
    page = (tmp_path / "data.html").read_text()
    scripts = re.findall(r'<script type="application/json">(.*?)</script>', page)
    shown = [json.loads(text) for text in scripts]
    assert [one["name"] for one in shown] == ["v20", "x"]
    assert len(shown[0]["pictures"]) == 30
    assert [(t["label"], t["first"], t["last"]) for t in shown[1]["tubes"]] == [("b", 2, 9)]
    assert "a: frames 1 to 20" in page
    assert "No tube was found" not in page


def test_boxes_out_of_the_frame_are_told(video, tmp_path):
    write_data_sheet([video("v", tube(1, 20, 0, side=40))], ["a"], "mine", tmp_path, 15)
    assert "out of the frame: 1, the first is v." in (tmp_path / "data.html").read_text()


def test_a_corner_in_the_last_pixel_is_inside_and_one_beyond_is_not(video, tmp_path):
    """Corners belong to the box: in a frame 32 pixels high the last one is 31."""
    for side, told in ((28, False), (29, True)):  # from pixel 4 on
        one = video("v", tube(1, 20, 0, side=side))
        write_data_sheet([one], ["a"], "mine", tmp_path, 15)
        assert ("out of the frame" in (tmp_path / "data.html").read_text()) is told


def test_groups_and_facts_are_told(video, tmp_path):
    videos = [video("v", tube(1, 20, 0), tube(1, 20, 1))]
    groups, facts = {"b": "slow", "a": "quick"}, {"camera": 0.5}
    files = write_data_sheet(videos, ["a", "b"], "mine", tmp_path / "new", 15, groups, facts)
    assert [path.name for path in files] == ["data.html", "classes.png"]
    assert all(path.stat().st_size > 1000 for path in files)
    page = files[0].read_text()
    table = rows(page)
    assert table["class"][:3] == ["group", "videos", "tubes"]
    assert table["a"][:3] == ["quick", "1", "1"] and table["b"][:3] == ["slow", "1", "1"]
    assert "<dt>camera</dt><dd>0.5</dd>" in page


def test_a_data_set_without_any_tube_has_a_page_and_no_picture(video, tmp_path):
    files = write_data_sheet([video("v")], ["a"], "mine", tmp_path, 15)
    assert files == (tmp_path / "data.html",)
    assert "Classes without a tube: a." in (tmp_path / "data.html").read_text()


def test_a_video_opens_on_the_tube_that_it_is_shown_for(video, tmp_path):
    """The player opens in the middle of the first of its tubes."""
    write_data_sheet([video("v", tube(1, 5, 1), tube(20, 29, 0))], ["a", "b"], "m", tmp_path, 1)
    page = (tmp_path / "data.html").read_text()
    scripts = re.findall(r'<script type="application/json">(.*?)</script>', page)
    firsts = [[(t["label"], t["first"]) for t in json.loads(text)["tubes"]] for text in scripts]
    assert firsts == [[("a", 20), ("b", 1)], [("b", 1), ("a", 20)]]
