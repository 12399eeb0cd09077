"""The command that draws the action tubes of a video into an H.264 file a browser plays."""

from __future__ import annotations

import argparse
import os

import cv2
from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog
from tqdm import tqdm

from ..config import load_config
from ..data import open_frames
from ..errors import clear_exit
from ..visualization import draw_tubes, write_video
from .predictor import VideoPredictor

DEFAULT_FPS = 25.0  # of a folder of frames, which does not say


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Draw the action tubes of a video into an H.264 file that a browser plays."
    )
    parser.add_argument("--config-file", required=True, metavar="FILE")
    parser.add_argument("--input", required=True, help="a video file or a folder of frames")
    parser.add_argument("--output", required=True, metavar="OUT.mp4")
    parser.add_argument(
        "--min-score",
        type=float,
        default=0.2,
        help="draw tubes of at least this score (%(default)s)",
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE overrides of the config")
    return parser.parse_args()


def class_names(cfg: CfgNode) -> list[str]:
    """The labels of the configured data set; numbers where it is not a built-in one."""
    metadata = MetadataCatalog.get(cfg.DATASETS.TEST[0]) if cfg.DATASETS.TEST else {}
    numbers = [f"class {label}" for label in range(cfg.MODEL.STMA.NUM_CLASSES)]
    return metadata.get("thing_classes", numbers)


def frames_per_second(path: str) -> float:
    """What the video file says, or the default."""
    return (os.path.isfile(path) and cv2.VideoCapture(path).get(cv2.CAP_PROP_FPS)) or DEFAULT_FPS


def main(args: argparse.Namespace) -> None:
    """Detect, draw, and list the tubes."""
    cfg = load_config(args.config_file, args.opts)
    labels = class_names(cfg)
    predictor = VideoPredictor(cfg)
    tubes = predictor(args.input, lambda chunks: tqdm(chunks, "detecting", unit="chunk"))
    tubes = [tube for tube in tubes if tube.score >= args.min_score]
    frames = tqdm(open_frames(args.input), "drawing", unit="frame")
    drawn = (draw_tubes(frame, n, tubes, labels) for n, frame in enumerate(frames, start=1))
    write_video(args.output, drawn, frames_per_second(args.input))
    for tube in tubes:
        print(
            f"{labels[tube.label]:20s} score {tube.score:.2f}  "
            f"frames {tube.frames[0]} to {tube.frames[-1]}"
        )
    print(f"{len(tubes)} tubes of score {args.min_score} or more drawn into {args.output}")


def command_line() -> None:
    """Run the command with the arguments of the command line."""
    with clear_exit():
        main(parse_args())
