"""Batches in another process: the same values, few file descriptors."""

from __future__ import annotations

import pickle
import subprocess
import sys

import torch

from stma_d2.data.sample_batch import SampleBatch
from stma_d2.structures import RegressionSamples


def make_sample(seed: int) -> dict:
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(0, 256, (5, 3, 90, 101), generator=generator, dtype=torch.uint8)
    return {
        "video_id": f"Run/{seed}",
        "frames": image,
        "heatmap": torch.rand(24, 40, 30, generator=generator).transpose(1, 2),
        "scalar": torch.tensor(1.5),
        "size": RegressionSamples(*(torch.arange(count) for count in (0, 1, 2, 3))),
    }


def test_samples_arrive_as_they_were() -> None:
    samples = [make_sample(seed) for seed in range(3)]
    arrived = pickle.loads(pickle.dumps(SampleBatch(samples)))
    assert type(arrived) is list
    for ours, theirs in zip(arrived, samples, strict=True):
        assert ours.keys() == theirs.keys() and ours["video_id"] == theirs["video_id"]
        for name in ("frames", "heatmap", "scalar"):
            assert ours[name].dtype == theirs[name].dtype
            assert torch.equal(ours[name], theirs[name])
        assert isinstance(ours["size"], RegressionSamples)
        assert all(torch.equal(a, b) for a, b in zip(ours["size"], theirs["size"], strict=True))
        ours["frames"] += 1  # writable, and nothing overlaps
    assert torch.equal(arrived[1]["frames"], samples[1]["frames"] + 1)


def test_small_tensors_do_not_keep_the_frames_in_memory() -> None:
    (arrived,) = pickle.loads(pickle.dumps(SampleBatch([make_sample(0)])))
    assert arrived["size"].weights.untyped_storage().nbytes() < 100


PROGRAM = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
from itertools import islice
from stma_d2.config import load_config
from stma_d2.data import build_train_loader

cfg = load_config("", ["DATASETS.TRAIN", "('synthetic_actions_train',)", "INPUT.SIZE", "(64, 64)",
    "MODEL.STMA.NUM_CLASSES", "10", "DATALOADER.NUM_WORKERS", "2"])
held = list(islice(build_train_loader(cfg, stride=4), 8))  # as a slow training would hold them
print([len(batch) for batch in held])
"""


def test_few_file_descriptors_suffice_for_batches_of_24(synthetic_root, monkeypatch) -> None:
    monkeypatch.setenv("DETECTRON2_DATASETS", str(synthetic_root))
    command = [sys.executable, "-c", PROGRAM]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.stdout == f"{[24] * 8}\n", run.stderr[-2000:]
