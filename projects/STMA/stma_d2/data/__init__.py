"""From annotated videos to batches; importing this package registers the built-in data sets."""

from ..detectron2_parts import needs_detectron2
from ..structures import Split, TubeAnnotations, VideoAnnotation
from .annotations import load_annotations, save_annotations
from .array_reader import ArrayReader
from .clip_sampler import ClipSampler
from .finder import check_frames, describe, find_frames, list_videos
from .mapper import ClipDatasetMapper
from .readers import DEFAULT_FPS, FrameReader, open_frames
from .safe_mapping import SkippedClips
from .windows import ChunkIndex, WindowIndex

with needs_detectron2(__name__):
    from . import datasets
    from .build import build_test_loader, build_train_index, build_train_loader, build_train_stream
    from .catalog import (
        dataset_files,
        find_video,
        known_labels,
        load_ground_truth,
        register_tube_dataset,
    )
    from .dataset_file import register_dataset_file

__all__ = [
    "ArrayReader",
    "DEFAULT_FPS",
    "ChunkIndex",
    "ClipDatasetMapper",
    "ClipSampler",
    "FrameReader",
    "SkippedClips",
    "Split",
    "TubeAnnotations",
    "VideoAnnotation",
    "WindowIndex",
    "build_test_loader",
    "build_train_index",
    "build_train_loader",
    "build_train_stream",
    "check_frames",
    "dataset_files",
    "datasets",
    "describe",
    "find_frames",
    "find_video",
    "known_labels",
    "list_videos",
    "load_annotations",
    "load_ground_truth",
    "open_frames",
    "register_dataset_file",
    "register_tube_dataset",
    "save_annotations",
]
