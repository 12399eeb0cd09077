"""Registration of tube data sets with Detectron2's catalogs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from detectron2.data import DatasetCatalog, MetadataCatalog

from ..errors import InputError
from ..structures import TubeAnnotations, VideoDict
from .annotations import load_annotations
from .readers import find_frames


def register_tube_dataset(
    name: str,
    annotations: str,
    frames: str,
    *,
    split: int = 1,
    subset: str = "train",
    labels: Sequence[str] | None = None,
    hint: str = "make the frames with tools/prepare_dataset.py",
) -> None:
    """Make a data set known to ``DatasetCatalog`` and ``MetadataCatalog`` under ``name``.

    Nothing is read before ``DatasetCatalog.get(name)``, which returns one `VideoDict` a video.

    Args:
        name: what configurations call the data set.
        annotations: annotation file, see `load_annotations`.
        frames: root folder; a video's frames are the folder ``<frames>/<video_id>`` or a video file
            of that name (``.mp4``, ``.avi``, ...).
        split: which of the annotation file's splits, counted from 1.
        subset: "train" or "test", the half of the split.
        labels: the class names if they are known; the annotation file must then agree. Otherwise
            the metadata has ``thing_classes`` only once the data set was read.
        hint: what to do where files are missing; ends the error message.

    Raises:
        InputError: if the name is taken or ``subset`` is neither "train" nor "test".
    """
    if subset not in ("train", "test"):
        raise InputError(f"data set '{name}': subset is 'train' or 'test', not {subset!r}")
    if name in DatasetCatalog:
        raise InputError(f"data set '{name}' is registered already")
    DatasetCatalog.register(name, partial(_load, name, annotations, frames, split, subset, hint))
    metadata = MetadataCatalog.get(name)
    metadata.set(annotations_file=annotations, split=split, subset=subset, evaluator_type="tubelet")
    if labels is not None:
        metadata.set(thing_classes=list(labels))


def _load(
    name: str, annotations_file: str, frames_root: str, split: int, subset: str, hint: str
) -> list[VideoDict]:
    if not os.path.isfile(annotations_file):
        raise InputError(
            f"data set '{name}': no annotation file at {annotations_file} (built-in data sets lie "
            f"under $DETECTRON2_DATASETS, by default ./datasets); {hint}"
        )
    annotations = load_annotations(annotations_file)
    if not 1 <= split <= len(annotations.splits):
        raise InputError(
            f"data set '{name}': {annotations_file} has splits 1 to {len(annotations.splits)}, "
            f"not {split}"
        )
    metadata = MetadataCatalog.get(name)
    labels = metadata.get("thing_classes", list(annotations.labels))
    if labels != list(annotations.labels):
        raise InputError(
            f"data set '{name}': the labels of {annotations_file} are not the expected ones; "
            f"it has {list(annotations.labels)}, expected {labels}"
        )
    metadata.set(thing_classes=labels)
    names = getattr(annotations.splits[split - 1], subset)
    dicts = _video_dicts(annotations, names, frames_root)
    missing = [names[i] for i, video in enumerate(dicts) if video["path"] is None]
    if missing:
        raise InputError(
            f"data set '{name}': {len(missing)} of {len(names)} videos have neither a folder of "
            f"frames nor a video file under {frames_root}, such as {', '.join(missing[:3])}; {hint}"
        )
    return dicts


def _video_dicts(
    annotations: TubeAnnotations, names: Sequence[str], frames_root: str
) -> list[VideoDict]:
    dicts = []
    for video_id in names:
        video = annotations.videos[video_id]
        dicts.append(
            {
                "video_id": video_id,
                "num_frames": video.num_frames,
                "height": video.height,
                "width": video.width,
                "path": find_frames(frames_root, video_id),
                "tubes": list(video.tubes),
            }
        )
    return dicts
