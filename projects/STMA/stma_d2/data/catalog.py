"""Registration of tube data sets with Detectron2's catalogs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache, partial

from detectron2.data import DatasetCatalog, MetadataCatalog

from ..errors import InputError
from ..structures import TubeAnnotations, VideoDict
from .annotations import load_annotations
from .finder import describe, find_frames


def register_tube_dataset(
    name: str,
    annotations: str,
    frames: str | Sequence[str],
    *,
    split: int = 1,
    subset: str = "train",
    videos: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    hint: str = "make the frames with tools/prepare_dataset.py",
) -> None:
    """Make a data set known to ``DatasetCatalog`` and ``MetadataCatalog`` under ``name``.

    Nothing is read before ``DatasetCatalog.get(name)``, which returns one `VideoDict` a video.

    Args:
        name: what configurations call the data set.
        annotations: annotation file, see `load_annotations`.
        frames: root folder; a video's frames are the folder ``<frames>/<video_id>`` or a video file
            of that name (``.mp4``, ``.avi``, ...). Of several such folders the first that has the
            video serves.
        split: which of the annotation file's splits, counted from 1.
        subset: "train" or "test", the half of the split; with ``videos`` any word.
        videos: the names of the videos, in place of those that the annotation file's split lists.
        labels: the class names if they are known; the annotation file must then agree. Otherwise
            the metadata has ``thing_classes`` only once the data set was read.
        hint: what to do where files are missing; ends the error message.

    Raises:
        InputError: if the name is taken, or ``subset`` is neither "train" nor "test".
    """
    if videos is None and subset not in ("train", "test"):
        raise InputError(f"data set '{name}': subset is 'train' or 'test', not {subset!r}")
    if name in DatasetCatalog:
        raise InputError(f"data set '{name}' is registered already")
    DatasetCatalog.register(name, partial(_load, name))
    metadata = MetadataCatalog.get(name)
    metadata.set(annotations_file=annotations, frames=frames, subset=subset, hint=hint)
    metadata.set(split=split if videos is None else None, videos=videos)
    metadata.set(evaluator_type="tubelet")
    if labels is not None:
        metadata.set(thing_classes=list(labels))


def load_ground_truth(name: str) -> tuple[TubeAnnotations, tuple[str, ...]]:
    """The annotations of a registered data set and the names of its videos; needs no frames.

    A file that has not changed is read once, whoever asks.

    Raises:
        InputError: if no data set of tubes has that name, or its annotations are missing or others
            than it says.
    """
    known = [
        one
        for one in DatasetCatalog.list()
        if MetadataCatalog.get(one).get("evaluator_type") == "tubelet"
    ]
    if name not in known:
        raise InputError(f"no data set of tubes is called '{name}'; there are {known}")
    metadata = MetadataCatalog.get(name)
    path = metadata.annotations_file
    if not os.path.isfile(path):
        raise InputError(
            f"data set '{name}': no annotation file at {path} (built-in data sets lie "
            f"under $DETECTRON2_DATASETS, by default ./datasets); {metadata.hint}"
        )
    status = os.stat(path)
    annotations = _read(path, status.st_mtime_ns, status.st_size)
    if metadata.split is not None and not 1 <= metadata.split <= len(annotations.splits):
        raise InputError(
            f"data set '{name}': {path} has splits 1 to {len(annotations.splits)}, "
            f"not {metadata.split}"
        )
    labels = metadata.get("thing_classes", list(annotations.labels))
    if labels != list(annotations.labels):
        raise InputError(
            f"data set '{name}': the labels of {path} are not the expected ones; "
            f"it has {list(annotations.labels)}, expected {labels}"
        )
    metadata.set(thing_classes=labels)
    if metadata.split is not None:
        return annotations, getattr(annotations.splits[metadata.split - 1], metadata.subset)
    if absent := [video for video in metadata.videos if video not in annotations.videos]:
        raise InputError(
            f"data set '{name}': {path} has no video '{absent[0]}' ({len(absent)} of "
            f"{len(metadata.videos)} are missing); {metadata.hint}"
        )
    return annotations, tuple(metadata.videos)


def known_labels(name: str) -> list[str] | None:
    """The labels of a data set; None where it is not registered or its annotations are missing.

    Raises:
        InputError: if its annotations are no such file.
    """
    metadata = MetadataCatalog.get(name)
    if metadata.get("thing_classes") is None and name in DatasetCatalog:
        if os.path.isfile(metadata.get("annotations_file", "")):
            load_ground_truth(name)
    return metadata.get("thing_classes")


def dataset_files() -> list[str]:
    """The annotation files of all registered data sets, and the files that describe data sets."""
    metadata = [MetadataCatalog.get(name) for name in DatasetCatalog.list()]
    found = [one.get(key) for one in metadata for key in ("annotations_file", "dataset_file")]
    return list(dict.fromkeys(filter(None, found)))


@lru_cache(maxsize=4)
def _read(path: str, changed_ns: int, size: int) -> TubeAnnotations:
    """The annotations of the file as it was then."""
    return load_annotations(path)


def find_video(name: str, video_id: str) -> str | None:
    """Where a registered data set has the frames of a video.

    Returns:
        What `open_frames` takes, or None if none of the data set's folders has the video.

    Raises:
        InputError: if the video's name leads out of a folder.
    """
    found = (find_frames(root, video_id) for root in _roots(name))
    return next(filter(None, found), None)


def _roots(name: str) -> tuple[str, ...]:
    frames = MetadataCatalog.get(name).frames
    return (frames,) if isinstance(frames, str) else tuple(frames)


def _load(name: str) -> list[VideoDict]:
    annotations, names = load_ground_truth(name)
    dicts: list[VideoDict] = []
    for video_id in names:
        video = annotations.videos[video_id]
        dicts.append(
            {
                "video_id": video_id,
                "num_frames": video.num_frames,
                "height": video.height,
                "width": video.width,
                "path": find_video(name, video_id),
                "tubes": list(video.tubes),
            }
        )
    missing = [video["video_id"] for video in dicts if video["path"] is None]
    if missing:
        raise InputError(
            f"data set '{name}': {len(missing)} of {len(names)} videos have neither a folder of "
            f"frames nor a video file, such as {', '.join(missing[:3])}: "
            f"{', '.join(f'{root} {describe(root)}' for root in _roots(name))}; "
            f"{MetadataCatalog.get(name).hint}"
        )
    return dicts
