"""One page about a run: its numbers, its plots, its training, and videos to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from detectron2.config import CfgNode
from matplotlib.figure import Figure
from tqdm import tqdm

from ..config import load_config, value_of
from ..data import find_video, load_ground_truth
from ..errors import InputError
from ..evaluation import ERROR_KINDS, SavedDetections, load_detections
from ..evaluation.confusion import MIN_SCORE
from ..evaluation.paper import paper_figures
from ..evaluation.video_map import tubes_of_tubelets
from ..evaluation.video_quality import video_quality
from ..structures import Tube, TubeAnnotations
from .evaluation_files import read_curves, read_metrics
from .page import write_page
from .player import player_record
from .plots import evaluation_figures
from .training_plots import read_history, training_figures

_VIDEOS = 4  # at each end of the order
_PAGE_BYTES = 10_000_000  # of pictures in the whole page
_CAPTIONS = {
    "precision_recall": "Precision over recall of the boxes on frames, class by class",
    "map_over_iou": "Video-mAP over the overlap that it asks for",
    "per_class": "Average precision of the classes",
    "confusion": (
        "Confusion: true boxes by the class that they are detected as. Background: detections "
        "where nobody is; missed: boxes that no detection overlaps enough"
    ),
    "errors": "What the average precision is lost to",
    "losses": "Losses, before their weights where the log tells them, and the learning rate",
    "metrics": "Metrics of the evaluations during the training, in percent",
}

# Of keys of an evaluation's record that say too little by themselves.
_WORDS = {
    "other_settings": "used otherwise than trained",
    "comparable": "comparable with others' figures",
    "num_videos": "videos",
}


def write_run_report(run: Path, output: Path) -> None:
    """Write the page about the run that left its files in ``run``, an OUTPUT_DIR.

    Every evaluation under ``run/inference`` is shown. Data that is missing now (frames,
    annotations, curves of an older evaluation) is left out, and the page says so.

    Raises:
        InputError: if ``run`` holds no configuration, or nothing was trained or evaluated there, or
            one of its files cannot be read.
    """
    if not (run / "config.yaml").is_file():
        raise InputError(f"{run} holds no config.yaml; name the OUTPUT_DIR of a run")
    cfg = load_config(str(run / "config.yaml"))
    history = read_history(run / "metrics.json")
    folders = sorted(path.parent for path in run.glob("inference/*/metrics.json"))
    if not folders and not history:
        raise InputError(
            f"{run} holds neither metrics.json nor inference/<data set>/metrics.json: nothing was "
            "trained or evaluated there yet"
        )
    share = _PAGE_BYTES // max(len(folders) * 2 * _VIDEOS, 1)
    write_page(
        output,
        "report.html",
        name=run.resolve().name,
        settings=_settings(cfg),
        results=[_result(folder, share) for folder in folders],
        training=_captioned(training_figures(history)),
    )


def _settings(cfg: CfgNode) -> list[tuple[str, Any]]:
    names = "INPUT.SIZE INPUT.CLIP_LENGTH INPUT.SNIPPET_LENGTH INPUT.CLIP_FRAME_STRIDE".split()
    names += "MODEL.BACKBONE.NAME MODEL.BACKBONE_3D.NAME MODEL.WEIGHTS".split()
    names += "SOLVER.IMS_PER_BATCH SOLVER.MAX_ITER SOLVER.EPOCHS SOLVER.BASE_LR".split()
    seed = cfg.SEED if cfg.SEED >= 0 else "random"
    pairs = [("trained on", ", ".join(cfg.DATASETS.TRAIN) or "nothing"), ("SEED", seed)]
    return pairs + [(name, _value(cfg, name)) for name in names]


def _value(cfg: CfgNode, name: str) -> Any:
    value = value_of(cfg, name)
    if value == "":
        return "none"
    return " x ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _captioned(figures: Mapping[str, Figure]) -> list[tuple[Figure, str]]:
    return [(figure, _CAPTIONS[name]) for name, figure in figures.items()]


def _result(folder: Path, max_bytes: int) -> dict[str, Any]:
    """What the page shows of the evaluation in ``folder``."""
    record = read_metrics(folder / "metrics.json")
    path = folder / "curves.json"
    curves = read_curves(path, record) if path.is_file() else None
    figures = evaluation_figures(record, curves)
    notes, rows = _metric_rows(record)
    if curves is None:
        notes.append("There is no curves.json: evaluate again for the curves and the confusion.")
    if not record.get("settings"):
        notes.append("The evaluation does not say with what settings the network was used.")
    videos, problem = {}, ""
    try:
        videos = _videos(folder, record["dataset"], max_bytes)
    except (InputError, FileNotFoundError) as error:
        problem = str(error)
    plain = {
        key: value
        for key, value in record.items()
        if isinstance(value, str | int | float) and key != "dataset"
    }
    return {
        "dataset": record["dataset"],
        "settings": [
            *record.get("settings", {}).items(),
            *((_WORDS.get(key, key.replace("_", " ")), value) for key, value in plain.items()),
        ],
        "metrics": {"head": ["", *map(_readable, _metric_names(record))], "rows": rows},
        "notes": notes,
        "plots": _captioned(figures),
        "classes": _class_table(record),
        "videos": list(videos.items()),
        "videos_problem": problem,
        "videos_note": (
            "In the order of the overlap of the matched tubes, over the mean number of true tubes "
            f"and of tubes that score {MIN_SCORE:g} or more. Truth is blue and dashed, what was "
            "found is orange. The arrow keys move the slider, the space bar plays and stops."
        ),
        "min_score": MIN_SCORE,
    }


def _metric_names(record: Mapping[str, Any]) -> list[str]:
    return [name for name in record["metrics"] if not name.startswith("AP/")]


def _readable(metric: str) -> str:
    """The name with spaces, where a narrow column may break it."""
    return metric.replace("_", " ").replace("@", " @")


def _metric_rows(record: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Notes, and the rows of the table of metrics: this run's and the paper's."""
    names = _metric_names(record)
    rows = [["this run", *(f"{record['metrics'][name]:.2f}" for name in names)]]
    notes = []
    paper = paper_figures(record["dataset"])
    if paper is not None:
        figures = (paper.metrics.get(name) for name in names)
        rows.append(["the paper's", *("" if f is None else f"{f:.1f}" for f in figures)])
        notes.append(
            f"The paper's figures are those that it reports for its own training on {paper.source},"
            " protocol moc; this run's follow the settings above."
        )
    if not record["comparable"]:
        notes.append(f"Figures of protocol {record['protocol']} must not stand beside others'.")
    return notes, rows


