"""The mapper on tiny generated videos whose frames say their own number and show their boxes."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from stma_d2.config import load_config
from stma_d2.data.annotations import load_annotations
from stma_d2.data.augmentation import AugmentationRules
from stma_d2.data.clip_sampler import ClipSampler
from stma_d2.data.mapper import ClipDatasetMapper
from stma_d2.data.targets import TargetRules
from stma_d2.data.windows import ChunkIndex
from stma_d2.errors import InputError
from stma_d2.structures import Tube

HEIGHT, WIDTH = 48, 80
SAMPLER = ClipSampler(3, 8)
TARGETS = TargetRules(num_classes=3, stride=4)
CFG = load_config("")
EVERYTHING = replace(AugmentationRules.from_config(CFG.INPUT.AUGMENTATION), max_expand=2.0)


def write_video(folder: Path, num_frames: int, tubes: list[Tube], background=(0, 20, 40)) -> dict:
    """PNG frames with every box painted white, and the standard dict of the video."""
    folder.mkdir()
    for number in range(1, num_frames + 1):
        frame = np.full((HEIGHT, WIDTH, 3), background, np.uint8)
        for tube in tubes:
            box = tube.box_at(number)
            if box is not None:
                x1, y1, x2, y2 = box.astype(int)
                frame[y1 : y2 + 1, x1 : x2 + 1] = 255
        frame[:2] = number  # the number stands in the first two rows
        cv2.imwrite(str(folder / f"{number:05d}.png"), frame)
    return {
        "video_id": f"Run/{folder.name}",
        "num_frames": num_frames,
        "height": HEIGHT,
        "width": WIDTH,
        "path": str(folder),
        "tubes": tubes,
    }


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, make_tube) -> dict:
    return write_video(tmp_path_factory.mktemp("videos") / "run_01", 20, [make_tube(3, 18, 1)])


def make_mapper(**changes) -> ClipDatasetMapper:
    arguments = {"input_size": (96, 160), "sampler": SAMPLER}
    return ClipDatasetMapper(**{**arguments, **changes})


def item(video: dict, *windows: int, seed: int = 0) -> dict:
    return {"video": video, "windows": np.array(windows, dtype=np.int64), "seed": (seed,)}


def test_evaluation_sample_holds_each_frame_once_plainly_resized(video: dict) -> None:
    sample = make_mapper()(item(video, 15, 16, 17))
    numbers = sample["frame_numbers"]
    assert numbers.tolist() == list(range(13, 21))
    assert sample["snippet_index"].dtype == sample["clip_index"].dtype == torch.int64
    assert numbers[sample["snippet_index"]].tolist() == [[w, w + 1, w + 2] for w in (15, 16, 17)]
    assert numbers[sample["clip_index"]][2].tolist() == [15, 16, 17, 18, 19, 20, 20, 20]
    assert sample["frames"].shape == (8, 3, 96, 160) and sample["frames"].dtype == torch.uint8
    for number, frame in zip(numbers.tolist(), sample["frames"], strict=True):
        source = cv2.imread(f"{video['path']}/{number:05d}.png")
        expected = cv2.resize(source, (160, 96), interpolation=cv2.INTER_LINEAR)
        assert np.array_equal(frame.permute(1, 2, 0).numpy(), expected)
    assert "targets" not in sample
    assert (sample["video_id"], sample["height"], sample["width"]) == ("Run/run_01", 48, 80)
    assert sample["windows"].tolist() == [15, 16, 17]


def test_training_without_augmentation_scales_the_boxes(video: dict) -> None:
    sample = make_mapper(targets=TARGETS)(item(video, 5))
    targets = sample["targets"]
    assert targets["labels"].tolist() == [1]
    expected = [[2.0 * f, 24.0, 2.0 * (f + 19), 54.0] for f in (5, 6, 7)]
    assert targets["boxes"].tolist() == [expected]
    assert targets["heatmap"].shape == (1, 24, 40)


def white_box(frame: torch.Tensor) -> list[int]:
    """First and last columns and rows of the bright pixels below the frame's number."""
    rows, columns = np.nonzero(frame.amin(dim=0).numpy() > 127)
    return [columns.min(), rows.min(), columns.max(), rows.max()]


