"""Walking through a video in chunks: every frame once, the same tubelets as all at once."""

from __future__ import annotations

import itertools

import pytest
import torch
from detectron2.modeling import build_model
from torch import nn

from stma_d2.data import ClipSampler
from stma_d2.errors import InputError
from stma_d2.modeling import TubeletDetector
from stma_d2.modeling.detector import shared_clips
from stma_d2.structures import Tubelets

NUM_FRAMES = 20


@pytest.fixture
def make_chunks(tiny_cfg):
    """Makes the samples of a video of random frames, in chunks of so many windows."""

    def make(windows_per_chunk, video_id="video", seed=0, num_frames=NUM_FRAMES):
        generator = torch.Generator().manual_seed(seed)
        shape = (num_frames, 3, *tiny_cfg.INPUT.SIZE)
        frames = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        sampler = ClipSampler(tiny_cfg.INPUT.SNIPPET_LENGTH, tiny_cfg.INPUT.CLIP_LENGTH)
        windows = torch.arange(1, sampler.num_windows(num_frames) + 1)
        samples = []
        for chunk in windows.split(windows_per_chunk):
            layout = sampler.layout(chunk.numpy(), num_frames)
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


def run(detector, chunks, state=None):
    """All windows of the chunks, taken in their order from ``state`` on."""
    state = detector.init_state() if state is None else state
    return Tubelets.cat([detector.step(state, chunk) for chunk in chunks])


def at_once(model, chunks):
    """All windows of the chunks, each chunk by the model alone."""
    with torch.no_grad():
        return Tubelets.cat([result["tubelets"] for result in model(chunks)])


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("windows_per_chunk", [1, 2, 5])
def test_chunks_in_order_compute_each_frame_once_and_change_nothing(
    tiny_model, make_chunks, windows_per_chunk, flip, assert_same_tubelets, count_rows
):
    detector = TubeletDetector(tiny_model, flip=flip)
    expected = run(detector, make_chunks(NUM_FRAMES))
    network = detector.init_state().network
    frames, clips = count_rows(network.backbone), count_rows(network.backbone_3d.blocks[0])
    assert_same_tubelets(run(detector, make_chunks(windows_per_chunk)), expected)
    assert sum(frames) == NUM_FRAMES * (1 + flip)
    assert sum(clips) == (NUM_FRAMES - 2) * (1 + flip)


def test_chunks_of_two_videos_in_any_order_change_nothing(
    tiny_model, make_chunks, assert_same_tubelets
):
    chunks = make_chunks(7, "a", seed=1) + make_chunks(7, "b", seed=2)
    expected = [at_once(tiny_model, [chunk]) for chunk in chunks]
    detector = TubeletDetector(tiny_model)
    state = detector.init_state()
    for order in itertools.islice(itertools.permutations(range(len(chunks))), 0, 720, 103):
        for i in order:
            assert_same_tubelets(run(detector, [chunks[i]], state), expected[i])


def test_two_videos_side_by_side_do_not_disturb_each_other(
    tiny_model, make_chunks, assert_same_tubelets, count_rows
):
    detector = TubeletDetector(tiny_model)
    videos = [make_chunks(5, seed=seed) for seed in (1, 2)]
    states = [detector.init_state() for _ in videos]
    assert states[0].network is states[1].network
    frames = count_rows(states[0].network.backbone)
    found = [
        [detector.step(state, chunk) for state, chunk in zip(states, chunks, strict=True)]
        for chunks in zip(*videos, strict=True)
    ]
    assert sum(frames) == 2 * NUM_FRAMES
    for tubelets, chunks in zip(zip(*found, strict=True), videos, strict=True):
        assert_same_tubelets(Tubelets.cat(tubelets), at_once(tiny_model, chunks))


def test_the_first_chunk_again_is_computed_again(
    tiny_model, make_chunks, assert_same_tubelets, count_rows
):
    """A video of the same name with other frames, as after a file was replaced."""
    detector = TubeletDetector(tiny_model)
    state = detector.init_state()
    run(detector, make_chunks(4, seed=1, num_frames=4), state)
    frames = count_rows(state.network.backbone)
    again = run(detector, make_chunks(4, seed=2, num_frames=4), state)
    assert sum(frames) == 4
    assert_same_tubelets(again, at_once(tiny_model, make_chunks(4, seed=2, num_frames=4)))


def test_a_video_shorter_than_the_snippet_repeats_its_last_frame(
    tiny_model, make_chunks, assert_same_tubelets, count_rows
):
    (chunk,) = make_chunks(4, num_frames=2)
    frames = count_rows(tiny_model.backbone)
    found = run(TubeletDetector(tiny_model), [chunk])
    assert sum(frames) == 2
    by_hand = {**chunk, "frames": chunk["frames"][[0, 1, 1]], "clip_index": chunk["clip_index"]}
    by_hand["snippet_index"] = torch.tensor([[0, 1, 2]])
    assert_same_tubelets(found, at_once(tiny_model, [by_hand]))


def test_data_parallelism_is_taken_off(tiny_model):
    wrapped = nn.parallel.DistributedDataParallel.__new__(nn.parallel.DistributedDataParallel)
    nn.Module.__init__(wrapped)
    wrapped.module = tiny_model
    assert TubeletDetector(wrapped).model is tiny_model


