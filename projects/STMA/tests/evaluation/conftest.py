"""Golden cases, small made-up cases, and the rules as plain loops."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stma_d2.data import Split, TubeAnnotations, VideoAnnotation, load_annotations
from stma_d2.structures import Tube, Tubelets

EXPECTED = Path(__file__).parents[1] / "data" / "golden" / "moc_metrics_expected.json"


@pytest.fixture(scope="session")
def plain(oracle: Callable[[str], ModuleType]) -> ModuleType:
    """The rules as loops."""
    return oracle("plain_rules")


@dataclass(frozen=True)
class Case:
    """Simulated detections over real ground truth, and what MOC's code made of them."""

    annotations: TubeAnnotations
    videos: list[str]
    detections: dict[str, Tubelets]
    expected: dict[str, Any]


@pytest.fixture(scope="session")
def simulate(shared: Path) -> Callable[..., Case]:
    """The generator of simulated detections in the folder of reference data.

    ``simulate(gt_file, split, videos, K, seed)`` makes detections of tubelets of K frames on the
    named videos, or on so many of the split's test videos.
    """
    path = shared / "golden" / "make_detections.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def simulate(gt_file: str, split: int, videos: int | list[str], K: int, seed: int) -> Case:
        path = shared / "gt" / gt_file
        if not path.is_file():
            pytest.skip(f"ground truth not found at {path}")
        truth = module.load_gt(path)
        if isinstance(videos, int):
            videos = module.choose_videos(truth, split, videos)
        raw = module.simulate(truth, videos, K, seed)
        detections = {v: Tubelets(d["starts"], d["boxes"], d["scores"]) for v, d in raw.items()}
        expected = {"detections_sha256": module.checksum(raw)}
        return Case(load_annotations(path), videos, detections, expected)

    return simulate


@pytest.fixture(scope="session", params=["jhmdb_s1_k5", "ucf_s1_k5"])
def golden(request: pytest.FixtureRequest, simulate: Callable[..., Case]) -> Case:
    """The two cases that MOC's own code was run on."""
    expected = json.loads(EXPECTED.read_text())["cases"][request.param]
    arguments = (expected[key] for key in ("gt_file", "split", "num_videos", "K", "seed"))
    case = simulate(*arguments)
    if case.expected["detections_sha256"] != expected["detections_sha256"]:
        pytest.skip("the generator of detections gives others than the golden figures belong to")
    case.expected.update(expected)
    return case


def tube(first: int, last: int, box: tuple[float, ...], label: int = 0) -> Tube:
    """Ground truth that stands still."""
    frames = np.arange(first, last + 1)
    return Tube(frames, np.tile(np.array(box, np.float32), (len(frames), 1)), label)


def annotate(labels: str, **videos: tuple[int, list[Tube]]) -> TubeAnnotations:
    """Annotations of ``name=(num_frames, tubes)`` with one-letter labels, all in the test split."""
    records = {
        name: VideoAnnotation(num_frames, 240, 320, tuple(tubes))
        for name, (num_frames, tubes) in videos.items()
    }
    return TubeAnnotations(tuple(labels), records, (Split((), tuple(records)),))


def follow(tubes: list[Tube], num_frames: int, K: int, C: int) -> Tubelets:
    """Tubelets of score 0.9 where a tube covers a whole window, one slot a tube."""
    windows = np.arange(1, num_frames - K + 2)
    boxes = np.zeros((len(windows), len(tubes), K, 4), np.float32)
    scores = np.zeros((len(windows), len(tubes), C), np.float32)
    for slot, one in enumerate(tubes):
        for row, window in enumerate(windows):
            start = window - one.frames[0]
            if start >= 0 and start + K <= len(one):
                boxes[row, slot] = one.boxes[start : start + K]
                scores[row, slot, one.label] = 0.9
    return Tubelets(windows, boxes, scores)


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """Small cases in one line: `make.tube`, `make.annotate`, `make.follow`."""
    return SimpleNamespace(tube=tube, annotate=annotate, follow=follow)
