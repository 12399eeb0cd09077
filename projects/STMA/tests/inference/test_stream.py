"""Frame by frame: the same as the whole video at once, at a cost that does not grow."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from detectron2.modeling import build_model

from stma_d2.data import open_frames
from stma_d2.errors import InputError
from stma_d2.evaluation import configured_protocol
from stma_d2.inference import StreamPredictor, VideoPredictor, describe_video
from stma_d2.linking import link_tubelets
from stma_d2.structures import Tubelets
from stma_d2.visualization import write_video

K = 3  # of the tiny network
FLIPPED = ["TEST.FLIP", True]
STRIDED = ["INPUT.CLIP_FRAME_STRIDE", 3]
FRAME_MODEL = ["MODEL.BACKBONE_3D.NAME", ""]
CLASS_AWARE_MODEL = [*FRAME_MODEL, "MODEL.STMA.CENTER.CLASS_AGNOSTIC", False]


@pytest.fixture
def make_cfg(tiny_cfg, tmp_path):
    """Makes the configuration of the tiny network as a causal one, with weights."""

    def make(*changes):
        cfg = tiny_cfg.clone()
        cfg.DATASETS.TEST = ()
        cfg.INPUT.SNIPPET_POSITION = "end"
        cfg.TEST.TUBELETS_PER_WINDOW = 4
        cfg.TEST.LINKING.MIN_TUBELET_SCORE = 0.0
        cfg.MODEL.WEIGHTS = str(tmp_path / "weights.pth")
        cfg.merge_from_list(list(changes))
        torch.manual_seed(0)
        torch.save({"model": build_model(cfg).state_dict()}, cfg.MODEL.WEIGHTS)
        return cfg

    return make


@pytest.fixture
def cfg(make_cfg):
    return make_cfg()


def frames_of_scenes(*lengths, seed=0):
    """(48, 80, 3) uint8 frames: scenes that stand almost still, so that tubes begin and end."""
    rng = np.random.default_rng(seed)
    for length in lengths:
        scene = np.kron(rng.integers(0, 240, (6, 10, 3)), np.ones((8, 8, 1)))
        for _ in range(length):
            yield (scene + rng.integers(0, 16, scene.shape)).astype(np.uint8)


@pytest.fixture
def make_video(tmp_path):
    def make(*lengths):
        path = str(tmp_path / "video.mp4")
        write_video(path, frames_of_scenes(*lengths), fps=25)
        return path

    return make


def collect(predictor, path):
    """The steps of a whole video, and its tubes."""
    steps = [predictor.push(frame) for frame in open_frames(path)]
    tubes = [tube for step in steps for tube in step.ended]
    return steps, tubes, predictor.finish()


def as_tubelets(steps):
    return Tubelets.cat([step.tubelets for step in steps if step.window is not None])


def comparable(tubes):
    return sorted(
        (tube.label, tube.frames.tolist(), tube.score, tube.boxes.tolist()) for tube in tubes
    )


@pytest.mark.parametrize("changes", [[], FLIPPED, STRIDED, FRAME_MODEL, CLASS_AWARE_MODEL])
def test_tubelets_equal_those_of_the_whole_video(
    make_cfg, make_video, changes, assert_same_tubelets
):
    cfg, path = make_cfg(*changes), make_video(9, 8)
    steps, _, _ = collect(StreamPredictor(cfg), path)
    streamed = as_tubelets(steps)
    offline = VideoPredictor(cfg).predict_tubelets(describe_video(path))
    assert streamed.windows.tolist() == list(range(1, 16))
    assert_same_tubelets(streamed, offline)


def test_tubes_equal_those_linked_from_the_whole_video(cfg, make_video):
    steps, ended, last = collect(StreamPredictor(cfg), make_video(20, 20, 20))
    assert ended and last
    rules = vars(configured_protocol(cfg).linking)
    expected = link_tubelets(as_tubelets(steps), 60, **rules)
    assert comparable([*ended, *last]) == comparable(expected)


def test_steps_tell_the_frame_its_window_and_what_is_live(cfg, make_video):
    steps, _, _ = collect(StreamPredictor(cfg), make_video(6))
    assert [step.frame_number for step in steps] == [1, 2, 3, 4, 5, 6]
    assert [step.window for step in steps] == [None, None, 1, 2, 3, 4]
    assert steps[1].tubelets is None and steps[1].live == []
    assert steps[3].tubelets.windows.tolist() == [2]
    assert steps[3].tubelets.boxes.shape == (1, 4, K, 4)
    assert steps[3].live
    assert all(tube.first_frame in (1, 2) and tube.last_frame <= 4 for tube in steps[3].live)


def test_nothing_later_changes_what_was_detected(cfg):
    """Two streams that agree on their first 12 frames have equal steps up to there."""
    first, second = StreamPredictor(cfg), StreamPredictor(cfg)
    one = [first.push(frame) for frame in frames_of_scenes(12, 5)]
    other = [second.push(frame) for frame in frames_of_scenes(12)]
    assert np.array_equal(as_tubelets(one[:12]).boxes, as_tubelets(other).boxes)


def test_a_video_shorter_than_the_snippet_has_one_window(make_cfg, make_video):
    cfg = make_cfg("TEST.PROTOCOL", "act", "INPUT.SNIPPET_LENGTH", 5)
    path = make_video(3)
    predictor = StreamPredictor(cfg)
    seen = []
    predictor._linker.push = lambda *arguments: seen.append(arguments) or []
    steps, _, _ = collect(predictor, path)
    assert [step.window for step in steps] == [None] * 3
    ((window, boxes, scores),) = seen
    offline = VideoPredictor(cfg).predict_tubelets(describe_video(path))
    assert [window] == offline.windows.tolist() == [1]
    np.testing.assert_allclose(boxes, offline.boxes[0], atol=1e-3)
    np.testing.assert_allclose(scores, offline.scores[0], atol=1e-5)


def test_each_frame_passes_the_backbones_once(cfg, count_rows):
    predictor = StreamPredictor(cfg)
    network = predictor.detector.init_state().network
    frames, clips = count_rows(network.backbone), count_rows(network.backbone_3d.blocks[0])
    for frame in frames_of_scenes(10):
        predictor.push(frame)
    assert (sum(frames), sum(clips)) == (10, 10 - K + 1)


def test_what_is_kept_does_not_grow(cfg):
    """The pickled predictor is as large after 100 frames as after 40: nothing piles up."""
    predictor = StreamPredictor(cfg)
    sizes = []
    for scene in range(5):
        for frame in frames_of_scenes(20, seed=scene):
            predictor.push(frame)
        sizes.append(len(pickle.dumps(vars(predictor))))
    assert max(sizes[2:]) < 1.05 * sizes[1]


def test_after_the_end_another_stream_begins(cfg):
    predictor, fresh = StreamPredictor(cfg), StreamPredictor(cfg)
    for frame in frames_of_scenes(9, seed=1):
        predictor.push(frame)
    predictor.finish()
    again = [predictor.push(frame) for frame in list(frames_of_scenes(16))]
    first = [fresh.push(frame) for frame in frames_of_scenes(16)]
    assert [step.frame_number for step in again] == list(range(1, 17))
    assert np.array_equal(as_tubelets(again).boxes, as_tubelets(first).boxes)
    assert comparable(predictor.finish()) == comparable(fresh.finish())


def test_an_empty_stream_has_no_tubes(cfg):
    assert StreamPredictor(cfg).finish() == []


def test_frames_of_another_size_are_refused_and_leave_the_stream_as_it_is(cfg):
    predictor = StreamPredictor(cfg)
    frames = list(frames_of_scenes(5))
    predictor.push(frames[0])
    with pytest.raises(InputError, match="frame 2 of the stream is 40 x 48 .* frames of 80 x 48"):
        predictor.push(frames[1][:, :40])
    assert predictor.push(frames[1]).frame_number == 2


@pytest.mark.parametrize("frame", [np.zeros((48, 80), np.uint8), np.zeros((48, 80, 3))])
def test_what_is_no_8_bit_color_frame_is_refused(cfg, frame):
    with pytest.raises(InputError, match=r"frame 1 .* must be \(height, width, 3\) uint8"):
        StreamPredictor(cfg).push(frame)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["INPUT.SNIPPET_POSITION", "middle"], "set INPUT.SNIPPET_POSITION to 'end', and train"),
        (["TEST.CLIP_STRIDE", 2], "TEST.CLIP_STRIDE is 2"),
    ],
)
def test_networks_that_look_ahead_are_refused(cfg, keys, message):
    cfg.merge_from_list(keys)
    with pytest.raises(InputError, match=message):
        StreamPredictor(cfg)


def test_without_3d_backbone_the_middle_is_as_good(make_cfg):
    predictor = StreamPredictor(make_cfg(*FRAME_MODEL, "INPUT.SNIPPET_POSITION", "middle"))
    assert [predictor.push(frame).window for frame in frames_of_scenes(3)] == [None, None, 1]


def test_a_tube_that_never_ends_is_cut(cfg, monkeypatch):
    """At 20 frames, or where a gap of K = 3 windows is bridged there, up to K - 1 later."""
    monkeypatch.setattr("stma_d2.inference.stream.MAX_TUBE_LENGTH", 20)
    predictor = StreamPredictor(cfg)
    ended = [tube for f in frames_of_scenes(60) for tube in predictor.push(f).ended]
    assert 20 <= max(len(tube) for tube in ended) <= 22
