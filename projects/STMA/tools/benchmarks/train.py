"""Training clips per second, and what the time and the memory of a step go to.

Two configurations take steps on the same batch in turns: the given one, and the same with the keys
of ``--against``, by default mixed precision. ``--dataset`` also trains on a registered data set
through its loader, to see how long the network waits for data.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from itertools import islice, repeat
from multiprocessing import get_context
from typing import Any
from unittest import mock

import torch
from detectron2.config import CfgNode
from detectron2.modeling import build_model
from detectron2.utils.events import EventStorage

from stma_d2 import model_zoo
from stma_d2.config import load_config
from stma_d2.data import build_train_loader
from stma_d2.data.targets import TargetRules, make_targets
from stma_d2.data.windows import chunk_layout
from stma_d2.engine import Trainer
from stma_d2.engine.step import AccumulatingTrainer, check_batch_size
from stma_d2.errors import InputError

from .memory import peak_memory
from .report import Report, compare, stopwatch

INSTANCES = 2  # of a random clip
# The parts of a step: their name and the trainer's method.
PARTS = {"forward": "forward", "backward": "backward", "optimizer": "update"}
BATCHES_AHEAD = 2  # that a loader's worker makes before it waits: PyTorch's default


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this figure."""
    parser.add_argument(
        "--config-file",
        default=model_zoo.get_config_file("UCF101-24/STMA_DLA34_RX101_K5.yaml"),
        metavar="FILE",
        help="the network, batch and optimizer (default: the paper's for UCF101-24)",
    )
    parser.add_argument(
        "--against",
        nargs="+",
        default=["SOLVER.AMP.ENABLED", "True"],
        metavar="KEY VALUE",
        help="what the second configuration changes (default: %(default)s)",
    )
    parser.add_argument(
        "--dataset", metavar="NAME", help="registered data set (default: random clips in memory)"
    )
    parser.add_argument("--batch", type=int, metavar="N", help="clips of a step (default: config)")
    parser.add_argument("--steps", type=int, default=10, help="timed steps (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and random clips")
    parser.add_argument("opts", nargs="*", metavar="KEY VALUE", help="overrides of the config")


def run(args: argparse.Namespace) -> Report:
    """Time both configurations on the same batch in turns, then each part and on the data set.

    Raises:
        InputError: if a configuration cannot be used.
    """
    names = ("as configured", " ".join(args.against))
    cfgs = dict(zip(names, (_config(args, []), _config(args, args.against)), strict=True))
    clips, others = (cfg.SOLVER.IMS_PER_BATCH for cfg in cfgs.values())
    if clips != others:
        raise InputError(f"both steps must have the same number of clips, not {clips} and {others}")
    facts: dict[str, Any] = {}
    for name, cfg in cfgs.items():
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            peak = process.submit(memory_of_training, cfg, args.seed).result()
        facts[f"peak memory, {name} (MB)"] = round(peak)
    trainers = {
        name: make_trainer(cfg, args.seed, repeat(random_batch(cfg, args.seed)))
        for name, cfg in cfgs.items()
    }
    with EventStorage() as storage:
        for name, trainer in trainers.items():
            trainer.run_step()
            facts[f"first loss, {name}"] = round(storage.latest()["total_loss"][0], 5)
        runs = {name: trainer.run_step for name, trainer in trainers.items()}
        timings = compare(runs, args.steps, units=clips)
        for name, trainer in trainers.items():
            if args.dataset:
                trainer = make_trainer(cfgs[name], args.seed, _empty_queue(cfgs[name]))
            seconds = seconds_of_parts(trainer, args.steps)
            total = seconds.pop("step")
            facts[f"clips per second with {args.dataset or 'clips in memory'}, {name}"] = round(
                clips * args.steps / total, 2
            )
            for part, spent in seconds.items():
                facts[f"share of {part}, {name}"] = round(spent / total, 3)
    cfg, first, second = cfgs[names[0]], *(timings[name].median for name in names)
    height, width = cfg.INPUT.SIZE
    return Report(
        title=f"Training steps of {clips} clips: {cfg.MODEL.BACKBONE.NAME}, "
        f"{cfg.MODEL.BACKBONE_3D.NAME or 'no 3D backbone'}, T = {cfg.INPUT.CLIP_LENGTH}, "
        f"K = {cfg.INPUT.SNIPPET_LENGTH}, {width} x {height}, on {cfg.MODEL.DEVICE}",
        unit="clip",
        timings=list(timings.values()),
        ratios={f"{names[0]} / {names[1]}": first / second},
        facts=facts,
    )


