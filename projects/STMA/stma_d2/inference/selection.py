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
        labels: Sequence[str], classes: Sequence[str] = (), scores: Sequence[tuple[str, float]] = ()
    ) -> Selection:
        """Read what a command line says.

        Args:
            labels: of all classes.
            classes: labels, in capitals or not, or 0-based numbers; none: all classes.
            scores: least scores, 0 .. 1, each with the class that it is for; "": all classes.

        Raises:
            InputError: if a class is not there, or two scores are for all classes.
        """
        min_scores = np.zeros(len(labels))
        plain = [score for label, score in scores if not label]
        if len(plain) > 1:
            words = " ".join(f"{score:g}" for score in plain)
            raise InputError(f"--min-score {words}: one score for all classes, or LABEL=SCORE")
        min_scores[:] = plain[0] if plain else 0.0
        for label, score in scores:
            if label:
                min_scores[_class_of(labels, label)] = score
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
