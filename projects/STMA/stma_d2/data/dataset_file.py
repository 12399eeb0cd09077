"""A data set of one's own, described by one small YAML file.

``mine.yaml`` registers ``mine_train`` and ``mine_test``; all paths in it are relative to it::

    annotations: mine.json      # see `annotations`
    videos: clips               # clips/<video>.mp4, or frames: folders <video>/00001.jpg, ...
    labels: [wave, jump]        # optional: the annotation file must then have just these
    split: 1                    # optional: which of the annotation file's splits, counted from 1
    splits:                     # optional, in place of "split": the videos by name
      train: [a, b]
      val: [c]
      test: [d]
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from detectron2.data import DatasetCatalog, MetadataCatalog

from ..errors import InputError
from ..plain_values import mapping, names, whole_number
from ..safe_yaml import read_yaml
from .catalog import register_tube_dataset

_KEYS = ("annotations", "videos", "frames", "labels", "split", "splits")
_SUBSETS = ("train", "val", "test")


def register_dataset_file(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Make the data sets of a file known to Detectron2's catalogs.

    Nothing in the file is run, and annotations are read only when they are used. Registering a file
    again replaces what it registered before.

    Args:
        path: of a file as above; its name without the ending begins the data sets' names.

    Returns:
        The registered names.

    Raises:
        InputError: naming the file and the key, if a key is missing, unknown or not of its kind, if
            a path leads nowhere, or if other data sets have these names.
    """
    path = Path(path).expanduser()
    where = f"the data set file {path}"
    content = read_yaml(str(path), "data set")
    for key in content:
        if key not in _KEYS:
            raise InputError(f"{where}: the key {key!r} is unknown; there are {', '.join(_KEYS)}")
    annotations = _path(path, content, "annotations", os.path.isfile, "file")
    frames = _frames(path, content)
    labels = names(content["labels"], f"{where}: labels") if "labels" in content else None
    videos_of, split = _subsets(content, where)
    identity = os.path.realpath(path)
    _forget(identity)
    registered = []
    for subset, videos in videos_of.items():
        name = f"{path.stem}_{subset}"
        if name in DatasetCatalog:
            raise InputError(f"{where}: another data set is called '{name}'; rename the file")
        register_tube_dataset(
            name,
            annotations,
            frames,
            split=split,
            subset=subset,
            videos=videos,
            labels=labels,
            hint=f"see {path}",
        )
        MetadataCatalog.get(name).set(dataset_file=identity)
        registered.append(name)
    return tuple(registered)


def _path(path: Path, content: Mapping[str, Any], key: str, exists: Any, kind: str) -> str:
    """The path under ``key``, relative to the file's folder."""
    if key not in content:
        raise InputError(f"the data set file {path}: the key {key!r} is missing")
    value = content[key]
    if not isinstance(value, str) or not value:
        raise InputError(f"the data set file {path}: {key} is {value!r}, not the name of a {kind}")
    found = os.path.join(path.parent, os.path.expanduser(value))
    if not exists(found):
        raise InputError(f"the data set file {path}: {key}: there is no {kind} {found}")
    return found


def _frames(path: Path, content: Mapping[str, Any]) -> str:
    keys = [key for key in ("videos", "frames") if key in content]
    if len(keys) != 1:
        raise InputError(
            f"the data set file {path}: one of the keys 'videos' and 'frames' is needed, and it "
            f"has {'both' if keys else 'neither'}"
        )
    return _path(path, content, keys[0], os.path.isdir, "folder")


def _subsets(content: Mapping[str, Any], where: str) -> tuple[dict[str, Sequence[str] | None], int]:
    """The videos of each subset, None where the annotation file says them; and its split."""
    split = whole_number(content.get("split", 1), f"{where}: split")
    if split < 1:
        raise InputError(f"{where}: split is {split}; splits are counted from 1")
    if "splits" not in content:
        return {"train": None, "test": None}, split
    if "split" in content:
        raise InputError(f"{where}: 'split' and 'splits' exclude each other; remove one")
    lists = mapping(content["splits"], f"{where}: splits")
    if not lists or not lists.keys() <= set(_SUBSETS):
        raise InputError(
            f"{where}: splits has {list(lists)}; it may have {', '.join(_SUBSETS)}, each a list of "
            "videos"
        )
    subsets = {name: names(videos, f"{where}: splits: {name}") for name, videos in lists.items()}
    for name, videos in subsets.items():
        if twice := [video for video in videos if videos.count(video) > 1]:
            raise InputError(f"{where}: splits: {name} lists '{twice[0]}' twice")
    return subsets, split


def _forget(identity: str) -> None:
    """Remove what this file registered before."""
    for name in DatasetCatalog.list():
        if MetadataCatalog.get(name).get("dataset_file") == identity:
            DatasetCatalog.remove(name)
            MetadataCatalog.remove(name)
