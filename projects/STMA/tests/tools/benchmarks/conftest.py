"""A golden folder in small, as MOC's figures lie in theirs."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from stma_d2.data import Split, TubeAnnotations, VideoAnnotation, save_annotations
from stma_d2.structures import Tube

TOOLS = Path(__file__).resolve().parents[3] / "tools"

# Makes the detections of one video: an actor that is found in every window.
GENERATOR = """
import numpy as np

def load_gt(path):
    return None

def simulate(gt, videos, K, seed):
    starts = np.arange(1, 22 - K)
    boxes = np.tile(np.array([10, 10, 49, 49], np.float32), (len(starts), 1, K, 1))
    scores = np.full((len(starts), 1, 1), 0.5, np.float32)
    return {v: dict(starts=starts, boxes=boxes, scores=scores) for v in videos}

def checksum(detections):
    return "the checksum"
"""


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """``load(name)`` gives the module ``tools/benchmarks/<name>.py``."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture
def golden_folder(tmp_path: Path) -> Path:
    """One case of one video, found perfectly: a tube of 20 frames and score 0.5, all AP 100."""
    for name in ("gt", "golden"):
        (tmp_path / name).mkdir()
    tube = Tube(np.arange(1, 21), np.tile(np.float32([10, 10, 49, 49]), (20, 1)), 0)
    videos = {"v": VideoAnnotation(20, 60, 60, (tube,))}
    truth = TubeAnnotations(("a",), videos, (Split((), ("v",)),))
    save_annotations(truth, tmp_path / "gt" / "truth.json")
    folder = tmp_path / "golden"
    (folder / "make_detections.py").write_text(GENERATOR)
    case = {
        "gt_file": "truth.json",
        "videos": ["v"],
        "K": 5,
        "seed": 0,
        "detections_sha256": "the checksum",
        "wall_s": {"BuildTubes": 7.0, "total": 9.0},
        "tube_digest": {"v": {"n": 1, "frames": 20, "score_sum": 0.5, "box_sum": 20 * 118.0}},
        "frame_map_stable_f64": 100.0,
        "frame_ap_stable_f64": {"a": 100.0},
        "video_map_f64": {"0.2": 100.0, "0.5": 100.0, "0.75": 100.0, "0.5:0.95": 100.0},
        "video_ap_0_5_f64": {"a": 100.0},
    }
    (folder / "moc_metrics.json").write_text(json.dumps({"cases": {"small": case}}))
    return folder
