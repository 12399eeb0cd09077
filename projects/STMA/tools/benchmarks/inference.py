"""Figures of a trained network's use: whole videos, and streams."""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from detectron2.modeling import build_model

from stma_d2.config import load_config
from stma_d2.data import ChunkIndex, ClipDatasetMapper, ClipSampler
from stma_d2.deployment import load_exported
from stma_d2.inference import StreamPredictor
from stma_d2.modeling import STMA, DetectorState, TubeletDetector
from stma_d2.modeling.detector import rows_per_pass
from stma_d2.modeling.precision import mixed_precision
from stma_d2.structures import Sample

from . import inputs
from .timing import Figure, in_turns, ratio

YOUNG = 50  # frames after which a stream's buffers are filled


@torch.inference_mode()
def measure_inference(args: argparse.Namespace) -> Figure:
    """Frames of a video under way: features shared, against every window alone.

    On processors also against the same with the network laid out as for training, and against ONNX
    Runtime with --exported. The limit is one pass of each network and the heads a frame, on inputs
    that lie ready.
    """
    cfg = load_config(args.config_file, args.opts)
    cfg.TEST.WINDOWS_PER_CHUNK = args.frames
    model = build_model(cfg).eval()
    detector, sampler = TubeletDetector.from_config(cfg, model), ClipSampler.from_config(cfg)
    mapper = ClipDatasetMapper.from_config(cfg, is_train=False)
    with TemporaryDirectory() as folder:
        num_windows = args.frames * (args.repeats + 2)
        video = inputs.write_frames(Path(folder, "v"), num_windows + sampler.snippet_length - 1)
        chunks = [mapper(item) for item in ChunkIndex([video], sampler, args.frames)]
        alone = [mapper(item) for item in islice(ChunkIndex([video], sampler, 1), args.frames)]
    states = {"features shared": detector.init_state()}
    network = states["features shared"].network
    if network is not model:
        states["laid out as for training"] = DetectorState(model)
    if args.exported:
        states["exported"] = DetectorState(load_exported(args.exported).network)
    runs = {"windows alone": lambda: [detector.step(detector.init_state(), each) for each in alone]}
    for name, state in states.items():
        following = iter(chunks)
        detector.step(state, next(following))  # the others go on from it
        runs[name] = lambda s=state, f=following: detector.step(s, next(f))
    steps = network_steps(network, chunks[0])
    runs |= steps
    with mixed_precision(model.device, cfg.TEST.AMP.ENABLED):
        timings = in_turns(runs, args.repeats, "frame", args.frames)
    alone, shared, *others = timings[: -len(steps)]
    limit = sum(timing.median for timing in timings[-len(steps) :])
    numbers = {**ratio(alone, shared), "features shared / limit": shared.median / limit}
    for other in others:
        numbers |= ratio(shared, other)
    return timings, numbers


def network_steps(model: STMA, chunk: Sample) -> dict[str, Callable[[], object]]:
    """One pass of each network for each of the chunk's windows, as many at a time as in use."""
    images, snippets, clips = (
        chunk[key].to(model.device) for key in ("frames", "snippet_index", "clip_index")
    )
    per_pass = rows_per_pass(images)
    passes = torch.arange(len(snippets)).split(per_pass)
    features, features_3d = model.frame_features(images), None
    steps = {"2D backbone": lambda: [model.frame_features(images[rows]) for rows in passes]}
    if model.backbone_3d is not None:
        features_3d = model.clip_features(images, clips, per_pass)
        steps["3D backbone"] = lambda: model.clip_features(images, clips, per_pass)
    steps["heads, decoding"] = lambda: [
        model.detect(features, snippets[rows], None if features_3d is None else features_3d[rows])
        for rows in passes
    ]
    return steps


def measure_stream(args: argparse.Namespace) -> Figure:
    """A frame of a stream after many frames, against one after 50; every tubelet is linked."""
    causal = ("INPUT.SNIPPET_POSITION", "end", "TEST.LINKING.MIN_TUBELET_SCORE", "0.0")
    cfg = load_config(args.config_file, [*causal, *args.opts])
    model, runs, numbers = build_model(cfg).eval(), {}, {}
    for length in (YOUNG, args.frames):
        predictor, frames = StreamPredictor(cfg, model), inputs.generated_frames()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for frame in islice(frames, length):
            predictor.push(frame)
        growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        numbers[f"growth of peak memory in {length} frames (MB)"] = growth / 1024
        runs[f"after {length} frames"] = lambda p=predictor, f=frames: p.push(next(f))
    timings = in_turns(runs, args.repeats, "frame")
    young, old = (np.percentile(timing.times, [95, 99]) for timing in timings)
    for name, few, many in zip(("p95", "p99"), young, old, strict=True):
        numbers |= {f"{name} after {YOUNG} frames (s)": few, f"{name}, old / young": many / few}
    return timings, {**ratio(*reversed(timings)), **numbers}
