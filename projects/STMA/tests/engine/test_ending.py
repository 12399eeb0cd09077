"""Processes that are told to end."""

from __future__ import annotations

import subprocess
import sys

from stma_d2.engine.ending import end_processes

READY = "print('ready', flush=True); time.sleep(60)"
OBEDIENT = f"import time; {READY}"
DEAF = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {READY}"


def start(program):
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def test_who_does_not_end_in_time_is_killed_and_who_has_ended_is_left_alone():
    ended = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    ended.wait()
    processes = [start(DEAF), start(OBEDIENT), ended]
    end_processes(processes, grace=1)
    assert [process.returncode for process in processes] == [-9, -15, 3]
