"""The figure `train`: its random clips, its parts, and that both configurations do the same."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

import pytest
import torch

from stma_d2.config import load_config
from stma_d2.data import register_tube_dataset
from stma_d2.data.datasets.synthetic_actions import ANNOTATIONS, FRAMES
from stma_d2.errors import InputError
from stma_d2.modeling.batch import batch_frames, batch_targets

PROJECT = Path(__file__).resolve().parents[3]
CONFIG = str(PROJECT / "configs" / "Synthetic" / "STMA_tiny_K5.yaml")
TINY = [
    *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.STEM_CHANNELS", "8", "INPUT.SIZE", "(64, 96)"),
    *("MODEL.STMA.HEAD_CHANNELS", "8", "MODEL.STMA.ACTION.CHANNELS", "8"),
    *("INPUT.CLIP_LENGTH", "8", "SOLVER.IMS_PER_BATCH", "2", "DATALOADER.NUM_WORKERS", "0"),
]


@pytest.fixture(scope="module")
def figure() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT / "tools"))
        from benchmarks import train

        yield train


def parse(figure, *arguments):
    parser = argparse.ArgumentParser()
    figure.add_arguments(parser)
    return parser.parse_args(["--config-file", CONFIG, "--steps", "2", *TINY, *arguments])


@pytest.fixture
def here(figure, monkeypatch):
    """Lets memory be measured here: a process of its own takes long to start."""
    monkeypatch.setattr(figure, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))


def test_a_report_tells_the_ratio_the_parts_and_the_memory(figure, here):
    """Recomputed activations change no number."""
    change = "MODEL.BACKBONE_3D.CHECKPOINT_ACTIVATIONS True"
    report = figure.run(parse(figure, "--against", *change.split()))
    first, second = report.timings
    assert [first.name, second.name] == ["as configured", change]
    assert len(first.seconds) == 2
    assert first.units == 2
    assert report.ratios == {f"as configured / {change}": first.median / second.median}
    losses = [report.facts[f"first loss, {name}"] for name in (first.name, second.name)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    for name in (first.name, second.name):
        shares = [report.facts[f"share of {part}, {name}"] for part in figure.PARTS]
        assert min(shares) > 0
        assert sum(shares) <= 1
        assert report.facts[f"share of data, {name}"] < 0.5
        assert report.facts[f"peak memory, {name} (MB)"] >= 0
        assert report.facts[f"clips per second with clips in memory, {name}"] > 0
    assert "96 x 64" in report.title


def test_a_registered_data_set_is_trained_on(figure, here, synthetic_root):
    folder = synthetic_root / "synthetic_actions"
    register_tube_dataset(
        "training_benchmark", str(folder / ANNOTATIONS), str(folder / FRAMES), subset="train"
    )
    report = figure.run(parse(figure, "--dataset", "training_benchmark"))
    assert report.facts["share of data, as configured"] > 0
    assert "clips per second with training_benchmark, as configured" in report.facts


def test_batches_of_two_sizes_are_refused(figure):
    with pytest.raises(InputError, match="same number of clips"):
        figure.run(parse(figure, "--against", "SOLVER.IMS_PER_BATCH", "4"))


def test_random_clips_look_like_the_mapper_s(figure):
    cfg = load_config(CONFIG, [*TINY, "INPUT.SNIPPET_POSITION", "end"])
    samples = figure.random_batch(cfg, seed=1)
    batch = batch_frames(samples, torch.device("cpu"))
    assert batch.frames.shape == (2 * 8, 3, 64, 96)
    assert samples[0]["snippet_index"].tolist() == [[3, 4, 5, 6, 7]]
    assert samples[0]["clip_index"].tolist() == [list(range(8))]
    targets = batch_targets(samples, torch.device("cpu"))
    assert targets.heatmap.shape == (2, 1, 16, 24)
    assert (targets.heatmap.flatten(1).amax(dim=1) == 1).all()
    assert targets.windows.tolist() == [0, 0, 1, 1]


def test_memory_is_that_of_training_alone(figure):
    """Measured in a new process: the peak of this one may lie behind it."""
    cfg = load_config(CONFIG, TINY)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        peak = process.submit(figure.memory_of_training, cfg, 0).result()
    assert 10 < peak < 1000
