"""Milliseconds a frame of walking through a video: naive, with shared features, and the limit.

Each run works through the next ``--frames`` windows of a video that is already under way, so that
one window needs one new frame. "Naive" gives each window to the network on its own, "shared" gives
all of them as a chunk to `SlidingWindow`, and the "limit" is what cannot be avoided: one pass of
the 2D backbone and the size head a frame, one pass of the 3D backbone and the other heads a window,
on inputs that lie ready. Frames are random, and a network without weights gets random ones.

Precision, clip stride and device are the configuration's: TEST.AMP.ENABLED, TEST.CLIP_STRIDE,
MODEL.DEVICE.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from analyze_model import analyze
from detectron2.config import CfgNode
from detectron2.modeling import build_model
from detectron2.structures import Instances
from torch import nn

from stma_d2 import model_zoo
from stma_d2.checkpoint import load_for_evaluation
from stma_d2.config import load_config
from stma_d2.data import ClipDatasetMapper
from stma_d2.data.windows import chunk_layout
from stma_d2.modeling import STMA, SlidingWindow
from stma_d2.modeling.batch import Sample
from stma_d2.modeling.features import WindowMaps
from stma_d2.modeling.precision import autocast_dtype, mixed_precision
from stma_d2.modeling.sliding_window import rows_per_pass

from .report import Report, Timing, compare, stopwatch

MATRIX_SIDE = {"cuda": 8192, "cpu": 2048}  # of the product that measures the peak


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this figure."""
    parser.add_argument(
        "--config-file",
        default=model_zoo.get_config_file("UCF101-24/STMA_DLA34_RX101_K5.yaml"),
        metavar="FILE",
        help="the network (default: the paper's for UCF101-24)",
    )
    parser.add_argument(
        "--frames", type=int, default=4, help="of a run; a GPU's batch (default: %(default)s)"
    )
    parser.add_argument("--repeats", type=int, default=3, help="timed runs (default: %(default)s)")
    parser.add_argument("--threads", type=int, help="of PyTorch on the CPU (default: its own)")
    parser.add_argument(
        "--peak",
        action="store_true",
        help="also measure the device's matrix products and what share of them inference reaches",
    )
    parser.add_argument("opts", nargs="*", metavar="KEY VALUE", help="overrides of the config")


@torch.inference_mode()
def run(args: argparse.Namespace) -> Report:
    """Time the three ways in turns, then each part of the network.

    Raises:
        InputError: if the configuration cannot be used.
    """
    if args.threads:
        torch.set_num_threads(args.threads)
    cfg = load_config(args.config_file, args.opts)
    cfg.TEST.WINDOWS_PER_CHUNK = args.frames
    model, amp = make_model(cfg), cfg.TEST.AMP.ENABLED
    sliding_window = SlidingWindow(cfg, model)
    chunks = video_in_chunks(cfg, args.frames, args.repeats + 2)
    facts = largest_differences(model, sliding_window, chunks)
    alone = windows_alone(chunks[0])
    following = iter(chunks[2:])
    parts = network_parts(model, chunks[0], amp)
    runs = {
        "naive": lambda: each_alone(model, alone, amp),
        "shared": lambda: sliding_window([next(following)]),
        "limit": lambda: [part() for part in parts.values()],
    }
    sliding_window([chunks[1]])  # what a video's first chunk needs more is computed here
    # No warming up by `compare`: the differences took each way once.
    timings = compare(runs, args.repeats, units=args.frames, warmup=0)
    timings |= compare(parts, args.repeats, units=args.frames, warmup=0)
    median = {name: timing.median for name, timing in timings.items()}
    if args.peak:
        facts |= share_of_peak(model, cfg, timings["shared"])
    (height, width), length = cfg.INPUT.SIZE, cfg.INPUT.SNIPPET_LENGTH
    return Report(
        title=f"Inference of {width} x {height}, K = {length}, {args.frames} frames a run; "
        f"{Path(args.config_file).name} {' '.join(args.opts)}",
        unit="frame",
        timings=list(timings.values()),
        ratios={
            "naive / shared": median["naive"] / median["shared"],
            "shared / limit": median["shared"] / median["limit"],
        },
        facts=facts,
    )


def make_model(cfg: CfgNode) -> STMA:
    """The configured network in evaluation mode, with weights or with random ones.

    Random weights of the last layers are enlarged: as training starts, all maps would be flat and
    which pixels are the peaks a matter of rounding.
    """
    torch.manual_seed(0)
    model = build_model(cfg).eval()
    if cfg.MODEL.WEIGHTS:
        load_for_evaluation(model, cfg.MODEL.WEIGHTS, cfg.OUTPUT_DIR, resume=False)
        return model
    for head in (model.center_head, model.movement_head, model.size_head):
        nn.init.kaiming_normal_(head.layers[2].weight)
    return model


def video_in_chunks(cfg: CfgNode, windows_per_chunk: int, num_chunks: int) -> list[Sample]:
    """Samples of consecutive chunks of one video of random frames."""
    mapper = ClipDatasetMapper.from_config(cfg, is_train=False)
    lengths = mapper["snippet_length"], mapper["clip_length"]
    num_frames = windows_per_chunk * num_chunks + lengths[0] - 1
    frames = torch.randint(0, 256, (num_frames, 3, *cfg.INPUT.SIZE), dtype=torch.uint8)
    samples = []
    for windows in torch.arange(1, windows_per_chunk * num_chunks + 1).split(windows_per_chunk):
        layout = chunk_layout(
            windows.numpy(), *lengths, num_frames, snippet_position=cfg.INPUT.SNIPPET_POSITION
        )
        numbers, snippet_index, clip_index = map(torch.from_numpy, layout)
        samples.append(
            {
                "video_id": "random",
                "height": cfg.INPUT.SIZE[0],
                "width": cfg.INPUT.SIZE[1],
                "windows": windows,
                "frames": frames[numbers - 1],
                "snippet_index": snippet_index,
                "clip_index": clip_index,
            }
        )
    return samples


