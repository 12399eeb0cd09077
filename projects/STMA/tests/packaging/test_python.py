"""packaging/python.sh with an interpreter that only notes what pip is asked for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

# Stands in for python3, and for the Python of the .venv that it makes: pip does what the test wrote
# into HOME/pip-does, and its arguments are noted down in HOME/pip-calls.
FAKE_PYTHON = f"""#!/bin/sh
case "$*" in
    "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *make_detectron2_wheel*) touch .venv/detectron2-0.6.whl ;;
    "-m pip"*)
        echo "$@" >>"$HOME/pip-calls"
        if [ -e "$HOME/pip-does" ]; then . "$HOME/pip-does"; fi ;;
    *_base_executable*) echo "$0" ;;
    *disk_usage*) echo "${{FREE_GB:-100}}" ;;
    *sys.version_info*) [ -z "VERSION" ] || echo VERSION ;;
    *) exec "{sys.executable}" -S "$@" ;;
esac
"""

NO_NETWORK = "error: the Python package index cannot be reached: check the network, and pip's"
CUT_SHORT = "The last installation was cut short: starting again."


class Checkout:
    """A copy of what the script needs, beside an interpreter that notes pip's calls."""

    def __init__(self, folder: Path, packaging: Path) -> None:
        self.home = folder
        self.root = folder / "a checkout"
        shutil.copytree(packaging, self.root / "packaging")
        (self.root / "projects" / "STMA").mkdir(parents=True)
        (self.root / "projects" / "STMA" / "setup.py").touch()
        self.requirements = self.root / "packaging" / "requirements.txt"
        self.pip_calls = folder / "pip-calls"
        self.python = self.make_python("python3", "3.11")

    def make_python(self, name: str, version: str) -> Path:
        """Put an interpreter on the PATH that claims to be some version, or "" to be none."""
        path = self.home / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(FAKE_PYTHON.replace("VERSION", version))
        path.chmod(0o755)
        return path

    def pip_does(self, script: str) -> None:
        (self.home / "pip-does").write_text(script)

    def start(self, *arguments: str, **environ: str | Path) -> subprocess.Popen:
        path = f"{self.python.parent}:/usr/bin:/bin"
        return subprocess.Popen(
            ["sh", self.root / "packaging" / "python.sh", *arguments],
            env={"PATH": path, "HOME": self.home, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environ: str | Path) -> SimpleNamespace:
        self.pip_calls.write_text("")
        process = self.start(*arguments, **environ)
        stdout, stderr = process.communicate()
        calls = self.pip_calls.read_text().splitlines()
        return SimpleNamespace(
            returncode=process.returncode, stdout=stdout, stderr=stderr, pip_calls=calls
        )


@pytest.fixture
def checkout(tmp_path, packaging) -> Checkout:
    return Checkout(tmp_path, packaging)


def assert_says(result: SimpleNamespace, sentence: str) -> None:
    assert result.returncode == 1
    assert result.stderr.startswith(sentence), result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "version, state", [("3.9", "is Python 3.9"), ("3.13", "is Python 3.13"), ("", "does not run")]
)
def test_unsuitable_python_ends_in_one_sentence(checkout, version, state):
    named = checkout.make_python("python-named", version)
    result = checkout.run(PYTHON=named)
    assert_says(result, f"error: Python 3.10, 3.11 or 3.12 is needed, and {named} {state}: install")
    assert not (checkout.root / ".venv").exists()


def test_first_supported_python_of_the_path_makes_the_environment(checkout):
    checkout.make_python("python3", "3.13")
    checkout.make_python("python3.12", "3.12")
    checkout.make_python("python3.11", "3.11")
    assert checkout.run("-c", "sys.version_info").stdout.endswith("\n3.12\n")


def test_small_disk_is_refused(checkout):
    assert_says(checkout.run(FREE_GB="5"), "error: installing takes 6 GB, and the disk of /")
    assert not (checkout.root / ".venv").exists()
    assert checkout.run(FREE_GB="6").returncode == 0


def test_second_call_installs_nothing_until_files_or_place_change(checkout):
    first = checkout.run()
    assert first.stdout.endswith("The environment is ready: .venv\n"), first.stderr
    assert "--editable projects/STMA" in first.pip_calls[-1]
    again = checkout.run("-c", "print('ran')")
    assert (again.stdout, again.pip_calls) == ("ran\n", [])
    for path in (
        checkout.requirements,
        checkout.root / "packaging" / "make_detectron2_wheel.py",
        checkout.root / "projects" / "STMA" / "setup.py",
    ):
        path.write_text("# changed\n")
        assert checkout.run().pip_calls
        assert not checkout.run().pip_calls
    checkout.root = checkout.root.rename(checkout.home / "moved")
    assert checkout.run().pip_calls


