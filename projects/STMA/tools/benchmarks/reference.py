"""What the speed of linking and evaluation is measured against: plain loops, and MOC's own code."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from stma_d2.data import load_annotations
from stma_d2.errors import InputError
from stma_d2.structures import Tubelets

from .simulated_detections import TestSet

_TESTS = Path(__file__).resolve().parents[2] / "tests"


@dataclass(frozen=True)
class GoldenCase:
    """Detections that MOC's own code has linked and evaluated.

    Attributes:
        name: of the case.
        test_set: detections and ground truth.
        seconds: how long MOC's code took, by step.
        figures: what it made of them.
    """

    name: str
    test_set: TestSet
    seconds: dict[str, Any]
    figures: dict[str, Any]


def plain_rules() -> ModuleType:
    """The rules as loops, one a rule: the tests' independent implementation."""
    return _load_module(_TESTS / "evaluation" / "plain_rules.py")


def golden_cases(folder: str) -> Iterator[GoldenCase]:
    """The cases of a folder with ``moc_metrics.json`` and the generator of their detections.

    Args:
        folder: holds both; the ground truth is in the folder ``gt`` beside it.

    Raises:
        InputError: if a file is missing, or the generator makes other detections than were scored.
    """
    root = Path(folder)
    generator = _load_module(root / "make_detections.py")
    expected = _existing(root / "moc_metrics.json")
    for name, figures in json.loads(expected.read_text())["cases"].items():
        path = _existing(root.parent / "gt" / figures["gt_file"])
        raw = generator.simulate(
            generator.load_gt(path), figures["videos"], figures["K"], figures["seed"]
        )
        if generator.checksum(raw) != figures["detections_sha256"]:
            raise InputError(f"{root}: the detections of {name} are not those that were scored")
        detections = {
            video: Tubelets(found["starts"], found["boxes"], found["scores"])
            for video, found in raw.items()
        }
        test_set = TestSet(detections, load_annotations(path))
        yield GoldenCase(name, test_set, figures["wall_s"], figures)


def _load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, _existing(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{path} is missing; this comparison needs it")
    return path