def windows_alone(chunk: Sample) -> list[Sample]:
    """Each window of ``chunk`` as a sample of its own, with its own frames only."""
    samples = []
    for row in range(len(chunk["windows"])):
        indexes = {name: chunk[name][row : row + 1] for name in ("snippet_index", "clip_index")}
        used = torch.cat(list(indexes.values()), dim=1).unique()
        own = {name: torch.searchsorted(used, index) for name, index in indexes.items()}
        windows = chunk["windows"][row : row + 1]
        samples.append({**chunk, **own, "frames": chunk["frames"][used], "windows": windows})
    return samples


def each_alone(model: STMA, samples: list[Sample], amp: bool) -> list[Instances]:
    """Naive inference: the network sees one window at a time and remembers nothing."""
    with mixed_precision(model.device, amp):
        return [model([sample])[0][0].to("cpu") for sample in samples]


def largest_differences(
    model: STMA, sliding_window: SlidingWindow, chunks: list[Sample]
) -> dict[str, float]:
    """Compare naive with shared features over two chunks, the second of which goes on."""
    differences = {"boxes (px)": 0.0, "scores": 0.0}
    for chunk in chunks[:2]:
        (shared,) = sliding_window([chunk])
        naive = each_alone(model, windows_alone(chunk), sliding_window.amp)
        for ours, theirs in zip(shared, naive, strict=True):
            boxes = (ours.tubelets.tensor - theirs.tubelets.tensor).abs().max()
            scores = (ours.scores - theirs.scores).abs().max()
            differences["boxes (px)"] = max(differences["boxes (px)"], boxes.item())
            differences["scores"] = max(differences["scores"], scores.item())
    return {f"largest difference of {name}": value for name, value in differences.items()}


def network_parts(model: STMA, chunk: Sample, amp: bool) -> dict[str, Callable[[], Any]]:
    """Everything that one frame and one window need, part by part, once for each window.

    The parts take as many rows at a time as inference does, on inputs made beforehand.
    """
    device, count = model.device, len(chunk["windows"])
    images = chunk["frames"].to(device)
    rows = rows_per_pass(images)
    needed, snippet_index = (
        index.to(device) for index in chunk["snippet_index"].unique(return_inverse=True)
    )

    def in_passes(function: Callable[..., Any], *inputs: torch.Tensor) -> Callable[[], list[Any]]:
        def work() -> list[Any]:
            with mixed_precision(device, amp):
                splits = zip(*(tensor.split(rows) for tensor in inputs), strict=True)
                return [function(*split) for split in splits]

        return work

    with mixed_precision(device, amp):
        frames = model.frame_features(images[needed])
        clip_images = images[chunk["clip_index"].to(device)]
        clips = None if model.backbone_3d is None else model.clip_features(clip_images)
        maps = model.window_maps(frames, snippet_index, clips)
    features, snippets = frames.features[:count], frames.features[snippet_index]
    normalized = (images[needed[:count]] - model.pixel_mean) / model.pixel_std
    parts = {
        "2D backbone": in_passes(model.backbone, normalized),
        "size head": in_passes(model.size_head, features),
        "center head": in_passes(model.center_head, snippets),
        "movement head": in_passes(model.movement_head, snippets),
    }
    if clips is not None:
        parts["3D backbone"] = in_passes(model.clip_features, clip_images)
    if model.action_head is not None:
        parts["action head, frames"] = in_passes(model.action_head.forward_frames, features)
        reduced = frames.action[snippet_index]
        windows = (reduced,) if clips is None else (reduced, clips)
        parts["action head, windows"] = in_passes(
            lambda frames, clips=None: model.action_head(frames, clips), *windows
        )
    windows = (maps.center, maps.movement, frames.size[snippet_index])
    windows += () if maps.action is None else (maps.action,)
    parts["decoding"] = in_passes(
        lambda center, movement, sizes, action=None: model.decode(
            WindowMaps(center, movement, action), sizes
        ),
        *windows,
    )
    return parts


def share_of_peak(model: STMA, cfg: CfgNode, shared: Timing) -> dict[str, Any]:
    """How near inference with shared features comes to the device's largest matrix products."""
    device = model.device
    side = MATRIX_SIDE.get(device.type, MATRIX_SIDE["cpu"])
    dtype = autocast_dtype(device) if cfg.TEST.AMP.ENABLED else torch.float32
    matrix = torch.randn(side, side, device=device, dtype=dtype)
    seconds = min(stopwatch(lambda: matrix @ matrix) for _ in range(5))
    peak = 2 * side**3 / seconds / 1e12
    mapper = ClipDatasetMapper.from_config(cfg, is_train=False)
    rows = analyze(
        copy.deepcopy(model).cpu(), cfg.INPUT.SIZE, mapper["clip_length"], cfg.INPUT.SNIPPET_LENGTH
    )
    macs = {row[0]: row[3] for row in rows}
    spared = macs.get("3D backbone", 0.0) * (1 - 1 / cfg.TEST.CLIP_STRIDE)
    giga_macs = macs["a window of a video"] - spared
    reached = 2 * giga_macs / 1e3 * shared.units / shared.median
    return {
        f"matrix peak, {side} x {side} {dtype} (TFLOP/s)": float(f"{peak:.3g}"),
        "reached by shared (TFLOP/s)": float(f"{reached:.3g}"),
        "share of the peak": float(f"{reached / peak:.3g}"),
    }
