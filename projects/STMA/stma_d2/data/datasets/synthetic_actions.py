"""A generated action detection data set in the layout of UCF101-24, at three levels.

Videos on a moving textured background. Actors each do one action, with or without idle time
before and after it; others idle throughout. `easy` shows motions only, of one to three actors that
never meet, see ``synthetic_motion``. `middle` and `hard` have the classes of ``synthetic_moves``,
some of which show in one frame, some in five and some in sixteen, and the difficulties of their
``synthetic_levels.Factors``. Boxes fit the actor tightly as it is turned, hidden parts included.
The files lie as those of UCF101-24, and hold one split; the folder is ``synthetic_actions``,
``synthetic_actions_middle`` or ``synthetic_actions_hard``::

    <root>/<folder>/SyntheticActions-GT.pkl
    <root>/<folder>/rgb-images/<video>/00001.jpg
    <root>/<folder>/parameters.json          what the set was generated from
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from detectron2.data import MetadataCatalog

from ...child_process import end_with_parent, outlive_signals
from ...errors import InputError
from ...files import scratch_folder
from ...safe_json import read_json
from ...structures import Split, Tube, TubeAnnotations, VideoAnnotation
from ..annotations import load_annotations, save_annotations
from ..catalog import register_tube_dataset
from .synthetic_levels import LEVELS, Factors, Level
from .synthetic_plan import VideoPlan, deal_labels, plan_video
from .synthetic_render import draw_background, draw_sprite
from .synthetic_scene import paint_post

logger = logging.getLogger(__name__)

ANNOTATIONS = "SyntheticActions-GT.pkl"
FRAMES = "rgb-images"
PARAMETERS = "parameters.json"
# Raise it whenever the same parameters come to give another content.
VERSION = 4

MIN_IMAGE_SIZE = 64
JPEG_QUALITY = 90


def register_synthetic_actions(root: str) -> None:
    """Register ``synthetic_actions{,_middle,_hard}_{train,val}`` under ``root``.

    Their metadata has ``class_groups``: of each label, whether "looks", "short" or "long" tells it;
    and ``parameters_file``, which says what the set was generated from.
    """
    for level in LEVELS.values():
        folder = os.path.join(root, level.folder)
        for name, subset in (("train", "train"), ("val", "test")):
            name = f"{level.folder}_{name}"
            register_tube_dataset(
                name,
                os.path.join(folder, ANNOTATIONS),
                os.path.join(folder, FRAMES),
                subset=subset,
                labels=level.labels,
                hint="generate the data with `python tools/make_synthetic_actions.py "
                f"--level {level.name}`",
            )
            MetadataCatalog.get(name).set(
                class_groups=dict(level.class_groups),
                parameters_file=os.path.join(folder, PARAMETERS),
            )


def generate_synthetic_actions(
    root: str | os.PathLike[str],
    *,
    level: str = "easy",
    factors: Factors | None = None,
    num_train: int = 1600,
    num_val: int = 32,
    seed: int = 0,
    image_size: int = 128,
    overwrite: bool = False,
    workers: int = 1,
) -> Path:
    """Write a level's data set into its folder in ``root``, whole or not at all.

    Returns at once when it is already there with the same parameters and all its frames. The same
    parameters give the same bytes, whatever the number of workers (with the same versions of numpy
    and OpenCV).

    Args:
        root: folder of all data sets, ``$DETECTRON2_DATASETS``; made when missing.
        level: "easy", "middle" or "hard".
        factors: what makes the videos difficult; None for the level's own.
        num_train: videos of the training subset.
        num_val: videos of the validation subset.
        seed: at least 0.
        image_size: side of the square frames in pixels, at least ``MIN_IMAGE_SIZE``.
        overwrite: replace a data set that has other parameters, or that lost files.
        workers: processes that draw, each one video at a time.

    Returns:
        The folder.

    Raises:
        InputError: if a parameter is out of range, the factors leave actors no room, or a data set
            that is there has lost files and ``overwrite`` is false.
        FileExistsError: if a data set of other parameters is there and ``overwrite`` is false, or
            if the folder holds something else.
    """
    if level not in LEVELS:
        raise InputError(f"synthetic actions have the levels {', '.join(LEVELS)}, not {level!r}")
    if min(num_train, num_val, workers) < 1 or seed < 0 or image_size < MIN_IMAGE_SIZE:
        raise InputError(
            "synthetic actions need num_train >= 1, num_val >= 1, workers >= 1, seed >= 0 and "
            f"image_size >= {MIN_IMAGE_SIZE}, not {num_train}, {num_val}, {workers}, {seed}, "
            f"{image_size}"
        )
    chosen = LEVELS[level] if factors is None else replace(LEVELS[level], factors=factors)
    parameters = {
        "version": VERSION,
        "num_train": num_train,
        "num_val": num_val,
        "seed": seed,
        "image_size": image_size,
    }
    if chosen != LEVELS["easy"]:
        parameters |= {"level": level, "factors": asdict(chosen.factors)}
    folder = Path(root) / chosen.folder
    if _is_present(folder, parameters, overwrite):
        logger.info("%s is already there", folder)
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    logger.info("Generating %d videos in %s", num_train + num_val, folder)
    with scratch_folder(folder.parent, folder.name) as scratch:
        new = scratch / "new"
        _write(new, chosen, parameters, workers)
        if folder.exists():
            os.replace(folder, scratch / "old")
        os.replace(new, folder)
    return folder


def _is_present(folder: Path, parameters: dict[str, Any], overwrite: bool) -> bool:
    """Whether the data set is there; an error says why it must not be written over."""
    if not folder.exists():
        return False
    try:
        existing = read_json(folder / PARAMETERS)
    except (OSError, InputError) as error:
        raise FileExistsError(
            f"{folder} holds no {PARAMETERS} of a generated data set; move it away first"
        ) from error
    if existing == parameters:
        damage = _damage(folder)
        if damage and not overwrite:
            raise InputError(f"{damage}; pass overwrite=True (--overwrite) to generate it again")
        return not damage
    if not overwrite:
        raise FileExistsError(
            f"{folder} was generated with {existing}, not {parameters}; "
            "pass overwrite=True (--overwrite) to replace it"
        )
    return False


def _damage(folder: Path) -> str:
    """What the data set has lost since it was generated; "" if nothing."""
    try:
        videos = load_annotations(folder / ANNOTATIONS).videos
    except (OSError, InputError) as error:
        return str(error)
    for name, video in videos.items():
        frames = folder / FRAMES / name
        entries = os.scandir(frames) if frames.is_dir() else ()
        there = {entry.name for entry in entries if entry.stat().st_size}
        names = (_frame_name(number) for number in range(1, video.num_frames + 1))
        if missing := [name for name in names if name not in there]:
            return f"{frames} lacks {len(missing)} of its frames ({missing[0]}, ...)"
    return ""


def _frame_name(number: int) -> str:
    return f"{number:05d}.jpg"


class _Job(NamedTuple):
    """One video to draw: its name, level, actions, and the source of all its random numbers."""

    name: str
    level: Level
    labels: list[int]
    seed: np.random.SeedSequence
    image_size: int
    frames: Path


def _write(folder: Path, level: Level, parameters: dict[str, Any], workers: int) -> None:
    jobs = list(_jobs(folder / FRAMES, level, parameters))
    names = [job.name for job in jobs]
    if workers == 1:
        videos = dict(zip(names, map(_write_video, jobs), strict=True))
    else:
        with ProcessPoolExecutor(workers, initializer=_prepare_worker) as pool:
            drawn = pool.map(_write_video, jobs, chunksize=4)
            videos = dict(zip(names, drawn, strict=True))
    num_train = parameters["num_train"]
    split = Split(train=tuple(names[:num_train]), test=tuple(names[num_train:]))
    annotations = TubeAnnotations(labels=level.labels, videos=videos, splits=(split,))
    save_annotations(annotations, str(folder / ANNOTATIONS))
    (folder / PARAMETERS).write_text(json.dumps(parameters))


def _prepare_worker() -> None:
    """Draw without threads of OpenCV's; leave the end to the main process, and end with it."""
    cv2.setNumThreads(0)
    outlive_signals()
    end_with_parent()