def _class_table(record: Mapping[str, Any]) -> dict[str, Any]:
    metrics = _metric_names(record)
    errors = record["error_analysis"]["per_class"]
    rows = [
        [
            label,
            *(f"{record['metrics'][f'AP/{metric}/{label}']:.1f}" for metric in metrics),
            *(f"{errors[label][kind]:.1f}" for kind in ERROR_KINDS),
        ]
        for label in errors
    ]
    heads = [_readable(metric).replace("mAP", "AP") for metric in metrics]
    return {"head": ["class", *heads, *(f"lost: {kind}" for kind in ERROR_KINDS)], "rows": rows}


def _videos(
    folder: Path, dataset: str, max_bytes: int
) -> dict[str, list[tuple[dict[str, Any], str]]]:
    """The best and the worst videos, ready for the player, each with a note.

    Raises:
        InputError, FileNotFoundError: if annotations or detections are not to be had, or do not
            fit together.
    """
    annotations, names = load_ground_truth(dataset)
    path = folder / "detections.npz"
    saved = load_detections(path)
    if saved.protocol is None or saved.labels != annotations.labels:
        raise InputError(f"{path} has no rules of linking, or other labels; evaluate again")
    tubes = _tubes(saved, annotations, names)
    ranked = []
    for name in names:
        found = [tube for tube in tubes[name] if tube.score >= MIN_SCORE]
        quality = video_quality(annotations.videos[name].tubes, found)
        if quality is not None:
            ranked.append((-quality, name))
    ranked.sort()
    best = ranked[: min(_VIDEOS, -(-len(ranked) // 2))]
    worst = ranked[len(best) :][-_VIDEOS:][::-1]
    return {
        title: [
            (
                player_record(
                    name,
                    annotations.videos[name],
                    annotations.labels,
                    tubes[name],
                    find_video(dataset, name),
                    max_bytes,
                ),
                f"overlap {-quality:.2f}",
            )
            for quality, name in chosen
        ]
        for title, chosen in (("The best videos", best), ("The worst videos", worst))
        if chosen
    }


def _tubes(
    saved: SavedDetections, annotations: TubeAnnotations, names: Sequence[str]
) -> dict[str, list[Tube]]:
    """What the evaluation linked, by video."""
    linked = {}
    for name in tqdm(names, "linking", unit="video"):
        found = saved.tubelets.get(name)
        linked[name] = []
        if found is not None:
            num_frames = annotations.videos[name].num_frames
            linked[name] = tubes_of_tubelets(found, num_frames, saved.protocol)
    return linked