def make_trainer(
    cfg: CfgNode, seed: int, batches: Iterable[list[dict[str, Any]]]
) -> AccumulatingTrainer:
    """Build the network with seeded weights, its optimizer, and the trainer that steps them."""
    torch.manual_seed(seed)
    model = build_model(cfg)
    return AccumulatingTrainer(
        model,
        batches,
        Trainer.build_optimizer(cfg, model),
        device=model.device,
        micro_batches=cfg.SOLVER.ACCUMULATION_STEPS,
        mixed_precision=cfg.SOLVER.AMP.ENABLED,
    )


def random_batch(cfg: CfgNode, seed: int) -> list[dict[str, Any]]:
    """A batch of training samples, as the mapper makes them, of noise with boxes at random."""
    generator = torch.Generator().manual_seed(seed)
    height, width = cfg.INPUT.SIZE
    length, clip_length = cfg.INPUT.SNIPPET_LENGTH, cfg.INPUT.CLIP_LENGTH
    # One window in the middle of a video.
    numbers, snippet_index, clip_index = chunk_layout(
        [1 + clip_length], length, clip_length, 3 * clip_length, cfg.INPUT.SNIPPET_POSITION
    )
    rules = TargetRules.from_config(cfg)
    samples = []
    for _ in range(cfg.SOLVER.IMS_PER_BATCH):
        frames = torch.randint(
            0, 256, (len(numbers), 3, height, width), generator=generator, dtype=torch.uint8
        )
        corners = torch.rand(INSTANCES, 2, 2, generator=generator).sort(dim=1).values
        boxes = (corners * torch.tensor([width, height])).flatten(1)
        labels = torch.randint(0, rules.num_classes, (INSTANCES,), generator=generator)
        samples.append(
            {
                "frames": frames,
                "snippet_index": torch.from_numpy(snippet_index),
                "clip_index": torch.from_numpy(clip_index),
                "targets": make_targets(
                    boxes[:, None].repeat(1, length, 1), labels, (height, width), rules
                ),
            }
        )
    return samples


def seconds_of_parts(trainer: AccumulatingTrainer, steps: int) -> dict[str, float]:
    """Take steps and add up the seconds of each part, and of "step", the whole.

    Each part is waited for, which a GPU's own pace doesn't need: the sum is an upper bound.
    """
    seconds = dict.fromkeys(["data", *PARTS, "step"], 0.0)

    def timed(name: str, function: Callable) -> Callable:
        def call(*args: Any) -> Any:
            results = []
            seconds[name] += stopwatch(lambda: results.append(function(*args)))
            return results[0]

        return call

    with EventStorage() as storage, ExitStack() as patches:
        for name, attribute in PARTS.items():
            wrapper = timed(name, getattr(trainer, attribute))
            patches.enter_context(mock.patch.object(trainer, attribute, wrapper))
        for _ in range(steps):
            seconds["step"] += stopwatch(trainer.run_step)
            seconds["data"] += storage.latest()["data_time"][0]
    return seconds


def memory_of_training(cfg: CfgNode, seed: int) -> float:
    """Train two steps (Adam's state appears in the first) and return the peak in MB.

    On a GPU of the tensors there; on a CPU of the process, above what it had before.
    """
    before = peak_memory()
    trainer = make_trainer(cfg, seed, repeat(random_batch(cfg, seed)))
    with EventStorage():
        for _ in range(2):
            trainer.run_step()
    if trainer.device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return peak_memory() - before


def _config(args: argparse.Namespace, overrides: list[str]) -> CfgNode:
    cfg = load_config(args.config_file, [*args.opts, *overrides])
    if args.dataset:
        cfg.DATASETS.TRAIN = (args.dataset,)
    if args.batch:
        cfg.SOLVER.IMS_PER_BATCH = args.batch
    check_batch_size(cfg)
    return cfg


def _empty_queue(cfg: CfgNode) -> Iterator[list[dict[str, Any]]]:
    """The data set's batches, without those that the workers make ahead of the first step."""
    batches = iter(build_train_loader(cfg))
    return islice(batches, BATCHES_AHEAD * cfg.DATALOADER.NUM_WORKERS, None)
