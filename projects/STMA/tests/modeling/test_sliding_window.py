"""Walking through a video in chunks: every frame once, the same tubelets as all at once."""

from __future__ import annotations

import itertools

import pytest
import torch
from detectron2.modeling import build_model
from torch import nn

from stma_d2.data.windows import chunk_layout
from stma_d2.errors import InputError
from stma_d2.modeling import SlidingWindow
from stma_d2.modeling.sliding_window import shared_clips

NUM_FRAMES = 20


@pytest.fixture
def make_chunks(tiny_cfg):
    """Makes the samples of a video of random frames, in chunks of so many windows."""

    def make(windows_per_chunk, video_id="video", seed=0, num_frames=NUM_FRAMES):
        generator = torch.Generator().manual_seed(seed)
        shape = (num_frames, 3, *tiny_cfg.INPUT.SIZE)
        frames = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        lengths = tiny_cfg.INPUT.SNIPPET_LENGTH, tiny_cfg.INPUT.CLIP_LENGTH
        windows = torch.arange(1, max(num_frames - lengths[0] + 1, 1) + 1)
        samples = []
        for chunk in windows.split(windows_per_chunk):
            layout = chunk_layout(chunk.numpy(), *lengths, num_frames)
            numbers, snippet_index, clip_index = map(torch.from_numpy, layout)
            samples.append(
                {
                    "video_id": video_id,
                    "height": 120,
                    "width": 160,
                    "windows": chunk,
                    "frames": frames[numbers - 1],
                    "frame_numbers": numbers,
                    "snippet_index": snippet_index,
                    "clip_index": clip_index,
                }
            )
        return samples

    return make


def run(sliding_window, chunks):
    """Boxes (W, N, K, 4) and scores (W, N, C) of all windows, in the chunks' order."""
    results = [result for chunk in chunks for result in sliding_window([chunk])[0]]
    boxes = torch.stack([result.tubelets.tensor for result in results])
    return boxes, torch.stack([result.scores for result in results])


def count_rows(module, counts):
    """Note how many rows each call of ``module`` gets."""
    module.register_forward_hook(lambda _, inputs, __: counts.append(len(inputs[0])))


def assert_same(ours, theirs):
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("windows_per_chunk", [1, 2, 5])
def test_chunks_in_order_compute_each_frame_once_and_change_nothing(
    tiny_model, make_chunks, windows_per_chunk
):
    expected = run(tiny_model, make_chunks(NUM_FRAMES))
    sliding_window = SlidingWindow(tiny_model)
    frames, clips = [], []
    count_rows(tiny_model.backbone, frames)
    count_rows(tiny_model.backbone_3d, clips)
    assert_same(run(sliding_window, make_chunks(windows_per_chunk)), expected)
    assert sum(frames) == NUM_FRAMES
    assert sum(clips) == NUM_FRAMES - 2


def test_chunks_of_two_videos_in_any_order_change_nothing(tiny_model, make_chunks):
    chunks = make_chunks(7, "a", seed=1) + make_chunks(7, "b", seed=2)
    with torch.no_grad():
        expected = [run(tiny_model, [chunk]) for chunk in chunks]
    sliding_window = SlidingWindow(tiny_model)
    for order in itertools.islice(itertools.permutations(range(len(chunks))), 0, 720, 103):
        for i in order:
            assert_same(run(sliding_window, [chunks[i]]), expected[i])


def test_the_first_chunk_again_is_computed_again(tiny_model, make_chunks):
    """A video of the same name with other frames, as after a file was replaced."""
    sliding_window = SlidingWindow(tiny_model)
    run(sliding_window, make_chunks(4, seed=1, num_frames=4))
    frames = []
    count_rows(tiny_model.backbone, frames)
    again = run(sliding_window, make_chunks(4, seed=2, num_frames=4))
    assert sum(frames) == 4
    assert_same(again, run(tiny_model, make_chunks(4, seed=2, num_frames=4)))


def test_a_video_shorter_than_the_snippet_repeats_its_last_frame(tiny_model, make_chunks):
    chunks = make_chunks(4, num_frames=2)
    frames = []
    count_rows(tiny_model.backbone, frames)
    assert_same(run(SlidingWindow(tiny_model), chunks), run(tiny_model, chunks))
    assert frames == [2, 2]


def test_several_chunks_in_a_batch_equal_chunks_one_by_one(tiny_model, make_chunks):
    chunks = make_chunks(7)
    frames = []
    count_rows(tiny_model.backbone, frames)
    results = SlidingWindow(tiny_model)(chunks)
    assert sum(frames) == NUM_FRAMES
    boxes = torch.stack([result.tubelets.tensor for chunk in results for result in chunk])
    assert_same(boxes, run(tiny_model, make_chunks(NUM_FRAMES))[0])


