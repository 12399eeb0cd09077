"""From a checkpoint's path or URL to a file whose content is the right one."""

from __future__ import annotations

import logging
import os
import re
import time
from urllib.parse import urlsplit

from detectron2.utils.file_io import PathManager
from iopath.common.file_io import get_cache_dir

from ..errors import InputError
from ..files import file_sha256

logger = logging.getLogger(__name__)

# Seconds by which a file system's clock may be behind.
_CLOCKS_DIFFER = 1.0
# A published file's name ends in so many hexadecimal digits of its SHA-256.
DIGITS_IN_NAME = 16
_NAMED_DIGITS = re.compile(rf"-([0-9a-f]{{{DIGITS_IN_NAME}}})\.\w+$")


def names_its_hash(file: str) -> bool:
    """Whether a file's name ends in digits of a SHA-256, as a published one's does."""
    return _NAMED_DIGITS.search(file) is not None


def _is_url(path: str) -> bool:
    return re.match(r"(https?|ftp)://", path) is not None


def _cache(path: str) -> dict[str, str]:
    """A URL's own cache folder for PathManager, which keeps files by their path on any server."""
    if not _is_url(path):
        return {}
    server = re.sub(r"[^\w.-]", "_", urlsplit(path).netloc)
    return {"cache_dir": os.path.join(get_cache_dir(), server)}


def local_path(path: str, advice: str = "") -> str:
    """Get a checkpoint from wherever it is.

    Args:
        path: a file, or whatever Detectron2's PathManager reads: ``https://``, ``detectron2://``,
            ``catalog://``, ``file://``. What is downloaded is kept in PathManager's cache.
        advice: what to do where nothing is there, for the message.

    Returns:
        The local file. If its name ends in digits of its SHA-256, they are right.

    Raises:
        InputError: naming the path, if it cannot be had, or has another content than its name says.
    """
    started = time.time()
    try:
        local = PathManager.get_local_path(path.removeprefix("file://"), **_cache(path))
    except Exception as error:  # whatever the handler of such paths raises
        raise InputError(f"cannot get {path} ({error}); check MODEL.WEIGHTS") from error
    if not os.path.isfile(local):
        raise InputError(f"there is no checkpoint {path}; check MODEL.WEIGHTS{advice}")
    named = _NAMED_DIGITS.search(urlsplit(path).path if _is_url(path) else local)
    is_remote = "://" in path.removeprefix("file://")
    if is_remote and not named and os.path.getmtime(local) < started - _CLOCKS_DIFFER:
        logger.warning(
            f"{path} was downloaded before, and is taken from {local}; remove that to get what "
            "lies there now"
        )
    if named and not file_sha256(local).startswith(named[1]):
        raise InputError(
            f"the checkpoint {path} is not what its name says: its SHA-256 does not begin with "
            f"{named[1]}; remove {local} and get it again"
        )
    return local
