#!/usr/bin/env python3
"""Score saved detections again, without the model, under one protocol or several.

    evaluate.py output/inference/ucf101_24_test/detections.npz --dataset ucf101_24_test
    evaluate.py detections.npz --annotations JHMDB-GT.pkl --split 2 --protocol moc act voc

Every number is printed with its protocol. "moc" is what papers report since MOC-Detector (ECCV
2020), "act" what ACT-detector computes; "voc" (papers like YOWO) must not be compared with them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from stma_d2.arguments import argument
from stma_d2.config.rules import number, whole
from stma_d2.data import TubeAnnotations, load_annotations, load_ground_truth
from stma_d2.errors import InputError, clear_exit
from stma_d2.evaluation import (
    PROTOCOLS,
    comparison_table,
    evaluation_record,
    evaluation_table,
    get_protocol,
    load_detections,
    run_evaluation,
    write_json,
)
from stma_d2.files import check_output


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate and print."""
    args = _parser().parse_args(arguments)
    if args.output:
        check_output(args.output, args.detections, args.annotations or "")
    annotations, videos = _ground_truth(args)
    detections = load_detections(args.detections)
    unused = sorted(set(detections) & set(annotations.videos) - set(videos))
    if unused:
        print(f"note: videos with detections that are not in this split, left out: {len(unused)}")
    missing = sorted(set(videos) - set(detections))
    if missing:
        print(
            f"note: {len(missing)} of {len(videos)} videos have no detections and count as "
            f"missed, the first is {missing[0]}"
        )
    evaluations = [
        run_evaluation(
            detections,
            annotations,
            videos,
            get_protocol(name, args.min_tubelet_score, args.trim_to_key_frames),
        )
        for name in args.protocol
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
    parser.add_argument(
        "--split",
        type=argument(whole(1, 10**6)),
        help="with --annotations: whose test videos (default 1)",
    )
    parser.add_argument(
        "--protocol",
        nargs="+",
        choices=tuple(PROTOCOLS),
        default=["moc"],
        help="rules of linking and metrics (default moc)",
    )
    parser.add_argument(
        "--min-tubelet-score",
        type=argument(number(0, 1, below=True)),
        default=0.0,
        help="tubelets that score less are not linked (default 0: as published)",
    )
    parser.add_argument(
        "--trim-to-key-frames",
        action="store_true",
        help="cut tubes back to the key frames of their first and last window",
    )
    parser.add_argument("--output", help="also write the numbers into this JSON file")
    return parser


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
