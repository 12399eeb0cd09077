"""Windows, snippets and clips: the rule of ACT and MOC, evaluated frame by frame."""

from pathlib import Path

import numpy as np
import pytest

from stma_d2.data.annotations import load_annotations
from stma_d2.data.windows import (
    ChunkIndex,
    WindowIndex,
    check_snippet,
    chunk_layout,
    clip_frames,
    snippet_frames,
    snippet_instances,
    training_windows,
)
from stma_d2.errors import InputError
from stma_d2.structures import Tube


def make_tube(first: int, last: int, label: int = 0) -> Tube:
    """A tube whose box on frame f starts at x1 = f."""
    frames = np.arange(first, last + 1)
    boxes = np.stack([frames, frames * 0 + 2, frames + 10, frames * 0 + 20], axis=1)
    return Tube(frames, boxes.astype(np.float32), label)


def make_video(name: str, num_frames: int, *tubes: Tube) -> dict:
    return {"video_id": name, "num_frames": num_frames, "tubes": list(tubes)}


def windows_frame_by_frame(num_frames: int, tubes: list[Tube], length: int) -> list[int]:
    """The rule as its authors state it, with sets of frames."""
    windows = []
    for window in range(1, num_frames + 2 - length):
        frames = set(range(window, window + length))
        inside = [frames <= set(tube.frames.tolist()) for tube in tubes]
        outside = [not frames & set(tube.frames.tolist()) for tube in tubes]
        if all(i or o for i, o in zip(inside, outside, strict=True)) and any(inside):
            windows.append(window)
    return windows


def test_training_windows_of_two_overlapping_tubes() -> None:
    # Frames 3..9 and 7..12, K = 3: 5 and 6 cut the second's start, 8 the first's end.
    windows = training_windows(20, [make_tube(3, 9), make_tube(7, 12)], 3)
    assert windows.dtype == np.int64
    assert windows.tolist() == [3, 4, 7, 10]


@pytest.mark.parametrize("length", [1, 3, 5])
def test_training_windows_equal_the_rule_frame_by_frame(length: int) -> None:
    rng = np.random.default_rng(length)
    for _ in range(40):
        num_frames = int(rng.integers(1, 40))
        ends = np.sort(rng.integers(1, num_frames + 1, (rng.integers(0, 4), 2)), axis=1)
        tubes = [make_tube(first, last) for first, last in ends.tolist()]
        expected = windows_frame_by_frame(num_frames, tubes, length)
        assert training_windows(num_frames, tubes, length).tolist() == expected


def test_training_windows_of_a_video_shorter_than_the_snippet() -> None:
    assert training_windows(4, [make_tube(1, 4)], 5).tolist() == []


def test_training_windows_refuse_a_tube_beyond_the_video() -> None:
    with pytest.raises(InputError, match="frames 5 to 11, but the video has 10"):
        training_windows(10, [make_tube(5, 11)], 3)


def test_training_windows_of_real_videos_equal_the_rule_frame_by_frame(shared: Path) -> None:
    annotations = load_annotations(shared / "ucf24-mini" / "UCF101v2-GT.pkl")
    for video in annotations.videos.values():
        expected = windows_frame_by_frame(video.num_frames, video.tubes, 5)
        assert training_windows(video.num_frames, video.tubes, 5).tolist() == expected
    # One tube on frames 24 .. 78, as the data's README says.
    diving = annotations.videos["CliffDiving/v_CliffDiving_g03_c01"]
    assert training_windows(diving.num_frames, diving.tubes, 5).tolist() == list(range(24, 75))


def test_clip_has_the_snippet_in_its_middle() -> None:
    clip = clip_frames(30, 5, 16, 100)
    assert clip.tolist() == list(range(25, 41))  # (16 - 5) // 2 = 5 before, 6 after
    assert snippet_frames(30, 5, 100).tolist() == [30, 31, 32, 33, 34]


def test_clip_ends_with_the_snippet_where_nothing_later_may_be_seen() -> None:
    # Window 30, K = 5: the snippet is 30 .. 34, and 16 frames up to 34 begin with 19.
    assert clip_frames(30, 5, 16, 100, "end").tolist() == list(range(19, 35))
    # Window 2, K = 3, T = 8: frames -3 .. 4.
    assert clip_frames(2, 3, 8, 100, "end").tolist() == [1, 1, 1, 1, 1, 2, 3, 4]
    # A video of 2 frames: frames -4 .. 3.
    assert clip_frames(1, 3, 8, 2, "end").tolist() == [1, 1, 1, 1, 1, 1, 2, 2]


