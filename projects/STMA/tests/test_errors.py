"""How entry points end."""

from __future__ import annotations

import pytest
from torch._utils import ExceptionWrapper

from stma_d2.errors import InputError, clear_exit


@pytest.mark.parametrize("kind", [InputError, FileNotFoundError, FileExistsError])
def test_the_message_alone_is_shown(kind):
    with pytest.raises(SystemExit) as ended, clear_exit():
        raise kind("a.pkl: nothing in it")
    assert ended.value.code == "error: a.pkl: nothing in it"


@pytest.mark.parametrize("kind", [InputError, FileNotFoundError])
def test_the_stack_trace_of_a_loaders_worker_is_left_out(kind):
    with pytest.raises(SystemExit) as ended, clear_exit():
        try:
            raise kind("video 'v': frame 3 is missing")
        except kind:
            wrapped = ExceptionWrapper(where="in DataLoader worker process 0")
        wrapped.reraise()
    assert ended.value.code == "error: video 'v': frame 3 is missing"


def test_a_bug_keeps_its_stack_trace():
    with pytest.raises(ZeroDivisionError), clear_exit():
        1 / 0  # noqa: B018
