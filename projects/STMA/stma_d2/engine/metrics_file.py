"""metrics.json: what a training tells, each iteration once, over kills and resumes."""

from __future__ import annotations

import json
import logging
import os
from collections import defaultdict
from pathlib import Path

from detectron2.utils.events import JSONWriter, get_event_storage

from ..errors import InputError
from ..files import atomic_write
from ..safe_json import parse_json

logger = logging.getLogger(__name__)

NAME = "metrics.json"


class MetricsFile(JSONWriter):
    """Detectron2's writer of scalars, one JSON line an iteration, for trainings that go on.

    Lines of iterations that the training is to take again are left out when it starts. What the
    file already says of an iteration is not said again: an evaluation that is repeated adds a line
    only if it has other results, and the later line counts.
    """

    def __init__(self, folder: str, start_iter: int) -> None:
        """Open the file of a training that starts, or goes on, with iteration ``start_iter``."""
        path = Path(folder, NAME)
        lines = _lines_before(path, start_iter)
        super().__init__(str(path))
        self._written = {
            name: (json.dumps(value), line["iteration"])
            for line in lines
            for name, value in line.items()
        }

    def write(self) -> None:
        """Write the newest value of each scalar, unless the file has it already."""
        lines: dict[int, dict[str, float]] = defaultdict(dict)
        latest = get_event_storage().latest_with_smoothing_hint(self._window_size)
        for name, (value, iteration) in latest.items():
            said = (json.dumps(value), iteration)
            if self._written.get(name) != said:
                lines[iteration][name] = value
                self._written[name] = said
        for iteration, scalars in sorted(lines.items()):
            line = json.dumps({**scalars, "iteration": iteration}, sort_keys=True)
            self._file_handle.write(f"{line}\n")
        self._file_handle.flush()
        os.fsync(self._file_handle.fileno())


def set_metrics_aside(folder: str) -> None:
    """Rename the metrics.json of another training, with a line in the log."""
    path = Path(folder, NAME)
    if not path.exists():
        return
    number = 1
    while (aside := path.with_name(f"metrics.earlier-{number}.json")).exists():
        number += 1
    path.rename(aside)
    logger.warning(f"{path} is of an earlier training and is now {aside.name}")


def _lines_before(path: Path, start_iter: int) -> list[dict]:
    """The file's lines of iterations before ``start_iter``; the others are taken out of it."""
    if not path.exists():
        return []
    every = path.read_bytes().splitlines()
    lines = [line for line in map(_parse, every) if line and line["iteration"] < start_iter]
    if len(lines) < len(every):
        with atomic_write(path) as file:
            file.writelines(json.dumps(line, sort_keys=True).encode() + b"\n" for line in lines)
        logger.info(
            f"{len(every) - len(lines)} lines of {path} are taken out: cut off by a kill, or of "
            f"iterations that come again, from {start_iter} on"
        )
    return lines


def _parse(text: bytes) -> dict | None:
    """A line's scalars; None where it is no line of ours, or half of one."""
    try:
        line = parse_json(text)
    except InputError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("iteration"), int) else None
