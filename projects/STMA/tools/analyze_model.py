#!/usr/bin/env python
"""Print parameters and multiply-accumulates (MACs) of a configuration, part by part."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Callable

import torch
from detectron2.modeling import build_model
from fvcore.nn import FlopCountAnalysis
from tabulate import tabulate
from torch import nn

from stma_d2.config import load_config
from stma_d2.errors import clear_exit
from stma_d2.modeling import STMA
from stma_d2.modeling.features import FrameFeatures, WindowMaps

# Name, what it runs once for, and attribute of the model.
PARTS = (
    ("2D backbone", "frame", "backbone"),
    ("size head", "frame", "size_head"),
    ("action head, per frame", "frame", "action_head"),
    ("center head", "window", "center_head"),
    ("movement head", "window", "movement_head"),
    ("3D backbone", "window", "backbone_3d"),
    ("action head", "window", "action_head"),
)


class _Step(nn.Module):
    """A step of the model as a module, for the counter."""

    def __init__(self, model: STMA, step: Callable[..., FrameFeatures | WindowMaps]) -> None:
        super().__init__()
        self.model = model
        self.step = step

    def forward(self, *inputs: torch.Tensor) -> list[torch.Tensor]:
        return [value for value in vars(self.step(*inputs)).values() if value is not None]


def count_macs(module: nn.Module, *inputs: torch.Tensor) -> Counter[str]:
    """MACs of one forward pass by submodule (convolutions, matrix products, normalization).

    On the CPU a deformable convolution is a matrix product, and counts what the plain one of the
    same weights does: not the bilinear sampling, four MACs a sample, as for the published figures.
    """
    analysis = FlopCountAnalysis(module, inputs)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return analysis.by_module()


@torch.no_grad()
def analyze(model: STMA, size: tuple[int, int], clip_length: int, num_frames: int) -> list[list]:
    """Rows of (part, runs once per, million parameters, GMACs of one run).

    Args:
        model: in evaluation mode, on the CPU.
        size: height and width of the network's input.
        clip_length: T.
        num_frames: K.
    """
    frame, clip = torch.zeros(1, 3, *size), torch.zeros(1, clip_length, dtype=torch.int64)
    features, snippet = model.frame_features(frame), torch.zeros(1, num_frames, dtype=torch.int64)

    def window_maps(snippet: torch.Tensor, clip: torch.Tensor) -> WindowMaps:
        clips = None if model.backbone_3d is None else model.clip_features(frame, clip)
        return model.window_maps(features, snippet, clips)

    macs = {
        "frame": count_macs(_Step(model, model.frame_features), frame),
        "window": count_macs(_Step(model, window_maps), snippet, clip),
    }
    rows = []
    for name, per, attribute in PARTS:
        module = getattr(model, attribute)
        if module is not None:
            parameters = None if name.endswith("per frame") else count_parameters(module) / 1e6
            rows.append([name, per, parameters, macs[per][f"model.{attribute}"] / 1e9])
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
