"""The demo's command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from glob import glob

from ..arguments import argument, given
from ..config.rules import number
from ..evaluation.confusion import MIN_SCORE
from .inputs import expand_inputs
from .outputs import FORMATS, Output, plan_outputs
from .sources import is_live

# The uppermost names of the configuration: those that hold keys, and keys.
SECTIONS = {"DATALOADER", "DATASETS", "GLOBAL", "INPUT", "MODEL", "SOLVER", "TEST"}
PLAIN_KEYS = {"CUDNN_BENCHMARK", "FLOAT32_PRECISION", "OUTPUT_DIR", "SEED", "VERSION", "VIS_PERIOD"}
_GIF_MAX_FPS = 100  # the format counts hundredths of a second
_EPILOG = """
Overrides of the configuration, KEY VALUE, may stand anywhere.

demo.py --weights W.pth --input street.mp4 --output drawn.mp4 tubes.json
demo.py --weights W.pth --input clips/ '*.MP4' --output out/{name}.gif all.csv
demo.py --onnx exported/ --input street.mp4 --output drawn.mp4
demo.py --config-file C.yaml --input rtsp://camera/street --show MODEL.WEIGHTS W.pth
"""


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, and what its inputs and outputs stand for.

    Returns:
        The options; ``input`` is the list of videos, ``output`` that of `Output`, ``opts`` the
        overrides of the configuration.

    Raises:
        InputError: see `expand_inputs` and `plan_outputs`.
    """
    arguments, overrides = take_overrides(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    args = parser.parse_args(arguments)
    args.opts = [*overrides, *(["MODEL.DEVICE", args.device] if args.device else [])]
    args.stream |= any(map(is_live, args.input))
    if args.show and not args.stream:
        parser.error("--show goes with a camera or with --stream")
    if not args.output and not args.show:
        parser.error("--output is missing")
    args.input = expand_inputs(args.input)
    files = [args.weights, args.config_file, *args.opts]  # an override may name weights
    if args.onnx:
        files += glob(os.path.join(args.onnx, "*"))
    args.output = plan_outputs(args.output, args.input, files)
    _check_drawn_once(parser, args.stream, args.output)
    if args.fps and args.fps > _GIF_MAX_FPS and any(map(_is_gif_of_video, args.output)):
        parser.error(f"--fps: a GIF holds at most {_GIF_MAX_FPS} frames a second")
    return args


def take_overrides(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part a command line into options and the KEY VALUE pairs before, between and behind them.

    A KEY is in capitals, begins with one of the configuration's uppermost names, and is no file.
    """
    rest, overrides = [], []
    follows_key = False
    for word in arguments:
        if follows_key and not word.startswith("--"):
            overrides.append(word)
            follows_key = False
            continue
        follows_key = _is_key(word)
        (overrides if follows_key else rest).append(word)
    return rest, overrides


def class_score(word: str) -> tuple[str, float]:
    """Read ``LABEL=SCORE``, or a score of all classes, whose label is empty."""
    label, _, score = word.rpartition("=")
    return label, argument(number(0, 1))(score)


def _is_key(word: str) -> bool:
    uppermost, has_parts = word.partition(".")[:2]
    begins_one = uppermost in (SECTIONS if has_parts else PLAIN_KEYS)
    return begins_one and word == word.upper() and not os.path.exists(word)


def _is_gif_of_video(output: Output) -> bool:
    """Whether --fps is this drawing's rate, and not that of a folder of frames."""
    return output.ending == ".gif" and not all(map(os.path.isdir, output.inputs))


def _check_drawn_once(
    parser: argparse.ArgumentParser, stream: bool, outputs: Sequence[Output]
) -> None:
    drawn = [output for output in outputs if output.is_drawing]
    if stream and len({output.inputs for output in drawn}) < len(drawn):
        parser.error(f"a camera or --stream is drawn once, not into {drawn[0].path} and others")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Find the action tubes of videos; draw them or write them into tables.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    option = parser.add_argument
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument(
        "--weights",
        type=given,
        metavar="PATH",
        help="a trained checkpoint, path or URL; it says all the rest",
    )
    network.add_argument(
        "--model", type=given, metavar="NAME", help="a trained checkpoint of the model zoo"
    )
    network.add_argument(
        "--onnx",
        type=given,
        metavar="FOLDER",
        help="a network that tools/export_model.py wrote; Detectron2 is not needed",
    )
    network.add_argument(
        "--config-file",
        type=given,
        metavar="FILE",
        help="for weights that say nothing but themselves, with MODEL.WEIGHTS PATH",
    )
    option(
        "--input",
        required=True,
        nargs="+",
        metavar="VIDEO",
        help="video files, folders of frames or of videos, patterns such as 'clips/*.mp4'; or a "
        "camera (0, 1, ..., /dev/video0) or a stream (rtsp://...)",
    )
    option(
        "--output",
        nargs="+",
        default=[],
        metavar="OUT",
        help=f"{FORMATS}; several at once; {{name}} in it is the input's name",
    )
    option(
        "--classes",
        nargs="+",
        default=[],
        metavar="LABEL",
        help="only these classes, by label or number (default: all)",
    )
    option(
        "--min-score",
        nargs="+",
        type=class_score,
        default=[("", MIN_SCORE)],
        metavar="SCORE",
        help=f"the least score of a tube, of all classes or as LABEL=SCORE (default: {MIN_SCORE})",
    )
    option(
        "--color-by",
        choices=("class", "actor"),
        default="class",
        help="one color a class (default), or one a tube, whose number is written too",
    )
    option(
        "--fps",
        type=argument(number(0.01, 1000)),
        help="frames a second of what is drawn, in the same time (default: those of the input; of "
        "a GIF at most 10). Of a folder of frames, which does not say: its own (default: 25)",
    )
    option("--device", help="cpu, cuda or cuda:1 (default: MODEL.DEVICE)")
    option(
        "--stream",
        action="store_true",
        help="draw each frame as it comes, knowing nothing of later ones, as for a camera",
    )
    option("--show", action="store_true", help="also show the stream in a window; q ends it")
    return parser
