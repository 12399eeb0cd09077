#!/usr/bin/env python
"""Print parameters and multiply-accumulates (MACs) of a configuration, part by part."""

from __future__ import annotations

import argparse
import logging

import torch
from detectron2.modeling import build_model
from fvcore.nn import FlopCountAnalysis
from tabulate import tabulate
from torch import nn

from stma_d2.config import load_config
from stma_d2.errors import clear_exit
from stma_d2.modeling import STMA


def count_macs(module: nn.Module, *inputs: torch.Tensor | None) -> int:
    """MACs of one forward pass (convolutions, matrix products, batch normalization).

    On the CPU a deformable convolution is a matrix product, and counts what the plain one of the
    same weights does: not the bilinear sampling, four MACs a sample, as for the published figures.
    """
    analysis = FlopCountAnalysis(module, inputs)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return analysis.total()


class _FrameReduction(nn.Module):
    """The action head's part that works frame by frame, as a module of its own."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.head.forward_frames(features)


@torch.no_grad()
def analyze(model: STMA, size: tuple[int, int], clip_length: int, num_frames: int) -> list[list]:
    """Rows of (part, runs once per, million parameters, GMACs of one run).

    Args:
        model: in evaluation mode, on the CPU.
        size: height and width of the network's input.
        clip_length: T.
        num_frames: K.
    """
    frame = torch.zeros(1, 3, *size)
    features = model.backbone(frame)
    snippet = features[None].expand(-1, num_frames, -1, -1, -1)
    parts = [
        ("2D backbone", "frame", model.backbone, (frame,)),
        ("size head", "frame", model.size_head, (features,)),
        ("center head", "window", model.center_head, (snippet,)),
        ("movement head", "window", model.movement_head, (snippet,)),
    ]
    clip_features = None
    if model.backbone_3d is not None:
        clip = torch.zeros(1, 3, clip_length, *size)
        clip_features = model.backbone_3d(clip)
        parts.append(("3D backbone", "window", model.backbone_3d, (clip,)))
    rows = [
        [name, per, count_parameters(module) / 1e6, count_macs(module, *inputs) / 1e9]
        for name, per, module, inputs in parts
    ]
    if model.action_head is not None:
        head = model.action_head
        reduced = head.forward_frames(features)[None].expand(-1, num_frames, -1, -1, -1)
        per_frame = count_macs(_FrameReduction(head), features)
        rows.append(["action head, frames", "frame", None, per_frame / 1e9])
        per_window = count_macs(head, reduced, clip_features)
        rows.append(["action head", "window", count_parameters(head) / 1e6, per_window / 1e9])
    per_frame = sum(row[3] for row in rows if row[1] == "frame")
    per_window = sum(row[3] for row in rows if row[1] == "window")
    total = count_parameters(model) / 1e6
    rows.append(["a window alone", "window", total, num_frames * per_frame + per_window])
    rows.append(["a window of a video", "window", total, per_frame + per_window])
    return rows


def count_parameters(module: nn.Module) -> int:
    """The number of learnt values."""
    return sum(parameter.numel() for parameter in module.parameters())


def main() -> None:
    """Parse the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config-file", required=True, metavar="FILE")
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE overrides of the config")
    args = parser.parse_args()
    cfg = load_config(args.config_file, [*args.opts, "MODEL.DEVICE", "cpu"])
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    rows = analyze(
        build_model(cfg).eval(), cfg.INPUT.SIZE, cfg.INPUT.CLIP_LENGTH, cfg.INPUT.SNIPPET_LENGTH
    )
    headers = ["part", "runs once per", "parameters (M)", "GMACs"]
    height, width = cfg.INPUT.SIZE
    print(
        f"{args.config_file}: {height} x {width}, T = {cfg.INPUT.CLIP_LENGTH}, "
        f"K = {cfg.INPUT.SNIPPET_LENGTH}"
    )
    print(tabulate(rows, headers=headers, floatfmt=".3f", missingval=""))
    print("A window of a video shares its other frames' 2D features with its neighbors.")


if __name__ == "__main__":
    with clear_exit():
        main()
