"""Finished trainings that a document tells of: what they recorded, kept after their folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..checkpoint import changed_keys, read_detectron2_checkpoint, record_of
from ..config import load_config
from ..config.file import find_config_file
from ..errors import InputError
from ..evaluation import OPTIONS, protocol_of
from ..files import write_json
from ..plain_values import (
    checked_fields,
    count,
    fields,
    items,
    mapping,
    names,
    number,
    percent,
    text,
)
from ..safe_json import read_json
from .publishing import describe_training

# Told by a run's own fields.
_TOLD = ("SEED", "SOLVER.MAX_ITER", "MODEL.DEVICE", "DATASETS.TRAIN", "DATASETS.TEST")
# Change neither what is learned nor the last evaluation.
_PERIODS = ("TEST.EVAL_PERIOD", "TEST.EVAL_EPOCHS", "SOLVER.CHECKPOINT_PERIOD")


def _seed(value: Any, where: str) -> None:
    if value is not None:  # it was drawn
        count(value, where)


def _seconds(value: Any, where: str) -> None:
    if value is not None and number(value, where) < 0:
        raise InputError(f"{where} is {value}; it must be at least 0, or null")


Check = Callable[[Any, str], object]
# What `describe_training` gives and documents tell, by name.
_OF_TRAINING: Mapping[str, Check] = MappingProxyType(
    {
        **{"datasets": names, "iterations": count, "batch": count, "seed": _seed},
        **{"hardware": text, "commit": text, "seconds": _seconds},
    }
)
_OF_EVALUATION: Mapping[str, Check] = MappingProxyType(
    {
        **{"dataset": text, "protocol": text, "num_videos": count, "metrics": mapping},
        **dict.fromkeys(OPTIONS, lambda value, where: None),
    }
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
    changes = {key: trained for key, trained, _ in changed_keys(record_of(checkpoint), cfg)}
    untold = {*_TOLD, *_PERIODS}
    if "SOLVER.STEP_EPOCHS" in changes or cfg.SOLVER.STEP_EPOCHS:
        untold.add("SOLVER.STEPS")  # computed of them
    changes = {key: trained for key, trained in changes.items() if key not in untold}
    files = sorted(folder.glob("inference/*/metrics.json"))
    evaluations = [read_evaluation(file) for file in files]
    for file, evaluation in zip(files, evaluations, strict=True):
        _check_weights(evaluation, file, path)
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


def _check_weights(evaluation: Mapping[str, Any], file: Path, trained: Path) -> None:
    """Refuse an evaluation that --eval-only made of other weights than ``trained``."""
    weights = mapping(evaluation.get("settings", {}), f"{file}: settings").get("MODEL.WEIGHTS")
    if weights is None or (os.path.exists(weights) and os.path.samefile(weights, trained)):
        return
    raise InputError(
        f"{file} is an evaluation of {weights} and not of {trained}; evaluate that one again, or "
        "others in another OUTPUT_DIR"
    )


def write_runs(
    path: str | os.PathLike[str], config_file: str, runs: Iterable[Mapping[str, Any]]
) -> None:
    """Write a file of runs, whole or not at all.

    Args:
        path: of the file.
        config_file: what their ``changes`` change; of the project, by its name in the model zoo.
        runs: of `describe_run`.

    Raises:
        InputError: naming the run, if something is missing; or the seed, if two are the same
            training.
    """
    find_config_file(config_file)
    runs = list(runs)
    _check_runs(runs, os.fspath(path))
    write_json(path, {"config": config_file, "runs": runs}, indent=1)


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
    _check_runs(items(runs, where), where)
    return content


def _check_runs(runs: Sequence[Any], where: str) -> None:
    for position, run in enumerate(runs, start=1):
        own = {"changes": mapping, "evaluations": items}
        check_training(run, f"{where}: run {position}", own)
        for one in run["evaluations"]:
            check_evaluation(one, f"{where}: an evaluation of run {position}")
    _check_distinct(runs, where)


def _check_distinct(runs: Iterable[Mapping[str, Any]], where: str) -> None:
    """Refuse a training that is there twice: it would count twice in a mean over seeds."""
    known = []
    for run in runs:
        of_run = [run[name] for name in ("changes", "datasets", "iterations", "batch", "seed")]
        if run["seed"] is not None and of_run in known:
            raise InputError(f"{where}: two runs of the same training have the seed {run['seed']}")
        known.append(of_run)


def check_training(run: Any, where: str, more: Mapping[str, Check]) -> None:
    """Check what `describe_training` gives, and what stands beside it, after it was in a file.

    Args:
        run: may be anything that JSON can say.
        where: begins the message.
        more: what stands beside it, by name.

    Raises:
        InputError: naming what is missing, of another kind or without meaning.
    """
    checked_fields(run, {**_OF_TRAINING, **more}, where)


def check_evaluation(evaluation: Any, where: str) -> None:
    """Check what `read_evaluation` gives; as `check_training`."""
    checked_fields(evaluation, _OF_EVALUATION, where)
    try:
        protocol = protocol_of(evaluation)
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: {error}") from error
    metrics = evaluation["metrics"]
    expected = (*protocol.metrics, *metrics)
    checked_fields(metrics, dict.fromkeys(expected, percent), f"{where}: its metrics")