def test_edge_frames_repeat_beyond_the_video() -> None:
    assert clip_frames(1, 3, 8, 5).tolist() == [1, 1, 1, 2, 3, 4, 5, 5]
    assert snippet_frames(1, 5, 3).tolist() == [1, 2, 3, 3, 3]


def test_chunk_layout_finds_each_window_its_frames() -> None:
    windows = [6, 7, 8]
    numbers, snippets, clips = chunk_layout(windows, 3, 8, 11)
    assert numbers.tolist() == list(range(4, 12))  # 4 .. 13, cut at 11
    assert snippets.shape == (3, 3) and clips.shape == (3, 8)
    for i, window in enumerate(windows):
        assert numbers[snippets[i]].tolist() == snippet_frames(window, 3, 11).tolist()
        assert numbers[clips[i]].tolist() == clip_frames(window, 3, 8, 11).tolist()


def test_chunk_layout_of_clips_that_end_with_their_snippet() -> None:
    numbers, snippets, clips = chunk_layout([6, 7], 3, 8, 11, "end")
    assert numbers.tolist() == list(range(1, 10))
    assert snippets.tolist() == [[5, 6, 7], [6, 7, 8]]
    assert clips.tolist() == [list(range(8)), list(range(1, 9))]


def test_snippet_instances_are_the_tubes_that_hold_every_frame() -> None:
    tubes = [make_tube(1, 9, 4), make_tube(8, 20, 5), make_tube(2, 30, 6)]
    boxes, labels = snippet_instances(tubes, 6, 3)
    assert labels.tolist() == [4, 6] and labels.dtype == np.int64
    assert boxes.dtype == np.float32
    assert boxes[:, :, 0].tolist() == [[6, 7, 8], [6, 7, 8]]  # x1 is the frame's number


def test_snippet_without_tubes_has_no_instances() -> None:
    boxes, labels = snippet_instances([make_tube(1, 4)], 10, 5)
    assert boxes.shape == (0, 5, 4) and labels.shape == (0,)


def test_window_index_lists_every_training_window_of_every_video() -> None:
    videos = [
        make_video("a", 10, make_tube(2, 5)),
        make_video("empty", 10),
        make_video("b", 6, make_tube(1, 6)),
    ]
    index = WindowIndex(videos, 3)
    items = [index[i] for i in range(len(index))]
    assert [(i["video"]["video_id"], i["windows"].tolist()) for i in items] == [
        ("a", [2]),
        ("a", [3]),
        ("b", [1]),
        ("b", [2]),
        ("b", [3]),
        ("b", [4]),
    ]
    assert items[0]["video"] is videos[0]


def test_window_index_names_the_video_with_a_bad_tube() -> None:
    with pytest.raises(InputError, match="video 'Run/run_01'.*the video has 10"):
        WindowIndex([make_video("Run/run_01", 10, make_tube(8, 12))], 3)


@pytest.mark.parametrize("size", [1, 4, 100])
def test_chunk_index_covers_every_window_once(size: int) -> None:
    index = ChunkIndex([make_video("a", 13), make_video("short", 2), make_video("b", 5)], 5, size)
    windows: dict[str, list[int]] = {}
    for i in range(len(index)):
        item = index[i]
        assert 1 <= len(item["windows"]) <= size
        windows.setdefault(item["video"]["video_id"], []).extend(item["windows"].tolist())
    assert windows == {"a": list(range(1, 10)), "short": [1], "b": [1]}


def test_indexes_end() -> None:
    # Python's iteration protocol relies on the IndexError.
    with pytest.raises(IndexError):
        ChunkIndex([make_video("a", 13)], 5, 4)[3]
    with pytest.raises(IndexError):
        WindowIndex([make_video("a", 3, make_tube(1, 3))], 3)[1]


def test_chunk_index_refuses_empty_chunks() -> None:
    with pytest.raises(InputError, match="TEST.WINDOWS_PER_CHUNK is 0"):
        ChunkIndex([], 5, 0)


@pytest.mark.parametrize(
    ("snippet", "clip", "position", "message"),
    [
        (4, 16, "middle", "INPUT.SNIPPET_LENGTH is 4; it must be odd"),
        (0, 16, "middle", "it must be odd"),
        (7, 5, "end", r"INPUT.SNIPPET_LENGTH \(7\) is greater than INPUT.CLIP_LENGTH \(5\)"),
        (5, 16, "start", "INPUT.SNIPPET_POSITION is 'start'; it must be 'middle' .* or 'end'"),
    ],
)
def test_snippets_that_do_not_fit_are_refused(
    snippet: int, clip: int, position: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_snippet(snippet, clip, position)


def test_snippets_that_fit_are_accepted() -> None:
    check_snippet(1, 1, "end")
    check_snippet(5, 16, "middle")
