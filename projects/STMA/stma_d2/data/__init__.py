"""From annotated videos to batches; importing this package registers the built-in data sets."""

from ..structures import Split, TubeAnnotations, VideoAnnotation
from . import datasets
from .annotations import load_annotations, save_annotations
from .array_reader import ArrayReader
from .build import build_test_loader, build_train_index, build_train_loader, build_train_stream
from .catalog import find_video, known_labels, load_ground_truth, register_tube_dataset
from .clip_sampler import ClipSampler
from .dataset_file import register_dataset_file
from .finder import describe, find_frames, list_videos
from .mapper import ClipDatasetMapper
from .readers import DEFAULT_FPS, FrameReader, open_frames
from .safe_mapping import SkippedClips
from .windows import ChunkIndex, WindowIndex

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
