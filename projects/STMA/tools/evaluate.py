#!/usr/bin/env python3
"""Score saved detections again, without the model, under one protocol or several.

    evaluate.py output/inference/ucf101_24_test/detections.npz --dataset ucf101_24_test
    evaluate.py detections.npz --dataset mine_test --dataset-file mine.yaml
    evaluate.py detections.npz --annotations JHMDB-GT.pkl --split 2 --protocol moc act voc

Without further options the rules are those that the detections were scored by when they were made.
Every number is printed with its protocol. "moc" is what papers report since MOC-Detector (ECCV
2020), "act" what ACT-detector computes; "voc" (papers like YOWO) must not be compared with them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

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
    PROTOCOLS,
    Protocol,
    comparison_table,
    evaluation_record,
    evaluation_table,
    get_protocol,
    load_detections,
    run_evaluation,
    too_short,
    write_json,
)
from stma_d2.files import check_output


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate and print."""
    args = _parser().parse_args(arguments)
    if args.output:
        check_output(args.output, args.detections, args.annotations or "")
    annotations, videos = _ground_truth(args)
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
    missing = sorted(set(videos) - set(detections))
    if missing:
        print(
            f"note: {len(missing)} of {len(videos)} videos have no detections and count as "
            f"missed, the first is {missing[0]}"
        )
    if warning := too_short(annotations, videos, protocols[0]):
        print(f"note: {warning}")
    evaluations = [
        run_evaluation(detections, annotations, videos, protocol) for protocol in protocols
    ]
    for evaluation in evaluations:
        print(f"{evaluation_table(evaluation)}\n")
    if len(evaluations) > 1:
        print(comparison_table(evaluations))
    if args.output:
        write_json(args.output, [evaluation_record(evaluation) for evaluation in evaluations])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detections", help="detections.npz, as an evaluation saves it")
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
        "--trim-to-key-frames",
        action=argparse.BooleanOptionalAction,
        help="cut tubes back to the key frames of their first and last window",
    )
    parser.add_argument(
        "--min-tube-length",
        type=argument(whole(1, 10**6)),
        help="tubes of fewer frames are dropped (as published: 15)",
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
    if args.dataset_file:
        if not args.dataset:
            raise InputError("--dataset-file goes with --dataset, the name of a data set in it")
        register_dataset_file(args.dataset_file)
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
