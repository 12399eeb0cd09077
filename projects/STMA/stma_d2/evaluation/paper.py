"""What the STMA paper reports for its own trainings, to stand beside a result."""

from __future__ import annotations

from typing import NamedTuple


class PaperFigures(NamedTuple):
    """Figures of the paper on a data set, in percent, under protocol ``moc``."""

    source: str
    metrics: dict[str, float]


_METRICS = (
    *("frame_mAP@0.5", "video_mAP@0.2", "video_mAP@0.5", "video_mAP@0.75", "video_mAP@0.5:0.95"),
)
_UCF = PaperFigures(
    "UCF101-24, split 1", dict(zip(_METRICS, (78.8, 83.3, 54.1, 29.7, 28.1), strict=True))
)
_JHMDB = PaperFigures(
    "JHMDB-21, mean of 3 splits", dict(zip(_METRICS, (77.6, 81.5, 80.7, 73.2, 60.4), strict=True))
)

# Tables 2 to 4: frame-mAP@0.5, video-mAP@0.2 and @0.5 by the names of ``configs/ablations``; "full"
# is the row CAL+ME+STA+GR of Table 2 and K = 5 of Table 4.
_ABLATIONS = {
    "base": (72.8, 77.8, 50.2),
    "CAL": (73.1, 77.5, 50.6),
    "CAL_ME": (75.4, 79.0, 51.2),
    "CAL_ME_STA": (77.2, 80.6, 52.6),
    "CAL_ME_GR": (76.1, 80.1, 51.9),
    "full": (78.8, 83.3, 54.1),
    "size": (74.4, 77.4, 50.8),
    "movement": (73.9, 78.3, 50.7),
    "size_movement": (74.7, 79.2, 51.1),
    "K1": (77.9, 75.8, 48.4),
    "K3": (78.6, 77.1, 50.6),
    "K7": (78.3, 81.3, 52.9),
}


def paper_ablation(row: str) -> PaperFigures | None:
    """The paper's figures for a row of its Tables 2 to 4; None where it has no such row.

    Args:
        row: the name of its file in ``configs/ablations``, or "full".
    """
    values = _ABLATIONS.get(row)
    return values and PaperFigures(_UCF.source, dict(zip(_METRICS, values, strict=False)))


def paper_figures(dataset: str) -> PaperFigures | None:
    """The paper's figures for the registered test set ``dataset``; None where it has none."""
    if dataset == "ucf101_24_test":
        return _UCF
    if dataset in {f"jhmdb_21_split{split}_test" for split in (1, 2, 3)}:
        return _JHMDB
    return None
