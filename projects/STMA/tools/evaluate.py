#!/usr/bin/env python3
"""Score saved detections again, without the model, under one protocol or several.

    evaluate.py output/inference/ucf101_24_test/detections.npz --dataset ucf101_24_test
    evaluate.py detections.npz --dataset mine_test --dataset-file mine.yaml
    evaluate.py detections.npz --annotations JHMDB-GT.pkl --split 2 --protocol moc act voc

Without further options the rules are those that the detections were scored by when they were made.
Every number is printed with its protocol. "moc" is what papers report since MOC-Detector (ECCV
2020), "act" what ACT-detector computes; "voc" (papers like YOWO) and "multisports" must not be
compared with them.

The files of the MultiSports benchmark, whoever made them, are scored as they are: nothing in them
is suppressed or linked. One of the two is enough::

    evaluate.py --annotations multisports_GT.pkl --protocol multisports
        --frame-detections frame_detections.pkl --tubes video_detections.pkl --output metrics.json

``--write-benchmark-files`` makes them of saved detections.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Sequence

from detectron2.data import MetadataCatalog

from stma_d2.arguments import argument
from stma_d2.config.rules import number, whole
from stma_d2.data import (
    TubeAnnotations,
    load_annotations,
    load_ground_truth,
    register_dataset_file,
)
from stma_d2.errors import InputError, clear_exit
from stma_d2.evaluation import (
    FRAME_FILE,
    OPTIONS,
    PROTOCOLS,
    TUBE_FILE,
    Evaluation,
    Protocol,
    comparison_table,
    evaluation_record,
    evaluation_table,
    get_protocol,
    load_detections,
    load_frame_boxes,
    load_tubes,
    run_evaluation,
    save_benchmark_files,
    score,
    too_short,
)
from stma_d2.files import check_output, write_json

_OF_TUBELETS = (*OPTIONS, "write_benchmark_files")


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate and print."""
    args = _parse(arguments)
    if args.dataset_file:
        if not args.dataset:
            raise InputError("--dataset-file goes with --dataset, the name of a data set in it")
        register_dataset_file(args.dataset_file)
    _check_outputs(args)
    annotations, videos = _ground_truth(args)
    score_them = _score_tubelets if args.detections else _score_files
    evaluations = score_them(args, annotations, videos)
    if args.output is not None:
        write_json(args.output, [evaluation_record(evaluation) for evaluation in evaluations])
    for evaluation in evaluations:
        print(f"{evaluation_table(evaluation)}\n")
    if len(evaluations) > 1:
        print(comparison_table(evaluations))


def _score_tubelets(
    args: argparse.Namespace,
    annotations: TubeAnnotations,
    videos: Sequence[str],
) -> list[Evaluation]:
    saved = load_detections(args.detections)
    detections, protocols = saved.tubelets, _protocols(args, saved.protocol)
    if saved.labels not in (None, annotations.labels):
        raise InputError(
            f"{args.detections} has the labels {list(saved.labels)}, the annotations have "
            f"{list(annotations.labels)}; were the detections made on another data set?"
        )
    unused = sorted(set(detections) & set(annotations.videos) - set(videos))
    if unused:
        print(f"note: videos with detections that are not in this split, left out: {len(unused)}")
    _tell_missing(videos, detections, "detections")
    if warning := too_short(annotations, videos, protocols[0]):
        print(f"note: {warning}")
    evaluations = [run_evaluation(detections, annotations, videos, one) for one in protocols]
    if args.write_benchmark_files:
        folder, smallest = args.write_benchmark_files, args.min_box_score
        save_benchmark_files(folder, detections, annotations, videos, protocols[0], smallest)
    return evaluations


def _score_files(
    args: argparse.Namespace,
    annotations: TubeAnnotations,
    videos: Sequence[str],
) -> list[Evaluation]:
    boxes = tubes = None
    if args.frame_detections:
        boxes = load_frame_boxes(args.frame_detections, annotations, videos)
        _tell_missing(videos, boxes, "boxes")
    if args.tubes:
        tubes = load_tubes(args.tubes, annotations, videos)
        _tell_missing(videos, tubes, "tubes")
    protocols = _protocols(args, None)
    return [score(boxes, tubes, annotations, sorted(videos), one) for one in protocols]


