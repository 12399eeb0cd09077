"""A sheet about a data set, so that a wrong label is seen before a training, not after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..data.annotation_checks import beyond_frame
from ..structures import Tube, VideoAnnotation, VideoDict
from .clip_sheet import draw_clip_sheet
from .figures import BLUE, Margins, new_figure, new_panels, shortened, style, write_png
from .page import write_page
from .player import player_record
from .text import numbered_labels

_PAGE_BYTES = 10_000_000  # of pictures in the whole page
_MAX_PLAYERS = 40


def write_data_sheet(
    videos: Sequence[VideoDict],
    labels: Sequence[str],
    name: str,
    folder: Path,
    min_tube_length: int,
    groups: Mapping[str, str] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> tuple[Path, ...]:
    """Write a page, and a picture of a clip of each class.

    The page, ``data.html``, has counts, durations and box sizes by class, and a video of each; the
    picture is ``classes.png``, see `draw_clip_sheet`.

    Args:
        videos: of the data set.
        labels: class names, of which a tube's label is a position.
        name: what the page calls the data set.
        folder: where to write; made when missing.
        min_tube_length: frames; a note tells of shorter tubes (TEST.LINKING.MIN_TUBE_LENGTH).
        groups: of each class, if classes have groups.
        facts: what else to tell of the data set, by name.

    Returns:
        The files; there is no picture where there are no tubes. The page is written last: where it
        is, the sheet is whole.

    Raises:
        InputError: naming the file, if a frame cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    by_class = {label: _tubes_of(videos, i) for i, label in enumerate(labels)}
    chosen = [(label, _typical(tubes)) for label, tubes in by_class.items() if tubes]
    page, picture = folder / "data.html", folder / "classes.png"
    if chosen:
        titles = {
            label: f"{drawn} ({groups[label]})" if groups else drawn
            for label, drawn in zip(labels, numbered_labels(labels), strict=True)
        }
        write_png(picture, draw_clip_sheet([(titles[label], *pair) for label, pair in chosen]))
    share = _PAGE_BYTES // max(min(len(chosen), _MAX_PLAYERS), 1)
    players = [
        (_player(video, tube, labels, share), f"{label}: {_frames(tube)}")
        for label, (video, tube) in chosen[:_MAX_PLAYERS]
    ]
    write_page(
        page,
        "data.html",
        name=name,
        counts=[*_counts(videos), *(facts or {}).items()],
        classes=_class_table(by_class, groups),
        notes=_notes(videos, by_class, min_tube_length),
        plots=_figures(by_class),
        players=players,
    )
    return (page, picture) if chosen else (page,)


def _tubes_of(videos: Sequence[VideoDict], label: int) -> list[tuple[VideoDict, Tube]]:
    return [(video, tube) for video in videos for tube in video["tubes"] if tube.label == label]


