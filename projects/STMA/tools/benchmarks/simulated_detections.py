"""Detections and ground truth of a made-up test set: as many and as varied as a real one's."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from stma_d2.data import Split, TubeAnnotations, VideoAnnotation
from stma_d2.structures import Tube, Tubelets

HEIGHT, WIDTH = 240, 320


@dataclass(frozen=True)
class TestSet:
    """What an evaluation takes.

    Attributes:
        detections: tubelets by video; every class has a score, as a softmax gives it.
        annotations: the ground truth of these videos.
    """

    detections: dict[str, Tubelets]
    annotations: TubeAnnotations

    @property
    def num_detections(self) -> int:
        """How many tubelets have a score above 0, counted once a class."""
        return sum(int((found.scores > 0).sum()) for found in self.detections.values())


def add_size_arguments(parser: argparse.ArgumentParser) -> None:
    """The size of the test set; the defaults are those of UCF101-24's."""
    parser.add_argument("--videos", type=int, default=910, help="default %(default)s")
    parser.add_argument(
        "--frames", type=int, default=150_000, help="of all videos together, default %(default)s"
    )
    parser.add_argument("--classes", type=int, default=24, help="default %(default)s")
    parser.add_argument("--tubelets", type=int, default=10, help="of a window, default %(default)s")
    parser.add_argument("--snippet", type=int, default=5, help="frames K of a tubelet")
    parser.add_argument("--seed", type=int, default=0)


def simulate(args: argparse.Namespace) -> TestSet:
    """Make the test set that the arguments of :func:`add_size_arguments` describe."""
    rng = np.random.default_rng(args.seed)
    share = np.exp(0.5 * rng.standard_normal(args.videos))
    lengths = np.maximum(np.rint(share * args.frames / share.sum()), args.snippet).astype(int)
    detections, videos = {}, {}
    for index, length in enumerate(lengths.tolist()):
        name = f"video_{index:05d}"
        tracks = _smooth_tracks(rng, args.tubelets, length)
        label, actors = index % args.classes, min(int(rng.integers(1, 4)), args.tubelets)
        # Some slots hold poorer copies of actors: what suppression is for.
        copies = range(actors, min(2 * actors, args.tubelets))
        for copy in copies:
            tracks[copy] = tracks[copy - actors] + 8 * rng.standard_normal(4)
        tubes = [_true_tube(rng, tracks[actor], label) for actor in range(actors)]
        videos[name] = VideoAnnotation(length, HEIGHT, WIDTH, tuple(tubes))
        detections[name] = _detect(rng, tracks, tubes, args.snippet, args.classes)
    labels = tuple(f"class_{label:02d}" for label in range(args.classes))
    return TestSet(detections, TubeAnnotations(labels, videos, (Split((), tuple(videos)),)))


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


def _true_tube(rng: np.random.Generator, track: np.ndarray, label: int) -> Tube:
    """The longer part of a track is an action."""
    length = len(track)
    first = int(rng.integers(0, length // 3 + 1))
    last = int(rng.integers(2 * length // 3, length))
    return Tube(np.arange(first, last + 1) + 1, _clip(track[first : last + 1]), label)


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
    limits = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT]) - 1
    return np.clip(boxes, 0, limits).astype(np.float32)
