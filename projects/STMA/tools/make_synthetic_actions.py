#!/usr/bin/env python
"""Generate the data set that `synthetic_actions_train` and `synthetic_actions_val` read."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Sequence

from stma_d2.arguments import argument
from stma_d2.config.rules import whole
from stma_d2.data.datasets.synthetic_actions import MIN_IMAGE_SIZE, generate_synthetic_actions
from stma_d2.errors import clear_exit


def get_parser() -> argparse.ArgumentParser:
    """The command line: one argument for each parameter of `generate_synthetic_actions`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--root",
        default=os.path.expanduser(os.getenv("DETECTRON2_DATASETS", "datasets")),
        help="folder of all data sets; this one becomes ROOT/synthetic_actions",
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
        "--overwrite", action="store_true", help="replace a set that has other parameters"
    )
    parser.add_argument(
        "--workers",
        type=argument(whole(1, 1024)),
        help="processes that draw; the data stay the same",
    )
    parser.set_defaults(**generate_synthetic_actions.__kwdefaults__ | {"workers": os.cpu_count()})
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    generate_synthetic_actions(**vars(get_parser().parse_args(arguments)))


if __name__ == "__main__":
    with clear_exit():
        main()
