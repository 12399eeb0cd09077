"""Figures of what is read: training clips from frames, clips from a video file."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torch.utils.benchmark import timer

from stma_d2.config import load_config
from stma_d2.data import ClipDatasetMapper, open_frames
from stma_d2.data.video_file import VideoDecoder
from stma_d2.errors import InputError
from stma_d2.modeling.backbone import build_backbone_2d
from stma_d2.visualization import write_video

from . import inputs
from .timing import Figure, in_turns, ratio


def measure_data(args: argparse.Namespace) -> Figure:
    """Training clips from JPEG frames: the mapper, against the PlainSampler of --against."""
    cfg = load_config(args.config_file, args.opts)
    stride = build_backbone_2d(cfg).shape.stride
    samplers = {"mapper": ClipDatasetMapper.from_config(cfg, stride=stride)}
    if args.against:
        samplers["plain sampler"] = inputs.load_file(args.against).PlainSampler(cfg, stride)
    with inputs.training_windows(cfg, args.dataset, args.clips) as items:
        runs = {name: lambda s=s: [s(item) for item in items] for name, s in samplers.items()}
        timings = in_turns(runs, args.repeats, "clip", len(items))
    return timings, ratio(*reversed(timings)) if args.against else {}


def measure_video(args: argparse.Namespace) -> Figure:
    """A clip from the middle of a video file: from its key frame, against from the file's start."""
    with TemporaryDirectory() as folder:
        path = args.video or str(Path(folder, "generated.mp4"))
        if not args.video:
            write_video(path, islice(inputs.generated_frames(), args.frames), fps=25)
        start = timer()
        num_frames = open_frames(path).count()  # makes the index
        numbers = {"making the index, once a file (s)": timer() - start}
        first = max((num_frames - args.clip_length) // 2, 0) + 1
        clip = range(first, min(first + args.clip_length, num_frames + 1))

        def from_start() -> list[np.ndarray]:
            decoder = VideoDecoder(path)
            pictures = islice(decoder, clip.start - 1, clip.stop - 1)
            return [decoder.pixels(picture.frame) for picture in pictures]

        def at_random() -> list[np.ndarray]:
            return open_frames(path).read(clip)

        if not np.array_equal(from_start(), at_random()):
            raise InputError(f"{path}: random access gives other pixels than decoding all")
        runs = {"from the start": from_start, "from the key frame": at_random}
        timings = in_turns(runs, args.repeats, "clip")
    return timings, {**ratio(*timings), "frames of the file": num_frames, **numbers}
