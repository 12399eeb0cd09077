"""From annotated videos to batches; importing this package registers the built-in data sets."""

from ..structures import Split, TubeAnnotations, VideoAnnotation
from . import datasets
from .annotations import load_annotations, save_annotations
from .build import build_test_loader, build_train_index, build_train_loader, build_train_stream
from .catalog import load_ground_truth, register_tube_dataset
from .clip_sampler import ClipSampler
from .mapper import ClipDatasetMapper
from .readers import FrameReader, find_frames, open_frames
from .safe_mapping import SkippedClips
from .windows import ChunkIndex, WindowIndex

__all__ = [
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
    "find_frames",
    "load_annotations",
    "load_ground_truth",
    "open_frames",
    "register_tube_dataset",
    "save_annotations",
]
