#!/usr/bin/env python3
"""Make a data set's frames from its videos, and check a data set.

The layout is that of UCF101-24 as MOC-Detector has it: the annotations, and beside them
``rgb-images/<Class>/<video>/00001.jpg``. Frame f is the f-th image that the video decodes to::

    prepare_dataset.py frames --videos UCF-101 --annotations UCF101v2-GT.pkl --output datasets/ucf24
    prepare_dataset.py check --root datasets/ucf24
    prepare_dataset.py check --dataset-file mine.yaml

``frames`` may be stopped and started again: a video's folder appears when it is complete.
Both commands list all that is wrong and then exit with 1.
"""

from __future__ import annotations

import argparse
import filecmp
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from detectron2.data import MetadataCatalog
from tabulate import tabulate
from tqdm import tqdm

from stma_d2.arguments import argument
from stma_d2.config.rules import whole
from stma_d2.data import (
    ClipSampler,
    TubeAnnotations,
    VideoAnnotation,
    describe,
    find_frames,
    list_videos,
    load_annotations,
    load_ground_truth,
    open_frames,
    register_dataset_file,
)
from stma_d2.data.annotation_checks import beyond_frame
from stma_d2.errors import InputError, clear_exit
from stma_d2.files import atomic_folder, atomic_write

JPEG_QUALITY = 95
FRAME_FOLDERS = ("rgb-images", "Frames")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one of the two commands."""
    args = _parser().parse_args(arguments)
    args.run(args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)

    frames = commands.add_parser("frames", help="decode videos into folders of JPEG files")
    frames.set_defaults(run=_run_frames)
    frames.add_argument("--videos", type=Path, required=True, help="holds <Class>/<video>.<ext>")
    frames.add_argument("--annotations", type=Path, required=True, help=".pkl or .json")
    frames.add_argument("--output", type=Path, required=True, help="root of the new data set")
    frames.add_argument(
        "--all", action="store_true", help="also decode videos that have no annotation"
    )

    check = commands.add_parser("check", help="look for what is missing or contradictory")
    check.set_defaults(run=_run_check)
    check.add_argument("--root", type=Path, help="of a data set in the layout above")
    check.add_argument("--dataset-file", type=Path, metavar="FILE.yaml", help="in place of --root")
    check.add_argument(
        "--annotations",
        type=Path,
        help="default: <root>/*-GT*.pkl or .json, or the only .pkl or .json there",
    )
    check.add_argument(
        "--frames", type=Path, help=f"default: <root>/{' or <root>/'.join(FRAME_FOLDERS)}"
    )
    check.add_argument("--full", action="store_true", help="decode every frame, not just the first")
    check.add_argument(
        "--snippet-length",
        type=argument(whole(1, 1023, step=2)),
        default=5,
        help="K, for the number of windows (default 5)",
    )
    for command in (frames, check):
        command.add_argument(
            "--workers",
            type=argument(whole(1, 1024)),
            default=os.cpu_count() or 1,
            help="videos at once (default: all CPUs)",
        )
    return parser


def _run_frames(args: argparse.Namespace) -> None:
    annotations = load_annotations(args.annotations)
    files = {name: _find_file(args.videos, name) for name in annotations.videos}
    problems = [
        f"{name}: no such video under {args.videos}" for name, file in files.items() if not file
    ]
    jobs = [(name, file, annotations.videos[name]) for name, file in files.items() if file]
    if args.all:
        others = {Path(path) for path in list_videos(str(args.videos)) if os.path.isfile(path)}
        for file in sorted(others - {file for _, file, _ in jobs}):
            name = file.relative_to(args.videos).with_suffix("").as_posix()
            jobs.append((name, file, None))
    if not jobs:
        raise InputError(
            f"none of the {len(files)} annotated videos lies under {args.videos}, which "
            f"{describe(str(args.videos))}"
        )
    _copy_annotations(args.annotations, args.output)
    extract = partial(extract_frames, args.output / FRAME_FOLDERS[0])
    problems += _map(extract, jobs, args.workers)
    print(f"{len(annotations.videos)} videos are annotated, {len(jobs)} were found.")
    print(f"Data set: {args.output}")
    _report(problems)


def _find_file(root: Path, name: str) -> Path | None:
    path = find_frames(str(root), name)
    return Path(path) if path and os.path.isfile(path) else None


def _copy_annotations(source: Path, folder: Path) -> None:
    target = folder / source.name
    if not target.exists():
        with atomic_write(target) as file:
            file.write(source.read_bytes())
    elif not filecmp.cmp(source, target, shallow=False):
        raise InputError(f"{target} differs from {source}; move it away first")


def extract_frames(root: Path, job: tuple[str, Path, VideoAnnotation | None]) -> list[str]:
    """Decode one video into ``root/<name>/00001.jpg`` ..., whole or not at all.

    A folder that is there already is only counted.

    Args:
        root: folder of all frames.
        job: name, video file, and what its annotation says (None: there is none).

    Returns:
        What is wrong, as lines for the user; empty if all is well.
    """
    name, file, video = job
    folder = root / name
    if not folder.exists():
        try:
            with atomic_folder(folder) as unfinished:
                _write_frames(file, unfinished, video)
        except InputError as error:
            return [f"{name}: {error}"]
        except OSError:
            if not folder.exists():  # otherwise another process was faster
                raise
        return []
    try:
        found = open_frames(str(folder)).count()
    except (OSError, InputError) as error:
        return [f"{name}: {error}; delete the folder {folder}"]
    if empty := _empty_files(folder):
        return [f"{folder}: {empty}; delete it"]
    if video is not None and found != video.num_frames:
        return [f"{folder} holds {found} frames, {video.num_frames} are annotated; delete it"]
    return []


def _empty_files(folder: Path) -> str:
    """Which of its files are of 0 bytes, as a full disk leaves them; "" if none is."""
    names = sorted(entry.name for entry in os.scandir(folder) if not entry.stat().st_size)
    return f"{len(names)} files are empty ({names[0]}, ...)" if names else ""


def _write_frames(file: Path, folder: Path, video: VideoAnnotation | None) -> None:
    size = None if video is None else (video.height, video.width)
    number = 0
    for number, frame in enumerate(open_frames(str(file), size), start=1):
        _, encoded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        (folder / f"{number:05d}.jpg").write_bytes(encoded.tobytes())
    if number == 0 or (video is not None and number != video.num_frames):
        expected = "" if video is None else f", {video.num_frames} are annotated"
        raise InputError(f"{file} decodes to {number} frames{expected}")


def _run_check(args: argparse.Namespace) -> None:
    annotations_file, frames_root, annotations, subsets = _find_dataset(args)
    names = dict.fromkeys(name for members in subsets.values() for name in members)
    jobs = [(name, annotations.videos[name]) for name in names]
    check = partial(check_video, frames_root, args.full)
    problems = [*_fractions(annotations), *_map(check, jobs, args.workers)]
    rows = []
    for subset, members in subsets.items():
        row = summarize(annotations, members, args.snippet_length)
        rows.append({"split": subset, **row})
        if subset.endswith("train") and not row["training windows"]:
            problems.append(f"split {subset}: no window of its videos can serve for training")
    print(f"Annotations: {annotations_file}\nFrames: {frames_root}")
    print(tabulate(rows, headers="keys", tablefmt="github"))
    _report(problems)


def _find_dataset(
    args: argparse.Namespace,
) -> tuple[Path, Path, TubeAnnotations, dict[str, Sequence[str]]]:
    """The annotation file, the root of the frames, the annotations, and the videos by subset."""
    if args.dataset_file is not None:
        if any((args.root, args.annotations, args.frames)):
            raise InputError("--dataset-file says where all of it is; give it alone")
        names = register_dataset_file(args.dataset_file)
        subsets = {name: load_ground_truth(name)[1] for name in names}
        metadata = MetadataCatalog.get(names[0])
        annotations, _ = load_ground_truth(names[0])
        return metadata.annotations_file, metadata.frames, annotations, subsets
    file, frames = _find_files(args.root, args.annotations, args.frames)
    annotations = load_annotations(file)
    subsets = {
        f"{number} {subset}": getattr(split, subset)
        for number, split in enumerate(annotations.splits, start=1)
        for subset in ("train", "test")
    }
    return file, frames, annotations, subsets


def _find_files(
    root: Path | None, annotations: Path | None, frames: Path | None
) -> tuple[Path, Path]:
    if root is None and (annotations is None or frames is None):
        raise InputError("give --root, --dataset-file, or both --annotations and --frames")
    if annotations is None:
        endings = (".pkl", ".json")
        found = sorted(path for end in endings for path in root.glob(f"*-GT*{end}"))
        found = found or sorted(path for end in endings for path in root.glob(f"*{end}"))
        if len(found) != 1:
            raise InputError(
                f"{len(found)} annotation files (*-GT*.pkl or .json, or else any .pkl or .json) in "
                f"{root}; name one by --annotations"
            )
        annotations = found[0]
    if frames is None:
        folders = (root / name for name in FRAME_FOLDERS)
        frames = next((folder for folder in folders if folder.is_dir()), None)
        if frames is None:
            raise InputError(f"{root} has no folder {' or '.join(FRAME_FOLDERS)}")
    return annotations, frames


def check_video(root: str | Path, full: bool, job: tuple[str, VideoAnnotation]) -> list[str]:
    """Compare one video's frames and boxes with its annotation.

    Args:
        root: folder of all frames.
        full: decode every frame instead of the first.
        job: the video's name and annotation.

    Returns:
        What is wrong, as lines for the user; empty if all is well.
    """
    name, video = job
    problems = list(_implausible_boxes(video))
    path = find_frames(str(root), name)
    if path is None:
        folder = (Path(root) / name).parent
        missing = f"no folder of frames and no video file; {folder} {describe(str(folder))}"
        return [f"{name}: {problem}" for problem in [missing, *problems]]
    try:
        reader = open_frames(path, (video.height, video.width), keep_index=True)
        found = reader.count()
        if found != video.num_frames:
            problems.append(f"{found} frames, {video.num_frames} are annotated")
        if os.path.isdir(path) and (empty := _empty_files(Path(path))):
            problems.append(f"{path}: {empty}")
        elif full:
            deque(reader, maxlen=0)
        elif found:
            reader.read([1])
    except (OSError, InputError) as error:
        problems.append(str(error))
    return [f"{name}: {problem}" for problem in problems]


def _fractions(annotations: TubeAnnotations) -> Iterator[str]:
    tubes = [tube for video in annotations.videos.values() for tube in video.tubes]
    if tubes and all(0 <= tube.boxes.min() and tube.boxes.max() <= 1 for tube in tubes):
        yield (
            "all boxes of the annotations lie within 0 .. 1, as fractions of the frame do; "
            "multiply x1 and x2 by the video's width, y1 and y2 by its height"
        )


def _implausible_boxes(video: VideoAnnotation) -> Iterator[str]:
    for number, tube in enumerate(video.tubes):
        low, high = tube.boxes[:, :2], tube.boxes[:, 2:]
        excess = beyond_frame(tube.boxes, video.height, video.width)
        empty = (tube.boxes == 0).all(axis=1)
        for found, what in (
            (excess > 0, f"leave the frame by up to {excess.max():g} pixels"),
            (empty, "are all zero, as where nothing was annotated"),
            ((high - low < 1).any(axis=1) & ~empty, "are no wider or no higher than a pixel"),
        ):
            if found.any():
                first = int(tube.frames[found.argmax()])
                yield (
                    f"tube {number}: {found.sum()} of {len(tube)} boxes {what}, first in frame "
                    f"{first}"
                )


def summarize(
    annotations: TubeAnnotations, names: Iterable[str], snippet_length: int
) -> dict[str, int | str]:
    """Count what the videos ``names`` hold; one row of the table."""
    videos = [annotations.videos[name] for name in names]
    tubes = [tube for video in videos for tube in video.tubes]
    sampler = ClipSampler(snippet_length, snippet_length)
    windows = (sampler.training_windows(v.num_frames, v.tubes) for v in videos)
    return {
        "videos": len(videos),
        "frames": sum(video.num_frames for video in videos),
        "labels": f"{len({tube.label for tube in tubes})} of {len(annotations.labels)}",
        "tubes": len(tubes),
        "boxes": sum(len(tube) for tube in tubes),
        "training windows": sum(len(w) for w in windows),
        "all windows": sum(sampler.num_windows(v.num_frames) for v in videos),
    }


def _map(function: Callable[[Any], list[str]], jobs: Sequence[Any], workers: int) -> list[str]:
    """The lines that ``function`` returns for all jobs, with a progress bar."""
    # Threads do, because OpenCV works outside the interpreter's lock.
    with ThreadPoolExecutor(max(1, workers)) as pool:
        results = tqdm(pool.map(function, jobs), total=len(jobs), unit="video")
        return [line for lines in results for line in lines]


def _report(problems: Sequence[str]) -> None:
    if problems:
        print("\n".join(problems))
        raise InputError(f"wrong things, listed above: {len(problems)}")
    print("Nothing is wrong.")


if __name__ == "__main__":
    with clear_exit():
        main()
