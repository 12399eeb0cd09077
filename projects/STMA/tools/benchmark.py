#!/usr/bin/env python
"""Measure one figure of speed: two ways of doing the same, in turns in one run.

Networks have random weights: a configuration's MODEL.WEIGHTS are not read.

benchmark.py inference --config-file configs/UCF101-24/STMA_DLA34_RX101_K5.yaml --json figure.json
benchmark.py data --against tests/oracles/plain_sampler.py
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from unittest import mock

import benchmark_inputs as inputs
import cv2
import numpy as np
import torch
import torchvision
from detectron2.modeling import build_model
from detectron2.utils.events import EventStorage
from torch import nn
from torch.utils.benchmark import Compare, Measurement, TaskSpec, timer
from torchvision.ops import deform_conv2d

from stma_d2 import model_zoo
from stma_d2.arguments import argument
from stma_d2.config import load_config
from stma_d2.config.rules import whole
from stma_d2.data import ChunkIndex, ClipDatasetMapper, ClipSampler, open_frames
from stma_d2.data.video_file import VideoDecoder
from stma_d2.deployment import load_exported
from stma_d2.engine import Trainer
from stma_d2.engine.step import AccumulatingTrainer, check_batch_size
from stma_d2.errors import InputError, clear_exit
from stma_d2.evaluation import evaluate_tubelets, get_protocol
from stma_d2.files import atomic_write, check_output
from stma_d2.inference import StreamPredictor
from stma_d2.linking import LinkingRules, link_tubelets
from stma_d2.modeling import DLA34, STMA, DetectorState, TubeletDetector
from stma_d2.modeling.backbone import build_backbone_2d, deform
from stma_d2.modeling.detector import rows_per_pass
from stma_d2.modeling.precision import mixed_precision
from stma_d2.structures import Sample
from stma_d2.visualization import write_video

PAPER = "UCF101-24/STMA_DLA34_RX101_K5.yaml"
YOUNG = 50  # frames after which a stream's buffers are filled
COUNT = argument(whole(1, 10**9))
OFFSET_SPREAD = 2.0  # of deformable convolutions, pixels; without training all offsets are 0

# What was timed, and ratios of medians and other numbers by name.
Figure = tuple[list[Measurement], dict[str, float]]


def in_turns(
    runs: Mapping[str, Callable[[], object]], repeats: int, unit: str, units: int = 1
) -> list[Measurement]:
    """Time ``runs`` in turns, after an untimed turn: a busy machine slows all of them alike.

    Args:
        runs: by name; what they leave to a GPU is waited for.
        repeats: timed turns.
        unit: what the times are the times of, for example "frame".
        units: how many of them each run works through.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats + 1):
        for name, run in runs.items():
            start = timer()
            run()
            seconds[name].append(timer() - start)
    spec = partial(TaskSpec, "", "", description=f"per {unit}", num_threads=torch.get_num_threads())
    return [Measurement(units, times[1:], spec(sub_label=name)) for name, times in seconds.items()]


def ratio(slow: Measurement, fast: Measurement) -> dict[str, float]:
    """The ratio of two medians, with its name."""
    return {f"{slow.sub_label} / {fast.sub_label}": slow.median / fast.median}


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


@torch.inference_mode()
def measure_deform(args: argparse.Namespace) -> Figure:
    """DLA-34 on the CPU: our deformable convolution, against torchvision's."""
    model, frames = DLA34().eval(), torch.randn(args.batch, 3, args.size, args.size)
    for module in model.modules():
        if isinstance(module, deform.ModulatedDeformConv2d):
            nn.init.normal_(module.offset_mask.weight)
            module.offset_mask.register_forward_hook(
                lambda layer, inputs, output: output * (OFFSET_SPREAD / output.std())
            )

    def operator(x, offset, mask, weight, bias):
        return deform_conv2d(x, offset, weight, bias, padding=1, mask=mask)

    def with_torchvision() -> None:
        with mock.patch.object(deform, "deform_conv2d_cpu", operator):
            model(frames)

    runs = {"ours": lambda: model(frames), "torchvision's": with_torchvision}
    timings = in_turns(runs, args.repeats, "frame", args.batch)
    return timings, ratio(*reversed(timings))


