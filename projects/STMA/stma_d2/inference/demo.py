"""The command that finds action tubes in videos and draws them or writes them into tables."""

from __future__ import annotations

import argparse
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from threading import Event
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from ..data import DEFAULT_FPS
from ..data.readers import TimedFrame
from ..errors import InputError, clear_exit
from ..evaluation import get_protocol
from ..files import check_output
from ..linking import suppress_by_class
from ..structures import Tube
from ..visualization import at_rate, drawable_labels
from .arguments import parse_args
from .live import LiveDrawing, shown
from .network_user import NetworkUser
from .outputs import DRAWINGS, TABLES
from .predictor import VideoPredictor
from .pretrained import named_config
from .result import VideoResult
from .selection import Selection
from .sources import opened_source, set_by_interrupt, until
from .stream import StreamPredictor

logger = logging.getLogger(__name__)

_Predictor = TypeVar("_Predictor", bound=NetworkUser)


def find_and_draw(args: argparse.Namespace) -> tuple[list[VideoResult], list[str]]:
    """Detect in each whole video first, then draw it.

    Returns:
        What was found, and the inputs that could not be used, where there are others.
    """
    predictor = _predictor(VideoPredictor, args)
    selection = Selection.from_options(predictor.labels, args.classes, args.min_score)
    return _of_each_input(
        args.input, lambda source: _find_and_draw_one(args, predictor, selection, source)
    )


def draw_streams(args: argparse.Namespace) -> tuple[list[VideoResult], list[str]]:
    """Draw every frame as it comes; one input after another, up to Ctrl-C or q.

    Returns:
        As `find_and_draw`; the tubes are those that it would find in the frames that came.
    """
    predictor = _predictor(StreamPredictor, args)
    selection = Selection.from_options(predictor.labels, args.classes, args.min_score)
    stop = Event()
    return _of_each_input(
        args.input, lambda source: _draw_one_stream(args, predictor, selection, source, stop), stop
    )


def _of_each_input(
    sources: Sequence[str], detect: Callable[[str], VideoResult], stop: Event | None = None
) -> tuple[list[VideoResult], list[str]]:
    """The results and the inputs that could not be used; ends early once ``stop`` is set."""
    results, failed = [], []
    for source in sources:
        try:
            results.append(detect(source))
        except InputError as error:
            if len(sources) == 1:
                raise
            logger.error("%s", error)
            failed.append(source)
        if stop is not None and stop.is_set():
            break
    return results, failed


def _draw_one_stream(
    args: argparse.Namespace,
    predictor: StreamPredictor,
    selection: Selection,
    source: str,
    stop: Event,
) -> VideoResult:
    predictor.reset()  # the input before may have broken off
    selection.best_weak = None
    nms_iou = get_protocol(predictor.cfg.TEST.PROTOCOL).tube_nms_iou
    labels = drawable_labels(predictor.labels)
    drawing = LiveDrawing(predictor, labels, selection, nms_iou, args.color_by)
    seen = _Seen()
    with opened_source(source) as frames, set_by_interrupt(stop):
        drawn = drawing(seen(until(stop, tqdm(frames, "streaming", unit="frame"))))
        if args.show:
            drawn = shown(drawn, stop)
        outputs = (one for one in args.output if one.is_drawing and source in one.inputs)
        output = next(outputs, None)
        if output is None:
            deque(drawn, maxlen=0)
        else:
            drawn = at_rate(drawn, args.fps) if args.fps else drawn
            DRAWINGS[output.ending](output.path, drawn)
            print(f"written: {output.path}")
    tubes = suppress_by_class(drawing.tubes, nms_iou)
    result = seen.with_tubes(source, predictor.labels, tubes)
    _report(result, selection)
    return result


class _Seen:
    """Remembers the size and times of the frames that pass."""

    def __call__(self, frames: Iterable[TimedFrame]) -> Iterator[TimedFrame]:
        self.times, self.end, self.size = [], 0.0, (0, 0)
        for frame in frames:
            self.times.append(frame.time)
            self.end, self.size = frame.time + frame.duration, frame.pixels.shape[:2]
            yield frame

    def with_tubes(self, source: str, labels: Sequence[str], tubes: Sequence[Tube]) -> VideoResult:
        times = np.array([*self.times, self.end])
        return VideoResult.of(source, self.size, times, labels, tubes)


def _find_and_draw_one(
    args: argparse.Namespace, predictor: VideoPredictor, selection: Selection, source: str
) -> VideoResult:
    selection.best_weak = None
    chunks = {"desc": "detecting", "unit": "chunk"}
    result = predictor(source, lambda items: tqdm(items, **chunks), fps=args.fps or DEFAULT_FPS)
    result = replace(result, tubes=selection.final(result.tubes))
    # A folder of frames has the rate that was named; a file is drawn at it.
    fps = None if os.path.isdir(source) else args.fps
    for output in args.output:
        if output.is_drawing and source in output.inputs:
            result.draw(
                output.path,
                lambda frames: tqdm(frames, "drawing", unit="frame"),
                fps=fps,
                color_by=args.color_by,
            )
            print(f"written: {output.path}")
    _report(result, selection)
    return result


def _report(result: VideoResult, selection: Selection) -> None:
    print(f"{result.name}: {len(result.tubes)} tubes{_weaker(result, selection)}")
    for number, tube in enumerate(result.tubes, start=1):
        print(
            f"  #{number} {tube.name:20s} score {tube.score:.2f}  "
            f"frames {tube.frames[0]} to {tube.frames[-1]}"
        )


def _weaker(result: VideoResult, selection: Selection) -> str:
    if result.tubes:
        return ""
    if selection.best_weak is None:
        return "; none at any score"
    return f"; the best below the threshold scored {selection.best_weak:.2f}"


def _predictor(kind: type[_Predictor], args: argparse.Namespace) -> _Predictor:
    """A predictor with the network that was named.

    Raises:
        InputError: also if an output is the annotation file of a data set that is known by now.
    """
    if args.onnx:
        return kind.from_onnx(args.onnx, args.opts)
    cfg = named_config(args)
    from ..data import dataset_files  # needs Detectron2, which is there

    for output in args.output:
        if output.ending:
            check_output(output.path, *dataset_files())
    return kind(cfg)


def main(args: argparse.Namespace) -> None:
    """Detect, draw, list the tubes, and write the tables."""
    results, failed = draw_streams(args) if args.stream else find_and_draw(args)
    for output in args.output:
        records = [result.record() for result in results if result.source in output.inputs]
        if output.ending in TABLES and records:
            TABLES[output.ending](output.path, records, results[0].labels)
            print(f"written: {output.path}")
    if failed:
        raise InputError(
            f"{len(failed)} of {len(args.input)} inputs could not be used: {', '.join(failed)}"
        )


def command_line() -> None:
    """Run the command with the arguments of the command line."""
    with clear_exit():
        main(parse_args())
