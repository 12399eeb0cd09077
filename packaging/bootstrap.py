"""Find a suitable Python and hand over to environment.py, which does the work.

Any Python 3.6 can read this file, so that a wrong version ends in a sentence and not in a
SyntaxError. The environment variable PYTHON, if set, names the only interpreter to consider.
"""

import os
import shutil
import subprocess
import sys

SUPPORTED = ((3, 10), (3, 11), (3, 12))
FOLDER = os.path.dirname(os.path.abspath(__file__))


def python_version(executable):
    """Return the interpreter's version as (major, minor), or None where it does not run."""
    code = "import sys; print('%d %d' % sys.version_info[:2])"
    try:
        output = subprocess.check_output(
            [executable, "-c", code], stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        major, minor = output.split()
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None
    return int(major), int(minor)


def candidates(named, current, venv):
    """List the interpreters to try, best first.

    Args:
        named: What the user asks for with PYTHON, a path or a command, or None.
        current: The interpreter that runs this file.
        venv: The interpreter of the project's own environment, which need not exist.

    Returns:
        Paths of executables.
    """
    if named:
        return [shutil.which(named) or named]
    on_path = [shutil.which(name) for name in ("python3.12", "python3.11", "python3.10")]
    return [current, venv] + [path for path in on_path if path]


def choose(paths):
    """Return the first interpreter of a supported version.

    Args:
        paths: Paths of executables, which need not exist.

    Returns:
        One of `paths`.

    Raises:
        RuntimeError: When none is suitable; the message says what the first one is.
    """
    for path in paths:
        if python_version(path) in SUPPORTED:
            return path
    version = python_version(paths[0])
    state = "is Python {}.{}".format(*version) if version else "does not run"
    raise RuntimeError(
        f"Python 3.10, 3.11 or 3.12 is needed, and {paths[0]} {state}: install one of them, or "
        "name it, for example make test PYTHON=/usr/bin/python3.11"
    )


def main():
    """Run environment.py with the chosen interpreter and this script's arguments."""
    venv = os.path.join(os.path.dirname(FOLDER), ".venv", "bin", "python")
    try:
        python = choose(candidates(os.environ.get("PYTHON"), sys.executable, venv))
    except RuntimeError as error:
        sys.exit(f"error: {error}")
    script = os.path.join(FOLDER, "environment.py")
    os.execv(python, [python, script] + sys.argv[1:])


if __name__ == "__main__":
    main()
