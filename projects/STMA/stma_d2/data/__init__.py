"""From annotated videos to batches; importing this package registers the built-in data sets."""

from . import datasets
from .annotations import (
    Split,
    TubeAnnotations,
    VideoAnnotation,
    load_annotations,
    save_annotations,
)
from .build import build_test_loader, build_train_index, build_train_loader
from .catalog import register_tube_dataset
from .mapper import ClipDatasetMapper
from .readers import FrameReader, find_frames, open_frames
from .windows import ChunkIndex, WindowIndex, clip_frames, snippet_frames, training_windows

__all__ = [
    "ChunkIndex",
    "ClipDatasetMapper",
    "FrameReader",
    "Split",
    "TubeAnnotations",
    "VideoAnnotation",
    "WindowIndex",
    "build_test_loader",
    "build_train_index",
    "build_train_loader",
    "clip_frames",
    "datasets",
    "find_frames",
    "load_annotations",
    "open_frames",
    "register_tube_dataset",
    "save_annotations",
    "snippet_frames",
    "training_windows",
]
