"""Finished trainings that a document tells of: what they recorded, kept after their folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..checkpoint import changed_keys, read_detectron2_checkpoint, record_of
from ..config import load_config
from ..config.file import find_config_file
from ..data.annotation_values import fields, items, percent, text
from ..errors import InputError
from ..evaluation import METRICS, get_protocol, write_json
from ..safe_json import read_json
from .publishing import describe_training

# Told by a run's own fields.
_TOLD = ("SEED", "SOLVER.MAX_ITER", "MODEL.DEVICE", "DATASETS.TRAIN", "DATASETS.TEST")
# Change neither what is learned nor the last evaluation.
_PERIODS = ("TEST.EVAL_PERIOD", "TEST.EVAL_EPOCHS", "SOLVER.CHECKPOINT_PERIOD")
_NEEDED = (
    *("changes", "datasets", "iterations", "batch", "seed", "hardware", "commit", "seconds"),
    "evaluations",
)
_NEEDED_OF_EVALUATION = (
    "dataset",
    "num_videos",
    "protocol",
    *get_protocol("moc").options,
    "metrics",
)


def describe_run(folder: str | os.PathLike[str], config_file: str) -> dict[str, Any]:
    """What a training left in its folder, in plain values for JSON.

    Args:
        folder: OUTPUT_DIR of a training that was evaluated at its end.
        config_file: the configuration that its own is compared with, see `find_config_file`.

    Returns:
        ``changes``, the values of the keys in which its configuration differs, by key; what
        `describe_training` gives; ``evaluations``, of each test set what `read_evaluation` gives.

    Raises:
        InputError: naming what is missing in the folder.
    """
    folder = Path(folder)
    path = folder / "model_final.pth"
    if not path.is_file():
        raise InputError(f"{folder} is no folder of a finished training: it has no {path.name}")
    checkpoint = read_detectron2_checkpoint(str(path))
    cfg = load_config(config_file, ["MODEL.DEVICE", "cpu"])
    changes = {
        key: trained
        for key, trained, _ in changed_keys(record_of(checkpoint), cfg)
        if key not in (*_TOLD, *_PERIODS)
    }
    files = sorted(folder.glob("inference/*/metrics.json"))
    evaluations = [read_evaluation(file) for file in files]
    if not evaluations:
        raise InputError(f"{folder} holds no evaluation, inference/<test set>/metrics.json")
    return {
        "changes": changes,
        **describe_training(checkpoint, folder),
        "evaluations": evaluations,
    }


def read_evaluation(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The content of an evaluation's ``metrics.json`` without the errors of single classes.

    Raises:
        InputError: naming the file, if it is of something else.
    """
    content, where = read_json(path), os.fspath(path)
    (analysis,) = fields(content, ("error_analysis",), where)
    (mean,) = fields(analysis, ("mean",), f"{where}: error_analysis")
    return {**content, "error_analysis": mean}


def write_runs(
    path: str | os.PathLike[str], config_file: str, runs: Iterable[Mapping[str, Any]]
) -> None:
    """Write a file of runs, whole or not at all.

    Args:
        path: of the file.
        config_file: what their ``changes`` change; of the project, by its name in the model zoo.
        runs: of `describe_run`.
    """
    find_config_file(config_file)
    write_json(path, {"config": config_file, "runs": list(runs)}, indent=1)


def read_runs(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `write_runs` wrote: ``config`` and ``runs``.

    Raises:
        InputError: naming the file and what it lacks.
    """
    where = f"{os.fspath(path)} is no file of runs"
    try:
        content = read_json(path)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    config, runs = fields(content, ("config", "runs"), where)
    text(config, f"{where}: config")
    for number, run in enumerate(items(runs, where), start=1):
        *_, evaluations = fields(run, _NEEDED, f"{where}: run {number}")
        for one in items(evaluations, f"{where}: run {number}"):
            of = f"{where}: an evaluation of run {number}"
            *_, metrics = fields(one, _NEEDED_OF_EVALUATION, of)
            for name, value in zip(METRICS, fields(metrics, METRICS, of), strict=True):
                percent(value, f"{of}: {name}")
    return content