def test_boxes_follow_the_augmented_pictures_in_every_frame(video: dict) -> None:
    mapper = make_mapper(targets=TARGETS, augmentation=replace(EVERYTHING, distort_prob=0))
    checked = set()
    for seed in range(40):
        sample = mapper(item(video, 8, seed=seed))
        for k, position in enumerate(sample["snippet_index"][0].tolist()):
            x1, y1, x2, y2 = sample["targets"]["boxes"][0, k].tolist()
            shown = white_box(sample["frames"][position])
            # An inclusive corner x shows up to the end of its pixel, s = input / canvas later:
            # at most 2 / 0.2 pixels here, at least 1; and bilinear edges blur.
            assert np.abs(np.array(shown[:2]) - [x1, y1]).max() <= 4
            assert -2 <= shown[2] - x2 <= 12 and -2 <= shown[3] - y2 <= 12
            checked.add((round(x1), round(y1)))
    assert len(checked) > 30  # the draws differ


def test_one_draw_serves_all_frames_of_a_clip(tmp_path: Path, make_tube) -> None:
    video = write_video(tmp_path / "still", 20, [make_tube(1, 20)])
    still = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for number in range(1, 21):
        cv2.imwrite(f"{video['path']}/{number:05d}.png", still)
    mapper = make_mapper(targets=TARGETS, augmentation=EVERYTHING)
    samples = [mapper(item(video, 8, seed=seed))["frames"] for seed in range(5)]
    for frames in samples:
        assert all(torch.equal(frame, frames[0]) for frame in frames)
    assert not torch.equal(samples[0][0], samples[1][0])


def test_clip_stride_jitter_is_drawn_from_the_items_seed_in_training_only(video: dict) -> None:
    sampler = ClipSampler(3, 4, frame_stride=2, stride_jitter=1)
    training = make_mapper(sampler=sampler, augmentation=EVERYTHING, targets=TARGETS)
    seen = set()
    for seed in range(12):
        one, again = (training(item(video, 8, seed=seed)) for _ in range(2))
        clip = one["frame_numbers"][one["clip_index"][0]]
        assert torch.equal(clip, again["frame_numbers"][again["clip_index"][0]])
        assert one["frame_numbers"][one["snippet_index"][0]].tolist() == [8, 9, 10]
        seen.add(tuple(clip.diff().tolist()))
    assert seen == {(stride,) * 3 for stride in (1, 2, 3)}
    evaluated = make_mapper(sampler=sampler)(item(video, 8))
    assert evaluated["frame_numbers"][evaluated["clip_index"][0]].diff().tolist() == [2, 2, 2]


@pytest.mark.parametrize("window", [1, 2, 17, 18])
def test_window_that_an_action_does_not_fill_has_an_empty_heat_map(video, window: int) -> None:
    mapper = make_mapper(targets=TARGETS, augmentation=EVERYTHING)  # the tube spans 3 .. 18
    for seed in range(5):
        targets = mapper(item(video, window, seed=seed))["targets"]
        assert targets["heatmap"].shape == (1, 24, 40) and not targets["heatmap"].any()
        assert len(targets["boxes"]) == len(targets["size"].weights) == 0


def test_distortion_leaves_the_canvas_around_a_frame_alone(tmp_path: Path, make_tube) -> None:
    video = write_video(tmp_path / "grey", 8, [make_tube(1, 8)], background=100)
    rules = replace(EVERYTHING, distort_prob=1, expand_prob=1, crop=False)
    fill = (7, 90, 200)
    mapper = make_mapper(targets=TARGETS, augmentation=rules, fill_color=fill)
    shares, levels = [], set()
    for seed in range(20):
        frames = mapper(item(video, 4, seed=seed))["frames"].permute(0, 2, 3, 1)
        on_canvas = (frames == torch.tensor(fill, dtype=torch.uint8)).all(dim=-1)
        assert (on_canvas == on_canvas[0]).all()  # one place for all frames
        shares.append(on_canvas[0].float().mean().item())
        rows, columns = torch.nonzero(~on_canvas[0], as_tuple=True)
        height, width = (index.max() - index.min() + 1 for index in (rows, columns))
        assert len(rows) == height * width  # the frame is one rectangle, the rest pure color
        levels.add(frames[0][~on_canvas[0]].float().median().item())
    assert max(shares) > 0.6 and min(shares) < 0.3
    assert len(levels) > 10  # and in the rectangle the grey is distorted


@pytest.fixture
def large_video(tmp_path: Path) -> dict:
    """A still JPEG video of 320 x 192 pixels, smooth in color."""
    video = write_video(tmp_path / "large", 4, [])
    y, x = np.mgrid[:192, :320]
    picture = np.stack([80 + 60 * np.sin(x / 30), 0.6 * y + 50, 0.5 * x + 40], axis=-1)
    for number in range(1, 5):
        Path(f"{video['path']}/{number:05d}.png").unlink()
        cv2.imwrite(f"{video['path']}/{number:05d}.jpg", picture.astype(np.uint8))
    box = np.tile(np.array([100, 60, 220, 150], np.float32), (4, 1))
    return {**video, "height": 192, "width": 320, "tubes": [Tube(np.arange(1, 5), box, 0)]}