def test_environment_of_another_python_than_asked_for_is_refused(checkout):
    checkout.run()
    assert not checkout.run(PYTHON=checkout.python).pip_calls
    (checkout.root / ".venv" / "bin" / "python").write_text("#!/bin/sh\necho 3.10\n")
    result = checkout.run(PYTHON=checkout.python)
    assert_says(result, "error: the Python of .venv is 3.10, not 3.11: remove .venv and try again")


@pytest.mark.parametrize(
    "script, sentence",
    [
        ("echo 'OSError: [Errno 28] No space left on device'; exit 1", "error: the disk is full"),
        ("kill -9 $$", "error: stopped by signal 9: try again"),
    ],
)
def test_damaged_environment_is_made_again(checkout, script, sentence):
    checkout.pip_does(script)
    assert_says(checkout.run(), sentence)
    left = checkout.root / ".venv" / "left-by-pip"
    left.touch()
    checkout.pip_does("")
    result = checkout.run()
    assert result.returncode == 0
    assert CUT_SHORT in result.stdout
    assert not left.exists()


@pytest.mark.parametrize(
    "output",
    [
        "Collecting x\nWARNING: Retrying after connection broken by 'x'\nERROR: no x",
        "ERROR: HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url: /x",
        "ReadTimeoutError: HTTPSConnectionPool(host='x', port=443): Read timed out.",
        "ProtocolError: ('Connection broken: IncompleteRead(1 bytes read)')",
        "error: incomplete-download",
    ],
)
def test_failed_update_without_a_network_keeps_the_environment(checkout, output):
    checkout.run()
    before = checkout.requirements.read_text()
    checkout.requirements.write_text("# changed\n")
    checkout.pip_does(f'echo "{output}"; exit 1')
    assert_says(checkout.run(), NO_NETWORK)
    checkout.requirements.write_text(before)
    assert checkout.run().pip_calls == []


@pytest.mark.parametrize(
    "output",
    [
        "ERROR: x (from versions: none)",
        "WARNING: after connection broken by 'Read timed out.'\nCollecting x\nERROR: no x",
    ],
)
def test_failure_of_another_kind_shows_what_pip_printed(checkout, output):
    checkout.pip_does(f'echo "{output}"; exit 1')
    result = checkout.run()
    assert result.returncode == 1
    assert result.stderr == f"{output}\nerror: this step failed with the output above\n"
    checkout.pip_does("")
    result = checkout.run()
    assert result.returncode == 0
    assert CUT_SHORT not in result.stdout


def test_unreachable_index_is_recognized_in_what_real_pip_prints(checkout):
    nobody = "env PIP_INDEX_URL=http://127.0.0.1:9/simple PIP_CONFIG_FILE=/dev/null PIP_RETRIES=1"
    checkout.pip_does(f'exec {nobody} "{sys.executable}" -m pip download stma-no-such-package')
    assert_says(checkout.run(), NO_NETWORK)


def test_of_two_calls_at_once_one_installs(checkout):
    checkout.pip_does("sleep 0.1")
    both = [checkout.start(), checkout.start()]
    outputs = sorted(process.communicate() for process in both)
    assert outputs[0][0].startswith("Making .venv ...\n")
    assert outputs[1] == ("The environment is ready: .venv\n", "")
    assert checkout.pip_calls.read_text().count("--editable") == 1


def test_active_environment_is_used_where_it_has_detectron2(checkout):
    active = checkout.home / "active"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", active], check=True)
    packages = next(active.glob("lib/python*/site-packages"))
    pip = packages / "pip" / "__main__.py"
    pip.parent.mkdir()
    pip.write_text(
        "import os, sys; open(os.environ['HOME'] + '/pip-calls', 'a').write(repr(sys.argv))"
    )
    (packages / "detectron2").mkdir()
    result = checkout.run(PYTHON=active / "bin" / "python")
    assert result.stdout.endswith(f"The environment is ready: {active}\n"), result.stderr
    assert "projects/STMA[dev]" in result.pip_calls[0]
    assert checkout.run(PYTHON=active / "bin" / "python").pip_calls == []
    assert not (checkout.root / ".venv").exists()


def test_requirements_are_pinned(checkout):
    lines = checkout.requirements.read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 15
    assert [pin for pin in pins if "==" not in pin] == []
