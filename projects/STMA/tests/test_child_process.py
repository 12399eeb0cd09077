"""Processes end with the one that started them."""

from __future__ import annotations

import multiprocessing
import time

import pytest

from stma_d2.child_process import end_with_parent


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
