"""Where a training ran: version, commit, hardware."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

import torch
from detectron2.utils import comm

from ..version import __version__

_PACKAGE = Path(__file__).parents[1]


def provenance(device: str) -> dict[str, str]:
    """What a checkpoint says of the training's place.

    Args:
        device: on which the network is trained.

    Returns:
        ``version`` of this package; ``torch``, its version; ``commit`` of the checkout, ending in
        "-dirty" where files differ from it; outside of one what STMA_COMMIT in the environment
        says, or ""; ``hardware``.
    """
    return {
        "version": __version__,
        "torch": str(torch.__version__),
        "commit": _commit(),
        "hardware": _hardware(device),
    }


@cache
def _commit() -> str:
    try:
        _git("ls-files", "--error-unmatch", "version.py")  # else it is another project's checkout
        changed = _git("status", "--porcelain", "--untracked-files=no", ".")
        return _git("rev-parse", "--short=12", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return os.environ.get("STMA_COMMIT", "")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_PACKAGE), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def _hardware(device: str) -> str:
    count = comm.get_world_size()
    if torch.device(device).type == "cuda":
        return f"{count} x {torch.cuda.get_device_name(torch.device(device))}"
    processes = f"{count} processes of " if count > 1 else ""
    threads = torch.get_num_threads()
    return f"{processes}{threads} CPU thread{'s' if threads > 1 else ''}"
