#!/usr/bin/env python
"""Show what a training is given: a sheet about its data set, and pictures of the first samples.

``data.html`` has counts, durations, box sizes and a video of each class with its tubes,
``classes.png`` a few frames of each class; the other pictures show frames, boxes, heat map and
regression areas.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from detectron2.data import DatasetCatalog, MetadataCatalog

from stma_d2.arguments import argument
from stma_d2.config import load_config
from stma_d2.config.rules import whole
from stma_d2.data import ClipDatasetMapper, build_train_index, build_train_stream
from stma_d2.errors import clear_exit
from stma_d2.files import atomic_write
from stma_d2.modeling.backbone import build_backbone_2d
from stma_d2.visualization import drawable_labels
from stma_d2.visualization.data_report import write_data_sheet
from stma_d2.visualization.targets import draw_training_sample


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write a picture (h, w, 3) uint8 BGR, whole or not at all."""
    _, data = cv2.imencode(".png", picture)
    with atomic_write(path) as file:
        file.write(data.tobytes())


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments and write the page and the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True, metavar="FILE")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="made if missing")
    parser.add_argument(
        "--num", type=argument(whole(1, 10**6)), default=8, help="how many windows (default: 8)"
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE overrides of the config")
    args = parser.parse_args(arguments)
    cfg = load_config(args.config_file, args.opts)
    with torch.device("meta"):  # the backbone without its weights tells the targets' stride
        stride = build_backbone_2d(cfg).shape.stride
    mapper = ClipDatasetMapper.from_config(cfg, is_train=True, stride=stride)
    index = build_train_index(cfg)
    labels = MetadataCatalog.get(cfg.DATASETS.TRAIN[0]).thing_classes
    videos = [video for name in cfg.DATASETS.TRAIN for video in DatasetCatalog.get(name)]
    least = cfg.TEST.LINKING.MIN_TUBE_LENGTH
    groups = MetadataCatalog.get(cfg.DATASETS.TRAIN[0]).get("class_groups")
    name = ", ".join(cfg.DATASETS.TRAIN)
    for path in write_data_sheet(videos, labels, name, args.output, least, groups):
        print(path)
    # The same windows and draws at every call, unless SEED is set.
    stream = build_train_stream(cfg, index, seed=max(cfg.SEED, 0))
    drawn = drawable_labels(labels)
    for item in islice(stream, min(args.num, len(index))):
        sample = mapper(item)
        name = f"{sample['video_id'].replace('/', '_')}_{int(sample['windows'][0]):05d}.png"
        write_png(args.output / name, draw_training_sample(sample, drawn))
        print(args.output / name)


if __name__ == "__main__":
    with clear_exit():
        main()
