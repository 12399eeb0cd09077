"""The command that finds action tubes in videos and draws them or writes them into tables."""

from __future__ import annotations

import argparse
import logging
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from threading import Event
from typing import NamedTuple

import numpy as np
from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog
from tqdm import tqdm

from ..config import load_config
from ..data import open_frames
from ..data.readers import DEFAULT_FPS, TimedFrame
from ..errors import InputError, clear_exit
from ..evaluation import get_protocol
from ..linking import suppress_by_class
from ..visualization import at_rate, draw_tubes, drawable_labels
from .arguments import parse_args
from .live import LiveDrawing, shown
from .outputs import DRAWINGS, TABLES, Output
from .predictor import VideoPredictor
from .records import VideoTubes
from .selection import Selection
from .sources import opened_source, set_by_interrupt, until
from .stream import StreamPredictor

logger = logging.getLogger(__name__)

GIF_FPS = 10.0  # at most, where nothing else is asked for: GIF files grow large


class _NumberedFrame(NamedTuple):
    """A `TimedFrame` that knows which it is."""

    pixels: np.ndarray
    time: float
    duration: float
    number: int


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


def draw_video(
    source: str,
    tubes: Sequence,
    labels: Sequence[str],
    output: Output,
    fps: float | None = None,
    color_by: str = "class",
) -> None:
    """Draw tubes into a file or a folder of pictures.

    Args:
        source: the video, see `open_frames`.
        tubes: what was found in it.
        labels: class names.
        output: where to, one of the `DRAWINGS`.
        fps: see ``--fps``.
        color_by: "class" or "actor".
    """
    names, ids = drawable_labels(labels), range(1, len(tubes) + 1) if color_by == "actor" else None
    frames = _paced(tqdm(_timed(source, fps), "drawing", unit="frame"), source, output, fps)
    drawn = (
        TimedFrame(
            draw_tubes(frame.pixels, frame.number, tubes, names, ids, color_by),
            frame.time,
            frame.duration,
        )
        for frame in frames
    )
    DRAWINGS[output.ending](output.path, drawn)


def find_in_video(
    predictor: VideoPredictor, source: str, selection: Selection, fps: float | None = None
) -> VideoTubes:
    """The selected tubes of one video."""
    tubes = predictor(source, lambda chunks: tqdm(chunks, "detecting", unit="chunk"))
    reader = open_frames(source, conceal_damage=True)
    ((height, width, _),) = (frame.shape for frame in reader.read([1]))
    times = reader.times()
    if fps and os.path.isdir(source):
        times = times * (DEFAULT_FPS / fps)
    return VideoTubes(source, width, height, times, selection.final(tubes))


def draw_stream(args: argparse.Namespace, cfg: CfgNode, selection: Selection) -> list[VideoTubes]:
    """Draw every frame as it comes, until the input's end, Ctrl-C or q; one input after another.

    Returns:
        The tubes of the whole streams, as `find_in_video` would find them.
    """
    nms_iou = get_protocol(cfg.TEST.PROTOCOL).tube_nms_iou
    predictor, labels = StreamPredictor(cfg), class_names(cfg)
    found, stop = [], Event()
    for source in args.input:
        selection.best_weak = None
        drawing = LiveDrawing(predictor, drawable_labels(labels), selection, nms_iou, args.color_by)
        seen = _Seen()
        with opened_source(source) as frames, set_by_interrupt(stop):
            drawn = drawing(seen(until(stop, tqdm(frames, "streaming", unit="frame"))))
            if args.show:
                drawn = shown(drawn, stop)
            output = next(
                (one for one in args.output if one.is_drawing and source in one.inputs), None
            )
            if output is None:
                deque(drawn, maxlen=0)
            else:
                drawn = at_rate(drawn, args.fps) if args.fps else drawn
                DRAWINGS[output.ending](output.path, drawn)
                print(f"written: {output.path}")
        tubes = sorted(suppress_by_class(drawing.tubes, nms_iou), key=lambda tube: -tube.score)
        found.append(seen.with_tubes(source, tubes))
        _report(found[-1], labels, selection)
    return found


