"""Windows, snippets and clips: the rule of ACT and MOC, evaluated frame by frame."""

from pathlib import Path

import numpy as np
import pytest

from stma_d2.config import load_config
from stma_d2.data.annotations import load_annotations
from stma_d2.data.clip_sampler import ClipSampler
from stma_d2.errors import InputError
from stma_d2.structures import Tube


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


def test_training_windows_of_two_overlapping_tubes(make_tube) -> None:
    # Frames 3..9 and 7..12, K = 3: 5 and 6 cut the second's start, 8 the first's end.
    windows = ClipSampler(3, 3).training_windows(20, [make_tube(3, 9), make_tube(7, 12)])
    assert windows.dtype == np.int64
    assert windows.tolist() == [3, 4, 7, 10]


@pytest.mark.parametrize("length", [1, 3, 5])
def test_windows_equal_the_rule_frame_by_frame(make_tube, length: int) -> None:
    rng = np.random.default_rng(length)
    sampler = ClipSampler(length, length)
    for _ in range(40):
        num_frames = int(rng.integers(1, 40))
        ends = np.sort(rng.integers(1, num_frames + 1, (rng.integers(0, 4), 2)), axis=1)
        tubes = [make_tube(first, last) for first, last in ends.tolist()]
        expected = windows_frame_by_frame(num_frames, tubes, length)
        others = set(range(1, num_frames + 2 - length)) - set(expected)
        assert sampler.training_windows(num_frames, tubes).tolist() == expected
        assert sampler.background_windows(num_frames, tubes).tolist() == sorted(others)


def test_training_windows_refuse_a_tube_beyond_the_video(make_tube) -> None:
    with pytest.raises(InputError, match="frames 5 to 11, but the video has 10"):
        ClipSampler(3, 3).training_windows(10, [make_tube(5, 11)])


def test_training_windows_of_real_videos_equal_the_rule_frame_by_frame(shared: Path) -> None:
    sampler = ClipSampler(5, 16)
    annotations = load_annotations(shared / "ucf24-mini" / "UCF101v2-GT.pkl")
    for video in annotations.videos.values():
        expected = windows_frame_by_frame(video.num_frames, video.tubes, 5)
        assert sampler.training_windows(video.num_frames, video.tubes).tolist() == expected
    # One tube on frames 24 .. 78, as the data's README says.
    diving = annotations.videos["CliffDiving/v_CliffDiving_g03_c01"]
    assert sampler.training_windows(diving.num_frames, diving.tubes).tolist() == list(range(24, 75))


@pytest.mark.parametrize(
    ("sampler", "window", "num_frames", "expected"),
    [
        # (16 - 5) // 2 = 5 frames before the snippet 30 .. 34, 6 after.
        (ClipSampler(5, 16), 30, 100, list(range(25, 41))),
        (ClipSampler(3, 8), 1, 5, [1, 1, 1, 2, 3, 4, 5, 5]),  # edge frames repeat
        # 16 frames up to 34; frames -3 .. 4; and, of a video of 2 frames, -4 .. 3.
        (ClipSampler(5, 16, "end"), 30, 100, list(range(19, 35))),
        (ClipSampler(3, 8, "end"), 2, 100, [1, 1, 1, 1, 1, 2, 3, 4]),
        (ClipSampler(3, 8, "end"), 1, 2, [1, 1, 1, 1, 1, 1, 2, 2]),
        # Every second frame around the same key frame 32, the clip's eighth: 7 before, 8 after.
        (ClipSampler(5, 16, frame_stride=2), 30, 100, list(range(32 - 14, 32 + 17, 2))),
        (ClipSampler(3, 8, frame_stride=2), 1, 5, [1, 1, 1, 2, 4, 5, 5, 5]),  # -4, -2, 0, ..., 10
    ],
)
def test_clip_lies_around_or_before_its_snippet(sampler, window, num_frames, expected) -> None:
    assert sampler.clip_frames(window, num_frames).tolist() == expected


def test_snippet_follows_its_window_and_repeats_the_last_frame() -> None:
    assert ClipSampler(5, 8).snippet_frames(30, 100).tolist() == [30, 31, 32, 33, 34]
    assert ClipSampler(5, 8).snippet_frames(1, 3).tolist() == [1, 2, 3, 3, 3]


