"""A generated action detection data set in the layout of UCF101-24.

Untrimmed videos on a moving textured background. One to three actors each do one action for a
while and idle before and after it; others idle throughout. Only motion tells who acts and what: see
``synthetic_motion`` (mirrored, several actions become others). Boxes fit the actor tightly as it is
turned. The files lie as those of UCF101-24, and hold one split::

    <root>/synthetic_actions/SyntheticActions-GT.pkl
    <root>/synthetic_actions/rgb-images/<video>/00001.jpg
    <root>/synthetic_actions/parameters.json          what the set was generated from
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ...errors import InputError
from ...files import scratch_folder
from ...structures import Split, Tube, TubeAnnotations, VideoAnnotation
from ..annotations import save_annotations
from ..catalog import register_tube_dataset
from .synthetic_motion import LABELS
from .synthetic_plan import Actor, deal_labels, plan_video
from .synthetic_render import draw_background, draw_sprite

logger = logging.getLogger(__name__)

FOLDER = "synthetic_actions"
ANNOTATIONS = "SyntheticActions-GT.pkl"
FRAMES = "rgb-images"
PARAMETERS = "parameters.json"
# Raise it whenever the same parameters come to give another content.
VERSION = 4

MIN_IMAGE_SIZE = 64
JPEG_QUALITY = 90


def register_synthetic_actions(root: str) -> None:
    """Register ``synthetic_actions_{train,val}`` under ``root``."""
    folder = os.path.join(root, FOLDER)
    for name, subset in (("train", "train"), ("val", "test")):
        register_tube_dataset(
            f"{FOLDER}_{name}",
            os.path.join(folder, ANNOTATIONS),
            os.path.join(folder, FRAMES),
            subset=subset,
            labels=LABELS,
            hint="generate the data with `python tools/make_synthetic_actions.py`",
        )


def generate_synthetic_actions(
    root: str | os.PathLike[str],
    *,
    num_train: int = 1600,
    num_val: int = 32,
    seed: int = 0,
    image_size: int = 128,
    overwrite: bool = False,
    workers: int = 1,
) -> None:
    """Write the data set into ``root/synthetic_actions``, whole or not at all.

    Returns at once when it is already there with the same parameters. The same parameters give the
    same bytes, whatever the number of workers (with the same versions of numpy and OpenCV).

    Args:
        root: folder of all data sets, ``$DETECTRON2_DATASETS``; made when missing.
        num_train: videos of the training subset.
        num_val: videos of the validation subset.
        seed: at least 0.
        image_size: side of the square frames in pixels, at least ``MIN_IMAGE_SIZE``.
        overwrite: replace a data set that has other parameters.
        workers: processes that draw, each one video at a time.

    Raises:
        InputError: if a parameter is out of range.
        FileExistsError: if a data set of other parameters is there and ``overwrite`` is false, or
            if the folder holds something else.
    """
    if min(num_train, num_val, workers) < 1 or seed < 0 or image_size < MIN_IMAGE_SIZE:
        raise InputError(
            "synthetic actions need num_train >= 1, num_val >= 1, workers >= 1, seed >= 0 and "
            f"image_size >= {MIN_IMAGE_SIZE}, not {num_train}, {num_val}, {workers}, {seed}, "
            f"{image_size}"
        )
    parameters = {
        "version": VERSION,
        "num_train": num_train,
        "num_val": num_val,
        "seed": seed,
        "image_size": image_size,
    }
    folder = Path(root) / FOLDER
    if _is_present(folder, parameters, overwrite):
        logger.info("%s is already there", folder)
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    logger.info("Generating %d videos in %s", num_train + num_val, folder)
    with scratch_folder(folder.parent, FOLDER) as scratch:
        new = scratch / "new"
        _write(new, parameters, workers)
        if folder.exists():
            os.replace(folder, scratch / "old")
        os.replace(new, folder)


def _is_present(folder: Path, parameters: dict[str, int], overwrite: bool) -> bool:
    """Whether the data set is there; an error says why it must not be written over."""
    if not folder.exists():
        return False
    try:
        existing = json.loads((folder / PARAMETERS).read_text())
    except (OSError, ValueError) as error:
        raise FileExistsError(
            f"{folder} holds no {PARAMETERS} of a generated data set; move it away first"
        ) from error
    if existing == parameters:
        return True
    if not overwrite:
        raise FileExistsError(
            f"{folder} was generated with {existing}, not {parameters}; "
            "pass overwrite=True (--overwrite) to replace it"
        )
    return False


class _Job(NamedTuple):
    """One video to draw: its name, its actions, and the source of all its random numbers."""

    name: str
    labels: list[int]
    seed: np.random.SeedSequence
    image_size: int
    frames: Path


def _write(folder: Path, parameters: dict[str, int], workers: int) -> None:
    jobs = list(_jobs(folder / FRAMES, parameters))
    names = [job.name for job in jobs]
    if workers == 1:
        videos = dict(zip(names, map(_write_video, jobs), strict=True))
    else:
        with ProcessPoolExecutor(workers, initializer=_prepare_worker) as pool:
            drawn = pool.map(_write_video, jobs, chunksize=4)
            videos = dict(zip(names, drawn, strict=True))
    num_train = parameters["num_train"]
    split = Split(train=tuple(names[:num_train]), test=tuple(names[num_train:]))
    annotations = TubeAnnotations(labels=LABELS, videos=videos, splits=(split,))
    save_annotations(annotations, str(folder / ANNOTATIONS))
    (folder / PARAMETERS).write_text(json.dumps(parameters))


def _prepare_worker() -> None:
    """Draw alone, without threads of OpenCV's, and end where the main process was killed."""
    cv2.setNumThreads(0)
    threading.Thread(target=_end_with_main_process, daemon=True).start()


def _end_with_main_process() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _jobs(frames: Path, parameters: dict[str, int]) -> Iterator[_Job]:
    for index, subset in enumerate(("train", "val")):
        count = parameters[f"num_{subset}"]
        # Each subset and in it each video has its own stream of random numbers.
        deal, *seeds = np.random.SeedSequence([parameters["seed"], index]).spawn(count + 1)
        hands = deal_labels(count, np.random.default_rng(deal))
        for number, (labels, seed) in enumerate(zip(hands, seeds, strict=True), start=1):
            name = f"{subset}_{number:04d}"
            yield _Job(name, labels, seed, parameters["image_size"], frames)


def _write_video(job: _Job) -> VideoAnnotation:
    """Draw one video into ``<frames>/<name>``, and annotate it."""
    rng = np.random.default_rng(job.seed)
    actors = plan_video(job.labels, job.image_size, rng)
    num_frames, folder = len(actors[0].boxes), job.frames / job.name
    folder.mkdir(parents=True)
    for time, image in enumerate(draw_background(job.image_size, num_frames, rng)):
        for actor in actors:
            draw_sprite(image, actor.look, actor.motion, actor.boxes[time], time)
        _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        (folder / f"{time + 1:05d}.jpg").write_bytes(encoded.tobytes())
    return _annotate(actors, job.image_size)


def _annotate(actors: Sequence[Actor], image_size: int) -> VideoAnnotation:
    tubes = []
    for actor in actors:
        if actor.label is not None:
            time = np.arange(actor.start, actor.start + actor.length)
            boxes = actor.boxes[time].astype(np.float32)
            tubes.append(Tube(frames=time + 1, boxes=boxes, label=actor.label))
    return VideoAnnotation(
        num_frames=len(actors[0].boxes), height=image_size, width=image_size, tubes=tuple(tubes)
    )