def test_the_flip_test_finds_the_mirror_images_of_what_it_finds(tiny_cfg, tiny_model, make_chunks):
    """Averaged over both, a video and its mirror image have mirrored heat maps and sizes."""
    tiny_model.movement_head.layers[2].weight.data.zero_()  # the movement is not averaged
    detector = TubeletDetector(tiny_model, flip=True)
    (chunk,) = make_chunks(NUM_FRAMES)
    mirrored = {**chunk, "frames": chunk["frames"].flip(-1)}
    one, two = (run(detector, [sample]) for sample in (chunk, mirrored))
    torch.testing.assert_close(one.scores.sum(2), two.scores.sum(2), atol=1e-5, rtol=1e-4)
    width = tiny_cfg.INPUT.SIZE[1]
    scale = chunk["width"] / width
    left, top, right, bottom = two.boxes.unbind(-1)
    shift = (width - 1) * scale
    expected = torch.stack([shift - right, top, shift - left, bottom], dim=-1)
    limits = torch.tensor([chunk["width"] - 1.0, chunk["height"] - 1.0]).repeat(2)
    both = torch.stack([one.boxes, two.boxes])
    inside = ((both > 0) & (both < limits)).all(dim=-1).all(dim=0)
    assert inside.any()
    torch.testing.assert_close(one.boxes[inside], expected[inside], atol=1e-2, rtol=1e-3)


def test_windows_share_the_clip_of_their_groups_middle():
    middles, groups = shared_clips(torch.arange(1, 9), 3)  # 1 2 3, 4 5 6, 7 8
    assert middles.tolist() == [1, 4, 7]
    assert groups.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    middles, groups = shared_clips(torch.arange(5, 9), 1)
    assert middles.tolist() == groups.tolist() == [0, 1, 2, 3]


def test_a_clip_stride_saves_clips_whatever_the_chunks(
    tiny_model, make_chunks, assert_same_tubelets, count_rows
):
    """Window 1 to 3 get the 3D features of window 2, 4 to 6 those of 5, ..."""
    (whole,) = make_chunks(NUM_FRAMES)
    by_hand = dict(whole)
    middle = torch.tensor([1] * 3 + [4] * 3 + [7] * 3 + [10] * 3 + [13] * 3 + [16] * 3)
    by_hand["clip_index"] = whole["clip_index"][middle]
    expected = at_once(tiny_model, [by_hand])
    detector = TubeletDetector(tiny_model, windows_per_clip=3)
    clips = count_rows(detector.init_state().network.backbone_3d.blocks[0])
    for windows_per_chunk in (3, 6, NUM_FRAMES):
        clips.clear()
        assert_same_tubelets(run(detector, make_chunks(windows_per_chunk)), expected)
        assert sum(clips) == 6


@pytest.mark.parametrize(("stride", "chunk"), [(3, 16), (32, 16)])
def test_a_clip_stride_that_does_not_divide_the_chunk_is_refused(
    tiny_cfg, tiny_model, stride, chunk
):
    tiny_cfg.TEST.CLIP_STRIDE, tiny_cfg.TEST.WINDOWS_PER_CHUNK = stride, chunk
    with pytest.raises(InputError, match=rf"TEST.CLIP_STRIDE is {stride}.*\({chunk}\)"):
        TubeletDetector.from_config(tiny_cfg, tiny_model)


def test_without_a_3d_backbone_no_clips_are_made(tiny_cfg, make_chunks, assert_same_tubelets):
    tiny_cfg.MODEL.BACKBONE_3D.NAME = ""
    model = build_model(tiny_cfg).eval()
    found = run(TubeletDetector.from_config(tiny_cfg, model), make_chunks(5))
    assert_same_tubelets(found, at_once(model, make_chunks(NUM_FRAMES)))


def test_mixed_precision_is_configured(tiny_cfg, tiny_model, make_chunks):
    tiny_cfg.TEST.AMP.ENABLED = True
    dtypes = set()
    tiny_model.backbone.register_forward_hook(lambda _, __, output: dtypes.add(output.dtype))
    found = run(TubeletDetector.from_config(tiny_cfg, tiny_model), make_chunks(9))
    assert dtypes == {torch.bfloat16}
    assert found.scores.dtype == torch.float32


@pytest.mark.parametrize("key", ["FLIP", "CLIP_STRIDE", "AMP.ENABLED"])
def test_the_network_itself_detects_by_the_rules_of_its_configuration(
    tiny_cfg, tiny_model, make_chunks, assert_same_tubelets, key
):
    tiny_cfg.TEST.WINDOWS_PER_CHUNK = 9
    tiny_cfg.merge_from_list([f"TEST.{key}", 3 if key == "CLIP_STRIDE" else True])
    model = build_model(tiny_cfg).eval()
    model.load_state_dict(tiny_model.state_dict())
    (chunk,) = make_chunks(9, num_frames=11)
    expected = run(TubeletDetector.from_config(tiny_cfg, model), [chunk])
    assert_same_tubelets(at_once(model, [chunk]), expected)
    assert not torch.equal(at_once(tiny_model, [chunk]).scores, expected.scores)
