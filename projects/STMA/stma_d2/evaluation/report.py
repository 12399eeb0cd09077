"""Evaluations as tables for people and as records for files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tabulate import tabulate

from .metrics import Evaluation

_ERROR_COLUMNS = ("lost to\nlocaliz.", "\nclassif.", "\ntiming", "\nother", "\nmissed")


def evaluation_table(evaluation: Evaluation) -> str:
    """Means and classes of one evaluation: the metrics, then what was lost to which error."""
    means, aps, errors = evaluation.means, evaluation.average_precision, evaluation.errors
    rows = [("mean", *means.values(), *evaluation.mean_errors.values())]
    for label in next(iter(aps.values())):
        of_class = (by_class[label] for by_class in aps.values())
        rows.append((label, *of_class, *errors.get(label, {}).values()))
    columns = ("", *_columns(means), *(_ERROR_COLUMNS if errors else ()))
    table = tabulate(rows, columns, tablefmt="simple", floatfmt=".2f")
    rules = evaluation.protocol
    lost = ", and what of the frame's is lost to each kind of error" if errors else ""
    return (
        f"Protocol {rules.title}: {rules.summary}{rules.changes}.\n"
        f"{evaluation.num_videos} videos, {len(rows) - 1} classes with ground truth; average "
        f"precision in percent{lost}.\n{table}"
    )


def comparison_table(evaluations: Sequence[Evaluation]) -> str:
    """The metrics of several evaluations, one row each, labelled with the protocol.

    Protocols may differ in their metrics; what one lacks stays empty.
    """
    metrics = list(dict.fromkeys(metric for one in evaluations for metric in one.means))
    rows = [
        (one.protocol.title + one.protocol.changes, *map(one.means.get, metrics))
        for one in evaluations
    ]
    return tabulate(rows, ("protocol", *_columns(metrics)), tablefmt="simple", floatfmt=".2f")


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table for a document, its last line ended; cells stay as they are, and are not padded."""
    lines = (header, ["---"] * len(header), *rows)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _columns(metrics: Iterable[str]) -> list[str]:
    """Headers of two lines: the kind where it changes, such as "video", and the overlap."""
    columns, before = [], ""
    for metric in metrics:
        kind, overlap = metric.split("_mAP")
        columns.append(f"{kind if kind != before else ''}\n{'' if columns else 'mAP'}{overlap}")
        before = kind
    return columns


def evaluation_record(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as plain values for JSON."""
    protocol = evaluation.protocol
    return {
        "protocol": protocol.name,
        "comparable": protocol.comparable,
        **protocol.options,
        "num_videos": evaluation.num_videos,
        "metrics": evaluation.flat(),
        "error_analysis": {"mean": evaluation.mean_errors, "per_class": evaluation.errors},
    }
