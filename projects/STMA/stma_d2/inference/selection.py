"""Which tubes a demo shows: by class and score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from ..errors import InputError
from ..linking import LiveTube
from ..structures import Tube

_AnyTube = TypeVar("_AnyTube", Tube, LiveTube)


class Selection:
    """Keeps tubes of the wanted classes that score enough.

    Attributes:
        min_scores: (C,) the least score of each class; infinite for a class that is not wanted.
        best_weak: the best score so far of a tube of a wanted class that did not score enough.
    """

    def __init__(self, min_scores: Sequence[float] | np.ndarray) -> None:
        self.min_scores = np.asarray(min_scores, float)
        self.best_weak: float | None = None

    @staticmethod
    def from_options(
        labels: Sequence[str], classes: Sequence[str] = (), scores: Sequence[str] = ()
    ) -> Selection:
        """Read what a command line says.

        Args:
            labels: of all classes.
            classes: labels, in capitals or not, or 0-based numbers; none: all classes.
            scores: least scores: one number for all classes, ``label=number`` for one.

        Raises:
            InputError: if a class is not there, or a score is no number from 0 to 1.
        """
        min_scores = np.zeros(len(labels))
        plain = [text for text in scores if "=" not in text]
        if len(plain) > 1:
            raise InputError(f"--min-score {' '.join(plain)}: one score for all classes, or LABEL=")
        for text in plain:
            min_scores[:] = _score(text)
        for text in scores:
            label, is_one, score = text.rpartition("=")
            if is_one:
                min_scores[_class_of(labels, label)] = _score(score)
        if classes:
            wanted = [_class_of(labels, name) for name in classes]
            min_scores[np.setdiff1d(np.arange(len(labels)), wanted)] = np.inf
        return Selection(min_scores)

    def good(self, tubes: Iterable[_AnyTube]) -> list[_AnyTube]:
        """Those to show."""
        return [tube for tube in tubes if tube.score >= self.min_scores[tube.label]]

    def final(self, tubes: Iterable[_AnyTube]) -> list[_AnyTube]:
        """Likewise, of whole tubes; remembers the best of the others."""
        tubes = list(tubes)
        weak = [tube.score for tube in tubes if tube.score < self.min_scores[tube.label] < np.inf]
        if weak:
            self.best_weak = max(*weak, self.best_weak or 0.0)
        return self.good(tubes)


def _class_of(labels: Sequence[str], name: str) -> int:
    folded = [label.casefold() for label in labels]
    if name in labels:
        return list(labels).index(name)
    if folded.count(name.casefold()) == 1:
        return folded.index(name.casefold())
    if name.isdecimal() and int(name) < len(labels):
        return int(name)
    raise InputError(f"no class is called '{name}'; there are {', '.join(labels)}")


def _score(text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = np.nan
    if not 0 <= score <= 1:
        raise InputError(f"--min-score {text}: a score is a number from 0 to 1")
    return score