def measure_train(args: argparse.Namespace) -> Figure:
    """Training steps on one batch: as configured, against the same with the keys of --against."""
    cfgs = [load_config(args.config_file, [*args.opts, *keys]) for keys in ([], args.against)]
    clips, others = (cfg.SOLVER.IMS_PER_BATCH for cfg in cfgs)
    if clips != others:
        raise InputError(f"both need the same SOLVER.IMS_PER_BATCH, not {clips} and {others}")
    mapper = ClipDatasetMapper.from_config(cfgs[0], stride=build_backbone_2d(cfgs[0]).shape.stride)
    with inputs.training_windows(cfgs[0], args.dataset, clips) as items:
        batch = [mapper(item) for item in items]
    steps = {}
    for cfg, name in zip(cfgs, ("as configured", " ".join(args.against)), strict=True):
        check_batch_size(cfg)
        model = build_model(cfg)
        steps[name] = AccumulatingTrainer(
            model,
            repeat(batch),
            Trainer.build_optimizer(cfg, model),
            device=model.device,
            micro_batches=cfg.SOLVER.ACCUMULATION_STEPS,
            mixed_precision=cfg.SOLVER.AMP.ENABLED,
        ).run_step
    with EventStorage():
        timings = in_turns(steps, args.repeats, "clip", clips)
    return timings, ratio(*timings)


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


def measure_link(args: argparse.Namespace) -> Figure:
    """Linking at a test set's scale, against plain loops and MOC's stored seconds."""

    def link(test_set: inputs.TestSet, plain: ModuleType | None = None) -> None:
        detections, annotations = test_set
        for video, tubelets in detections.items():
            num_frames = annotations.videos[video].num_frames
            if plain is None:
                link_tubelets(tubelets, num_frames)
            else:
                plain.link(tubelets, num_frames, LinkingRules())

    return measure_test_set(link, "BuildTubes", args)


def measure_evaluate(args: argparse.Namespace) -> Figure:
    """Linking and metrics at a test set's scale, against plain loops and MOC's stored seconds."""

    def evaluate(test_set: inputs.TestSet, plain: ModuleType | None = None) -> None:
        detections, annotations = test_set
        if plain is None:
            evaluate_tubelets(detections, annotations, list(detections), "moc")
        else:
            plain.evaluate(detections, annotations, list(detections), get_protocol("moc"))

    return measure_test_set(evaluate, "total", args)


