#!/usr/bin/env python3
"""Turn other projects' weights into an initialization, or a whole model, for MODEL.WEIGHTS.

A 2D and a 3D backbone (or one of them) to start a training from::

    convert_weights.py ctdet_coco_dla_2x.pth resnext-101-kinetics.pth --output weights/init.pkl

A whole MOC model, to be evaluated with a configuration of configs/MOC::

    convert_weights.py ucf_dla34_K7_rgb_coco.pth --output weights/ucf_dla34_K7_rgb_coco.pkl

What became of each tensor is printed as a table, and the configuration keys that the weights need.
CenterNet's weights fill the size head too, as far as it has their shape. The output is written
whole or not at all.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence

from tabulate import tabulate

from stma_d2.checkpoint import ORIGINS, ConvertedFile, convert_file, write_initialization
from stma_d2.errors import InputError, clear_exit
from stma_d2.files import check_output

KEYS_SHOWN = 2
# Of the paper's network.
PARTS = ("backbone", "backbone_3d", "center_head", "movement_head", "size_head", "action_head")


def main(arguments: Sequence[str] | None = None) -> None:
    """Convert and report."""
    args = _parser().parse_args(arguments)
    check_output(args.output, *args.inputs)
    kinds = _kinds(args.kind, len(args.inputs))
    files = [convert_file(path, kind) for path, kind in zip(args.inputs, kinds, strict=True)]
    write_initialization(args.output, files)
    rows = [row for file in files for row in _rows(file, args.all_keys)]
    print(tabulate(rows, ("file", "tensors", "are", "which"), tablefmt="github"))
    for file in files:
        print(f"\n{file.path}: {ORIGINS[file.kind].name}\nsha256 {file.sha256}")
    print("\nThe configuration must say:")
    for file in files:
        for key, value in file.conversion.settings.items():
            print(f"    {key} {value!r}")
    if anew := _parts_left_out(files):
        print(f"Not in these files, so that a training starts them anew: {', '.join(anew)}")
    print(f"Written; use it by MODEL.WEIGHTS {args.output}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="+", help="one file, or a 2D and a 3D backbone's")
    parser.add_argument("--output", required=True, help="file to write, ends in .pkl")
    parser.add_argument(
        "--kind",
        nargs="+",
        choices=("auto", *ORIGINS),
        help="what the inputs are, one word each (default auto: by their keys); dla34 or resnet18 "
        "takes only the backbone of a MOC model",
    )
    parser.add_argument("--all-keys", action="store_true", help="list every tensor in the table")
    return parser


def _kinds(given: list[str] | None, count: int) -> list[str | None]:
    kinds = given or ["auto"] * count
    if len(kinds) != count:
        raise InputError(f"--kind takes one word for each input: {count}, not {len(kinds)}")
    return [None if kind == "auto" else kind for kind in kinds]


def _rows(file: ConvertedFile, all_keys: bool) -> Iterator[tuple[str, int, str, str]]:
    """The table's lines on one file: loaded, dropped by reason, missing."""
    conversion = file.conversion
    names = {
        key: f"{source} -> {key}" if all_keys else source
        for key, source in conversion.sources.items()
    }
    groups = {"loaded": list(names.values())}
    for key, reason in conversion.dropped.items():
        groups.setdefault(f"dropped: {reason}", []).append(key)
    added = [key for key in conversion.weights if key not in conversion.sources]
    if added:
        groups["set to 0: batch counters, which old weights lack"] = added
    groups["missing: keep their initialization"] = list(conversion.missing)
    for outcome, keys in groups.items():
        shown = keys if all_keys else keys[:KEYS_SHOWN]
        more = [f"and {len(keys) - len(shown)} more"] if len(keys) > len(shown) else []
        which = ("\n" if all_keys else ", ").join([*shown, *more])
        yield os.path.basename(file.path), len(keys), outcome, which


def _parts_left_out(files: Sequence[ConvertedFile]) -> list[str]:
    """The parts of the paper's network that the files say nothing about."""
    if any(ORIGINS[file.kind].part == "" for file in files):
        return []
    filled = {key.split(".")[0] for file in files for key in file.conversion.weights}
    return [part for part in PARTS if part not in filled]


if __name__ == "__main__":
    with clear_exit():
        main()
