"""The stream's benchmark: what it reports, not how fast."""

from __future__ import annotations

import argparse
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from stma_d2.config import load_config
from stma_d2.inference import describe_video

TOOLS = Path(__file__).resolve().parents[3] / "tools"
SMALL = [
    *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.STEM_CHANNELS", "8", "INPUT.SIZE", "(64, 64)"),
    *("MODEL.STMA.HEAD_CHANNELS", "8", "MODEL.STMA.ACTION.CHANNELS", "8"),
    *("MODEL.BACKBONE_3D.NAME", ""),
]


@pytest.fixture
def benchmarks(monkeypatch):
    """The modules ``stream`` and ``report``."""
    monkeypatch.syspath_prepend(str(TOOLS))
    from benchmarks import report, stream

    return stream, report


def options(stream, *arguments):
    parser = argparse.ArgumentParser()
    stream.add_arguments(parser)
    return parser.parse_args([*arguments, *SMALL])


def test_report_compares_an_old_stream_with_a_young_one(benchmarks, tmp_path):
    stream, report = benchmarks
    found = stream.run(options(stream, "--frames", "60", "--timed", "12", "--size", "64", "48"))
    assert [timing.name for timing in found.timings] == ["after 50", "after 60"]
    assert [len(timing.seconds) for timing in found.timings] == [12, 12]
    assert list(found.ratios) == [f"old / young, {name}" for name in ("median", "p95", "p99")]
    young = sorted(found.timings[0].seconds)
    assert found.facts["median after 50 frames (ms)"] == pytest.approx(
        1e3 * (young[5] + young[6]) / 2, abs=1e-3
    )
    growth = found.facts["growth of peak memory between frames 50 and 60 (MB)"]
    assert 0 <= growth < 100
    report.write_json(found, str(tmp_path / "stream.json"))
    assert json.loads((tmp_path / "stream.json").read_text())["unit"] == "frame"


def test_memory_of_prediction_compares_two_videos(benchmarks, tmp_path, monkeypatch):
    """The predictions run, but here and not in processes of their own, whose start takes long."""
    stream, _ = benchmarks
    predicted, peaks = [], iter([100.04, 130.0])

    def predict(cfg, path, num_threads):
        predicted.append(stream.VideoPredictor(cfg).predict_tubelets(describe_video(path)))
        return next(peaks)

    monkeypatch.setattr(stream, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))
    monkeypatch.setattr(stream, "_predict", predict)
    cfg = load_config(options(stream).config_file, [*stream.OVERRIDES, *SMALL])
    cfg.MODEL.WEIGHTS = stream.write_random_weights(cfg, tmp_path)
    facts = stream.memory_of_prediction(cfg, (64, 48), (5, 20), tmp_path)
    assert [len(tubelets.windows) for tubelets in predicted] == [1, 16]
    assert facts == {
        "peak memory of prediction, 5 frames (MB)": 100.0,
        "peak memory of prediction, 20 frames (MB)": 130.0,
        "difference (MB)": 30.0,
    }


def test_generated_frames_move_and_repeat_from_run_to_run(benchmarks):
    stream, _ = benchmarks
    first, second = (
        np.stack(list(itertools.islice(stream.generated_frames(64, 48), 3))) for _ in range(2)
    )
    assert first.shape == (3, 48, 64, 3) and first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


def test_percentiles_by_hand(benchmarks):
    """Of 0 .. 100 the p-th percentile is p."""
    stream, _ = benchmarks
    found = stream.percentiles([float(value) for value in range(101)])
    assert found == {"median": 50, "p95": 95, "p99": 99}
