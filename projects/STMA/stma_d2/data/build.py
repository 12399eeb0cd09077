"""Loaders of training windows and of chunks for evaluation, from a configuration."""

from __future__ import annotations

import logging

import cv2
from detectron2.config import CfgNode
from detectron2.data import (
    DatasetCatalog,
    MetadataCatalog,
    build_detection_test_loader,
    build_detection_train_loader,
)
from detectron2.utils import comm
from torch.utils.data import DataLoader

from ..errors import InputError
from ..structures import VideoDict
from .clip_sampler import ClipSampler
from .mapper import ClipDatasetMapper
from .safe_mapping import Skipping, Whereabouts
from .sample_batch import SampleBatch
from .training_stream import TrainingStream
from .windows import ChunkIndex, WindowIndex

logger = logging.getLogger(__name__)


def build_train_index(cfg: CfgNode) -> WindowIndex:
    """Find the training windows of ``cfg.DATASETS.TRAIN``; its length is an epoch's.

    Raises:
        InputError: if there is none, or if the data sets' labels differ or are not as many as
            the configuration says.
    """
    sampler = ClipSampler.from_config(cfg)
    names = tuple(cfg.DATASETS.TRAIN)
    if not names:
        raise InputError("DATASETS.TRAIN names no data set")
    videos = [video for name in names for video in _get_videos(cfg, name, "TRAIN")]
    _check_same_labels(names)
    index = WindowIndex(videos, sampler.training_windows)
    if len(index) == 0:
        tubes = [tube for video in videos for tube in video["tubes"]]
        raise InputError(
            f"DATASETS.TRAIN {names} has no training window: none of its {len(videos)} videos with "
            f"{len(tubes)} tubes (the longest spans {max(map(len, tubes), default=0)} frames) has "
            f"INPUT.SNIPPET_LENGTH = {sampler.snippet_length} consecutive frames that lie wholly "
            "inside a tube and cross the start or the end of none"
        )
    logger.info("%d training windows in %d videos of %s", len(index), len(videos), ", ".join(names))
    silent = sum(not video["tubes"] for video in videos)
    if silent and not cfg.INPUT.BACKGROUND_WINDOWS:
        logger.info("%d of them have no tube; INPUT.BACKGROUND_WINDOWS trains on them too", silent)
    return index


def data_seed(cfg: CfgNode) -> int:
    """SEED or, where that is negative, one that all processes draw together."""
    return cfg.SEED if cfg.SEED >= 0 else comm.shared_random_seed()


def build_train_stream(
    cfg: CfgNode,
    index: WindowIndex | None = None,
    *,
    start_iter: int = 0,
    seed: int | None = None,
) -> TrainingStream:
    """The windows that this process trains on, in their order.

    Each epoch holds every training window once, but for those whose place INPUT.BACKGROUND_WINDOWS
    gives to others.

    Args:
        cfg: with DATASETS.TRAIN and SOLVER.IMS_PER_BATCH (over all processes).
        index: the training windows; default `build_train_index`.
        start_iter: the batch to begin with, counted from 0.
        seed: of order and augmentation, the same on all processes; default `data_seed`.

    Raises:
        InputError: if data and configuration do not fit.
    """
    index = build_train_index(cfg) if index is None else index
    if seed is None:
        seed = data_seed(cfg)
    return TrainingStream(
        index,
        cfg.SOLVER.IMS_PER_BATCH,
        seed,
        background=_build_background_index(cfg, index),
        background_share=cfg.INPUT.BACKGROUND_WINDOWS,
        start_iter=start_iter,
        rank=comm.get_rank(),
        world_size=comm.get_world_size(),
    )


def _build_background_index(cfg: CfgNode, index: WindowIndex) -> WindowIndex | None:
    """The windows that INPUT.BACKGROUND_WINDOWS speaks of, in the same videos; None where it is 0.

    Raises:
        InputError: if there are none.
    """
    share = cfg.INPUT.BACKGROUND_WINDOWS
    if share == 0:
        return None
    background = WindowIndex(index.videos, ClipSampler.from_config(cfg).background_windows)
    if len(background) == 0:
        raise InputError(
            f"INPUT.BACKGROUND_WINDOWS is {share}, but actions fill every video of DATASETS.TRAIN "
            f"{tuple(cfg.DATASETS.TRAIN)} from its first frame to its last; set it to 0"
        )
    logger.info("%d background windows, %g of the samples", len(background), share)
    return background