def decoded_flags(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The flags of the calls of OpenCV's decoder."""
    flags, decode = [], cv2.imdecode
    monkeypatch.setattr(cv2, "imdecode", lambda d, flag: flags.append(flag) or decode(d, flag))
    return flags


def test_augmented_frames_are_decoded_no_larger_than_the_input_needs(
    large_video: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"targets": TARGETS, "augmentation": EVERYTHING, "input_size": (64, 96)}
    mapper = make_mapper(sampler=ClipSampler(3, 3), **arguments)
    flags = decoded_flags(monkeypatch)
    reduced = [mapper(item(large_video, 1, seed=seed)) for seed in range(60)]
    assert set(flags) > {cv2.IMREAD_COLOR, cv2.IMREAD_REDUCED_COLOR_2}
    monkeypatch.setattr("stma_d2.data.geometry.REDUCTIONS", ())
    flags.clear()
    whole = [mapper(item(large_video, 1, seed=seed)) for seed in range(60)]
    assert set(flags) == {cv2.IMREAD_COLOR}
    for a, b in zip(reduced, whole, strict=True):
        assert torch.equal(a["targets"]["boxes"], b["targets"]["boxes"])
        assert (a["frames"].float() - b["frames"].float()).abs().mean() < 1.5


def test_without_augmentation_frames_are_decoded_whole(
    large_video: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = decoded_flags(monkeypatch)
    arguments = {"input_size": (32, 32), "sampler": ClipSampler(3, 3)}
    for targets in (None, TARGETS):
        make_mapper(targets=targets, **arguments)(item(large_video, 1))
    assert flags == [cv2.IMREAD_COLOR] * 6


def test_chunks_in_order_decode_each_frame_of_the_video_once(
    video: dict, spy_readers: list
) -> None:
    mapper = make_mapper()
    index = ChunkIndex([video], SAMPLER, 4)
    for i in range(len(index)):
        sample = mapper(index[i])
        assert (sample["frames"][:, 0, 0, 0] == sample["frame_numbers"]).all()
    assert len(spy_readers) == 1
    assert spy_readers[0].decoded == list(range(1, 21))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "/gone"}, "video 'Run/run_01'.*/gone"),
        ({"num_frames": 30}, r"video 'Run/run_01' \(.*30 frames.*21"),
        ({"height": 240, "width": 320}, r"video 'Run/run_01' \(by its annotation .*320 x 240"),
    ],
)
def test_failed_read_names_the_video_and_is_not_remembered(video, change, message) -> None:
    mapper = make_mapper()
    with pytest.raises(InputError, match=message):
        mapper(item({**video, **change}, 18))
    assert mapper(item(video, 18))["frame_numbers"].tolist() == [16, 17, 18, 19, 20]


def test_configuration_makes_both_kinds_of_mapper() -> None:
    train, test = (
        ClipDatasetMapper.from_config(CFG, stride=4),
        ClipDatasetMapper.from_config(CFG, is_train=False),
    )
    assert (train.input_size, train.sampler) == ((288, 288), ClipSampler(5, 16))
    assert train.fill_color == (104, 114, 120)  # MODEL.PIXEL_MEAN, rounded
    assert train.augmentation.max_expand == 4.0
    assert train.targets == TargetRules(num_classes=24, stride=4)
    assert test.augmentation is None and test.targets is None


def test_training_needs_the_networks_stride() -> None:
    with pytest.raises(ValueError, match="stride"):
        ClipDatasetMapper.from_config(CFG, is_train=True)


def test_real_video_file_gives_a_training_sample(shared: Path, tmp_path: Path) -> None:
    mini, name = shared / "ucf24-mini", "CliffDiving/v_CliffDiving_g03_c01"
    annotation = load_annotations(mini / "UCF101v2-GT.pkl").videos[name]
    path = str(tmp_path / "copy.mp4")  # its index is written beside it
    shutil.copyfile(mini / "videos" / f"{name}.mp4", path)
    video = {"video_id": name, "path": path, **vars(annotation)}
    sample = ClipDatasetMapper.from_config(CFG, is_train=True, stride=4)(item(video, 30))
    assert sample["frames"].shape == (16, 3, 288, 288)
    assert sample["targets"]["labels"].tolist() == [3]
    assert torch.isfinite(sample["targets"]["size"].weights).all()