def _typical(tubes: Sequence[tuple[VideoDict, Tube]]) -> tuple[VideoDict, Tube]:
    """The tube of median length, and its video."""
    return sorted(tubes, key=lambda pair: len(pair[1]))[len(tubes) // 2]


def _frames(tube: Tube) -> str:
    return f"frames {tube.frames[0]} to {tube.frames[-1]}"


def _player(video: VideoDict, tube: Tube, labels: Sequence[str], max_bytes: int) -> dict[str, Any]:
    """The video for the player, which opens it in the middle of ``tube``."""
    sides = video["num_frames"], video["height"], video["width"]
    others = [other for other in video["tubes"] if other is not tube]
    annotation = VideoAnnotation(*sides, (tube, *others))
    return player_record(video["video_id"], annotation, labels, (), video["path"], max_bytes)


def _sides(tubes: Sequence[tuple[VideoDict, Tube]]) -> np.ndarray:
    """Of every box (n,): the root of its area over that of its frame's, in percent."""
    shares = []
    for video, tube in tubes:
        areas = np.prod(np.maximum(tube.boxes[:, 2:] - tube.boxes[:, :2] + 1, 0), axis=1)
        shares.append(np.sqrt(areas / (video["height"] * video["width"])))
    return 100 * np.concatenate(shares or [np.empty(0)])


def _counts(videos: Sequence[VideoDict]) -> list[tuple[str, Any]]:
    frames = sum(video["num_frames"] for video in videos)
    sizes = sorted({f"{video['width']} x {video['height']}" for video in videos})
    silent = sum(not video["tubes"] for video in videos)
    return [
        ("videos", len(videos)),
        ("frames", frames),
        ("tubes", sum(len(video["tubes"]) for video in videos)),
        ("videos without a tube", silent),
        ("most tubes in a video", max((len(video["tubes"]) for video in videos), default=0)),
        ("frame sizes", ", ".join(sizes[:4]) + (" and others" if len(sizes) > 4 else "")),
    ]


def _class_table(
    by_class: dict[str, list[tuple[VideoDict, Tube]]], groups: Mapping[str, str] | None
) -> dict[str, Any]:
    head = ["class", "videos", "tubes", "boxes", "shortest", "median", "longest", "box side (%)"]
    rows = []
    for label, tubes in by_class.items():
        lengths = [len(tube) for _, tube in tubes]
        cells = [len({video["video_id"] for video, _ in tubes}), len(tubes), sum(lengths)]
        if tubes:
            cells += [min(lengths), f"{np.median(lengths):g}", max(lengths)]
            cells.append(f"{np.median(_sides(tubes)):.0f}")
        cells += [""] * (7 - len(cells))
        rows.append([label, *([groups[label]] if groups else []), *cells])
    if groups:
        head.insert(1, "group")
    return {"head": head, "rows": rows}


def _notes(
    videos: Sequence[VideoDict], by_class: dict[str, list[tuple[VideoDict, Tube]]], least: int
) -> list[str]:
    """What may be wrong, one line each."""
    notes = []
    empty = [label for label, tubes in by_class.items() if not tubes]
    if empty:
        notes.append(f"Classes without a tube: {', '.join(empty)}.")
    short = sum(len(tube) < least for video in videos for tube in video["tubes"])
    if short:
        notes.append(
            f"Tubes of fewer than {least} frames: {short}. Linking drops found tubes that are so "
            "short."
        )
    outside = [video["video_id"] for video in videos if _leaves_frame(video)]
    if outside:
        notes.append(
            f"Videos with boxes that reach out of the frame: {len(outside)}, the first is "
            f"{outside[0]}."
        )
    return notes


def _leaves_frame(video: VideoDict) -> bool:
    size = video["height"], video["width"]
    return any((beyond_frame(tube.boxes, *size) > 0).any() for tube in video["tubes"])


def _figures(by_class: dict[str, list[tuple[VideoDict, Tube]]]) -> list[tuple[Figure, str]]:
    with style(by_class):
        figure = new_figure(4.2, 0.25 * len(by_class) + 0.9)
        axes = figure.subplots()
        axes.barh(range(len(by_class)), [len(tubes) for tubes in by_class.values()], color=BLUE)
        axes.set_yticks(range(len(by_class)), shortened(list(by_class), 18))
        axes.invert_yaxis()
        axes.set_xlabel("tubes")
        axes.grid(axis="x")
        every = [pair for tubes in by_class.values() for pair in tubes]
        histograms, panels = new_panels(2, 2, (2.1, 1.9), Margins(0.05, 0.05, 0.4, 0.4))
        for axes, values, label, counted in (
            (panels[0], [len(tube) for _, tube in every], "frames of a tube", "tubes"),
            (panels[1], _sides(every), "box side (% of frame's)", "boxes"),
        ):
            axes.hist(values, bins=20, color=BLUE)
            axes.set_xlabel(label, fontsize=8)
            axes.set_title(counted, loc="left", fontsize=8)
            axes.grid(axis="y")
        return [(figure, "Tubes of each class"), (histograms, "Durations and sizes")]
