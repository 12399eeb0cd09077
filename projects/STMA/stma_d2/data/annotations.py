"""Annotations of tubes: what they are in memory, and how they lie in files.

Two file formats hold the same content. The pickle is the field's (ACT-detector, MOC-Detector): a
dict with

- ``labels``: list of class names,
- ``gttubes``: ``{video: {label index: [(n, 5) float32: 1-based frame, x1, y1, x2, y2]}}``,
- ``nframes``: ``{video: number of frames}``,
- ``resolution``: ``{video: (height, width)}``,
- ``train_videos``, ``test_videos``: one list of videos for each split.

The JSON is what we recommend for new data; it is safe to open and to read::

    {"format": "stma-tubes", "version": 1,
     "labels": ["Run", "Jump"],
     "splits": [{"train": ["a"], "test": ["b"]}],
     "videos": {
       "a": {"num_frames": 90, "height": 240, "width": 320, "tubes": [
         {"label": "Jump", "first_frame": 12, "boxes": [[8.0, 16.5, 60.0, 120.0], ...]}]},
       ...}}

A tube of a model, not of a person, also has its ``score``, which only the JSON keeps. In both, a
tube covers consecutive frames, frame 1 is the first decoded image, and a box is x1, y1,
x2, y2: 0-based inclusive pixel corners.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from ..errors import InputError
from ..files import atomic_write
from ..safe_pickle import load_plain_pickle
from ..structures import TubeAnnotations
from .act_annotations import from_act, to_act
from .annotation_checks import check_annotations
from .json_annotations import from_json, to_json


def load_annotations(path: str | os.PathLike[str]) -> TubeAnnotations:
    """Read annotations from a pickle (``.pkl``) or from JSON (``.json``) and check them.

    Boxes that stick out of the frame are let through: data sets have them, and
    ``tools/prepare_dataset.py check`` lists them.

    Raises:
        UnsafePickleError: if a pickle holds anything but data.
        InputError: if the file is missing or damaged, or its content contradicts itself; the
            message names the file, the video, the label and the tube.
    """
    extension = _extension(path)
    source = os.fspath(path)
    if not os.path.isfile(path):
        raise InputError(f"no annotation file at {source}")
    data = load_plain_pickle(path) if extension == ".pkl" else Path(path).read_bytes()
    try:
        annotations = from_act(data) if extension == ".pkl" else from_json(data)
    except InputError as error:
        raise InputError(f"{source}: {error}") from error
    check_annotations(annotations, source)
    return annotations


def save_annotations(annotations: TubeAnnotations, path: str | os.PathLike[str]) -> None:
    """Check annotations, then write them whole or not at all, in the format that ``path`` names.

    ``load_annotations`` gives the same values back, with each video's tubes ordered by label.

    Raises:
        InputError: if the annotations contradict themselves, or ``path`` ends neither in ``.pkl``
            nor in ``.json``.
    """
    extension = _extension(path)
    check_annotations(annotations, os.fspath(path))
    if extension == ".pkl":
        content = pickle.dumps(to_act(annotations), protocol=4)
    else:
        content = to_json(annotations).encode("utf-8")
    with atomic_write(path) as file:
        file.write(content)


def _extension(path: str | os.PathLike[str]) -> str:
    extension = os.path.splitext(os.fspath(path))[1].lower()
    if extension not in (".pkl", ".json"):
        raise InputError(f"{os.fspath(path)}: annotation files end in .pkl or in .json")
    return extension
