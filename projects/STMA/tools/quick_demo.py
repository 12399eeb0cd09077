#!/usr/bin/env python
"""The whole way on a CPU, in two acts.

First the trained network that comes with the package detects in a video that is drawn for it. Then
the data set is generated, the same network is trained from random weights and evaluated, draws that
video too, and its figures are told beside the shipped one's. Run again, it goes on where it was: a
finished training is only evaluated anew. The video is another one each time.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path
from random import randrange

from tabulate import tabulate

from stma_d2.data import load_annotations
from stma_d2.data.datasets.synthetic_actions import ANNOTATIONS, FRAMES
from stma_d2.engine.ending import end_processes
from stma_d2.engine.memory import KEEP_MEMORY
from stma_d2.errors import clear_exit
from stma_d2.evaluation import METRICS
from stma_d2.model_zoo.publishing import read_records
from stma_d2.safe_json import read_json

PROJECT = Path(__file__).resolve().parents[1]
NAME = "Synthetic/STMA_tiny_K5.yaml"
CONFIG = f"configs/{NAME}"
OUTPUT = "output/Synthetic/STMA_tiny_K5"
FRESH = "output/fresh"  # data of one video
VIDEO = "val_0001"


def run(*command: str) -> None:
    """Show a command and run it in the project's folder; end with its status if it fails.

    When this process is told to end, the command is, too, which lets a training write its
    checkpoint.
    """
    print(f"\n$ python {shlex.join(command)}", flush=True)
    environment = {**KEEP_MEMORY, **os.environ}
    process = subprocess.Popen([sys.executable, *command], cwd=PROJECT, env=environment)
    try:
        status = process.wait()
    finally:
        end_processes([process])
    if status:
        sys.exit(status)


def drawn(folder: Path) -> str:
    """The actions of `VIDEO` in the data set ``folder``, to compare what is found with."""
    annotations = load_annotations(folder / ANNOTATIONS)
    actions = (
        f"{annotations.labels[tube.label]} in frames {tube.frames[0]} to {tube.frames[-1]}"
        for tube in annotations.videos[VIDEO].tubes
    )
    return f"{', '.join(actions)}; all else idles"


def compare(output: Path) -> str:
    """A table of the shipped network's figures and of those of the training in ``output``."""
    (shipped,) = next(one["evaluations"] for one in read_records() if one["name"] == NAME)
    own = read_json(output / "inference" / shipped["dataset"] / "metrics.json")
    networks = {"shipped": shipped["metrics"], "trained here": own["metrics"]}
    rows = [[name, *map(metrics.get, METRICS)] for name, metrics in networks.items()]
    header = (f"{shipped['dataset']}, {shipped['protocol']}", *METRICS)
    return tabulate(rows, header, floatfmt=".1f")


def main() -> None:
    """Run the steps; there are no options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    one = ("--root", FRESH, "--num-train", "1", "--num-val", "1", "--overwrite")
    run("tools/make_synthetic_actions.py", *one, "--seed", str(randrange(2**32)))
    draw = ("demo.py", "--input", f"{FRESH}/synthetic_actions/{FRAMES}/{VIDEO}")
    os.makedirs(PROJECT / OUTPUT, exist_ok=True)
    run(*draw, "--model", NAME, "--output", f"{OUTPUT}/shipped.mp4")
    print(f"What was drawn: {drawn(PROJECT / FRESH / 'synthetic_actions')}")
    print(f"\nWhat the shipped network sees: {PROJECT / OUTPUT}/shipped.mp4")
    print("Now it is trained anew, which takes some minutes.")
    run("tools/make_synthetic_actions.py")
    run("train_net.py", "--config-file", CONFIG, "--resume")
    run(*draw, "--weights", f"{OUTPUT}/model_final.pth", "--output", f"{OUTPUT}/demo.mp4")
    print(f"\n{compare(PROJECT / OUTPUT)}")
    print(f"All metrics lie in {PROJECT / OUTPUT}/inference, the video is")
    print(PROJECT / OUTPUT / "demo.mp4")


if __name__ == "__main__":
    with clear_exit():
        main()
