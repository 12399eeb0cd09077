"""What a demo writes: which file in which format, decided and checked before any work."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..files import check_output
from ..visualization import write_gif, write_pictures, write_timed_video
from .inputs import short_name
from .records import write_csv, write_cvat_xml, write_tubes

# By the ending of the output's name: writers of drawn frames, and of the tubes of videos.
DRAWINGS: dict[str, Callable] = {
    ".mp4": write_timed_video,
    ".gif": write_gif,
    "": write_pictures,
}
TABLES: dict[str, Callable] = {".json": write_tubes, ".csv": write_csv, ".xml": write_cvat_xml}
# What holds one video a file.
ONE_VIDEO = (*DRAWINGS, ".xml")
DRAWN_FORMATS = ".mp4, .gif, or a folder of pictures (a name without an ending)"
FORMATS = f".json, .csv, .xml (for CVAT), {DRAWN_FORMATS}"
NAME = "{name}"  # of the input, in an output's name


class Output(NamedTuple):
    """One file, or folder, to write.

    Attributes:
        path: its path.
        ending: a key of `DRAWINGS` or `TABLES`.
        inputs: what it shows.
    """

    path: str
    ending: str
    inputs: tuple[str, ...]

    @property
    def is_drawing(self) -> bool:
        """Whether frames are written, and not what was found on them."""
        return self.ending in DRAWINGS


def plan_outputs(
    names: Sequence[str], inputs: Sequence[str], others: Sequence[str | None] = ()
) -> list[Output]:
    """Which files to write.

    A name with ``{name}`` stands for one file an input, and a folder for a folder an input where
    there are several. A table without it has all inputs; a file for CVAT holds one.

    Args:
        names: of the outputs, as the user writes them.
        inputs: videos, each a path or a camera.
        others: files that are read too, such as the weights; None stands for nothing.

    Raises:
        InputError: if a name is empty or its ending unknown, several inputs would go into one
            file that holds one, or one of the files cannot be written or is read itself.
    """
    outputs = []
    for name in names:
        if not name:
            raise InputError(f"the name of an output is empty; what can be written: {FORMATS}")
        name, ending = _name_and_ending(name)
        if ending not in DRAWINGS and ending not in TABLES:
            raise InputError(f"the output {name} ends in {ending}; what can be written: {FORMATS}")
        if ending == "" and len(inputs) > 1 and NAME not in name:
            name = os.path.join(name, NAME)
        if NAME in name:
            outputs += [
                Output(name.replace(NAME, short_name(source)), ending, (source,))
                for source in inputs
            ]
        elif ending in ONE_VIDEO and len(inputs) > 1:
            root, _ = os.path.splitext(name)
            raise InputError(
                f"{len(inputs)} inputs do not go into one {name}: name it with '{NAME}', "
                f"such as {root}-{NAME}{ending}"
            )
        else:
            outputs.append(Output(name, ending, tuple(inputs)))
    _check(outputs, [*inputs, *others])
    return outputs


def plan_drawing(path: str | os.PathLike[str], *inputs: str) -> Output:
    """The file or folder to draw one video into.

    Raises:
        InputError: if its ending is not that of a drawing, it cannot be written, or it is one of
            the ``inputs`` itself.
    """
    name, ending = _name_and_ending(os.fspath(path))
    if ending not in DRAWINGS:
        raise InputError(f"the output {name} ends in {ending}; what can be drawn: {DRAWN_FORMATS}")
    output = Output(name, ending, inputs)
    _check([output], inputs)
    return output


def _name_and_ending(name: str) -> tuple[str, str]:
    """Without a slash at its end; a name with one has no ending."""
    folder = name.rstrip("/" + os.sep)
    return folder or name, Path(name).suffix.lower() if name == folder else ""


def _check(outputs: Sequence[Output], read: Sequence[str | None]) -> None:
    taken: dict[str, Output] = {}
    for output in outputs:
        other = taken.setdefault(os.path.abspath(output.path), output)
        if other is not output:
            raise InputError(
                f"{other.inputs[0]} and {output.inputs[0]} would both be written to {output.path}"
            )
        if output.ending:
            check_output(output.path, *read)
        else:
            _check_folder(output.path)


def _check_folder(path: str) -> None:
    if os.path.isdir(path) and os.listdir(path):
        raise InputError(f"the output {path} is a folder that is not empty; name a new one")
    if os.path.lexists(path) and not os.path.isdir(path):
        raise InputError(
            f"the output {path} is there and no folder; what can be written: {FORMATS}"
        )
    check_output(os.path.join(path, "00001.jpg"))
