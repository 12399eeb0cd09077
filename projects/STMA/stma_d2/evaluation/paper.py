"""What the STMA paper reports for its own training (its Table 1), to stand beside a result."""

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


def paper_figures(dataset: str) -> PaperFigures | None:
    """The paper's figures for the registered test set ``dataset``; None where it has none."""
    if dataset == "ucf101_24_test":
        return _UCF
    if dataset in {f"jhmdb_21_split{split}_test" for split in (1, 2, 3)}:
        return _JHMDB
    return None
