#!/usr/bin/env python
"""Generate the data sets `synthetic_actions{,_middle,_hard}_{train,val}`.

A level brings its own factors, which make it difficult; each can be set to another value. The
folder of the data gets a sheet about them: data.html and classes.png.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

from stma_d2.arguments import argument
from stma_d2.config.rules import number, whole
from stma_d2.data import load_annotations
from stma_d2.data.datasets import ROOT
from stma_d2.data.datasets.synthetic_actions import (
    ANNOTATIONS,
    FRAMES,
    MIN_IMAGE_SIZE,
    PARAMETERS,
    generate_synthetic_actions,
)
from stma_d2.data.datasets.synthetic_levels import LEVELS, Factors, Level
from stma_d2.errors import InputError, clear_exit
from stma_d2.safe_json import read_json
from stma_d2.structures import VideoDict
from stma_d2.visualization.data_report import write_data_sheet


def get_parser() -> argparse.ArgumentParser:
    """The command line: one argument for each parameter of `generate_synthetic_actions`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--root",
        default=ROOT,
        help="folder of all data sets; this one becomes ROOT/synthetic_actions (level easy), "
        "ROOT/synthetic_actions_middle or ROOT/synthetic_actions_hard",
    )
    parser.add_argument("--level", choices=tuple(LEVELS))
    for factor in fields(Factors):
        rule = whole if type(factor.default) is int else number
        own = ", ".join(f"{name} {getattr(LEVELS[name].factors, factor.name)}" for name in LEVELS)
        parser.add_argument(
            f"--{factor.name.replace('_', '-')}",
            type=argument(rule(factor.metadata["low"], factor.metadata["high"])),
            default=argparse.SUPPRESS,
            help=f"{factor.metadata['meaning']} (default: {own})",
        )
    count = argument(whole(1, 10**6))
    parser.add_argument("--num-train", type=count, help="training videos")
    parser.add_argument("--num-val", type=count, help="validation videos")
    parser.add_argument(
        "--seed", type=argument(whole(0, 2**32 - 1)), help="the same seed gives the same data"
    )
    parser.add_argument(
        "--image-size",
        type=argument(whole(MIN_IMAGE_SIZE, 4096)),
        help="side of the frames in pixels",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace a set that has other parameters or lost files",
    )
    parser.add_argument(
        "--workers",
        type=argument(whole(1, 1024)),
        help="processes that draw; the data stay the same",
    )
    parser.set_defaults(**generate_synthetic_actions.__kwdefaults__ | {"workers": os.cpu_count()})
    return parser


def write_sheet(folder: Path, level: Level) -> tuple[Path, ...]:
    """Write what is in the data set into its folder, see `write_data_sheet`."""
    annotations = load_annotations(folder / ANNOTATIONS)
    videos: list[VideoDict] = [
        {
            "video_id": name,
            "num_frames": video.num_frames,
            "height": video.height,
            "width": video.width,
            "path": str(folder / FRAMES / name),
            "tubes": list(video.tubes),
        }
        for name, video in annotations.videos.items()
    ]
    facts = {"level": level.name, **read_json(folder / PARAMETERS)}
    facts |= asdict(level.factors)
    return write_data_sheet(
        videos,
        level.labels,
        folder.name,
        folder,
        level.factors.min_length,
        level.class_groups,
        {name.replace("_", " "): value for name, value in facts.items() if name != "factors"},
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    args = vars(get_parser().parse_args(arguments))
    given = {one.name: args.pop(one.name) for one in fields(Factors) if one.name in args}
    if not args["root"]:
        raise InputError("--root is empty; name the folder of all data sets")
    level = LEVELS[args["level"]]
    level = replace(level, factors=replace(level.factors, **given))
    folder = generate_synthetic_actions(**args | {"factors": level.factors})
    if not all((folder / name).exists() for name in ("data.html", "classes.png")):
        for path in write_sheet(folder, level):
            logging.info("%s", path)


if __name__ == "__main__":
    with clear_exit():
        main()
