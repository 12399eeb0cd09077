#!/usr/bin/env python
"""Draw the network of a configuration: docs/network.svg.

The sizes in it are read off the configuration and the backbones that it builds.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from detectron2.config import CfgNode
from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from stma_d2.config import load_config
from stma_d2.errors import clear_exit
from stma_d2.files import atomic_write, check_output

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = PROJECT / "configs/UCF101-24/STMA_DLA34_RX101_K5.yaml"
OUTPUT = PROJECT / "docs/network.svg"
# Fill of what is data, of what is learnt, and of what follows rules.
DATA, LEARNT, RULES = "#ffffff", "#cfe2f7", "#fbe6c4"
INK = "#1c2733"
HEIGHT = 1.0  # of a box


def draw(cfg: CfgNode) -> bytes:
    """The drawing as SVG; equal for equal configurations."""
    size = _sizes(cfg)
    style = {"svg.fonttype": "none", "svg.hashsalt": "network", "font.family": "sans-serif"}
    with plt.rc_context(style):
        figure, axes = plt.subplots(figsize=(13.6, 6.2))
        axes.set(xlim=(0, 13.6), ylim=(0, 6.2))
        axes.axis("off")
        figure.subplots_adjust(0, 0, 1, 1)
        _draw_inputs(axes, size)
        _draw_heads(axes, size)
        _draw_outputs(axes, size)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", facecolor="#f7f9fb", metadata={"Date": None})
        plt.close(figure)
    return buffer.getvalue()


def _sizes(cfg: CfgNode) -> dict[str, str | int]:
    """What the drawing says, by name."""
    height, width = cfg.INPUT.SIZE
    shape = {}
    for name in ("BACKBONE", "BACKBONE_3D"):
        build = BACKBONE_REGISTRY.get(cfg.MODEL[name].NAME)
        (shape[name],) = build(cfg, ShapeSpec(channels=3)).output_shape().values()
    frame, clip = shape["BACKBONE"], shape["BACKBONE_3D"]
    return {
        "T": cfg.INPUT.CLIP_LENGTH,
        "K": cfg.INPUT.SNIPPET_LENGTH,
        "input": f"{height} x {width}",
        "frame_channels": frame.channels,
        "fine": f"{height // frame.stride} x {width // frame.stride}",
        "clip_channels": clip.channels,
        "coarse": f"{height // clip.stride} x {width // clip.stride}",
        "hidden": cfg.MODEL.STMA.HEAD_CHANNELS,
        "classes": cfg.MODEL.STMA.NUM_CLASSES,
        "N": cfg.TEST.TUBELETS_PER_WINDOW,
    }


def _draw_inputs(axes: Axes, size: dict[str, str | int]) -> None:
    s = size
    _box(axes, 0.2, 4.9, 2.1, DATA, "clip", f"T = {s['T']} frames", f"{s['input']}")
    _box(axes, 0.2, 1.9, 2.1, DATA, "snippet", f"K = {s['K']} frames", "in the clip's middle")
    _box(axes, 2.9, 4.9, 2.3, LEARNT, "3D backbone", "ResNeXt-101", "once for a clip")
    _box(axes, 2.9, 1.9, 2.3, LEARNT, "2D backbone", "DLA-34", "once for each frame")
    _arrow(axes, (1.25, 4.9), (1.25, 2.9))
    _arrow(axes, (2.3, 5.4), (2.9, 5.4))
    _arrow(axes, (2.3, 2.4), (2.9, 2.4))


def _draw_heads(axes: Axes, size: dict[str, str | int]) -> None:
    s = size
    features = f"{s['clip_channels']} x {s['coarse']}"
    _arrow(axes, (5.2, 5.4), (7.1, 5.4), f"F: {features}")
    _arrow(axes, (5.2, 2.4), (6.4, 2.4), "f: K x")
    axes.text(5.8, 2.2, f"{s['frame_channels']} x {s['fine']}", **_text(9), va="top")
    axes.plot([6.4, 6.4], [0.75, 4.75], color=INK, linewidth=1.3)
    rows = (
        (4.6, "action head", "motion excitation, joined with F,", "channel attention"),
        (3.05, "center head", f"all K frames, 3x3 to {s['hidden']}, 1x1", ""),
        (1.65, "movement head", f"all K frames, 3x3 to {s['hidden']}, 1x1", ""),
        (0.25, "size head", f"each frame, 3x3 to {s['hidden']}, 1x1", ""),
    )
    for bottom, *lines in rows:
        height = 1.3 if lines[-1] else HEIGHT
        _box(axes, 7.1, bottom, 2.75, LEARNT, *lines, height=height)
    for y in (4.75, 3.55, 2.15, 0.75):
        _arrow(axes, (6.4, y), (7.1, y))
    maps = (
        (5.25, f"class map: {s['classes']} x {s['coarse']}"),
        (3.55, f"heat map: 1 x {s['fine']}"),
        (2.15, f"movement: 2K x {s['fine']}"),
        (0.75, f"sizes: K x 4 x {s['fine']}"),
    )
    for y, text in maps:
        axes.text(10.0, y + 0.1, text, **_text(9, "left"))
        axes.plot([9.85, 12.05], [y, y], color=INK, linewidth=1.3)
    axes.plot([12.05, 12.05], [0.75, 5.25], color=INK, linewidth=1.3)


def _draw_outputs(axes: Axes, size: dict[str, str | int]) -> None:
    _box(axes, 12.3, 3.3, 1.2, RULES, "decode", f"N = {size['N']}", "tubelets")
    _box(axes, 12.3, 1.7, 1.2, RULES, "link", "windows", "to tubes")
    _arrow(axes, (12.05, 3.8), (12.3, 3.8))
    _arrow(axes, (12.9, 3.3), (12.9, 2.7))
    for x, (fill, text) in enumerate(((DATA, "data"), (LEARNT, "learnt"), (RULES, "by rule"))):
        axes.add_patch(_rectangle(0.2 + 1.3 * x, 0.3, 0.3, 0.25, fill))
        axes.text(0.6 + 1.3 * x, 0.42, text, **_text(9, "left"), va="center")


def _box(
    axes: Axes,
    left: float,
    bottom: float,
    width: float,
    fill: str,
    title: str,
    *lines: str,
    height: float = HEIGHT,
) -> None:
    axes.add_patch(_rectangle(left, bottom, width, height, fill))
    lines = tuple(filter(None, lines))
    step, middle = 0.27, left + width / 2
    top = bottom + height / 2 + step * len(lines) / 2
    axes.text(middle, top, title, **_text(11), va="center", weight="bold")
    for number, line in enumerate(lines, start=1):
        axes.text(middle, top - step * number, line, **_text(9), va="center")


def _rectangle(left: float, bottom: float, width: float, height: float, fill: str):
    shape = "round,pad=0,rounding_size=0.08"
    return FancyBboxPatch(
        (left, bottom), width, height, boxstyle=shape, facecolor=fill, edgecolor=INK, linewidth=1.2
    )


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], label: str = ""
) -> None:
    style = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.3, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style)
    if label:
        axes.text((start[0] + end[0]) / 2, start[1] + 0.1, label, **_text(9))


def _text(size: float, align: str = "center") -> dict[str, str | float]:
    return {"fontsize": size, "ha": align, "color": INK}


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT, help="default: docs/network.svg")
    args = parser.parse_args(arguments)
    check_output(args.output, replaces=".svg")
    with atomic_write(args.output) as file:
        file.write(draw(load_config(str(CONFIG))))


if __name__ == "__main__":
    with clear_exit():
        main()
