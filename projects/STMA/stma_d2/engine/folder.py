"""OUTPUT_DIR: that it can be written, and that one training at a time writes it."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from detectron2.utils import comm

from ..errors import InputError

logger = logging.getLogger(__name__)

_LOCK = "training.lock"
_CHECKPOINT = re.compile(r"model_([0-9]+|best|final)\.pth")


def check_output_dir(output_dir: str) -> None:
    """Make OUTPUT_DIR and write to it.

    Raises:
        InputError: if that is not possible, or what lies there is no file, see `check_contents`.
    """
    try:
        os.makedirs(output_dir, exist_ok=True)
        with tempfile.TemporaryFile(dir=output_dir) as file:
            file.write(b"written")
    except OSError as error:
        raise InputError(f"OUTPUT_DIR {output_dir} cannot be written to: {error}") from error
    check_contents(output_dir)


def check_contents(folder: str | os.PathLike[str]) -> None:
    """Refuse a folder with a pipe, a socket or a device in it: who opens one may wait for ever.

    Raises:
        InputError: naming it.
    """
    for path in Path(folder).iterdir():
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:  # a link to nothing, or just removed by a training
            continue
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise InputError(f"{path} is a pipe, socket or device and no file; remove it")


def check_weights_stay(weights: str, output_dir: str) -> None:
    """Refuse to start from weights that the training itself writes over.

    Args:
        weights: MODEL.WEIGHTS.
        output_dir: OUTPUT_DIR.

    Raises:
        InputError: if they are a checkpoint in OUTPUT_DIR, of a name that a training gives.
    """
    folder, name = os.path.split(os.path.abspath(weights.removeprefix("file://")))
    if _CHECKPOINT.fullmatch(name) and os.path.realpath(folder) == os.path.realpath(output_dir):
        raise InputError(
            f"MODEL.WEIGHTS {weights} is a checkpoint in OUTPUT_DIR, where a training that starts "
            "from it would write over it; set another OUTPUT_DIR (--resume goes on with the "
            "training that made it)"
        )


@contextmanager
def only_training(output_dir: str) -> Iterator[None]:
    """Keep other trainings out of OUTPUT_DIR as long as the block runs.

    The main process has the lock, for all that train together; called on each of them. The system
    takes it back when the process ends, however it ends.

    Raises:
        InputError: on every process, if another training has it.
    """
    with ExitStack() as held:
        free = True
        if comm.is_main_process():
            free = held.enter_context(folder_lock(output_dir))
        if not all(comm.all_gather(free)):
            raise InputError(
                f"another training is going on in OUTPUT_DIR {output_dir}; wait for its end, or "
                "set another OUTPUT_DIR"
            )
        yield


@contextmanager
def folder_lock(folder: str | os.PathLike[str]) -> Iterator[bool]:
    """Take the lock of a training's folder, if it can be had.

    Yields:
        whether no other process has it. Where the file system has no locks, nobody can tell.
    """
    # Not flock: a data loader's worker would inherit that, and may outlive a killed training.
    with open(Path(folder, _LOCK), "ab") as file:
        free = True
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            free = False
        except OSError as error:
            logger.warning(f"{file.name} cannot be locked ({error}): start no second training here")
        yield free