def test_clip_of_every_third_frame_ends_with_the_snippet() -> None:
    sampler = ClipSampler(3, 4, "end", 3)
    assert sampler.clip_frames(30, 100).tolist() == [23, 26, 29, 32]
    assert sampler.reach == 10
    numbers, snippets, clips = sampler.layout([30], 100)
    assert numbers.tolist() == [23, 26, 29, 30, 31, 32]  # the snippet's frames are read besides
    assert (snippets.tolist(), clips.tolist()) == ([[3, 4, 5]], [[0, 1, 2, 5]])


def test_chunk_layout_finds_each_window_its_frames() -> None:
    windows, sampler = [6, 7, 8], ClipSampler(3, 8)
    numbers, snippets, clips = sampler.layout(windows, 11)
    assert numbers.tolist() == list(range(4, 12))  # 4 .. 13, cut at 11
    for window, snippet, clip in zip(windows, numbers[snippets], numbers[clips], strict=True):
        assert snippet.tolist() == sampler.snippet_frames(window, 11).tolist()
        assert clip.tolist() == sampler.clip_frames(window, 11).tolist()


def test_chunk_layout_of_clips_that_end_with_their_snippet() -> None:
    numbers, snippets, clips = ClipSampler(3, 8, "end").layout([6, 7], 11)
    assert numbers.tolist() == list(range(1, 10))
    assert snippets.tolist() == [[5, 6, 7], [6, 7, 8]]
    assert clips.tolist() == [list(range(8)), list(range(1, 9))]


def test_snippet_instances_are_the_tubes_that_hold_every_frame(make_tube) -> None:
    tubes = [make_tube(1, 9, 4), make_tube(8, 20, 5), make_tube(2, 30, 6)]
    boxes, labels = ClipSampler(3, 8).snippet_instances(tubes, 6)
    assert labels.tolist() == [4, 6] and labels.dtype == np.int64
    assert boxes.dtype == np.float32
    assert boxes[:, :, 0].tolist() == [[6, 7, 8], [6, 7, 8]]  # x1 is the frame's number


def test_snippet_without_tubes_has_no_instances(make_tube) -> None:
    boxes, labels = ClipSampler(5, 8).snippet_instances([make_tube(1, 4)], 10)
    assert boxes.shape == (0, 5, 4) and labels.shape == (0,)


def test_snippets_that_do_not_fit_into_the_clip_are_refused() -> None:
    message = r"INPUT.SNIPPET_LENGTH \(7\) is greater than INPUT.CLIP_LENGTH \(5\)"
    with pytest.raises(InputError, match=message):
        ClipSampler(7, 5)


def test_without_a_3d_backbone_nothing_beyond_the_snippet_is_seen() -> None:
    assert ClipSampler.from_config(load_config("")) == ClipSampler(5, 16)
    cfg = load_config("", ["MODEL.BACKBONE_3D.NAME", ""])
    assert ClipSampler.from_config(cfg) == ClipSampler(5, 5)
    cfg = load_config("", ["MODEL.BACKBONE_3D.NAME", "", "INPUT.CLIP_FRAME_STRIDE", "2"])
    assert ClipSampler.from_config(cfg) == ClipSampler(5, 5)


def test_every_video_has_a_window() -> None:
    assert [ClipSampler(5, 16).num_windows(length) for length in (1, 5, 6, 20)] == [1, 1, 2, 16]


def test_jitter_draws_every_stride_equally_often_and_leaves_the_snippet_alone() -> None:
    sampler, rng = ClipSampler(3, 8, frame_stride=3, stride_jitter=2), np.random.default_rng(0)
    drawn = [sampler.draw(rng) for _ in range(1000)]
    counts = {stride: sum(one.frame_stride == stride for one in drawn) for stride in range(1, 6)}
    assert sum(counts.values()) == 1000
    assert all(abs(count - 200) < 5 * 13 for count in counts.values())  # 13: the standard deviation
    for one in drawn[:20]:
        assert one.snippet_frames(40, 100).tolist() == [40, 41, 42]
        steps = np.diff(one.clip_frames(40, 100))
        assert steps.tolist() == [one.frame_stride] * 7


def test_without_jitter_nothing_is_drawn() -> None:
    sampler, rng = ClipSampler(5, 16, frame_stride=2), np.random.default_rng(0)
    assert sampler.draw(rng) is sampler
    assert rng.random() == np.random.default_rng(0).random()


def test_jitter_that_allows_no_step_at_all_is_refused() -> None:
    message = r"CLIP_FRAME_STRIDE_JITTER \(2\) must be less than INPUT.CLIP_FRAME_STRIDE \(2\)"
    with pytest.raises(InputError, match=message):
        ClipSampler(5, 16, frame_stride=2, stride_jitter=2)