def _jobs(frames: Path, level: Level, parameters: dict[str, Any]) -> Iterator[_Job]:
    for index, subset in enumerate(("train", "val")):
        count = parameters[f"num_{subset}"]
        # Each subset and in it each video has its own stream of random numbers.
        deal, *seeds = np.random.SeedSequence([parameters["seed"], index]).spawn(count + 1)
        hands = deal_labels(count, level, np.random.default_rng(deal))
        for number, (labels, seed) in enumerate(zip(hands, seeds, strict=True), start=1):
            name = f"{subset}_{number:04d}"
            yield _Job(name, level, labels, seed, parameters["image_size"], frames)


def _write_video(job: _Job) -> VideoAnnotation:
    """Draw one video into ``<frames>/<name>``, and annotate it."""
    plan, frames = draw_video(job.labels, job.level, job.image_size, job.seed)
    folder = job.frames / job.name
    folder.mkdir(parents=True)
    for time, image in enumerate(frames):
        _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        (folder / _frame_name(time + 1)).write_bytes(encoded.tobytes())
    return _annotate(plan, job.image_size)


def draw_video(
    labels: Sequence[int], level: Level, image_size: int, seed: int | np.random.SeedSequence
) -> tuple[VideoPlan, np.ndarray]:
    """Plan a video and draw it.

    Args:
        labels: the actions that occur, positions in the level's labels.
        level: the actions, and what makes the video difficult.
        image_size: height and width, pixels.
        seed: of all its random numbers.

    Returns:
        its plan, and its frames (n, image_size, image_size, 3) uint8 BGR.
    """
    rng = np.random.default_rng(seed)
    plan = plan_video(labels, level, image_size, rng)
    frames = draw_background(image_size, plan.swing, rng)
    for time, image in enumerate(frames):
        for sprite in plan.clutter:
            draw_sprite(image, sprite.look, sprite.motion, sprite.boxes[time], time)
        for actor in plan.actors:
            draw_sprite(image, actor.look_at(time), actor.motion, actor.boxes[time], time)
        for post in plan.posts:
            paint_post(image, post, time)
    return plan, frames


def _annotate(plan: VideoPlan, image_size: int) -> VideoAnnotation:
    tubes = []
    for actor in plan.actors:
        if actor.label is not None:
            time = np.arange(actor.start, actor.start + actor.length)
            boxes = actor.boxes[time].astype(np.float32)
            tubes.append(Tube(frames=time + 1, boxes=boxes, label=actor.label))
    return VideoAnnotation(
        num_frames=len(plan.swing), height=image_size, width=image_size, tubes=tuple(tubes)
    )
