"""Figures of networks alone: one kind of layer, and training steps."""

from __future__ import annotations

import argparse
from functools import partial
from itertools import repeat
from unittest import mock

import torch
from detectron2.modeling import build_model
from detectron2.utils.events import EventStorage
from torch import nn
from torchvision.ops import deform_conv2d

from stma_d2.config import load_config
from stma_d2.data import ClipDatasetMapper
from stma_d2.engine import Trainer
from stma_d2.engine.step import AccumulatingTrainer, check_batch_size
from stma_d2.errors import InputError
from stma_d2.modeling import DLA34
from stma_d2.modeling.backbone import build_backbone_2d, deform

from . import inputs
from .timing import Figure, in_turns, ratio

OFFSET_SPREAD = 2.0  # of deformable convolutions, pixels; without training all offsets are 0


@torch.inference_mode()
def measure_deform(args: argparse.Namespace) -> Figure:
    """DLA-34 on the CPU: our deformable convolution, against torchvision's."""
    model, frames = DLA34().eval(), torch.randn(args.batch, 3, args.size, args.size)
    for module in model.modules():
        if isinstance(module, deform.ModulatedDeformConv2d):
            nn.init.normal_(module.offset_mask.weight)
            module.offset_mask.register_forward_hook(
                lambda layer, inputs, output: output * (OFFSET_SPREAD / output.std())
            )

    def operator(x, offset, mask, weight, bias):
        return deform_conv2d(x, offset, weight, bias, padding=1, mask=mask)

    def with_torchvision() -> None:
        with mock.patch.object(deform, "deform_conv2d_cpu", operator):
            model(frames)

    runs = {"ours": lambda: model(frames), "torchvision's": with_torchvision}
    timings = in_turns(runs, args.repeats, "frame", args.batch)
    return timings, ratio(*reversed(timings))


def measure_train(args: argparse.Namespace) -> Figure:
    """Training steps on one batch: as configured, against the same with the keys of --against."""
    cfgs = [load_config(args.config_file, [*args.opts, *keys]) for keys in ([], args.against)]
    clips, others = (cfg.SOLVER.IMS_PER_BATCH for cfg in cfgs)
    if clips != others:
        raise InputError(f"both need the same SOLVER.IMS_PER_BATCH, not {clips} and {others}")
    mapper = ClipDatasetMapper.from_config(cfgs[0], stride=build_backbone_2d(cfgs[0]).shape.stride)
    with inputs.training_windows(cfgs[0], args.dataset, clips) as items:
        batch = [mapper(item) for item in items]
    steps = {}
    for cfg, name in zip(cfgs, ("as configured", " ".join(args.against)), strict=True):
        check_batch_size(cfg)
        model = build_model(cfg)
        trainer = AccumulatingTrainer(
            model,
            repeat(batch),
            Trainer.build_optimizer(cfg, model),
            device=model.device,
            micro_batches=cfg.SOLVER.ACCUMULATION_STEPS,
            mixed_precision=cfg.SOLVER.AMP.ENABLED,
        )
        steps[name] = partial(_step, trainer, cfg.CUDNN_BENCHMARK)
    with EventStorage():
        timings = in_turns(steps, args.repeats, "clip", clips)
    return timings, ratio(*timings)


def _step(trainer: AccumulatingTrainer, benchmark: bool) -> None:
    """A training step, after cuDNN was told by CUDNN_BENCHMARK how to choose its algorithms."""
    torch.backends.cudnn.benchmark = benchmark
    trainer.run_step()
