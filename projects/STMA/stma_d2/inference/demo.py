"""The command that draws the action tubes of a video into an H.264 file a browser plays."""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from threading import Event

from detectron2.config import CfgNode
from tqdm import tqdm

from ..arguments import argument
from ..checkpoint import trained_config
from ..config import load_config
from ..config.rules import number
from ..errors import clear_exit
from ..evaluation import get_protocol
from ..linking import suppress_by_class
from ..model_zoo import get_checkpoint_url
from ..structures import Tube
from ..visualization import write_timed_video
from .live import LiveDrawing, shown
from .predictor import VideoPredictor
from .result import check_video_output
from .sources import is_camera, opened_source, set_by_interrupt, until
from .stream import StreamPredictor


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Draw the action tubes of a video into an H.264 file that a browser plays."
    )
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument(
        "--weights", metavar="PATH", help="a trained checkpoint, path or URL; it says all the rest"
    )
    network.add_argument("--model", metavar="NAME", help="a trained checkpoint of the model zoo")
    network.add_argument(
        "--config-file",
        metavar="FILE",
        help="for weights that say nothing but themselves, with MODEL.WEIGHTS PATH at the end",
    )
    parser.add_argument(
        "--input",
        required=True,
        help="a video file, a folder of frames, or the number of a camera: 0, 1, ...",
    )
    parser.add_argument("--output", metavar="OUT.mp4")
    parser.add_argument(
        "--min-score",
        type=argument(number(0, 1)),
        default=0.2,
        help="draw tubes of at least this score (%(default)s)",
    )
    parser.add_argument(
        "--stream",
        action="store_true",
        help="draw each frame as it comes, knowing nothing of later ones, as for a camera",
    )
    parser.add_argument(
        "--show", action="store_true", help="also show the stream in a window; q ends it"
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE overrides of the config")
    args = parser.parse_args()
    args.stream |= is_camera(args.input)
    if args.show and not args.stream:
        parser.error("--show goes with a camera or with --stream")
    if not args.output and not args.show:
        parser.error("--output is missing")
    return args


def draw_video(args: argparse.Namespace, cfg: CfgNode) -> tuple[Sequence[Tube], Sequence[str]]:
    """Detect in the whole video first, then draw it; returns the drawn tubes and the labels."""
    predictor = VideoPredictor(cfg)
    result = predictor(args.input, lambda chunks: tqdm(chunks, "detecting", unit="chunk"))
    result = replace(result, tubes=[t for t in result.tubes if t.score >= args.min_score])
    result.draw(args.output, lambda frames: tqdm(frames, "drawing", unit="frame"))
    return result.tubes, result.labels


def draw_stream(args: argparse.Namespace, cfg: CfgNode) -> tuple[Sequence[Tube], Sequence[str]]:
    """Draw every frame as it comes, until the input's end, Ctrl-C or q.

    Returns:
        The tubes of the whole stream, as `draw_video` would find them, and the labels.
    """
    nms_iou = get_protocol(cfg.TEST.PROTOCOL).tube_nms_iou
    predictor = StreamPredictor(cfg)
    drawing = LiveDrawing(predictor, predictor.labels, args.min_score, nms_iou)
    stop = Event()
    with opened_source(args.input) as frames, set_by_interrupt(stop):
        drawn = drawing(until(stop, tqdm(frames, "streaming", unit="frame")))
        if args.show:
            drawn = shown(drawn, stop)
        if args.output:
            write_timed_video(args.output, drawn)
        else:
            deque(drawn, maxlen=0)
    tubes = suppress_by_class(drawing.tubes, nms_iou)
    return sorted(tubes, key=lambda tube: -tube.score), predictor.labels


def configuration(args: argparse.Namespace) -> CfgNode:
    """That of the file, or of the trained network."""
    if args.config_file:
        return load_config(args.config_file, args.opts)
    path = get_checkpoint_url(args.model) if args.model else args.weights
    return trained_config(path, args.opts)


def main(args: argparse.Namespace) -> None:
    """Detect, draw, and list the tubes."""
    if args.output:
        check_video_output(args.output, args.input)
    cfg = configuration(args)
    tubes, labels = (draw_stream if args.stream else draw_video)(args, cfg)
    for tube in tubes:
        print(
            f"{labels[tube.label]:20s} score {tube.score:.2f}  "
            f"frames {tube.frames[0]} to {tube.frames[-1]}"
        )
    drawn = f", drawn into {args.output}" if args.output else ""
    print(f"tubes of score {args.min_score} or more: {len(tubes)}{drawn}")


def command_line() -> None:
    """Run the command with the arguments of the command line."""
    with clear_exit():
        main(parse_args())
