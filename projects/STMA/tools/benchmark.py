#!/usr/bin/env python
"""Measure one figure of speed: two ways of doing the same, in turns in one run.

Networks have random weights: a configuration's MODEL.WEIGHTS are not read.

benchmark.py inference --config-file configs/UCF101-24/STMA_DLA34_RX101_K5.yaml --json figure.json
benchmark.py data --against tests/oracles/plain_sampler.py
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import sys
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
import torchvision
from benchmarks.inference import measure_inference, measure_stream
from benchmarks.linking import measure_evaluate, measure_link
from benchmarks.network import measure_deform, measure_train
from benchmarks.reading import measure_data, measure_video
from benchmarks.timing import Figure
from torch.utils.benchmark import Compare

from stma_d2 import model_zoo
from stma_d2.arguments import argument
from stma_d2.config.rules import whole
from stma_d2.errors import clear_exit
from stma_d2.files import check_output, write_json

PAPER = "UCF101-24/STMA_DLA34_RX101_K5.yaml"
COUNT = argument(whole(1, 10**9))


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
        write_json(args.json, record, indent=1)


if __name__ == "__main__":
    with clear_exit():
        main()