def _tell_missing(videos: Sequence[str], found: Collection[str], what: str) -> None:
    missing = sorted(set(videos) - set(found))
    if missing:
        print(
            f"note: {len(missing)} of {len(videos)} videos have no {what} and count as "
            f"missed, the first is {missing[0]}"
        )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    args = parser.parse_args(arguments)
    files = args.frame_detections or args.tubes
    if bool(args.detections) == bool(files):
        parser.error("give detections.npz, or --frame-detections and --tubes (one will do)")
    if files and any(getattr(args, name) is not None for name in _OF_TUBELETS):
        options = ", ".join(f"--{name.replace('_', '-')}" for name in _OF_TUBELETS)
        parser.error(
            "the boxes and tubes of --frame-detections and --tubes are finished, and "
            f"{options} need tubelets"
        )
    if args.write_benchmark_files and len(args.protocol or ()) > 1:
        parser.error("--write-benchmark-files follows the rules of one --protocol")
    if args.min_box_score and not args.write_benchmark_files:
        parser.error("--min-box-score goes with --write-benchmark-files")
    return args


def _check_outputs(args: argparse.Namespace) -> None:
    truth = MetadataCatalog.get(args.dataset).get("annotations_file") if args.dataset else None
    read = [args.detections, args.frame_detections, args.tubes]
    read += [args.annotations, args.dataset_file, truth]
    if args.output is not None:
        check_output(args.output, *read, replaces=".json")
    if args.write_benchmark_files:
        for name in (FRAME_FILE, TUBE_FILE):
            check_output(os.path.join(args.write_benchmark_files, name), *read)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detections", nargs="?", help="detections.npz, as an evaluation saves it")
    parser.add_argument(
        "--frame-detections", metavar="FILE", help="boxes on frames, in MultiSports' format"
    )
    parser.add_argument("--tubes", metavar="FILE", help="tubes, in MultiSports' format")
    truth = parser.add_mutually_exclusive_group(required=True)
    truth.add_argument("--dataset", help="name of a registered data set")
    truth.add_argument("--annotations", help="annotation file, .pkl or .json")
    parser.add_argument("--dataset-file", metavar="FILE.yaml", help="describes --dataset")
    parser.add_argument(
        "--split",
        type=argument(whole(1, 10**6)),
        help="with --annotations: whose test videos (default 1)",
    )
    parser.add_argument(
        "--protocol",
        nargs="+",
        choices=tuple(PROTOCOLS),
        help="rules of linking and metrics (default: those of the detections, or moc)",
    )
    parser.add_argument(
        "--min-tubelet-score",
        type=argument(number(0, 1, below=True)),
        help="tubelets that score less are not linked (as published: 0)",
    )
    parser.add_argument(
        "--trim-below-median",
        type=argument(number(0, 1, below=True)),
        metavar="SHARE",
        help="cut tubes back to tubelets of this share of their median score (as published: 0)",
    )
    parser.add_argument(
        "--trim-to-key-frames",
        action=argparse.BooleanOptionalAction,
        help="cut tubes back to the key frames of their first and last window",
    )
    parser.add_argument(
        "--min-tube-length",
        type=argument(whole(1, 10**6)),
        help="tubes of fewer frames are dropped (as published: 15)",
    )
    parser.add_argument(
        "--write-benchmark-files",
        metavar="FOLDER",
        help=f"write {FRAME_FILE} and {TUBE_FILE} there, in MultiSports' formats",
    )
    parser.add_argument(
        "--min-box-score",
        type=argument(number(0, 1, below=True)),
        default=0.0,
        help=f"boxes that score less are left out of {FRAME_FILE} (default 0: all are written)",
    )
    parser.add_argument("--output", help="also write the numbers into this JSON file")
    return parser


def _protocols(args: argparse.Namespace, saved: Protocol | None) -> list[Protocol]:
    """Those asked for; what no option says is as in the file, or as published."""
    saved = saved or get_protocol("moc")
    options = {
        name: value if getattr(args, name) is None else getattr(args, name)
        for name, value in saved.options.items()
    }
    return [get_protocol(name, **options) for name in args.protocol or [saved.name]]


def _ground_truth(args: argparse.Namespace) -> tuple[TubeAnnotations, Sequence[str]]:
    if args.dataset:
        if args.split:
            raise InputError("--split goes with --annotations; a data set's name tells its split")
        return load_ground_truth(args.dataset)
    annotations, split = load_annotations(args.annotations), args.split or 1
    if split > len(annotations.splits):
        raise InputError(
            f"{args.annotations} has splits 1 to {len(annotations.splits)}, not {split}"
        )
    return annotations, annotations.splits[split - 1].test


if __name__ == "__main__":
    with clear_exit():
        main()
