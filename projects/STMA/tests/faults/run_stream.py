"""What a process of a test runs: a stream that does not end, pushed through a small network.

Run as a program with a configuration, its weights and a file that gets the number of frames so far.
Scenes of random length follow each other, so that tubes begin and end all the time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stma_d2.config import load_config
from stma_d2.inference import StreamPredictor

REPORT_EVERY = 100  # frames


def endless_frames(seed: int) -> Iterator[np.ndarray]:
    """(48, 80, 3) uint8 frames of noisy blocks that stay for a random number of frames."""
    rng = np.random.default_rng(seed)
    while True:
        scene = np.kron(rng.integers(0, 240, (6, 10, 3)), np.ones((8, 8, 1)))
        for _ in range(rng.integers(1, 400)):
            yield (scene + rng.integers(0, 16, scene.shape)).astype(np.uint8)


def main(config: str, progress: Path) -> None:
    """Push frames until the process is ended."""
    predictor = StreamPredictor(load_config(config))
    ended = 0
    for number, frame in enumerate(endless_frames(seed=0), start=1):
        ended += len(predictor.push(frame).ended)
        if number % REPORT_EVERY == 0:
            progress.write_text(f"{number} {ended}")


main(sys.argv[1], Path(sys.argv[2]))