def build_train_loader(
    cfg: CfgNode,
    index: WindowIndex | None = None,
    *,
    stride: int,
    start_iter: int = 0,
    seed: int | None = None,
) -> DataLoader:
    """An endless loader of batches of training samples, which depend on seed and iteration alone.

    Args:
        cfg: as for `build_train_stream`, and DATALOADER.NUM_WORKERS (of each process).
        index: see `build_train_stream`.
        stride: of the network's feature map, for the targets.
        start_iter: see `build_train_stream`.
        seed: see `build_train_stream`.

    Returns:
        iterates over lists of sample dicts; ``whereabouts`` says which videos its workers are at.

    Raises:
        InputError: if data and configuration do not fit.
    """
    mapper = ClipDatasetMapper.from_config(cfg, is_train=True, stride=stride)
    whereabouts = Whereabouts(mapper, cfg.DATALOADER.NUM_WORKERS)
    stream = build_train_stream(cfg, index, start_iter=start_iter, seed=seed)
    _prepare_workers(cfg)
    loader = build_detection_train_loader(
        stream,
        mapper=Skipping(whereabouts, stream) if cfg.DATALOADER.SKIP_BAD_CLIPS else whereabouts,
        total_batch_size=cfg.SOLVER.IMS_PER_BATCH,
        aspect_ratio_grouping=False,
        num_workers=cfg.DATALOADER.NUM_WORKERS,
        collate_fn=SampleBatch,
    )
    loader.whereabouts = whereabouts
    return loader


def build_test_loader(cfg: CfgNode, dataset_name: str) -> DataLoader:
    """A loader of all windows of a data set, one chunk of windows a batch.

    Each process gets its share of the chunks. Memory is bounded by
    ``cfg.TEST.WINDOWS_PER_CHUNK``, however long the videos.

    Args:
        cfg: the configuration.
        dataset_name: a registered data set.

    Returns:
        iterates over lists of one sample dict; ``whereabouts`` as in `build_train_loader`.

    Raises:
        InputError: if data and configuration do not fit.
    """
    whereabouts = Whereabouts(
        ClipDatasetMapper.from_config(cfg, is_train=False), cfg.DATALOADER.NUM_WORKERS
    )
    videos = _get_videos(cfg, dataset_name, "TEST")
    index = ChunkIndex(videos, ClipSampler.from_config(cfg), cfg.TEST.WINDOWS_PER_CHUNK)
    if len(index) == 0:
        raise InputError(f"the data set '{dataset_name}' has no videos")
    _prepare_workers(cfg)
    loader = build_detection_test_loader(
        index, mapper=whereabouts, num_workers=cfg.DATALOADER.NUM_WORKERS, collate_fn=SampleBatch
    )
    loader.whereabouts = whereabouts
    return loader


def _prepare_workers(cfg: CfgNode) -> None:
    """Leave one thread to OpenCV where workers, which share the processors, are to be forked.

    It must happen here: OpenCV's pool of threads does not live on in a forked process, and
    waits there for ever when it is asked to shrink.
    """
    if cfg.DATALOADER.NUM_WORKERS > 0:
        cv2.setNumThreads(1)


def _get_videos(cfg: CfgNode, name: str, part: str) -> list[VideoDict]:
    """The standard dicts of a data set of DATASETS.<part>, whose classes the configuration has."""
    if name not in DatasetCatalog:
        raise InputError(
            f"DATASETS.{part} names '{name}', and no data set is called so; DATASETS.FILES names "
            "files that describe your own"
        )
    if MetadataCatalog.get(name).get("evaluator_type", "tubelet") != "tubelet":
        raise InputError(f"DATASETS.{part} names '{name}', which is no data set of tubes")
    videos = DatasetCatalog.get(name)
    labels = MetadataCatalog.get(name).thing_classes
    if len(labels) != cfg.MODEL.STMA.NUM_CLASSES:
        raise InputError(
            f"MODEL.STMA.NUM_CLASSES is {cfg.MODEL.STMA.NUM_CLASSES}, but the data set '{name}' "
            f"has {len(labels)} classes; set MODEL.STMA.NUM_CLASSES to {len(labels)}"
        )
    return videos


def _check_same_labels(names: tuple[str, ...]) -> None:
    first = list(MetadataCatalog.get(names[0]).thing_classes)
    for name in names[1:]:
        if list(MetadataCatalog.get(name).thing_classes) != first:
            raise InputError(
                f"DATASETS.TRAIN mixes data sets of different labels: '{name}' does not have the "
                f"labels of '{names[0]}' in their order"
            )
