"""DLA-34 on the CPU, its deformable convolutions computed by us and by torchvision's operator.

Weights are random and offsets spread over some pixels: a network about to be trained has offsets of
zero and would sample whole pixels only.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from unittest import mock

import torch
from torch import nn
from torchvision.ops import deform_conv2d

from stma_d2.modeling.backbone import DLA34, deform

from .report import Report, Timing, compare

OFFSET_SPREAD = 2.0  # standard deviation, pixels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this figure."""
    parser.add_argument(
        "--size", type=int, default=288, help="height and width of a frame (default: %(default)s)"
    )
    parser.add_argument(
        "--batch",
        type=int,
        nargs="+",
        default=[1, 7],
        metavar="FRAMES",
        help="of a run; several are measured one after the other (default: 1 7)",
    )
    parser.add_argument("--repeats", type=int, default=5, help="timed runs (default: %(default)s)")
    parser.add_argument("--threads", type=int, help="of PyTorch (default: its own)")
    parser.add_argument("--train", action="store_true", help="forward and backward")


def run(args: argparse.Namespace) -> Report:
    """Time both in turns for each batch, and compare the features that inference gives.

    Raises:
        InputError: if the network does not take frames of this size.
    """
    if args.threads:
        torch.set_num_threads(args.threads)
    model = make_model(args.size, args.train)
    step = train if args.train else infer
    timings: list[Timing] = []
    ratios, facts = {}, {}
    for batch in args.batch:
        frames = torch.randn(batch, 3, args.size, args.size)
        runs = {
            f"ours, batch {batch}": partial(step, model, frames),
            f"torchvision, batch {batch}": partial(with_torchvision, step, model, frames),
        }
        ours, torchvisions = (each() for each in runs.values())
        if not args.train:  # a random network's batch statistics blow rounding errors up
            facts[f"largest feature, batch {batch}"] = ours.abs().max().item()
            facts[f"largest difference, batch {batch}"] = (ours - torchvisions).abs().max().item()
        # No warming up by `compare`: the difference took each once.
        compared = compare(runs, args.repeats, units=batch, warmup=0)
        timings += compared.values()
        fast, slow = (timing.median for timing in compared.values())
        ratios[f"torchvision / ours, batch {batch}"] = slow / fast
    return Report(
        title=f"DLA-34 {'forward and backward' if args.train else 'forward'}, "
        f"{args.size} x {args.size}, offsets of about {OFFSET_SPREAD:g} pixels",
        unit="frame",
        timings=timings,
        ratios=ratios,
        facts=facts,
    )


@torch.no_grad()
def make_model(size: int, training: bool) -> DLA34:
    """A network with seeded weights whose offsets are spread by ``OFFSET_SPREAD``."""
    torch.manual_seed(0)
    model = DLA34().train(training)

    def spread(layer: nn.Conv2d, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        factor = OFFSET_SPREAD / output.std()
        layer.weight.mul_(factor)
        return output * factor

    hooks = []
    for module in model.modules():
        if isinstance(module, deform.ModulatedDeformConv2d):
            nn.init.normal_(module.offset_mask.weight)
            hooks.append(module.offset_mask.register_forward_hook(spread))
    model(torch.randn(2, 3, size, size))
    for hook in hooks:
        hook.remove()
    return model


@torch.inference_mode()
def infer(model: DLA34, frames: torch.Tensor) -> torch.Tensor:
    """Features of the frames."""
    return model(frames)


def train(model: DLA34, frames: torch.Tensor) -> torch.Tensor:
    """Features of the frames; the gradients of their mean square are left in the parameters."""
    model.zero_grad()
    features = model(frames)
    features.square().mean().backward()
    return features.detach()


def with_torchvision(
    step: Callable[[DLA34, torch.Tensor], torch.Tensor], model: DLA34, frames: torch.Tensor
) -> torch.Tensor:
    """What ``step`` gives when torchvision's operator takes the place of ours."""

    def operator(x, offset, mask, weight, bias):
        return deform_conv2d(x, offset, weight, bias, padding=1, mask=mask)

    with mock.patch.object(deform, "deform_conv2d_cpu", operator):
        return step(model, frames)
