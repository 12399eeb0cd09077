"""What the runs of a study gave: one file that its page and its plots are made of."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog

from ..checkpoint import changed_keys, read_detectron2_checkpoint
from ..errors import InputError
from ..files import locked_folder, write_json
from ..model_zoo.publishing import describe_training
from ..model_zoo.runs import read_evaluation
from ..safe_json import read_json
from .outcome import check_comparable, check_outcome
from .plan import FREE_KEYS, Run, Settings, plan
from .rows import ROWS

Results = Mapping[tuple[str, int], Mapping[str, Any]]  # by row and seed
# Of a study, with their kinds.
_NEEDED = {
    "config": str,
    "overrides": list,
    "full_config": str,
    "class_groups": (Mapping, type(None)),
    "runs": list,
}
# Keys that are the runs' own, and compared run by run.
_OF_RUNS = ("SEED", "SOLVER.MAX_ITER")


def read_run(run: Run, jobs: int) -> dict[str, Any]:
    """What a trained and evaluated run left in its folder, in plain values for JSON.

    Args:
        run: the run.
        jobs: how many were trained side by side, which its time depends on.

    Returns:
        ``row``; ``switches`` and ``recipe``, by key; ``learning_rate``; what `describe_training`
        gives; ``annotations``, SHA-256 by data set; ``jobs``; as ``evaluation`` what
        `read_evaluation` gives; ``video_mAP_over_iou``, pairs.
    """
    (test,) = run.cfg.DATASETS.TEST
    checkpoint = read_detectron2_checkpoint(str(run.folder / "model_final.pth"))
    evaluation = run.folder / "inference" / test
    return {
        "row": run.row.name,
        "switches": run.row.switches(),
        "recipe": run.recipe(),
        "learning_rate": run.cfg.SOLVER.BASE_LR,
        **describe_training(checkpoint, run.folder),
        "annotations": dict(run.data),
        "jobs": jobs,
        "evaluation": read_evaluation(evaluation / "metrics.json"),
        "video_mAP_over_iou": read_json(evaluation / "curves.json")["video_mAP_over_iou"],
    }


def collect(settings: Settings, results: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The study so far, in plain values for JSON.

    Args:
        settings: of the study.
        results: of `read_run`.
    """
    results = list(results)
    tests = {one["evaluation"]["dataset"] for one in results}
    groups = MetadataCatalog.get(tests.pop()).get("class_groups") if tests else None
    return {
        "config": settings.config_file,
        "overrides": list(settings.overrides),
        "full_config": settings.full_config().dump(),
        "class_groups": None if groups is None else dict(groups),
        "runs": sorted(results, key=lambda one: (list(ROWS).index(one["row"]), one["seed"])),
    }


def add_to_study(settings: Settings, path: Path, output: Path, results: Results) -> None:
    """Write a study's file, whole or not at all, with what another process added to it meanwhile.

    Args:
        settings: of the study.
        path: of the file.
        output: folder of the runs.
        results: of `read_run`, by row and seed; they win over those in the file.

    Raises:
        InputError: if it has become the file of another study.
    """
    with locked_folder(path.parent):
        results = {**recorded_results(settings, path, output), **results}
        write_json(path, collect(settings, results.values()), indent=1)


def read_study(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the file of a study.

    Raises:
        InputError: naming the file, if it is missing or no study, or of rows that are not known.
    """
    try:
        study = read_json(path)
    except FileNotFoundError as error:
        raise InputError(f"there is no study at {path}; tools/run_ablation.py makes one") from error
    except InputError as error:
        raise InputError(f"{path} is no study: {error}") from error
    for name, kind in _NEEDED.items():
        if not isinstance(study, Mapping) or not isinstance(study.get(name, ()), kind):
            raise InputError(f"{path} is no study: it has no {name!r} as a study does")
    groups = (study["class_groups"] or {}).values()
    if not all(isinstance(word, str) for word in (*study["overrides"], *groups)):
        raise InputError(f"{path} is no study: its overrides and class_groups are no words")
    for run in study["runs"]:
        check_outcome(run, f"{path} is no study")
    check_comparable(study["runs"], f"{path} is no study")
    return study


def recorded_results(
    settings: Settings, path: Path, output: Path
) -> dict[tuple[str, int], Mapping[str, Any]]:
    """The results that a study's file holds, by row and seed, whichever machine they came from.

    Args:
        settings: of the study that goes on.
        path: of the file; it may be missing, and then holds nothing.
        output: folder of the runs.

    Raises:
        InputError: naming the file and what differs, if it is another study's.
    """
    if not path.exists():
        return {}
    study = read_study(path)
    found = {(one["row"], one["seed"]): one for one in study["runs"]}
    told = []
    if study["config"] != settings.config_file:
        told = [f"it has config {study['config']} and not {settings.config_file}"]
    told = told or [
        f"its full model has {key} {old} and not {new}"
        for key, old, new in _changes(study["full_config"], settings.full_config(), path)
    ]
    rows, seeds = {row for row, _ in found}, sorted({seed for _, seed in found})
    for run in [] if told else plan(settings, rows, seeds, output):
        if (run.row.name, run.seed) in found:
            of_run = run.differences(found[run.row.name, run.seed])
            told += [f"{run.name} {words}" for words in of_run]
    if told:
        raise InputError(f"{path} is of another study ({told[0]}); name other --results")
    return found


def changed_since(study: Mapping[str, Any], path: Path) -> list[tuple[str, Any, Any]]:
    """Key, value then and value now, where the study's configuration file says something else now.

    Nothing where there is no such file any more.

    Args:
        study: of `read_study`.
        path: of its file.

    Raises:
        InputError: if the configuration that it holds is damaged.
    """
    try:
        now = Settings(study["config"], None, study["overrides"]).full_config()
    except InputError:
        return []
    return _changes(study["full_config"], now, path)


def _changes(full_config: str, now: CfgNode, path: Path) -> list[tuple[str, Any, Any]]:
    try:
        changes = changed_keys({"config": full_config}, now)
        return [change for change in changes if change[0] not in (*_OF_RUNS, *FREE_KEYS)]
    except InputError as error:
        raise InputError(f"{path} is no study: its full_config is damaged: {error}") from error
