"""Tubes for CVAT, to be looked at and corrected there: "CVAT for video 1.1" as XML.

In CVAT: a task made from the same video with the same labels, "Upload annotations", format
"CVAT 1.1". Rules and sources are those of `cvat`, which reads what is written here back exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from xml.sax.saxutils import XMLGenerator

import numpy as np

from ...structures import Tube, TubeAnnotations, VideoAnnotation
from .tracks import key_frames_of, to_edges


def write_cvat(annotations: TubeAnnotations, name: str, tolerance: float, scored: bool) -> bytes:
    """The document of one video: one task, and a track for each tube.

    Args:
        annotations: with that video.
        name: of the video.
        tolerance: pixels that a box may be off between key frames; 0: every box is exact.
        scored: the tubes are a model's: each gets an attribute ``score`` and source="auto".
    """
    text = StringIO()
    writer = _Writer(text, annotations.labels, scored)
    video = annotations.videos[name]
    with writer.element("annotations"):
        writer.leaf("version", "1.1")
        with writer.element("meta"), writer.element("task"):
            writer.task(name, video, _subset(annotations, name))
        for number, tube in enumerate(video.tubes):
            writer.track(number, tube, video.num_frames, tolerance)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text.getvalue()}'.encode()


def _subset(annotations: TubeAnnotations, name: str) -> str:
    """Its place in the first split."""
    split = annotations.splits[0] if annotations.splits else None
    if split is None or (name in split.train) == (name in split.test):
        return ""
    return "Train" if name in split.train else "Test"


class _Writer:
    """Writes elements, one a line."""

    def __init__(self, file: StringIO, labels: tuple[str, ...], scored: bool) -> None:
        self._xml = XMLGenerator(file, "utf-8", short_empty_elements=True)
        self._labels, self._scored = labels, scored
        self._depth = 0

    @contextmanager
    def element(self, tag: str, **attributes: str) -> Iterator[None]:
        """An element that is open while the block runs."""
        self._line(lambda: self._xml.startElement(tag, attributes))
        self._depth += 1
        yield
        self._depth -= 1
        self._line(lambda: self._xml.endElement(tag))

    def leaf(self, tag: str, text: str = "", **attributes: str) -> None:
        """An element that holds text only."""

        def write() -> None:
            self._xml.startElement(tag, attributes)
            self._xml.characters(text)
            self._xml.endElement(tag)

        self._line(write)

    def _line(self, write: Callable[[], None]) -> None:
        self._xml.ignorableWhitespace("  " * self._depth)
        write()
        self._xml.ignorableWhitespace("\n")

    def task(self, name: str, video: VideoAnnotation, subset: str) -> None:
        """What ``<task>`` holds."""
        for tag, value in (
            ("name", name),
            ("size", video.num_frames),
            ("mode", "interpolation"),
            ("overlap", 0),
            ("start_frame", 0),
            ("stop_frame", video.num_frames - 1),
            ("subset", subset),
        ):
            self.leaf(tag, str(value))
        with self.element("labels"):
            for label in self._labels:
                with self.element("label"):
                    self.leaf("name", label)
                    self.leaf("type", "rectangle")
                    with self.element("attributes"):
                        if self._scored:
                            self._score_attribute()
        with self.element("original_size"):
            self.leaf("width", str(video.width))
            self.leaf("height", str(video.height))

    def _score_attribute(self) -> None:
        with self.element("attribute"):
            self.leaf("name", "score")
            self.leaf("mutable", "False")
            self.leaf("input_type", "text")
            self.leaf("default_value", "")
            self.leaf("values", "")

    def track(self, number: int, tube: Tube, num_frames: int, tolerance: float) -> None:
        """One ``<track>``, which ends with a box that is outside."""
        source = "auto" if self._scored else "manual"
        edges = to_edges(tube.boxes)
        with self.element("track", id=str(number), label=self._labels[tube.label], source=source):
            for index in key_frames_of(edges, tolerance):
                self._box(int(tube.frames[index]) - 1, edges[index], "0", tube.score)
            if tube.frames[-1] < num_frames:
                self._box(int(tube.frames[-1]), edges[-1], "1", tube.score)

    def _box(self, frame: int, edges: np.ndarray, outside: str, score: float) -> None:
        sides = dict(zip(("xtl", "ytl", "xbr", "ybr"), map(repr, map(float, edges)), strict=True))
        state = {"frame": str(frame), "keyframe": "1", "outside": outside, "occluded": "0"}
        if not self._scored:
            self.leaf("box", **state, **sides, z_order="0")
            return
        with self.element("box", **state, **sides, z_order="0"):
            self.leaf("attribute", f"{score:.4f}", name="score")
