"""What the head of a CVAT file says about its videos and labels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ...errors import InputError
from ...plain_values import whole_decimal
from ...safe_xml import Element
from ..annotation_checks import MAX_FRAMES
from ..finder import VIDEO_EXTENSIONS

# Of labels whose shapes can be boxes.
_BOX_TYPES = ("any", "bbox", "rectangle")
# Of attributes whose values are chosen and not typed.
_CHOICES = ("checkbox", "radio", "select")
# Values of an attribute by which CVAT says that it has none.
NO_VALUE = ("", "__undefined__")


@dataclass
class Task:
    """One task, that is one video.

    Attributes:
        number: its id; None where the file does not say.
        name: of the video.
        first: its first frame that was annotated, 0-based in the video.
        last: its last one; None where the file does not say.
        step: every step-th frame of the video was annotated.
        height: of its frames; None where the file does not say.
        width: likewise.
        subset: "train" or "test", as the user wrote it, or anything else.
    """

    number: str | None
    name: str
    first: int = 0
    last: int | None = None
    step: int = 1
    height: int | None = None
    width: int | None = None
    subset: str = ""


@dataclass
class Meta:
    """The head of a file.

    Attributes:
        tasks: at least one.
        labels: the actions that the head names.
        checkboxes: attributes that are true or false.
        choices: attributes with values to choose from, which may be actions.
    """

    tasks: list[Task]
    labels: list[str] = field(default_factory=list)
    checkboxes: set[str] = field(default_factory=set)
    choices: set[str] = field(default_factory=set)

    def task_of(self, track: Element, source: str) -> Task:
        """The task that a track belongs to.

        Raises:
            InputError: naming the file and the line, if it names none of them.
        """
        number = track.attributes.get("task_id")
        if len(self.tasks) == 1 and number is None:
            return self.tasks[0]
        found = [task for task in self.tasks if task.number == number]
        if len(found) != 1:
            raise InputError(
                f"{source}, line {track.line}: the track's task_id is {number!r}; the file's head "
                f"has the tasks {', '.join(repr(task.number) for task in self.tasks)}"
            )
        return found[0]


def read_meta(meta: Element, actions: tuple[str, ...], source: str, title: str) -> Meta:
    """Take the tasks and labels from ``<meta>``.

    Args:
        meta: that element.
        actions: attributes whose value is the action; none: the labels are the actions.
        source: the file's name, for messages.
        title: the video's name where neither its task nor its source does.

    Raises:
        InputError: naming the file and the line, if a value is not of its kind or there is no task.
    """
    elements = [*meta.descendants("task"), *(c for c in meta.children if c.tag == "job")]
    if not elements:
        raise InputError(
            f"{source}, line {meta.line}: <meta> has no <task>; export a task from CVAT"
        )
    tasks = [_task(element, meta, source, title) for element in elements]
    if len({task.name for task in tasks}) < len(tasks):  # several tasks on one video file
        for task, element in zip(tasks, elements, strict=True):
            task.name = element.text_of("name") or task.name
    labels = next((labels.children for labels in meta.descendants("labels")), [])
    result = Meta(tasks)
    for label in labels:
        name, kind = label.text_of("name"), label.text_of("type") or "any"
        if not actions and name is not None and kind.strip() in _BOX_TYPES:
            result.labels.append(name)
        for attribute in label.descendants("attribute"):
            _attribute(attribute, actions, result)
    result.labels = list(dict.fromkeys(result.labels))
    return result


def _attribute(attribute: Element, actions: tuple[str, ...], result: Meta) -> None:
    name = attribute.text_of("name")
    kind = (attribute.text_of("input_type") or "").strip()
    is_checkbox = kind == "checkbox"
    if name is not None and kind in _CHOICES:
        result.choices.add(name)
    if name is None or name not in actions:
        return
    if is_checkbox:
        result.checkboxes.add(name)
        result.labels.append(name)
    else:
        values = (attribute.text_of("values") or "").splitlines()
        result.labels += [value for value in values if value not in NO_VALUE]


def _task(task: Element, meta: Element, source: str, title: str) -> Task:
    def number(parent: Element | None, tag: str, least: int) -> int | None:
        found = None if parent is None else parent.child(tag)
        if found is None or not found.text.strip():
            return None
        where = f"{source}, line {found.line}: <{tag}>"
        value = whole_decimal(found.text, where)
        if not least <= value <= MAX_FRAMES:
            raise InputError(f"{where} is {value}; it must be {least} to {MAX_FRAMES}")
        return value

    step = re.search(r"step\s*=\s*([0-9]{1,6})", task.text_of("frame_filter") or "")
    step = max(1, int(step[1])) if step else 1
    first = number(task, "start_frame", 0) or 0
    last = number(task, "stop_frame", 0)
    count = number(task, "size", 1)
    if count is not None:
        last = first + (count - 1) * step
    size = task.child("original_size") or meta.child("original_size")
    video = task.text_of("source") or meta.text_of("source")
    return Task(
        number=(task.text_of("id") or "").strip() or None,
        name=_without_ending(video) if video else task.text_of("name") or title,
        first=first,
        last=last,
        step=step,
        height=number(size, "height", 1),
        width=number(size, "width", 1),
        subset=(task.text_of("subset") or "").strip(),
    )


def _without_ending(video: str) -> str:
    path = PurePosixPath(video.strip())
    return str(path.with_suffix("") if path.suffix.lower() in VIDEO_EXTENSIONS else path)