class _Seen:
    """Remembers the size and times of the frames that pass."""

    def __call__(self, frames: Iterable[TimedFrame]) -> Iterator[TimedFrame]:
        self.times, self.end, self.size = [], 0.0, (0, 0)
        for frame in frames:
            self.times.append(frame.time)
            self.end, self.size = frame.time + frame.duration, frame.pixels.shape[:2]
            yield frame

    def with_tubes(self, source: str, tubes: Sequence) -> VideoTubes:
        return VideoTubes(source, *self.size[::-1], np.array([*self.times, self.end]), tubes)


def _timed(source: str, fps: float | None) -> Iterator[_NumberedFrame]:
    frames = open_frames(source, conceal_damage=True).timed()
    for number, (pixels, time, duration) in enumerate(frames, start=1):
        if fps and os.path.isdir(source):
            time, duration = (number - 1) / fps, 1 / fps
        yield _NumberedFrame(pixels, time, duration, number)


def _paced(
    frames: Iterable[_NumberedFrame], source: str, output: Output, fps: float | None
) -> Iterable[_NumberedFrame]:
    if output.ending == ".gif" and (fps is None or os.path.isdir(source)):
        return at_rate(frames, min(GIF_FPS, fps or GIF_FPS))
    return at_rate(frames, fps) if fps and not os.path.isdir(source) else frames


def _find_and_draw(
    args: argparse.Namespace, cfg: CfgNode, selection: Selection
) -> tuple[list[VideoTubes], list[str]]:
    """What was found in each video, which is drawn, and the videos that could not be used."""
    predictor, labels = VideoPredictor(cfg), class_names(cfg)
    videos, failed = [], []
    for source in args.input:
        selection.best_weak = None
        try:
            found = find_in_video(predictor, source, selection, args.fps)
            for output in args.output:
                if output.is_drawing and source in output.inputs:
                    draw_video(source, found.tubes, labels, output, args.fps, args.color_by)
                    print(f"written: {output.path}")
        except InputError as error:
            if len(args.input) == 1:
                raise
            logger.error("%s", error)
            failed.append(source)
            continue
        videos.append(found)
        _report(found, labels, selection)
    return videos, failed


def _report(found: VideoTubes, labels: Sequence[str], selection: Selection) -> None:
    print(f"{found.video}: {len(found.tubes)} tubes{_weaker(found, selection)}")
    for number, tube in enumerate(found.tubes, start=1):
        print(
            f"  #{number} {labels[tube.label]:20s} score {tube.score:.2f}  "
            f"frames {tube.frames[0]} to {tube.frames[-1]}"
        )


def _weaker(found: VideoTubes, selection: Selection) -> str:
    if found.tubes:
        return ""
    if selection.best_weak is None:
        return "; none at any score"
    return f"; the best below the threshold scored {selection.best_weak:.2f}"


def main(args: argparse.Namespace) -> None:
    """Detect, draw, list the tubes, and write the tables."""
    cfg = load_config(args.config_file, args.opts)
    labels = class_names(cfg)
    selection = Selection.from_options(labels, args.classes, args.min_score)
    if args.stream:
        videos, failed = draw_stream(args, cfg, selection), []
    else:
        videos, failed = _find_and_draw(args, cfg, selection)
    for output in args.output:
        shown_here = [found for found in videos if found.video in output.inputs]
        if output.ending in TABLES and shown_here:
            TABLES[output.ending](output.path, shown_here, labels)
            print(f"written: {output.path}")
    if failed:
        raise InputError(
            f"{len(failed)} of {len(args.input)} inputs could not be used: {', '.join(failed)}"
        )


def command_line() -> None:
    """Run the command with the arguments of the command line."""
    with clear_exit():
        main(parse_args())
