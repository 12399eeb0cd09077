"""Batches in another process: the same values, few file descriptors."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

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
import cv2, numpy as np
from detectron2.data import DatasetCatalog, MetadataCatalog
from stma_d2.config import load_config
from stma_d2.data import build_train_loader
from stma_d2.structures import Tube

folder = {folder!r}
for number in range(1, 31):
    cv2.imwrite(f"{{folder}}/{{number:05d}}.png", np.zeros((32, 32, 3), np.uint8))
tube = Tube(np.arange(1, 31), np.tile(np.array([4, 4, 20, 20], np.float32), (30, 1)), 0)
video = dict(video_id="a", num_frames=30, height=32, width=32, path=folder, tubes=[tube])
DatasetCatalog.register("few_descriptors", lambda: [video])
MetadataCatalog.get("few_descriptors").set(thing_classes=["Run"])
cfg = load_config("", ["DATASETS.TRAIN", "('few_descriptors',)", "INPUT.SIZE", "(64, 64)",
    "MODEL.STMA.NUM_CLASSES", "1", "DATALOADER.NUM_WORKERS", "2"])
held = list(islice(build_train_loader(cfg, stride=4), 8))  # as a slow training would hold them
print([len(batch) for batch in held])
"""


def test_few_file_descriptors_suffice_for_batches_of_24(tmp_path: Path) -> None:
    program = PROGRAM.format(folder=str(tmp_path))
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert run.stdout == f"{[24] * 8}\n", run.stderr[-2000:]
