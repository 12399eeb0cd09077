"""The command that draws the action tubes of a video into an H.264 file a browser plays."""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Sequence
from threading import Event

from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog
from tqdm import tqdm

from ..config import load_config
from ..data import open_frames
from ..errors import InputError, clear_exit
from ..evaluation import get_protocol
from ..files import check_output
from ..linking import suppress_by_class
from ..structures import Tube
from ..visualization import draw_tubes, write_timed_video
from .live import LiveDrawing, shown
from .predictor import VideoPredictor
from .sources import is_live, opened_source, set_by_interrupt, until
from .stream import StreamPredictor


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Draw the action tubes of a video into an H.264 file that a browser plays."
    )
    parser.add_argument("--config-file", required=True, metavar="FILE")
    parser.add_argument(
        "--input",
        required=True,
        help="a video file, a folder of frames, or the number of a camera: 0, 1, ...",
    )
    parser.add_argument("--output", metavar="OUT.mp4")
    parser.add_argument(
        "--min-score",
        type=float,
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
    args.stream |= is_live(args.input)
    if args.show and not args.stream:
        parser.error("--show goes with a camera or with --stream")
    if not args.output and not args.show:
        parser.error("--output is missing")
    return args


def class_names(cfg: CfgNode) -> list[str]:
    """The labels of the configured data set; numbers where it is not a built-in one.

    Raises:
        InputError: if the data set has another number of labels than the network has classes.
    """
    num_classes = cfg.MODEL.STMA.NUM_CLASSES
    metadata = MetadataCatalog.get(cfg.DATASETS.TEST[0]) if cfg.DATASETS.TEST else {}
    labels = metadata.get("thing_classes", [f"class {label}" for label in range(num_classes)])
    if len(labels) != num_classes:
        raise InputError(
            f"DATASETS.TEST {cfg.DATASETS.TEST[0]} has {len(labels)} labels, the network "
            f"{num_classes} classes; name the data set that it was trained on"
        )
    return labels


def draw_video(args: argparse.Namespace, cfg: CfgNode, labels: Sequence[str]) -> list[Tube]:
    """Detect in the whole video first, then draw it; returns the tubes that are drawn."""
    predictor = VideoPredictor(cfg)
    tubes = predictor(args.input, lambda chunks: tqdm(chunks, "detecting", unit="chunk"))
    tubes = [tube for tube in tubes if tube.score >= args.min_score]
    frames = open_frames(args.input, conceal_damage=True).timed()
    drawn = (
        frame._replace(pixels=draw_tubes(frame.pixels, number, tubes, labels))
        for number, frame in enumerate(tqdm(frames, "drawing", unit="frame"), start=1)
    )
    write_timed_video(args.output, drawn)
    return tubes


def draw_stream(args: argparse.Namespace, cfg: CfgNode, labels: Sequence[str]) -> list[Tube]:
    """Draw every frame as it comes, until the input's end, Ctrl-C or q.

    Returns:
        The tubes of the whole stream, as `draw_video` would find them.
    """
    nms_iou = get_protocol(cfg.TEST.PROTOCOL).tube_nms_iou
    drawing = LiveDrawing(StreamPredictor(cfg), labels, args.min_score, nms_iou)
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
    return sorted(tubes, key=lambda tube: -tube.score)


def main(args: argparse.Namespace) -> None:
    """Detect, draw, and list the tubes."""
    if args.output:
        if not args.output.lower().endswith(".mp4"):
            raise InputError(
                f"the output {args.output} must end in .mp4; no other format is written"
            )
        check_output(args.output, args.input)
    cfg = load_config(args.config_file, args.opts)
    labels = class_names(cfg)
    tubes = (draw_stream if args.stream else draw_video)(args, cfg, labels)
    for tube in tubes:
        print(
            f"{labels[tube.label]:20s} score {tube.score:.2f}  "
            f"frames {tube.frames[0]} to {tube.frames[-1]}"
        )
    drawn = f" drawn into {args.output}" if args.output else ""
    print(f"{len(tubes)} tubes of score {args.min_score} or more{drawn}")


def command_line() -> None:
    """Run the command with the arguments of the command line."""
    with clear_exit():
        main(parse_args())
