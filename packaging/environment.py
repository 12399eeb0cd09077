"""Make the project's environment where it is missing, then run a command in it.

    python packaging/environment.py [ARGUMENTS OF PYTHON ...]

The environment is the active one (that of the interpreter that runs this file) when it has
Detectron2: then the project and what else it misses are added, and nothing that is there is
changed. Otherwise it is `.venv` at the root of the repository, with the versions that
requirements.txt pins.

A file in the environment says how far its installation came, so that a finished one is used as it
is, one that failed goes on, and one that may be damaged, because it was cut short, starts again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap import SUPPORTED, python_version
from steps import GB, DamageError, SetupError, check_disk, explain_failure, run_step

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "packaging" / "requirements.txt"
WHEEL_SCRIPT = ROOT / "packaging" / "make_detectron2_wheel.py"
PROJECT = ROOT / "projects" / "STMA"
LOG = ROOT / "install.log"  # kept after a failure

STATE_FILE = "stma-environment.txt"
INSTALLING = "installing"
FAILED = "failed"

ENVIRONMENT_BYTES = 6 * GB
DOWNLOAD_BYTES = 2 * GB  # what pip keeps in the temporary folder while it installs


@dataclass(frozen=True)
class Environment:
    """A Python environment to install the project in.

    Attributes:
        prefix: The environment's folder.
        python: Its interpreter.
        is_own: True for `.venv`, which is ours to make; False for the user's active environment.
    """

    prefix: Path
    python: Path
    is_own: bool

    @property
    def state(self) -> str | None:
        """How far the installation came: INSTALLING, FAILED or a fingerprint; None if not begun."""
        try:
            return (self.prefix / STATE_FILE).read_text().strip()
        except OSError:
            return None

    def set_state(self, state: str) -> None:
        """Write down how far the installation came.

        Raises:
            SetupError: When the environment's folder is not writable.
        """
        partial = self.prefix / f"{STATE_FILE}.partial"
        try:
            partial.write_text(f"{state}\n")
            os.replace(partial, self.prefix / STATE_FILE)
        except OSError as error:
            raise SetupError(
                f"{self.prefix} cannot be written to ({error.strerror}): activate an environment "
                "of your own, or none"
            ) from error

    def is_ready(self) -> bool:
        """Whether everything is installed, as our files ask for it now."""
        if self.state != fingerprint(self.prefix):
            return False
        names = ("torch", "detectron2", "stma_d2")
        code = f"import importlib.util as u; assert all(map(u.find_spec, {names}))"
        return subprocess.run([self.python, "-c", code], stderr=subprocess.DEVNULL).returncode == 0


def fingerprint(prefix: Path) -> str:
    """Digest of what an installation depends on: our files, and where it and the project lie."""
    digest = hashlib.sha256(f"{ROOT}\n{prefix}\n".encode())
    for path in (REQUIREMENTS, WHEEL_SCRIPT, PROJECT / "setup.py"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def select_environment(venv: Path) -> Environment:
    """Choose the active environment if it has Detectron2 and is not `venv`, otherwise `venv`."""
    active = Path(sys.prefix)
    if active != venv and importlib.util.find_spec("detectron2"):
        return Environment(active, Path(sys.executable), is_own=False)
    return Environment(venv, venv / "bin" / "python", is_own=True)


def check_version(environment: Environment, wanted: tuple[int, int] | None) -> None:
    """Check the Python version of an environment that exists.

    Args:
        environment: The environment.
        wanted: The version that the user asked for, if any.

    Raises:
        SetupError: When the version is another one, or not supported.
    """
    found = python_version(environment.python)
    if found not in ((wanted,) if wanted else SUPPORTED):
        version = "Python {}.{}".format(*found) if found else "no Python that runs"
        asked = "Python {}.{}".format(*wanted) if wanted else "Python 3.10, 3.11 or 3.12"
        raise SetupError(
            f"{environment.prefix} has {version}, not {asked}: remove this folder and try again"
        )


def make_venv(environment: Environment) -> None:
    """Make `.venv` if it is missing or may be damaged.

    Raises:
        SetupError: When that fails.
    """
    prefix = environment.prefix
    if environment.state == INSTALLING:
        print("The last installation was cut short: starting again.", flush=True)
        shutil.rmtree(prefix)
    if not list(prefix.glob("lib/*/site-packages/torch")):
        check_disk({ROOT: ENVIRONMENT_BYTES, Path(tempfile.gettempdir()): DOWNLOAD_BYTES})
    if not prefix.exists():
        prefix.mkdir()
        environment.set_state(INSTALLING)
        # The base: the interpreter that runs this may have been in the folder just removed.
        command = [sys._base_executable, "-m", "venv", prefix]
        run_step("Making .venv", command, LOG, damages=True)


def install(environment: Environment) -> None:
    """Install everything, with pinned versions, into `.venv`.

    Raises:
        SetupError: When that fails.
    """
    make_venv(environment)
    environment.set_state(INSTALLING)
    python = environment.python
    pip = (python, "-m", "pip", "install", "--constraint", REQUIREMENTS)
    # A small package first: without a network, this ends soon.
    run_step("Preparing .venv", [*pip, "--retries=1", "--timeout=20", "setuptools"], LOG)
    run_step("Installing PyTorch (5 GB, some minutes)", [*pip, "torch", "torchvision"], LOG)
    others = ("--no-build-isolation", "--requirement", REQUIREMENTS)
    run_step("Installing the other packages", [*pip, *others], LOG)
    with tempfile.TemporaryDirectory() as folder:
        run_step("Making Detectron2 0.6", [python, WHEEL_SCRIPT, "--output-dir", folder], LOG)
        wheel = next(Path(folder).glob("*.whl"))
        run_step("Installing Detectron2 0.6", [*pip, "--force-reinstall", "--no-deps", wheel], LOG)
    run_step("Installing stma_d2", [*pip, "--no-build-isolation", "--editable", PROJECT], LOG)
    check_imports(python)


def install_into_active(environment: Environment) -> None:
    """Add the project and what it misses to the user's environment; change nothing else there.

    Raises:
        SetupError: When that fails.
    """
    python = environment.python
    environment.set_state(INSTALLING)
    listing = [python, "-m", "pip", "list", "--format=freeze", "--exclude=stma_d2"]
    listed = subprocess.run(listing, capture_output=True, text=True)
    if listed.returncode:
        raise SetupError(explain_failure(listed.stderr) or f"pip list failed: {listed.stderr}")
    with tempfile.TemporaryDirectory() as folder:
        present = Path(folder) / "present.txt"
        present.write_text(listed.stdout)
        project = ("--constraint", present, "--editable", f"{PROJECT}[dev]")
        command = [python, "-m", "pip", "install", *project]
        run_step(f"Adding stma_d2 to {environment.prefix}", command, LOG)
    check_imports(python)


def check_imports(python: Path) -> None:
    """Import the large packages once.

    Raises:
        DamageError: When that fails.
    """
    code = "import torchvision, cv2, timm, detectron2.engine"
    run_step("Checking the packages", [python, "-c", code], LOG, damages=True)


def prepare(environment: Environment) -> None:
    """Install what is missing.

    Raises:
        SetupError: When that fails; the next call goes on or, after damage, starts again.
    """
    if environment.is_ready():
        return
    LOG.unlink(missing_ok=True)
    try:
        (install if environment.is_own else install_into_active)(environment)
    except DamageError:
        raise
    except SetupError:
        if environment.state == INSTALLING:
            environment.set_state(FAILED)
        raise
    environment.set_state(fingerprint(environment.prefix))
    LOG.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time pass, so that of two calls one installs and one waits."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def main(arguments: Sequence[str]) -> None:
    """Prepare the environment and become its Python, with these arguments."""
    environment = select_environment(ROOT / ".venv")
    wanted = sys.version_info[:2] if os.environ.get("PYTHON") else None
    try:
        with locked(ROOT):
            if environment.prefix.exists() and environment.state != INSTALLING:
                check_version(environment, wanted)
            prepare(environment)
    except SetupError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; the next call starts the installation again")
    if arguments:
        os.execv(environment.python, [str(environment.python), *arguments])
    print(f"The environment is ready: {environment.prefix}")


if __name__ == "__main__":
    main(sys.argv[1:])
