"""Processes leave signals to the one that started them, and end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest

from stma_d2.child_process import end_with_parent, outlive_signals


def work(connection):
    end_with_parent()
    connection.send("begun")
    time.sleep(60)


def start_worker(connection):
    multiprocessing.get_context("fork").Process(target=work, args=(connection,)).start()
    time.sleep(60)


def test_a_process_ends_when_its_parent_is_killed():
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    parent = context.Process(target=start_worker, args=(theirs,))
    parent.start()
    theirs.close()
    assert ours.recv() == "begun"
    parent.kill()
    assert ours.poll(30), "the child lives on"
    with pytest.raises(EOFError):
        ours.recv()


def outlive(ready):
    outlive_signals()
    ready.set()
    time.sleep(60)


def test_a_worker_outlives_signals_for_a_while(monkeypatch):
    monkeypatch.setattr("stma_d2.child_process._GRACE", 1)
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    worker = context.Process(target=outlive, args=(ready,))
    worker.start()
    assert ready.wait(timeout=30)
    os.kill(worker.pid, signal.SIGINT)
    os.kill(worker.pid, signal.SIGTERM)
    worker.join(timeout=0.5)
    assert worker.is_alive()
    worker.join(timeout=30)
    assert worker.exitcode == -signal.SIGALRM
