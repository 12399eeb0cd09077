#!/usr/bin/env python
"""Measure one figure of speed; each compares two ways of doing the same in one run."""

from __future__ import annotations

import argparse
import importlib

from benchmarks.report import write_json

from stma_d2.errors import clear_exit

FIGURES = {
    "data": "training clips per second of one core, and what the time goes to",
    "inference": "milliseconds per frame of the sliding window, with and without shared features",
    "deform": "DLA-34's deformable convolutions on the CPU, against torchvision's operator",
    "train": "training clips per second, and what the time goes to",
    "link": "tubelets into tubes, at the scale of the UCF101-24 test set",
    "evaluate": "linking, frame-mAP and video-mAP, at the scale of the UCF101-24 test set",
    "stream": "latency of a frame, at the start of a stream and after many frames",
}


def parse_args() -> argparse.Namespace:
    """Read the command line; only the modules of the figures themselves know their options."""
    parser = argparse.ArgumentParser(description=__doc__)
    figures = parser.add_subparsers(dest="figure", required=True, metavar="FIGURE")
    for name, meaning in FIGURES.items():
        figure = figures.add_parser(name, help=meaning, description=meaning)
        module = importlib.import_module(f"benchmarks.{name}")
        module.add_arguments(figure)
        figure.add_argument("--json", metavar="FILE", help="also write the figures as JSON")
        figure.set_defaults(run=module.run)
    return parser.parse_args()


def main() -> None:
    """Measure, print the table, and write the JSON where it is asked for."""
    args = parse_args()
    report = args.run(args)
    print(report)
    if args.json:
        write_json(report, args.json)


if __name__ == "__main__":
    with clear_exit():
        main()
