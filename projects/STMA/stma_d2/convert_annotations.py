"""The command that turns annotations of other programs into ours, and ours into theirs."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from math import inf
from pathlib import Path

from .arguments import argument
from .config.rules import number, whole
from .data import Split, TubeAnnotations, load_annotations
from .data.formats import (
    ENDINGS,
    FormatSettings,
    Report,
    assemble,
    format_of,
    read_path,
    split_by_list,
    split_by_ratio,
    write_annotations,
)
from .errors import InputError, clear_exit
from .evaluation import PROTOCOLS, get_protocol, tubes_of_detections
from .evaluation.confusion import MIN_SCORE
from .files import check_output, write_json

_POSITIVE = argument(number(0, inf, above=True, below=True))
TRAIN_SHARE = 0.8  # where nothing says how to split

DESCRIPTION = """\
Turn annotations of labelling tools and data sets into annotations to train with, and back.

    convert_annotations.py export.zip --output mine.json
    convert_annotations.py mine.json --to cvat --output for_cvat
    convert_annotations.py detections.npz --annotations mine.json --to cvat --output for_cvat

Inputs are known by what is in them: CVAT for video 1.1 (.xml or the exported .zip, of a task or
a project), MOT (gt.txt, a folder or .zip with gt/gt.txt), COCO for videos (.json), AVA (.csv), the
corrected UCF101-24 (pyannot.pkl), ACT (.pkl), our .json, and detections.npz of an evaluation.
What was left out is told with the reason, the count and names.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Convert and report."""
    args = _parser().parse_args(arguments)
    kind = format_of(args.output, args.to)
    _check_outputs(args)
    report = Report()
    annotations = _split(_read(args, report), kind, args, report)
    write_annotations(annotations, args.output, kind, args.tolerance, report)
    if args.report:
        write_json(args.report, report.record(), indent=1)
    print(_summary(annotations))
    for line in report.lines():
        print(line)
    print(f"Written to {args.output}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="+", help="files, folders or zip files")
    parser.add_argument(
        "--output",
        required=True,
        help=".json (ours), .pkl (ACT), .xml (CVAT), .zip (MOT), a folder",
    )
    parser.add_argument("--to", choices=tuple(ENDINGS), help="default: by the output's ending")
    parser.add_argument("--report", metavar="FILE.json", help="all names of what was left out")
    parser.add_argument(
        "--videos", help="folder of the videos, where the annotations lack lengths or sizes"
    )
    parser.add_argument("--ignore-label", nargs="+", default=[], metavar="LABEL")

    splits = parser.add_argument_group("splits (default: those of the inputs, or 80 percent train)")
    way = splits.add_mutually_exclusive_group()
    way.add_argument(
        "--train-share", type=argument(number(0, 1)), help="share of the videos to train with"
    )
    way.add_argument("--test-list", metavar="FILE.txt", help="the videos to test with, one a line")
    splits.add_argument(
        "--group-by",
        metavar="TEXT",
        help="videos whose names are equal up to its last occurrence stay together: _c for UCF101",
    )
    splits.add_argument(
        "--seed", type=argument(whole(0, 2**31)), default=0, help="of the draw (default 0)"
    )

    foreign = parser.add_argument_group("what a format does not say")
    foreign.add_argument(
        "--action-attribute",
        nargs="+",
        default=[],
        metavar="NAME",
        help="CVAT: the attribute whose value is the action (default: the label is)",
    )
    foreign.add_argument("--labels", metavar="FILE", help="MOT, AVA: names of numbered classes")
    foreign.add_argument(
        "--first-pixel", type=int, choices=(0, 1), default=0, help="MOT: 1 for MOTChallenge's own"
    )
    foreign.add_argument(
        "--first-frame", type=int, choices=(0, 1), default=0, help="COCO: number of the first frame"
    )
    foreign.add_argument("--fps", type=_POSITIVE, help="AVA: of the frames (default: the video's)")
    foreign.add_argument(
        "--start-seconds",
        type=argument(number(-1e9, 1e9)),
        default=0.0,
        help="AVA: where the videos begin (default 0)",
    )
    foreign.add_argument(
        "--key-frame-interval", type=_POSITIVE, default=1.0, help="AVA: in seconds (default 1)"
    )

    tubes = parser.add_argument_group("a model's tubes")
    tubes.add_argument("--annotations", help="of the videos in detections.npz")
    tubes.add_argument(
        "--protocol",
        choices=tuple(PROTOCOLS),
        help="to link by (default: that of the detections, or moc)",
    )
    tubes.add_argument(
        "--min-score",
        type=argument(number(0, 1)),
        default=MIN_SCORE,
        help=f"of a tube (default {MIN_SCORE})",
    )
    tubes.add_argument(
        "--tolerance",
        type=argument(number(0, inf, below=True)),
        default=0.0,
        help="CVAT: fewer key frames, boxes between them off by up to so many pixels (default 0)",
    )
    return parser


def _check_outputs(args: argparse.Namespace) -> None:
    read = [*args.inputs, args.annotations, args.test_list, args.labels]
    read += [file for folder in args.inputs for file in Path(folder).glob("**/*.xml")]
    check_output(args.output, *read)
    if args.report is None:
        return
    check_output(args.report, *read, replaces=".json")
    if Path(args.report).resolve() == Path(args.output).resolve():
        raise InputError(f"--report and --output are both {args.report}; name two files")


def _read(args: argparse.Namespace, report: Report) -> TubeAnnotations:
    detections = [path for path in args.inputs if path.lower().endswith(".npz")]
    if detections:
        if len(args.inputs) > 1 or args.annotations is None:
            raise InputError(
                f"{detections[0]}: detections are converted alone, and with --annotations of their "
                "videos"
            )
        truth = load_annotations(args.annotations)
        protocol = get_protocol(args.protocol) if args.protocol else None
        return tubes_of_detections(detections[0], truth, protocol, args.min_score)
    settings = FormatSettings(
        action_attributes=tuple(args.action_attribute),
        first_pixel=args.first_pixel,
        first_frame=args.first_frame,
        labels_file=args.labels,
        videos=args.videos,
        fps=args.fps,
        start_seconds=args.start_seconds,
        key_frame_interval=args.key_frame_interval,
    )
    readings = [one for path in args.inputs for one in read_path(path, settings, report)]
    return assemble(readings, args.ignore_label, args.videos, report)


def _split(
    annotations: TubeAnnotations, kind: str, args: argparse.Namespace, report: Report
) -> TubeAnnotations:
    names = tuple(annotations.videos)
    splits: tuple[Split, ...] = annotations.splits
    if args.test_list is not None:
        split, unknown = split_by_list(names, args.test_list)
        for name in unknown:
            report.drop("a name in the list that is none of the videos", name)
        splits = (split,)
    elif (
        args.train_share is not None
        or args.group_by is not None
        or (not splits and kind in ("json", "act"))  # which are trained with
    ):
        share = TRAIN_SHARE if args.train_share is None else args.train_share
        splits = (split_by_ratio(names, share, args.seed, args.group_by),)
    for side in ("train", "test"):
        if not all(getattr(split, side) for split in splits):
            report.note(f"a split without a video to {side} with", f"{len(names)} videos in all")
    return TubeAnnotations(annotations.labels, annotations.videos, splits)


def _summary(annotations: TubeAnnotations) -> str:
    tubes = [tube for video in annotations.videos.values() for tube in video.tubes]
    counts = Counter(annotations.labels[tube.label] for tube in tubes)
    splits = "; ".join(f"{len(s.train)} train, {len(s.test)} test" for s in annotations.splits)
    labels = ", ".join(f"{label} {counts[label]}" for label in annotations.labels)
    return (
        f"{len(annotations.videos)} videos{f' ({splits})' if splits else ''}, {len(tubes)} tubes, "
        f"{sum(map(len, tubes))} boxes\ntubes of each label: {labels}"
    )


def command_line() -> None:
    """Run the command with the arguments of the command line."""
    with clear_exit():
        main()