def measure_test_set(
    work: Callable[..., None], golden_step: str, args: argparse.Namespace
) -> Figure:
    """Time ``work(test_set)`` on whole sets, and ``work(test_set, plain module)`` on a small one.

    ``golden_step`` is MOC's name of that work.
    """

    def timed(
        name: str, test_set: inputs.TestSet, plain: ModuleType | None = None
    ) -> list[Measurement]:
        runs = {name: partial(work, test_set)}
        if plain is not None:
            runs["plain loops"] = partial(work, test_set, plain)
        return in_turns(runs, args.repeats, "tubelet", inputs.num_detections(test_set))

    test_set = inputs.simulated_test_set(args, args.videos, args.frames)
    (whole,) = timings = timed("whole set", test_set)
    numbers = {"whole set (s)": whole.median * whole.number_per_run}
    if args.against:
        test_set = inputs.simulated_test_set(args, 2, min(args.frames, 60))
        small, loops = timed("small set", test_set, inputs.load_file(args.against))
        timings += [small, loops]
        numbers |= ratio(loops, small) | ratio(loops, whole)
    for name, test_set, seconds in inputs.golden_cases(args.golden) if args.golden else ():
        (ours,) = timed(name, test_set)
        timings.append(ours)
        total = ours.median * ours.number_per_run
        numbers[f"MOC's stored seconds / {name}"] = seconds[golden_step] / total
    return timings, numbers


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    figures = parser.add_subparsers(required=True, metavar="FIGURE")

    def add(
        measure: Callable[..., Figure], repeats: int, threads: int | None = None, config: str = ""
    ) -> Callable[..., argparse.Action]:
        name, meaning = measure.__name__.removeprefix("measure_"), measure.__doc__
        figure = figures.add_parser(name, help=meaning.partition("\n")[0], description=meaning)
        option = figure.add_argument
        option("--repeats", type=COUNT, default=repeats, help="timed turns (default: %(default)s)")
        option("--threads", type=COUNT, default=threads, help=f"default: {threads or 'all'}")
        option("--json", metavar="FILE", help="also write the figure as JSON")
        if config:
            config = model_zoo.get_config_file(config)
            option("--config-file", default=config, metavar="FILE", help="default: %(default)s")
            option("opts", nargs="*", metavar="KEY VALUE", help="overrides of the config")
        figure.set_defaults(measure=measure)
        return option

    oracle = {"metavar": "FILE.py", "help": "does the same plainly; lies in tests/oracles"}
    dataset = {"metavar": "NAME", "help": "registered data set (default: generated frames)"}
    option = add(measure_data, 5, threads=1, config="MOC/UCF101-24_DLA34_K7.yaml")
    option("--against", **oracle)
    option("--dataset", **dataset)
    option("--clips", type=COUNT, default=40, help="of a turn")
    option = add(measure_video, 5, threads=1)
    option("--video", metavar="FILE", help="default: a generated one, 320 x 240")
    option("--frames", type=COUNT, default=10_000, help="of the generated one")
    option("--clip-length", type=COUNT, default=16)
    option = add(measure_inference, 3, config=PAPER)
    option("--frames", type=COUNT, default=4, help="of a turn; a GPU's batch")
    option("--exported", metavar="FOLDER", help="of tools/export_model.py, of the same network")
    option = add(measure_deform, 5)
    option(
        "--size",
        type=argument(whole(32, 8192, step=32)),
        default=288,
        help="height and width of a frame",
    )
    option("--batch", type=COUNT, default=7, help="frames of a turn")
    option = add(measure_train, 10, config=PAPER)
    keys = ["SOLVER.AMP.ENABLED", "True"]
    option("--against", nargs="+", default=keys, metavar="KEY VALUE", help="default: %(default)s")
    option("--dataset", **dataset)
    option = add(measure_stream, 500, config="Synthetic/STMA_tiny_K5.yaml")
    option("--frames", type=COUNT, default=10_000, help="that the old stream has seen")
    for measure in (measure_link, measure_evaluate):
        option = add(measure, 3, threads=1)
        option("--against", **oracle)
        option("--golden", metavar="FOLDER", help="cases that MOC's own code was timed with")
        # UCF101-24's test set.
        option("--videos", type=COUNT, default=910)
        option("--frames", type=COUNT, default=150_000, help="of all videos together")
        option("--classes", type=COUNT, default=24)
        option("--tubelets", type=COUNT, default=10, help="of a window")
    return parser.parse_args(arguments)


def machine() -> dict[str, str]:
    """The machine and the versions that a figure was measured with."""
    return {
        "processor": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores seen, "
        f"{torch.get_num_threads()} threads of torch, {cv2.getNumThreads()} of OpenCV",
        "GPU": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}, torchvision "
        f"{torchvision.__version__}, numpy {np.__version__}, OpenCV {cv2.__version__}",
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write the JSON where it is asked for."""
    arguments = sys.argv[1:] if arguments is None else arguments
    args = parse_args(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
        cv2.setNumThreads(args.threads)
    torch.manual_seed(0)
    if args.json is not None:
        read = (getattr(args, name, None) for name in ("config_file", "video"))
        check_output(args.json, *read, replaces=".json")
    timings, numbers = args.measure(args)
    print(Compare(timings))
    for name, value in numbers.items():
        print(f"{name}: {value:.4g}")
    for name, value in machine().items():
        print(f"{name}: {value}")
    if args.json is not None:
        record = {
            "command": shlex.join(arguments),
            "unit": f"seconds {timings[0].description}",
            "seconds": {timing.sub_label: timing.times for timing in timings},
            "numbers": numbers,
            "machine": machine(),
        }
        with atomic_write(args.json) as file:
            file.write(json.dumps(record, indent=1).encode())


if __name__ == "__main__":
    with clear_exit():
        main()
