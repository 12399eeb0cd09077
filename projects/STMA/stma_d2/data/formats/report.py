"""What a conversion left out, and why."""

from __future__ import annotations

from typing import Any

NAMES_SHOWN = 3


class Report:
    """Collects what was dropped and what else the user should know.

    Attributes:
        dropped: names of what was left out (a video, a track, a line), by reason.
        notes: names of what was taken in a way that should be known, by reason.
    """

    def __init__(self) -> None:
        self.dropped: dict[str, list[str]] = {}
        self.notes: dict[str, list[str]] = {}

    def drop(self, reason: str, name: str) -> None:
        """Count one thing that is left out."""
        self.dropped.setdefault(reason, []).append(name)

    def note(self, reason: str, name: str) -> None:
        """Count one thing that is taken, but not as it stands."""
        self.notes.setdefault(reason, []).append(name)

    def lines(self) -> list[str]:
        """For people: one line for each reason, with its count and the first names."""
        return [
            f"{kind} {len(names)} x: {reason} ({_shown(names)})"
            for kind, reasons in (("dropped", self.dropped), ("note", self.notes))
            for reason, names in reasons.items()
        ]

    def record(self) -> dict[str, Any]:
        """For a JSON file: all names."""
        return {
            kind: [
                {"reason": reason, "count": len(names), "names": names}
                for reason, names in reasons.items()
            ]
            for kind, reasons in (("dropped", self.dropped), ("notes", self.notes))
        }


def _shown(names: list[str]) -> str:
    distinct = list(dict.fromkeys(names))
    more = ", ..." if len(distinct) > NAMES_SHOWN else ""
    return ", ".join(distinct[:NAMES_SHOWN]) + more
