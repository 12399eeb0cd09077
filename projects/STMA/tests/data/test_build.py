"""Loaders: what an epoch and an evaluation hold, alone and with workers, and clear refusals."""

from collections.abc import Iterator
from itertools import islice

import cv2
import numpy as np
import pytest
import torch
from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog, MetadataCatalog

from stma_d2.config import load_config
from stma_d2.data.build import (
    build_test_loader,
    build_train_index,
    build_train_loader,
    build_train_stream,
)
from stma_d2.data.mapper import ClipDatasetMapper
from stma_d2.errors import InputError
from stma_d2.structures import Tube

NAME = "loaders_of_two_tiny_videos"


def make_tube(first: int, last: int) -> Tube:
    frames = np.arange(first, last + 1)
    return Tube(frames, np.tile(np.array([8, 8, 40, 30], np.float32), (len(frames), 1)), 0)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """Two videos of 12 and 7 frames; with K = 3 the windows 2..6 and 1..5 are for training."""
    root = tmp_path_factory.mktemp("frames")
    dicts = []
    for name, num_frames, tube in (("a", 12, make_tube(2, 8)), ("b", 7, make_tube(1, 7))):
        (root / name).mkdir()
        for number in range(1, num_frames + 1):
            frame = np.full((48, 64, 3), number, np.uint8)
            cv2.imwrite(str(root / name / f"{number:05d}.png"), frame)
        dicts.append(
            {
                "video_id": name,
                "num_frames": num_frames,
                "height": 48,
                "width": 64,
                "path": str(root / name),
                "tubes": [tube],
            }
        )
    return dicts


@pytest.fixture
def register() -> Iterator:
    names = []

    def register(name: str, dicts: list[dict], labels: tuple[str, ...] = ("Run", "Jump")) -> None:
        DatasetCatalog.register(name, lambda: dicts)
        MetadataCatalog.get(name).set(thing_classes=list(labels))
        names.append(name)

    yield register
    for name in names:
        DatasetCatalog.remove(name)
        MetadataCatalog.remove(name)


@pytest.fixture
def cfg(videos: list[dict], register) -> CfgNode:
    register(NAME, videos)
    cfg = load_config("")
    cfg.DATASETS.TRAIN = (NAME,)
    cfg.INPUT.SIZE = (32, 32)
    cfg.INPUT.SNIPPET_LENGTH = 3
    cfg.INPUT.CLIP_LENGTH = 4
    cfg.MODEL.STMA.NUM_CLASSES = 2
    cfg.SOLVER.IMS_PER_BATCH = 5
    cfg.DATALOADER.NUM_WORKERS = 0
    cfg.TEST.WINDOWS_PER_CHUNK = 4
    return cfg


ALL_TRAINING = [("a", w) for w in range(2, 7)] + [("b", w) for w in range(1, 6)]


def windows_of(batch: list[dict]) -> list[tuple[str, int]]:
    return [(sample["video_id"], w) for sample in batch for w in sample["windows"].tolist()]


@pytest.fixture
def undisturbed(cfg: CfgNode) -> list[list[dict]]:
    """Five batches, two and a half epochs, made without workers."""
    return list(islice(build_train_loader(cfg, stride=4, seed=7), 5))


def check_same(batches: list[list[dict]], expected: list[list[dict]]) -> None:
    for batch, other in zip(batches, expected, strict=True):
        assert windows_of(batch) == windows_of(other)
        for ours, theirs in zip(batch, other, strict=True):
            assert torch.equal(ours["frames"], theirs["frames"])
            assert torch.equal(ours["targets"]["boxes"], theirs["targets"]["boxes"])
            assert torch.equal(ours["targets"]["size"].weights, theirs["targets"]["size"].weights)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_depend_on_seed_and_iteration_alone(
    cfg: CfgNode, undisturbed: list, workers: int
) -> None:
    cfg.DATALOADER.NUM_WORKERS = workers
    torch.manual_seed(workers)
    later = build_train_loader(cfg, stride=4, start_iter=1, seed=7)
    check_same(list(islice(later, 4)), undisturbed[1:])


def test_augmentation_differs_from_position_to_position(undisturbed: list) -> None:
    boxes = [sample["targets"]["boxes"] for batch in undisturbed for sample in batch]  # of one box
    assert len({tuple(box.flatten().tolist()) for box in boxes}) > 20


