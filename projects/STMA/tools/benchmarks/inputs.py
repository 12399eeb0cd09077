"""What the figures are measured on where no data set is named."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from detectron2.config import CfgNode

from stma_d2.data import ClipSampler, WindowIndex, build_train_index, load_annotations
from stma_d2.errors import InputError
from stma_d2.structures import (
    Split,
    Tube,
    TubeAnnotations,
    Tubelets,
    VideoAnnotation,
    VideoDict,
    WindowsOfVideo,
)

WIDTH, HEIGHT, JPEG_QUALITY = 320, 240, 95  # as UCF101-24 has them
SNIPPET_LENGTH = 5

# Tubelets by video, and the ground truth of these videos.
TestSet = tuple[dict[str, Tubelets], TubeAnnotations]


def load_file(path: str | Path) -> ModuleType:
    """Run a Python file that the user named."""
    loader = SourceFileLoader(Path(path).stem, str(path))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    sys.modules[loader.name] = module  # where dataclasses look for it
    loader.exec_module(module)
    return module


def generated_frames(seed: int = 0) -> Iterator[np.ndarray]:
    """Noise that pans, for ever: (240, 320, 3) uint8, as JPEG about as large as real frames."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 256, (HEIGHT // 16, WIDTH // 16, 3), dtype=np.uint8)
    scene = cv2.resize(cells, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(size=(HEIGHT, WIDTH, 1))
    scene = np.clip(scene + grain, 0, 255).astype(np.uint8)
    while True:
        yield scene
        scene = np.roll(scene, 2, axis=1)


def write_frames(folder: Path, num_frames: int, seed: int = 0) -> VideoDict:
    """Write a video as JPEG files; two boxes walk across it from its first to its last frame."""
    folder.mkdir()
    for number, frame in enumerate(islice(generated_frames(seed), num_frames), start=1):
        path = str(folder / f"{number:05d}.jpg")
        cv2.imwrite(path, frame, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    rng = np.random.default_rng(seed)
    tubes = []
    for _ in range(2):
        sides = rng.uniform([40, 80], [90, 180])
        ends = rng.uniform([0, 0], [WIDTH, HEIGHT] - sides, (2, 2))
        corners = np.linspace(*ends, num_frames)
        boxes = np.concatenate([corners, corners + sides - 1], axis=1).astype(np.float32)
        tubes.append(Tube(np.arange(1, num_frames + 1), boxes, 0))
    return {
        "video_id": folder.name,
        "path": str(folder),
        "num_frames": num_frames,
        "height": HEIGHT,
        "width": WIDTH,
        "tubes": tubes,
    }


@contextmanager
def training_windows(
    cfg: CfgNode, dataset: str | None, count: int
) -> Iterator[list[WindowsOfVideo]]:
    """Windows at random of a registered data set, or of generated videos that exist meanwhile."""
    with TemporaryDirectory() as folder:
        if dataset:
            cfg.DATASETS.TRAIN = (dataset,)
            index = build_train_index(cfg)
        else:
            videos = [write_frames(Path(folder, str(number)), 40, number) for number in range(4)]
            index = WindowIndex(videos, ClipSampler.from_config(cfg).training_windows)
        chosen = np.random.default_rng(0).integers(0, len(index), count)
        yield [{**index[i], "seed": (0, number)} for number, i in enumerate(chosen)]


def num_detections(test_set: TestSet) -> int:
    """How many tubelets have a score above 0, counted once a class."""
    return sum(int((found.scores > 0).sum()) for found in test_set[0].values())


def golden_cases(folder: str) -> Iterator[tuple[str, TestSet, dict[str, Any]]]:
    """Cases that MOC's own code was timed with.

    Args:
        folder: holds ``moc_metrics.json`` and ``make_detections.py``; the ground truth lies in the
            folder ``gt`` beside it.

    Yields:
        Name, test set, and the seconds that MOC's code took, by step.

    Raises:
        InputError: if the detections made are not those that were timed.
    """
    root = Path(folder)
    generator = load_file(root / "make_detections.py")
    for name, case in json.loads((root / "moc_metrics.json").read_text())["cases"].items():
        path = root.parent / "gt" / case["gt_file"]
        made = generator.simulate(generator.load_gt(path), case["videos"], case["K"], case["seed"])
        if generator.checksum(made) != case["detections_sha256"]:
            raise InputError(f"{root}: the detections of {name} are not those that were timed")
        detections = {
            video: Tubelets(found["starts"], found["boxes"], found["scores"])
            for video, found in made.items()
        }
        yield name, (detections, load_annotations(path)), case["wall_s"]


def simulated_test_set(args: argparse.Namespace, num_videos: int, num_frames: int) -> TestSet:
    """Detections and ground truth as many and as varied as a real test set's.

    Args:
        args: has ``classes`` and ``tubelets`` (of a window).
        num_videos: of different lengths.
        num_frames: of all videos together.
    """
    rng = np.random.default_rng(0)
    share = np.exp(0.5 * rng.standard_normal(num_videos))
    lengths = np.maximum(np.rint(share * num_frames / share.sum()), SNIPPET_LENGTH).astype(int)
    detections, videos = {}, {}
    for index, length in enumerate(lengths.tolist()):
        tracks = _smooth_tracks(rng, args.tubelets, length)
        label, actors = index % args.classes, min(int(rng.integers(1, 4)), args.tubelets)
        # Some slots hold poorer copies of actors: what suppression is for.
        for copy in range(actors, min(2 * actors, args.tubelets)):
            tracks[copy] = tracks[copy - actors] + 8 * rng.standard_normal(4)
        tubes = []
        for track in tracks[:actors]:  # the longer part of it is an action
            first = int(rng.integers(0, length // 3 + 1))
            last = int(rng.integers(2 * length // 3, length))
            frames = np.arange(first, last + 1)
            tubes.append(Tube(frames + 1, _clip(track[frames]), label))
        name = f"video_{index:05d}"
        videos[name] = VideoAnnotation(length, HEIGHT, WIDTH, tuple(tubes))
        detections[name] = _detect(rng, tracks, tubes, SNIPPET_LENGTH, args.classes)
    labels = tuple(f"class_{label:02d}" for label in range(args.classes))
    return detections, TubeAnnotations(labels, videos, (Split((), tuple(videos)),))


def _smooth_tracks(rng: np.random.Generator, count: int, length: int) -> np.ndarray:
    """Boxes (count, length, 4) that drift; now and then a track jumps to another thing."""
    segment = np.cumsum(rng.random((count, length)) < 0.01, axis=1)
    segment += np.arange(count)[:, None] * (length + 1)
    _, segment = np.unique(segment, return_inverse=True)
    segment = segment.reshape(count, length)
    number = segment.max() + 1
    drift = np.cumsum(rng.standard_normal((count, length, 2)), axis=1)
    center = rng.random((number, 2))[segment] * (WIDTH, HEIGHT) + drift
    half = 10 + 50 * rng.random((number, 2))[segment]
    return np.concatenate([center - half, center + half], axis=2)


def _detect(
    rng: np.random.Generator, tracks: np.ndarray, tubes: list[Tube], length: int, num_classes: int
) -> Tubelets:
    """Tubelets along the tracks, with noise; those along actors mostly score the right class."""
    count, num_frames = tracks.shape[:2]
    windows = np.arange(num_frames - length + 1)
    boxes = tracks.transpose(1, 0, 2)[windows[:, None] + np.arange(length)]  # (W, K, N, 4)
    boxes = boxes.transpose(0, 2, 1, 3)
    boxes = boxes + 1.5 * rng.standard_normal(boxes.shape)
    logits = rng.standard_normal((len(windows), count, num_classes))
    logits += 2 * rng.standard_normal((count, num_classes))
    level = rng.standard_normal((len(windows), count, 1)) - 2
    for slot in range(min(2 * len(tubes), count)):
        tube = tubes[slot % len(tubes)]
        inside = (windows + 1 >= tube.frames[0]) & (windows + length <= tube.frames[-1])
        logits[inside, slot, tube.label] += 3
        level[inside, slot] += 2.5
    scores = np.exp(logits)
    scores /= scores.sum(axis=2, keepdims=True) * (1 + np.exp(-level))
    return Tubelets(windows + 1, _clip(boxes), scores.astype(np.float32))


def _clip(boxes: np.ndarray) -> np.ndarray:
    """To the pixels of the frame, as float32; what lies outside shrinks to its edge."""
    return np.clip(boxes, 0, [WIDTH - 1, HEIGHT - 1] * 2).astype(np.float32)