def test_a_walk_begins_a_batch_before_it_hands_out_the_one_before(tiny_model, make_chunks):
    chunks = make_chunks(6)
    expected = run(tiny_model, chunks)
    taken = []

    def batches():
        for chunk in chunks:
            taken.append(chunk)
            yield [chunk]

    walk = SlidingWindow(tiny_model).walk(batches())
    batch, found = next(walk)
    assert batch[0] is chunks[0] and len(taken) == 2
    found += [results for _, (results,) in walk]
    boxes = torch.stack([result.tubelets.tensor for results in found for result in results])
    assert_same(boxes, expected[0])


@pytest.mark.parametrize("forget", [SlidingWindow.reset, SlidingWindow.eval])
def test_after_a_reset_no_old_features_are_used(tiny_model, make_chunks, forget):
    first, second, *_ = make_chunks(5)
    sliding_window = SlidingWindow(tiny_model)
    run(sliding_window, [first])
    with torch.no_grad():
        for parameter in tiny_model.backbone.parameters():
            parameter.mul_(1.5)
    forget(sliding_window)
    assert_same(run(sliding_window, [second]), run(tiny_model, [second]))


def test_the_network_keeps_its_mode_and_is_found_under_data_parallelism(tiny_model):
    assert not SlidingWindow(tiny_model).training
    assert SlidingWindow(tiny_model.train()).training
    wrapped = nn.parallel.DistributedDataParallel.__new__(nn.parallel.DistributedDataParallel)
    nn.Module.__init__(wrapped)
    wrapped.module = tiny_model
    assert SlidingWindow(wrapped).model is tiny_model


def test_windows_share_the_clip_of_their_groups_middle():
    middles, groups = shared_clips(torch.arange(1, 9), 3)  # 1 2 3, 4 5 6, 7 8
    assert middles.tolist() == [1, 4, 7]
    assert groups.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    middles, groups = shared_clips(torch.arange(5, 9), 1)
    assert middles.tolist() == groups.tolist() == [0, 1, 2, 3]


def test_a_clip_stride_saves_clips_whatever_the_chunks(tiny_model, make_chunks):
    """Window 1 to 3 get the 3D features of window 2, 4 to 6 those of 5, ..."""
    (whole,) = make_chunks(NUM_FRAMES)
    by_hand = dict(whole)
    middle = torch.tensor([1] * 3 + [4] * 3 + [7] * 3 + [10] * 3 + [13] * 3 + [16] * 3)
    by_hand["clip_index"] = whole["clip_index"][middle]
    expected = run(tiny_model, [by_hand])
    clips = []
    count_rows(tiny_model.backbone_3d, clips)
    for windows_per_chunk in (3, 6, NUM_FRAMES):
        clips.clear()
        sliding_window = SlidingWindow(tiny_model, windows_per_clip=3)
        assert_same(run(sliding_window, make_chunks(windows_per_chunk)), expected)
        assert sum(clips) == 6


@pytest.mark.parametrize(("stride", "chunk"), [(3, 16), (0, 16), (32, 16)])
def test_a_clip_stride_that_does_not_divide_the_chunk_is_refused(
    tiny_cfg, tiny_model, stride, chunk
):
    tiny_cfg.TEST.CLIP_STRIDE, tiny_cfg.TEST.WINDOWS_PER_CHUNK = stride, chunk
    with pytest.raises(InputError, match=rf"TEST.CLIP_STRIDE is {stride}.*\({chunk}\)"):
        SlidingWindow(tiny_cfg, tiny_model)


def test_without_a_3d_backbone_no_clips_are_made(tiny_cfg, make_chunks):
    tiny_cfg.MODEL.BACKBONE_3D.NAME = ""
    model = build_model(tiny_cfg).eval()
    assert_same(
        run(SlidingWindow(tiny_cfg, model), make_chunks(5)), run(model, make_chunks(NUM_FRAMES))
    )


def test_mixed_precision_is_configured(tiny_cfg, tiny_model, make_chunks):
    tiny_cfg.TEST.AMP.ENABLED = True
    dtypes = set()
    tiny_model.backbone.register_forward_hook(lambda _, __, output: dtypes.add(output.dtype))
    _, scores = run(SlidingWindow(tiny_cfg, tiny_model), make_chunks(9))
    assert dtypes == {torch.bfloat16}
    assert scores.dtype == torch.float32
