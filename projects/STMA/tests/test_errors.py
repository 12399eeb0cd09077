"""How entry points end."""

from __future__ import annotations

import errno
import os
import runpy
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

import pytest
from torch._utils import ExceptionWrapper
from torch.multiprocessing import ProcessRaisedException

from stma_d2.errors import InputError, clear_exit

PROJECT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _no_debugging(monkeypatch):
    monkeypatch.delenv("STMA_DEBUG", raising=False)


@pytest.fixture
def user_errors(tmp_path):
    """What to run, and what the user then reads."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")

    def fail(error):
        raise error

    return {
        "a.pkl: nothing in it\nuse another": lambda: fail(
            InputError("a.pkl: nothing in it\nuse another")
        ),
        "no detections at a.npz": lambda: fail(FileNotFoundError("no detections at a.npz")),
        f"No such file or directory: '{tmp_path}/none'": lambda: open(tmp_path / "none"),
        f"Is a directory: '{tmp_path}'": lambda: open(tmp_path),
        f"Not a directory: '{tmp_path}/file/x'": lambda: open(tmp_path / "file" / "x"),
        f"File exists: '{tmp_path}/file'": lambda: os.mkdir(tmp_path / "file"),
        f"Too many levels of symbolic links: '{tmp_path}/loop'": lambda: open(tmp_path / "loop"),
        "Permission denied: 'x'": lambda: fail(
            PermissionError(errno.EACCES, "Permission denied", "x")
        ),
        "No space left on device; make room and start again": lambda: fail(
            OSError(errno.ENOSPC, "No space left on device")
        ),
        "Read-only file system": lambda: fail(OSError(errno.EROFS, "Read-only file system")),
    }


def ending(run):
    """What the entry point exits with when it runs this."""
    with pytest.raises(SystemExit) as ended, clear_exit():
        run()
    return ended.value.code


def test_the_user_reads_the_message_alone(user_errors):
    for message, run in user_errors.items():
        assert ending(run) == f"error: {message}"


def test_the_trace_of_a_loaders_worker_is_left_out(user_errors):
    for message, run in user_errors.items():
        try:
            run()
        except Exception:
            wrapped = ExceptionWrapper(where="in DataLoader worker process 0")
        assert ending(wrapped.reraise) == f"error: {message}"


def test_the_trace_of_a_process_that_was_started_is_left_out(user_errors):
    for message, run in user_errors.items():
        try:
            run()
        except Exception:
            text = (
                f"\n\n-- Process 1 terminated with the following error:\n{traceback.format_exc()}"
            )

        def reraise(text=text):
            raise ProcessRaisedException(text, error_index=1, error_pid=2)

        assert ending(reraise) == f"error: {message}"


@pytest.mark.parametrize(
    "bug",
    [
        ZeroDivisionError("division by zero"),
        ValueError("shapes differ"),
        OSError(errno.EBADF, "Bad file descriptor"),
        PermissionError(errno.EPERM, "Operation not permitted"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
    ],
    ids=repr,
)
def test_a_bug_keeps_its_stack_trace(bug):
    with pytest.raises(type(bug)), clear_exit():
        raise bug
    try:
        raise bug
    except Exception:
        wrapped = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(type(bug), match="Original Traceback"), clear_exit():
        wrapped.reraise()


def test_a_bug_that_follows_on_an_input_error_keeps_its_trace():
    try:
        try:
            raise InputError("a.pkl: nothing in it")
        except InputError:
            {}["message"]
    except KeyError:
        wrapped = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(KeyError), clear_exit():
        wrapped.reraise()


def test_an_interrupt_is_one_line_and_status_130(capsys):
    with pytest.raises(SystemExit) as ended, clear_exit():
        raise KeyboardInterrupt
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


def terminate():
    """A signal comes, and is raised at once."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)


class TerminatedAtItsEnd:
    def __del__(self):
        terminate()


def is_dropped():
    """Python ignores what is raised in such a callback, as in those that run when it forks."""
    TerminatedAtItsEnd()
    time.sleep(30)


def becomes_another():
    try:
        terminate()
    except KeyboardInterrupt as error:
        raise ImportError("initialization failed") from error


def is_swallowed():
    with suppress(KeyboardInterrupt):
        terminate()


@pytest.mark.parametrize("work", [terminate, is_dropped, becomes_another, is_swallowed])
def test_a_signal_ends_the_work_whatever_becomes_of_its_exception(work, capsys):
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    start = time.monotonic()
    try:
        assert ending(work) == 143
    finally:
        signal.signal(signal.SIGTERM, handlers[0])
        signal.signal(signal.SIGINT, handlers[1])
    assert capsys.readouterr().err == "terminated\n"
    assert time.monotonic() - start < 10


def test_a_reader_that_goes_and_closed_streams_are_no_failure(tmp_path):
    # The file alone, which loads at once.
    program = "from errors import clear_exit\nwith clear_exit():\n "
    printing = f"{program}[print('line') for _ in range(10**5)]"
    writing = f"{program}open('file', 'w').write('kept'); print('said')"
    script = (
        '"$PYTHON" -c "$PRINTING" | head -n 1; echo ${PIPESTATUS[0]}; '
        '"$PYTHON" -c "$WRITING" <&- >&- 2>&-; echo $?; cat file'
    )
    names = {"PYTHON": sys.executable, "PRINTING": printing, "WRITING": writing}
    environment = {**os.environ, **names, "PYTHONPATH": str(PROJECT / "stma_d2")}
    ended = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (ended.stdout, ended.stderr) == ("line\n141\n0\nkept", "")


@pytest.mark.parametrize("error", [InputError, KeyboardInterrupt])
def test_debugging_shows_the_trace(monkeypatch, error):
    monkeypatch.setenv("STMA_DEBUG", "1")
    with pytest.raises(error), clear_exit():
        raise error


@pytest.mark.parametrize(
    "command",
    [
        "train_net.py --config-file none",
        "demo.py --config-file none --input none --output b.mp4",
        "tools/analyze_model.py --config-file none",
        "tools/benchmark.py inference --config-file none",
        "tools/convert_weights.py none --output a.pkl",
        "tools/evaluate.py none --annotations none",
        "tools/make_synthetic_actions.py --root file/none",
        "tools/prepare_dataset.py check --root none",
        "tools/visualize_data.py --config-file none --output pictures",
    ],
)
def test_every_command_ends_in_one_line(command, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    script, *arguments = command.split()
    monkeypatch.syspath_prepend(str(PROJECT / "tools"))
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    with pytest.raises(SystemExit, match="^error: [^\n]*none[^\n]*$"):
        runpy.run_path(str(PROJECT / script), run_name="__main__")
