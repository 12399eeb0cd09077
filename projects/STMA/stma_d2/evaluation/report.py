"""Evaluations as tables for people and as records for files."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from ..files import atomic_write
from .error_analysis import ERROR_KINDS
from .metrics import METRICS, Evaluation

_COLUMNS = ("frame\nmAP@0.5", "video\n@0.2", "\n@0.5", "\n@0.75", "\n@0.5:0.95")
_ERROR_COLUMNS = ("lost to\nlocaliz.", "\nclassif.", "\ntiming", "\nother", "\nmissed")


def evaluation_table(evaluation: Evaluation) -> str:
    """Means and classes of one evaluation: the five metrics, then what was lost to which error."""
    means, errors = evaluation.means, evaluation.mean_errors
    rows = [("mean", *(means[m] for m in METRICS), *(errors[k] for k in ERROR_KINDS))]
    for label, class_errors in evaluation.errors.items():
        aps = (evaluation.average_precision[metric][label] for metric in METRICS)
        rows.append((label, *aps, *(class_errors[kind] for kind in ERROR_KINDS)))
    table = tabulate(rows, ("", *_COLUMNS, *_ERROR_COLUMNS), tablefmt="simple", floatfmt=".2f")
    rules = evaluation.protocol
    return (
        f"Protocol {rules.title}: {rules.summary}{rules.changes}.\n"
        f"{evaluation.num_videos} videos, {len(rows) - 1} classes with ground truth; average "
        f"precision in percent, and what of the frame's is lost to each kind of error.\n{table}"
    )


def comparison_table(evaluations: Sequence[Evaluation]) -> str:
    """The five metrics of several evaluations, one row each, labelled with the protocol."""
    rows = [
        (evaluation.protocol.title + evaluation.protocol.changes, *evaluation.means.values())
        for evaluation in evaluations
    ]
    return tabulate(rows, ("protocol", *_COLUMNS), tablefmt="simple", floatfmt=".2f")


def evaluation_record(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as plain values for JSON."""
    protocol = evaluation.protocol
    return {
        "protocol": protocol.name,
        "comparable": protocol.comparable,
        "min_tubelet_score": protocol.linking.min_tubelet_score,
        "trim_to_key_frames": protocol.linking.trim_to_key_frames,
        "num_videos": evaluation.num_videos,
        "metrics": evaluation.flat(),
        "error_analysis": {"mean": evaluation.mean_errors, "per_class": evaluation.errors},
    }


def write_json(path: str | os.PathLike[str], record: Any, indent: int | None = 2) -> None:
    """Write ``record`` as JSON, whole or not at all; on one line where ``indent`` is None."""
    with atomic_write(path) as file:
        file.write((json.dumps(record, indent=indent) + "\n").encode())