@pytest.mark.parametrize("world_size", [1, 2, 5])
def test_processes_share_the_same_batches(
    cfg: CfgNode, monkeypatch: pytest.MonkeyPatch, world_size: int
) -> None:
    cfg.SOLVER.IMS_PER_BATCH = 10
    alone = list(islice(build_train_stream(cfg, seed=7), 30))
    monkeypatch.setattr("detectron2.utils.comm.get_world_size", lambda: world_size)
    together = [None] * 30
    for rank in range(world_size):
        monkeypatch.setattr("detectron2.utils.comm.get_rank", lambda rank=rank: rank)
        together[rank::world_size] = islice(build_train_stream(cfg, seed=7), 30 // world_size)
    assert together == alone


def test_background_windows_come_from_all_videos(cfg: CfgNode, videos, register, caplog) -> None:
    register(NAME + "_idle", [{**videos[1], "video_id": "idle", "tubes": []}])
    cfg.DATASETS.TRAIN = (NAME, NAME + "_idle")
    with caplog.at_level("INFO", "stma_d2.data"):
        build_train_index(cfg)
    assert "1 of them have no tube; INPUT.BACKGROUND_WINDOWS trains on them too" in caplog.text
    cfg.INPUT.BACKGROUND_WINDOWS = 0.5
    found = {
        (item["video"]["video_id"], int(item["windows"][0]))
        for item in islice(build_train_stream(cfg, seed=0), 300)
    }
    outside = {("a", w) for w in (1, 7, 8, 9, 10)} | {("idle", w) for w in range(1, 6)}
    assert found == {*ALL_TRAINING, *outside}


def test_background_windows_that_do_not_exist_are_refused(cfg: CfgNode, videos, register) -> None:
    register(NAME + "_full", videos[1:])
    cfg.DATASETS.TRAIN = (NAME + "_full",)
    cfg.INPUT.BACKGROUND_WINDOWS = 0.1
    with pytest.raises(InputError, match="BACKGROUND_WINDOWS is 0.1, but actions fill every video"):
        build_train_stream(cfg)


def test_configured_seed_orders_the_data(cfg: CfgNode) -> None:
    def order(**seed: int) -> list[tuple]:
        return [item["seed"] for item in islice(build_train_stream(cfg, **seed), 3)]

    assert order() != order()  # drawn
    cfg.SEED = 7
    assert order() == order() == order(seed=7) != order(seed=8)


def test_workers_leave_opencv_one_thread(cfg: CfgNode, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg.DATALOADER.NUM_WORKERS = 1
    cv2.setNumThreads(2)
    frame = np.zeros((1000, 1000, 3), np.uint8)
    cv2.warpAffine(frame, np.eye(2, 3), (1000, 1000))  # starts the threads of this process
    monkeypatch.setattr(ClipDatasetMapper, "__call__", lambda self, item: cv2.getNumThreads())
    (threads,) = next(iter(build_train_loader(cfg, stride=4)))[:1]
    assert threads == 1


def test_several_data_sets_are_trained_together(cfg: CfgNode, videos, register) -> None:
    register(NAME + "_more", videos[:1])
    cfg.DATASETS.TRAIN = (NAME, NAME + "_more")
    assert len(build_train_index(cfg)) == 15


@pytest.mark.parametrize("workers", [0, 1])
def test_test_loader_gives_every_window_once_in_bounded_chunks(cfg: CfgNode, workers: int) -> None:
    cfg.DATALOADER.NUM_WORKERS = workers
    batches = list(build_test_loader(cfg, NAME))
    assert all(len(batch) == 1 for batch in batches)
    chunks = [(batch[0]["video_id"], *batch[0]["windows"].tolist()) for batch in batches]
    assert chunks == [
        *[("a", 1, 2, 3, 4), ("a", 5, 6, 7, 8), ("a", 9, 10)],
        *[("b", 1, 2, 3, 4), ("b", 5)],
    ]
    assert max(len(batch[0]["frames"]) for batch in batches) <= 4 + 4 - 1
    assert "targets" not in batches[0][0]
    for (sample,) in batches:  # the frames show their numbers
        assert (sample["frames"][:, 0, 5, 5] == sample["frame_numbers"]).all()


def test_class_count_that_differs_names_both_and_the_key(cfg: CfgNode) -> None:
    cfg.MODEL.STMA.NUM_CLASSES = 24
    message = f"MODEL.STMA.NUM_CLASSES is 24, but the data set '{NAME}' has 2 classes"
    with pytest.raises(InputError, match=message):
        build_train_loader(cfg, stride=4)
    with pytest.raises(InputError, match=message):
        build_test_loader(cfg, NAME)


def test_data_sets_of_different_labels_are_not_mixed(cfg: CfgNode, videos, register) -> None:
    register(NAME + "_others", videos, ("Jump", "Run"))
    cfg.DATASETS.TRAIN = (NAME, NAME + "_others")
    with pytest.raises(InputError, match=r"'loaders_of_two_tiny_videos_others' .*labels"):
        build_train_index(cfg)


def test_data_set_without_training_windows_says_why(cfg: CfgNode, videos, register) -> None:
    register(NAME + "_short", [{**videos[0], "tubes": [make_tube(2, 3)]}])
    cfg.DATASETS.TRAIN = (NAME + "_short",)
    with pytest.raises(InputError, match=r"no training window.*longest spans 2 frames.*= 3"):
        build_train_loader(cfg, stride=4)


def test_no_training_set_is_refused(cfg: CfgNode) -> None:
    cfg.DATASETS.TRAIN = ()
    with pytest.raises(InputError, match="DATASETS.TRAIN names no data set"):
        build_train_loader(cfg, stride=4)


def test_unknown_and_empty_test_sets_are_refused(cfg: CfgNode, register) -> None:
    with pytest.raises(InputError, match="DATASETS.TEST names 'nowhere', and no data set"):
        build_test_loader(cfg, "nowhere")
    register(NAME + "_empty", [])
    with pytest.raises(InputError, match="'loaders_of_two_tiny_videos_empty' has no videos"):
        build_test_loader(cfg, NAME + "_empty")


def test_data_sets_that_have_no_tubes_are_refused(cfg: CfgNode) -> None:
    """Detectron2's own are registered beside ours."""
    cfg.DATASETS.TRAIN = ("coco_2017_train",)
    with pytest.raises(InputError, match="DATASETS.TRAIN names 'coco_2017_train', which is no"):
        build_train_loader(cfg, stride=4)
    with pytest.raises(InputError, match="DATASETS.TEST names 'coco_2017_val', which is no data"):
        build_test_loader(cfg, "coco_2017_val")
