#!/usr/bin/env python3
"""Write a trained network as files that run without Detectron2.

    export_model.py --model Synthetic/STMA_tiny_K5.yaml --output exported
    export_model.py --weights model_final.pth --output exported --format onnx pt2 --video street.mp4
    export_model.py --weights model_final.pth --output exported TEST.LINKING.MIN_TUBE_LENGTH 5

The folder has the network's parts, frames.onnx (what runs once a frame), clips.onnx (once a clip)
and windows.onnx (once a window), each for any number of rows, and model.json, which says all that
inference needs. demo.py --onnx exported and VideoPredictor.from_onnx("exported") run it.

Before the folder appears the files are run on frames of a video and on random ones, one and
several at a time, and must give what the network gives, to 1e-4.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice

import numpy as np
from detectron2.utils.logger import setup_logger

from stma_d2.data import open_frames
from stma_d2.data.datasets.synthetic_actions import draw_video
from stma_d2.data.datasets.synthetic_levels import LEVELS
from stma_d2.deployment import FORMATS, check_folder, export_network
from stma_d2.errors import clear_exit
from stma_d2.inference import VideoPredictor

# Of the generated video.
IMAGE_SIZE, SEED = 256, 0
_CPU = ("MODEL.DEVICE", "cpu", "MODEL.COMPILE", "False")


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the network, export it, and tell what was written."""
    args = _parser().parse_args(arguments)
    check_folder(args.output)
    overrides = [*args.opts, *_CPU]
    predictor = VideoPredictor.from_pretrained(args.weights or args.model, overrides)
    frames = example_frames(args.video, predictor.mapper.sampler.reach)
    differences = export_network(
        predictor.model, predictor.cfg, predictor.labels, args.output, frames, args.format
    )
    for name, difference in differences.items():
        print(f"{args.output}/{name}: at most {difference:.1e} from the network")


def example_frames(video: str | None, reach: int) -> np.ndarray:
    """Some first frames of a video, or of a generated one: (n, height, width, 3) uint8 BGR."""
    if video is None:
        _, frames = draw_video([0], LEVELS["easy"], IMAGE_SIZE, SEED)
        return frames
    return np.stack(list(islice(open_frames(video), reach + 3)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument("--weights", metavar="PATH", help="a trained checkpoint, path or URL")
    network.add_argument("--model", metavar="NAME", help="a trained checkpoint of the model zoo")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="a new folder")
    parser.add_argument(
        "--format",
        nargs="+",
        choices=FORMATS,
        default=["onnx"],
        help="onnx (default), for ONNX Runtime and the demo; pt2, of torch.export",
    )
    parser.add_argument(
        "--video", help="whose first frames are compared; by default one is generated"
    )
    parser.add_argument(
        "opts", nargs=argparse.REMAINDER, help="KEY VALUE, changed before it is exported"
    )
    return parser


if __name__ == "__main__":
    setup_logger(name="stma_d2")
    with clear_exit():
        main()
