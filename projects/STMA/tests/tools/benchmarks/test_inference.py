"""The inference's benchmark: what it reports and that its ways agree, not how fast."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from stma_d2 import model_zoo
from stma_d2.errors import InputError

TOOLS = Path(__file__).resolve().parents[3] / "tools"
TINY = model_zoo.get_config_file("Synthetic/STMA_tiny_K5.yaml")
SMALL = [
    *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.STEM_CHANNELS", "8", "INPUT.SIZE", "(64, 64)"),
    *("MODEL.STMA.HEAD_CHANNELS", "8", "MODEL.STMA.ACTION.CHANNELS", "8"),
    *("MODEL.BACKBONE_3D.STEM_CHANNELS", "4"),
]
CLASS_AWARE = [
    *("MODEL.BACKBONE_3D.NAME", "", "MODEL.STMA.CENTER.CLASS_AGNOSTIC", "False"),
    *("MODEL.STMA.MOVEMENT.GAUSSIAN", "False", "MODEL.STMA.SIZE.GAUSSIAN", "False"),
]
LOCALIZATION = ["2D backbone", "size head", "center head", "movement head"]
ACTION = ["3D backbone", "action head, frames", "action head, windows"]


@pytest.fixture
def benchmarks(monkeypatch):
    """The modules ``inference`` and ``report``."""
    monkeypatch.syspath_prepend(str(TOOLS))
    from benchmarks import inference, report

    return inference, report


def options(inference, *arguments):
    parser = argparse.ArgumentParser()
    inference.add_arguments(parser)
    return parser.parse_args(["--config-file", TINY, "--repeats", "2", *arguments])


@pytest.mark.parametrize(
    ("overrides", "parts"), [([], LOCALIZATION + ACTION), (CLASS_AWARE, LOCALIZATION)]
)
def test_naive_and_shared_agree_and_are_told_beside_the_limit(
    benchmarks, tmp_path, overrides, parts
):
    inference, report = benchmarks
    found = inference.run(options(inference, "--frames", "3", *SMALL, *overrides))
    assert [t.name for t in found.timings] == ["naive", "shared", "limit", *parts, "decoding"]
    assert all(len(t.seconds) == 2 and t.units == 3 for t in found.timings)
    naive, shared, limit = (timing.median for timing in found.timings[:3])
    assert found.ratios == {"naive / shared": naive / shared, "shared / limit": shared / limit}
    assert found.facts["largest difference of boxes (px)"] < 1e-3
    assert found.facts["largest difference of scores"] < 1e-4
    report.write_json(found, str(tmp_path / "inference.json"))
    assert json.loads((tmp_path / "inference.json").read_text())["unit"] == "frame"


def test_an_inexact_clip_stride_shows_as_a_difference(benchmarks):
    inference, _ = benchmarks
    found = inference.run(options(inference, "--frames", "4", *SMALL, "TEST.CLIP_STRIDE", "4"))
    assert found.facts["largest difference of scores"] > 1e-4


def test_the_share_of_the_matrix_peak_is_told_where_asked_for(benchmarks, monkeypatch):
    inference, _ = benchmarks
    monkeypatch.setitem(inference.MATRIX_SIDE, "cpu", 64)
    facts = inference.run(options(inference, "--frames", "1", "--peak", *SMALL)).facts
    reached, peak = (
        facts["reached by shared (TFLOP/s)"],
        next(value for name, value in facts.items() if name.startswith("matrix peak, 64 x 64")),
    )
    assert reached > 0 and peak > 0
    assert "share of the peak" in facts


def test_a_clip_stride_that_does_not_divide_the_frames_is_refused(benchmarks):
    inference, _ = benchmarks
    with pytest.raises(InputError, match="TEST.CLIP_STRIDE"):
        inference.run(options(inference, "--frames", "3", *SMALL, "TEST.CLIP_STRIDE", "2"))
