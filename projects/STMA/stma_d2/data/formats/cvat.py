"""Annotations from CVAT: the format "CVAT for video 1.1", as XML or in the zip file as exported.

Follows CVAT's documentation "XML annotation format", version 1.1, section "Interpolation"
(https://docs.cvat.ai/docs/manual/advanced/xml_format), and CVAT 2's own code: what its export
writes and its import reads (``cvat/apps/dataset_manager/formats/cvat.py``), and how its
interface and its server interpolate (``RectangleTrack``, ``TrackManager``).

- Frame f of CVAT is our frame f + 1. It counts in the video, also where a task takes only a part
  or every step-th frame of it (``start_frame``, ``frame_filter``).
- A box's edges become inclusive corners: x1 = xtl, y1 = ytl, x2 = xbr - 1, y2 = ybr - 1.
- Only boxes with ``keyframe="1"`` count. Between them, edges and rotation go straight from one to
  the next, also where the next is outside; after the last one the box stays to the task's end.
- ``outside="1"``: the actor is gone from this frame to the next key frame that is not outside.
- An attribute keeps its value from one key frame to the next, and where the next lacks it.
- A rotated box becomes the upright box around it. Occluded boxes count as others do.
"""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

import numpy as np

from ...errors import InputError
from ...plain_values import decimal, whole_decimal
from ...safe_xml import Element, read_xml
from ...structures import Split
from .cvat_meta import NO_VALUE, Meta, Task, read_meta
from .members import Member
from .report import Report
from .settings import FormatSettings
from .tracks import Reading, Track, VideoTracks, check_extent, from_edges, interpolate

_OTHER_SHAPES = ("polygon", "polyline", "points", "cuboid", "ellipse", "mask", "skeleton")
# Where the labels are taken for the actions, which an attribute says as often.
_ACTION_HINT = "; if it says the action, add --action-attribute "
_EDGES = ("xtl", "ytl", "xbr", "ybr")


def read_cvat(member: Member, settings: FormatSettings, report: Report) -> Reading:
    """Read one XML file.

    Args:
        member: the file.
        settings: ``action_attributes`` are used.
        report: gets what is left out.

    Returns:
        A video for each task. Its splits are one, where every task's subset is Train or Test.

    Raises:
        InputError: naming the file and the line, if the file is not of this format or a value is
            not of its kind.
    """
    source = member.source
    meta, videos, num_boxes = None, {}, 0
    for element in read_xml(member.read(), source, "annotations"):
        if element.tag == "meta":
            meta = read_meta(element, settings.action_attributes, source, member.title)
            videos = {id(t): VideoTracks(t.name, None, t.height, t.width) for t in meta.tasks}
        elif element.tag == "version":
            if element.text.strip() != "1.1":
                raise InputError(f"{source}: version {element.text.strip()!r}, expected 1.1")
        elif element.tag == "image":
            raise InputError(
                f"{source}, line {element.line}: <image> belongs to 'CVAT for images'; export the "
                "task as 'CVAT for video 1.1'"
            )
        elif element.tag != "track":
            report.drop(f"<{element.tag}>: only tracks make tubes", source)
        elif meta is None:
            raise InputError(f"{source}, line {element.line}: a <track> stands before <meta>")
        else:
            task = meta.task_of(element, source)
            for track in _Tracker(element, task, meta, settings, report, source).tracks():
                videos[id(task)].tracks.append(track)
                num_boxes += len(track.frames)
                check_extent(num_boxes, source)
    if meta is None:
        raise InputError(f"{source} has no <meta>; export the task from CVAT as a whole")
    for task in meta.tasks:
        videos[id(task)].num_frames = None if task.last is None else task.last + 1
    return Reading(source, meta.labels, list(videos.values()), _splits(meta.tasks))


def _splits(tasks: list[Task]) -> tuple[Split, ...]:
    subsets = [task.subset.lower() for task in tasks]
    if not set(subsets) <= {"train", "test"}:
        return ()
    train, test = (
        tuple(t.name for t, s in zip(tasks, subsets, strict=True) if s == subset)
        for subset in ("train", "test")
    )
    return (Split(train, test),)


