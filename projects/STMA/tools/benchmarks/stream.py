"""Latency of a frame in a stream: after many frames against after few, in turns.

An old stream, which has seen ``--frames``, and a young one, which has seen 50, take the same frames
in turns. Frames are generated, and a network without weights gets random ones; unless the overrides
say otherwise it links every tubelet, which is the most work that linking can have.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.modeling import build_model

from stma_d2 import model_zoo
from stma_d2.config import load_config
from stma_d2.inference import StreamPredictor, VideoPredictor
from stma_d2.visualization import write_video

from .memory import peak_memory
from .report import Report, Timing, stopwatch

YOUNG = 50  # frames before a stream's caches and buffers are filled
OVERRIDES = ("INPUT.SNIPPET_POSITION", "end", "TEST.LINKING.MIN_TUBELET_SCORE", "0.0")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this figure."""
    parser.add_argument(
        "--config-file",
        default=model_zoo.get_config_file("Synthetic/STMA_tiny_K5.yaml"),
        metavar="FILE",
        help="the network (default: the tiny one)",
    )
    parser.add_argument(
        "--frames", type=int, default=10_000, help="that the old stream has seen (%(default)s)"
    )
    parser.add_argument("--timed", type=int, default=500, help="frames (default: %(default)s)")
    parser.add_argument(
        "--size", type=int, nargs=2, default=(320, 240), metavar=("W", "H"), help="of the frames"
    )
    parser.add_argument(
        "--memory",
        type=int,
        nargs=2,
        metavar=("SHORT", "LONG"),
        help="also compare the peak memory of predicting whole videos of so many frames, for "
        "example 500 20000",
    )
    parser.add_argument("opts", nargs="*", metavar="KEY VALUE", help="overrides of the config")


def run(args: argparse.Namespace) -> Report:
    """Time the two streams; measure the memory of prediction where asked for."""
    cfg = load_config(args.config_file, [*OVERRIDES, *args.opts])
    with tempfile.TemporaryDirectory() as folder:
        if not cfg.MODEL.WEIGHTS:
            cfg.MODEL.WEIGHTS = write_random_weights(cfg, Path(folder))
        old, young, facts = stream(cfg, generated_frames(*args.size), args.frames, args.timed)
        if args.memory:
            facts.update(memory_of_prediction(cfg, args.size, args.memory, Path(folder)))
    timings = {"young": Timing(f"after {YOUNG}", young), "old": Timing(f"after {args.frames}", old)}
    quantiles = {name: percentiles(timing.seconds) for name, timing in timings.items()}
    ratios = {
        f"old / young, {name}": quantiles["old"][name] / value
        for name, value in quantiles["young"].items()
    }
    latency = {
        f"{name} {timing.name} frames (ms)": round(1e3 * quantiles[age][name], 3)
        for age, timing in timings.items()
        for name in quantiles[age]
    }
    (height, width), length = cfg.INPUT.SIZE, cfg.INPUT.SNIPPET_LENGTH
    return Report(
        title=f"A stream of {args.size[0]} x {args.size[1]} pixels into a network of "
        f"{width} x {height}, K = {length}; {Path(args.config_file).name} {' '.join(args.opts)}",
        unit="frame",
        timings=list(timings.values()),
        ratios=ratios,
        facts={**latency, **facts},
    )


def stream(
    cfg: CfgNode, frames: Iterator[np.ndarray], num_before: int, num_timed: int
) -> tuple[list[float], list[float], dict[str, float]]:
    """Run an old stream and a young one.

    Args:
        cfg: of the network.
        frames: as many as it takes.
        num_before: how many the old stream sees before it is timed.
        num_timed: how many are timed.

    Returns:
        Seconds of each timed frame in the old stream and in the young one, and how the process's
        peak memory grew (MB) while the old one grew old.
    """
    old = StreamPredictor(cfg)
    peak_when_young = 0.0
    for number, frame in enumerate(itertools.islice(frames, num_before), start=1):
        old.push(frame)
        if number == YOUNG:
            peak_when_young = peak_memory()
    growth = peak_memory() - peak_when_young
    young = StreamPredictor(cfg)
    for frame in itertools.islice(frames, YOUNG):
        young.push(frame)
    streams = [(old, []), (young, [])]
    for number, frame in enumerate(itertools.islice(frames, num_timed)):
        for predictor, seconds in streams if number % 2 else reversed(streams):
            seconds.append(stopwatch(lambda p=predictor, f=frame: p.push(f)))
    key = f"growth of peak memory between frames {YOUNG} and {num_before} (MB)"
    return streams[0][1], streams[1][1], {key: round(growth, 1)}


def memory_of_prediction(
    cfg: CfgNode, size: tuple[int, int], lengths: tuple[int, int], folder: Path
) -> dict[str, float]:
    """Peak memory (MB) of predicting whole videos, each in a process of its own.

    Args:
        cfg: of the network.
        size: width and height of the videos, pixels.
        lengths: frames of the shorter and of the longer one.
        folder: for the videos.
    """
    peaks = []
    for length in lengths:
        path = str(folder / f"{length}.mp4")
        write_video(path, itertools.islice(generated_frames(*size), length), fps=25)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            peaks.append(process.submit(_predict, cfg, path, torch.get_num_threads()).result())
    facts = {
        f"peak memory of prediction, {length} frames (MB)": round(peak, 1)
        for length, peak in zip(lengths, peaks, strict=True)
    }
    return {**facts, "difference (MB)": round(peaks[1] - peaks[0], 1)}


def generated_frames(width: int, height: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Discs that run to and fro before a still background, for ever: (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 200, (height // 16 + 2, width // 16 + 2, 3), dtype=np.uint8)
    background = cv2.resize(blocks, (width, height), interpolation=cv2.INTER_CUBIC)
    discs = rng.random((4, 5))  # color, place on y, speed, phase, radius
    for number in itertools.count():
        frame = background.copy()
        for color, y, speed, phase, radius in discs:
            way = (phase + number * (0.01 + 0.02 * speed)) % 2
            center = (round(width * min(way, 2 - way)), round(height * y))
            shade = (round(255 * color), 255, 255 - round(255 * color))
            cv2.circle(frame, center, round(height * (0.06 + 0.1 * radius)), shade, -1)
        yield frame


def write_random_weights(cfg: CfgNode, folder: Path) -> str:
    """A checkpoint of the configured network as it is before training; returns its path."""
    torch.manual_seed(0)
    path = str(folder / "random.pth")
    torch.save({"model": build_model(cfg).state_dict()}, path)
    return path


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"median": cuts[49], "p95": cuts[94], "p99": cuts[98]}


def _predict(cfg: CfgNode, path: str, num_threads: int) -> float:
    """In a process of its own: predict a video, return the peak memory."""
    torch.set_num_threads(num_threads)
    VideoPredictor(cfg)(path)
    return peak_memory()
