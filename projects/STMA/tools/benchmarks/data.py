"""Training samples per second of one core: the package's mapper against a plain sampler.

Both read the same windows of the same JPEG frames, in one process with one thread. By default the
frames are generated, 320 x 240 pixels and JPEG quality 95 like UCF101-24's; ``--dataset`` takes
those of a registered data set.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch

from stma_d2 import model_zoo
from stma_d2.config import load_config
from stma_d2.data import ClipDatasetMapper, WindowIndex, build_train_index, mapper
from stma_d2.data.datasets.synthetic_render import draw_background
from stma_d2.data.recent_frames import RecentFrames
from stma_d2.structures import Tube

from .plain_sampler import PlainSampler
from .report import Report, compare, stopwatch

WIDTH, HEIGHT, JPEG_QUALITY = 320, 240, 95
# The parts of a sample: their name and the function that the mapper calls.
PARTS = {
    "drawing the augmentation": (mapper, "draw_augmentation"),
    "decoding": (RecentFrames, "read"),
    "warping": (mapper, "warp_frame"),
    "distortion": (mapper, "distort_frame"),
    "targets": (mapper, "make_targets"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this figure."""
    parser.add_argument(
        "--config-file",
        default=model_zoo.get_config_file("MOC/UCF101-24_DLA34_K7.yaml"),
        metavar="FILE",
        help="K, T, the input's size and the augmentation (default: MOC's, K = 7 at 288 x 288)",
    )
    parser.add_argument(
        "--dataset", metavar="NAME", help="registered data set whose JPEG frames to read"
    )
    parser.add_argument("--clips", type=int, default=40, help="of a run (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="runs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of windows and augmentation")
    parser.add_argument("opts", nargs="*", metavar="KEY VALUE", help="overrides of the config")


def run(args: argparse.Namespace) -> Report:
    """Time both samplers on the same windows in turns."""
    cfg = load_config(args.config_file, args.opts)
    with tempfile.TemporaryDirectory() as folder, _single_thread():
        if args.dataset:
            cfg.DATASETS.TRAIN = (args.dataset,)
            index = build_train_index(cfg)
        else:
            videos = generate_videos(Path(folder), np.random.default_rng(args.seed))
            index = WindowIndex(videos, cfg.INPUT.SNIPPET_LENGTH)
        chosen = np.random.default_rng(args.seed).integers(0, len(index), args.clips)
        items = [index[i] for i in chosen]
        torch.manual_seed(args.seed)
        samplers = {"mapper": ClipDatasetMapper(cfg), "plain": PlainSampler(cfg, args.seed)}
        runs = {name: _over(sampler, items) for name, sampler in samplers.items()}
        timings = compare(runs, args.repeats, units=len(items))
        shares = shares_of_parts(runs["mapper"])
    settings = samplers["plain"].settings
    length, (height, width) = settings["clip_length"], settings["input_size"]
    frames = {name: length * len(items) / timing.median for name, timing in timings.items()}
    source = args.dataset or f"generated frames of {WIDTH} x {HEIGHT}, JPEG {JPEG_QUALITY}"
    return Report(
        title=f"Training clips, one thread: T = {length}, K = {settings['snippet_length']}, "
        f"{width} x {height}; {source}",
        unit="clip",
        timings=list(timings.values()),
        ratios={"plain / mapper": timings["plain"].median / timings["mapper"].median},
        facts={
            "threads while measured": 1,
            **{f"frames per second, {name}": round(rate, 1) for name, rate in frames.items()},
            **{f"share of {name}": round(share, 3) for name, share in shares.items()},
        },
    )


def generate_videos(
    folder: Path, rng: np.random.Generator, num_videos: int = 4, num_frames: int = 40
) -> list[dict[str, Any]]:
    """Write videos of panning noise, with as many bytes a frame as real ones have.

    Args:
        folder: gets one folder of JPEG frames a video.
        rng: source of the random numbers.
        num_videos: how many videos.
        num_frames: of each.

    Returns:
        standard dicts of the videos; each has two tubes from its first to its last frame.
    """
    videos = []
    for name in map(str, range(num_videos)):
        (folder / name).mkdir()
        pictures = draw_background(WIDTH, num_frames, rng)[:, :HEIGHT].astype(np.float32)
        grain = rng.normal(scale=3, size=(HEIGHT, WIDTH, 1))
        for number, picture in enumerate(pictures, start=1):
            frame = np.clip(1.8 * picture + grain, 0, 255).astype(np.uint8)
            path = str(folder / name / f"{number:05d}.jpg")
            cv2.imwrite(path, frame, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        videos.append(
            {
                "video_id": name,
                "num_frames": num_frames,
                "height": HEIGHT,
                "width": WIDTH,
                "frames": str(folder / name),
                "tubes": [_moving_tube(num_frames, rng) for _ in range(2)],
            }
        )
    return videos


def shares_of_parts(run: Callable[[], Any]) -> dict[str, float]:
    """The parts' shares of the time that the mapper takes in ``run``, and the rest's."""
    seconds = dict.fromkeys(PARTS, 0.0)

    def timed(name: str, function: Callable) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            result = function(*args, **kwargs)
            seconds[name] += time.perf_counter() - start
            return result

        return call

    with ExitStack() as patches:
        for name, (owner, attribute) in PARTS.items():
            wrapper = timed(name, getattr(owner, attribute))
            patches.enter_context(mock.patch.object(owner, attribute, wrapper))
        total = stopwatch(run)
    shares = {name: spent / total for name, spent in seconds.items()}
    return {**shares, "the rest": 1 - sum(shares.values())}


def _over(
    sampler: Callable[[Mapping[str, Any]], Any], items: list[dict[str, Any]]
) -> Callable[[], None]:
    def run() -> None:
        for item in items:
            sampler(item)

    return run


def _moving_tube(num_frames: int, rng: np.random.Generator) -> Tube:
    """A person's box that walks across the frame."""
    time = np.arange(num_frames)[:, None]
    sides = rng.uniform([40, 80], [90, 180])
    first, last = (rng.uniform([0, 0], [WIDTH - 1, HEIGHT - 1] - sides) for _ in range(2))
    corners = first + (last - first) * time / num_frames
    boxes = np.concatenate([corners, corners + sides], axis=1).astype(np.float32)
    return Tube(np.arange(1, num_frames + 1), boxes, 0)


@contextmanager
def _single_thread() -> Iterator[None]:
    """One thread for OpenCV and torch, as in a loader's worker."""
    threads = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads[0])
        torch.set_num_threads(threads[1])