class _Tracker:
    """Turns one ``<track>`` into tracks of one action each."""

    def __init__(
        self,
        element: Element,
        task: Task,
        meta: Meta,
        settings: FormatSettings,
        report: Report,
        source: str,
    ) -> None:
        self.element, self.task, self.meta = element, task, meta
        self.settings, self.report, self.source = settings, report, source
        self.label = element.attributes.get("label")
        if self.label is None:
            raise InputError(f"{source}, line {element.line}: a <track> without a label")
        number = element.attributes.get("id", f"at line {element.line}")
        self.name = f"{task.name}: track {number}"

    def tracks(self) -> Iterator[Track]:
        """One track for each action that the element's boxes show."""
        keys = self._key_boxes()
        if not keys:
            if all(shape.tag == "box" for shape in self.element.children):
                self.report.drop("a track without a key frame", self.name)
            return
        for name in sorted({name for key in keys for name in key[3]}):
            if name not in self.settings.action_attributes:
                is_candidate = not self.settings.action_attributes and name in self.meta.choices
                hint = _ACTION_HINT + quote(name) if is_candidate else ""
                self.report.note(f"the attribute {name!r} is not kept{hint}", self.name)
        frames = np.array([key[0] for key in keys], np.int64)
        values = np.array([key[2] for key in keys], np.float64)
        values[:, 4] = np.unwrap(values[:, 4], period=360)  # the shorter way round
        spans = self._visible(frames, [key[1] for key in keys])
        check_extent(
            int(sum(last - first + 1 for first, last in spans if last >= first)), self.source
        )
        actions = self._actions([key[3] for key in keys])
        for action in dict.fromkeys(a for at_key in actions for a in at_key):
            shown = [
                np.arange(first, last + 1)
                for (first, last), at_key in zip(spans, actions, strict=True)
                if action in at_key
            ]
            numbers = np.concatenate(shown)
            if len(numbers):
                boxes = _upright(interpolate(numbers, frames, values))
                yield Track(self.name, action, numbers + 1, from_edges(boxes))

    def _key_boxes(self) -> list[tuple[int, bool, list[float], dict[str, str]]]:
        """(frame, outside, edges and rotation, attributes) of the key frames, by frame."""
        keys = {}
        for shape in self.element.children:
            if shape.tag != "box":
                kind = shape.tag if shape.tag in _OTHER_SHAPES else f"<{shape.tag}>"
                self.report.drop(f"{kind}: only boxes make tubes", self.name)
                continue
            if not self._flag(shape, "keyframe", "1"):
                continue  # CVAT's own interpolation, which is done again
            frame = whole_decimal(*self._value(shape, "frame"))
            if (
                not self.task.first
                <= frame
                <= (frame if self.task.last is None else self.task.last)
            ):
                self.report.drop("a key frame outside of its task's frames", self.name)
            elif frame in keys:
                self.report.drop("a second key frame on the same frame", self.name)
            else:
                keys[frame] = self._key_box(shape)
        return [(frame, *keys[frame]) for frame in sorted(keys)]

    def _key_box(self, shape: Element) -> tuple[bool, list[float], dict[str, str]]:
        values = [decimal(*self._value(shape, side)) for side in _EDGES]
        rotation = decimal(*self._value(shape, "rotation", "0"))
        outside = self._flag(shape, "outside", "0")
        if rotation % 360 and not outside:
            self.report.note("a rotated key box: the upright box around it is taken", self.name)
        if self._flag(shape, "occluded", "0") and not outside:
            self.report.note("an occluded key box counts like any other", self.name)
        attributes = {}
        for attribute in shape.children:
            if attribute.tag == "attribute":
                attributes[attribute.attributes.get("name", "")] = attribute.text
        return outside, [*values, rotation], attributes

    def _value(self, shape: Element, name: str, default: str | None = None) -> tuple[str, str]:
        """An attribute's text, and its place for messages."""
        where = f"{self.source}, line {shape.line}: {name}"
        text = shape.attributes.get(name, default)
        if text is None:
            raise InputError(f"{where} is missing")
        return text, where

    def _flag(self, shape: Element, name: str, default: str) -> bool:
        text, where = self._value(shape, name, default)
        if text not in ("0", "1"):
            raise InputError(f"{where} is {text!r}; it must be 0 or 1")
        return text == "1"

    def _visible(self, frames: np.ndarray, outside: list[bool]) -> list[tuple[int, int]]:
        """First and last frame that each key frame's state holds for; outside: none."""
        ends = [
            following - (self.task.step if gone else 1)
            for following, gone in zip(frames[1:], outside[1:], strict=True)
        ]
        ends.append(frames[-1] if self.task.last is None else self.task.last)
        return [
            (int(first), int(first) - 1 if gone else max(int(first), int(end)))
            for first, end, gone in zip(frames, ends, outside, strict=True)
        ]

    def _actions(self, attributes: list[dict[str, str]]) -> list[tuple[str, ...]]:
        """The actions at each key frame."""
        names = self.settings.action_attributes
        if not names:
            return [(self.label,)] * len(attributes)
        known: dict[str, str] = {}
        result = []
        for changed in attributes:
            known |= changed
            result.append(tuple(a for name in names if (a := self._action(name, known.get(name)))))
        if not set(names) & known.keys():
            self.report.drop(f"a track without the attribute {' or '.join(names)}", self.name)
        return result

    def _action(self, name: str, value: str | None) -> str | None:
        if value is None or value.strip() in NO_VALUE:
            return None
        if name in self.meta.checkboxes:
            return name if value.strip().lower() == "true" else None
        return value


def _upright(values: np.ndarray) -> np.ndarray:
    """(n, 5) edges and clockwise degrees around the center -> (n, 4) edges of the box around it."""
    edges = values[:, :4].copy()
    turned = values[:, 4] % 360 != 0
    if turned.any():
        angle = np.deg2rad(values[turned, 4])
        cos, sin = np.abs(np.cos(angle)), np.abs(np.sin(angle))
        center = (edges[turned, :2] + edges[turned, 2:]) / 2
        width, height = (edges[turned, 2:] - edges[turned, :2]).T
        half = np.stack([width * cos + height * sin, width * sin + height * cos], axis=1) / 2
        edges[turned] = np.concatenate([center - half, center + half], axis=1)
    return edges
