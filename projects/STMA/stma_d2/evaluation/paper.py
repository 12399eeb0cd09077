"""What the STMA paper and MOC-Detector report of their own trainings, to stand beside a result."""

from __future__ import annotations

from typing import NamedTuple

from .protocols import METRICS


class PaperFigures(NamedTuple):
    """Published figures on a data set, in percent, under protocol ``moc``."""

    source: str
    metrics: dict[str, float]


class Reported(NamedTuple):
    """Published figures of a network that a configuration here is for.

    Attributes:
        whose: who reports them.
        config: the configuration's name.
        settings: of the test, where they are not the configuration's.
        figures: on which data set, and what.
    """

    whose: str
    config: str
    settings: str
    figures: PaperFigures


def _on_ucf(*values: float) -> PaperFigures:
    """Of the first metrics, or of all."""
    return PaperFigures("UCF101-24, split 1", dict(zip(METRICS, values, strict=False)))


# The paper's Table 1.
_UCF = _on_ucf(78.8, 83.3, 54.1, 29.7, 28.1)
_JHMDB = PaperFigures(
    "JHMDB-21, mean of 3 splits", dict(zip(METRICS, (77.6, 81.5, 80.7, 73.2, 60.4), strict=True))
)
_PAPER, _MOC = "the STMA paper", "MOC-Detector"
_FLIP = "TEST.FLIP True"
# MOC-Detector's are those that its pages give for its published RGB models: readme/Tips.md (4) and
# readme/Backbone.md, which does not tell N of ResNet-18.
REPORTED = (
    Reported(_PAPER, "UCF101-24/STMA_DLA34_RX101_K5.yaml", "", _UCF),
    Reported(_PAPER, "JHMDB-21/STMA_DLA34_RX101_K5_split{1,2,3}.yaml", "", _JHMDB),
    Reported(
        _MOC, "MOC/UCF101-24_DLA34_K7.yaml", _FLIP, _on_ucf(73.14, 78.81, 51.02, 27.05, 26.51)
    ),
    Reported(
        _MOC,
        "MOC/UCF101-24_DLA34_K7.yaml",
        "TEST.TUBELETS_PER_WINDOW 10",
        _on_ucf(72.05, 78.23, 50.77, 26.10, 26.16),
    ),
    Reported(
        _MOC, "MOC/UCF101-24_RESNET18_K7.yaml", _FLIP, _on_ucf(70.36, 76.31, 50.03, 25.66, 25.72)
    ),
)

# The paper's Tables 2 to 4: frame-mAP@0.5, video-mAP@0.2 and @0.5 by the names of
# ``configs/ablations``; "full" is the row CAL+ME+STA+GR of Table 2 and K = 5 of Table 4.
_ABLATIONS = {
    "base": _on_ucf(72.8, 77.8, 50.2),
    "CAL": _on_ucf(73.1, 77.5, 50.6),
    "CAL_ME": _on_ucf(75.4, 79.0, 51.2),
    "CAL_ME_STA": _on_ucf(77.2, 80.6, 52.6),
    "CAL_ME_GR": _on_ucf(76.1, 80.1, 51.9),
    "full": _on_ucf(78.8, 83.3, 54.1),
    "size": _on_ucf(74.4, 77.4, 50.8),
    "movement": _on_ucf(73.9, 78.3, 50.7),
    "size_movement": _on_ucf(74.7, 79.2, 51.1),
    "K1": _on_ucf(77.9, 75.8, 48.4),
    "K3": _on_ucf(78.6, 77.1, 50.6),
    "K7": _on_ucf(78.3, 81.3, 52.9),
}


def paper_ablation(row: str) -> PaperFigures | None:
    """The paper's figures for a row of its Tables 2 to 4; None where it has no such row.

    Args:
        row: the name of its file in ``configs/ablations``, or "full".
    """
    return _ABLATIONS.get(row)


def paper_figures(dataset: str) -> PaperFigures | None:
    """The paper's figures for the registered test set ``dataset``; None where it has none."""
    if dataset == "ucf101_24_test":
        return _UCF
    if dataset in {f"jhmdb_21_split{split}_test" for split in (1, 2, 3)}:
        return _JHMDB
    return None
