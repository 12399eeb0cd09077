"""Single steps of an installation, whose failures end in one sentence for the user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

GB = 10**9

DISK_FULL = "the disk is full: make room in the repository's folder and in TMPDIR"
NO_NETWORK = (
    "the Python package index cannot be reached: check the network, and pip's index and proxy "
    "settings (pip config list)"
)
NO_VENV_MODULE = (
    "this Python cannot make environments: install its venv module (on Debian and Ubuntu the "
    "package python3-venv)"
)
NO_PIP = "this environment has no pip: add it (python -m ensurepip), or deactivate the environment"

# What pip and venv print, and what the user reads instead.
KNOWN_FAILURES = (
    ("No space left on device", DISK_FULL),
    ("Disk quota exceeded", DISK_FULL),
    ("NewConnectionError", NO_NETWORK),
    ("Failed to establish a new connection", NO_NETWORK),
    ("NameResolutionError", NO_NETWORK),
    ("ConnectTimeoutError", NO_NETWORK),
    ("ReadTimeoutError", NO_NETWORK),
    ("Read timed out", NO_NETWORK),
    ("ProxyError", NO_NETWORK),
    ("Connection aborted", NO_NETWORK),
    ("CERTIFICATE_VERIFY_FAILED", NO_NETWORK),
    ("ensurepip is not available", NO_VENV_MODULE),
    ("No module named ensurepip", NO_VENV_MODULE),
    ("No module named venv", NO_VENV_MODULE),
    ("No module named pip", NO_PIP),
)


class SetupError(Exception):
    """Why there is no environment, in one sentence that says what to do."""


class DamageError(SetupError):
    """The same, where what is installed may be damaged."""


def explain_failure(output: str) -> str | None:
    """Say why pip or venv failed, by what it printed; None for an unknown reason."""
    return next((text for sign, text in KNOWN_FAILURES if sign in output), None)


def check_disk(needs: Mapping[Path, int]) -> None:
    """Check that there is room on the disks.

    Args:
        needs: Bytes to be written, by existing folder; those on one disk add up.

    Raises:
        SetupError: When a disk has too little.
    """
    totals: dict[int, int] = {}
    for folder, needed in needs.items():
        device = folder.stat().st_dev
        totals[device] = totals.get(device, 0) + needed
        free = shutil.disk_usage(folder).free
        if free < totals[device]:
            raise SetupError(
                f"installing takes {totals[device] / GB:.0f} GB, and the disk of {folder} has "
                f"{free / GB:.1f} GB left: make room first"
            )


def run_step(
    message: str, command: Sequence[str | Path], log: Path, *, damages: bool = False
) -> None:
    """Run one step of an installation; what it prints goes to a file.

    Args:
        message: What is being done, for the user.
        command: The program and its arguments.
        log: The file, which is appended to.
        damages: Whether a failure means that the environment cannot be used any more.

    Raises:
        DamageError: When the step fails and `damages`, or was killed, or filled the disk.
        SetupError: When it fails in another way.
    """
    print(f"{message} ...", flush=True)
    settings = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    with log.open("a+") as stream:
        start = stream.tell()
        returncode = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=os.environ | settings,
        ).returncode
        stream.seek(start)
        output = stream.read()
    if returncode == 0:
        return
    explanation = explain_failure(output)
    if returncode < 0:
        explanation = f"stopped by signal {-returncode}, try again"
    elif explanation is None:
        print(*output.splitlines()[-20:], sep="\n", file=sys.stderr)
        explanation = f"failed with the message above, all of its output is in {log}"
    kind = DamageError if damages or returncode < 0 or explanation == DISK_FULL else SetupError
    raise kind(f"{message}: {explanation}")
