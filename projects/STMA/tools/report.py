#!/usr/bin/env python3
"""Make one page of HTML about a run: numbers, plots, training, best and worst videos.

    report.py output/UCF101-24/STMA_DLA34_RX101_K5

The page is one file, opens without a network, and holds small pictures of the videos' frames.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from stma_d2.errors import InputError, clear_exit
from stma_d2.files import check_output
from stma_d2.visualization.run_report import write_run_report


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page and say where it is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="the OUTPUT_DIR of a run")
    parser.add_argument(
        "--output", type=Path, metavar="FILE.html", help="default: RUN_DIR/report.html"
    )
    args = parser.parse_args(arguments)
    if not args.run.is_dir():
        raise InputError(f"there is no folder {args.run}")
    output = args.output or args.run / "report.html"
    check_output(output, args.run / "config.yaml", args.run / "metrics.json", replaces=".html")
    write_run_report(args.run, output)
    print(f"{output} ({output.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    with clear_exit():
        main()
