"""A signal ends the training after the iteration, with a checkpoint."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from detectron2.engine import TrainerBase

from stma_d2.engine.stopping import StopOnSignal
from stma_d2.errors import Stopped


class Training(TrainerBase):
    """A training that gets a signal in its third iteration."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def run_step(self):
        if self.iter == 2:
            os.kill(os.getpid(), self.number)


def train(number, saved, end=5):
    training = Training(number)

    def save():
        saved.append(training.iter)
        return "model_0000002.pth"

    training.register_hooks([StopOnSignal(save)])
    training.train(0, end)


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130)],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_a_signal_ends_the_training_after_its_iteration(number, exit_code):
    before, saved = signal.getsignal(number), []
    with pytest.raises(Stopped, match=r"after iteration 2; --resume .*2\.pth") as stopped:
        train(number, saved)
    assert saved == [2]
    assert stopped.value.exit_code == exit_code
    assert signal.getsignal(number) is before


def test_the_same_signal_from_a_launcher_ends_nothing_early():
    """torchrun passes on what its processes got themselves."""
    saved = []
    training = Training(signal.SIGINT)
    training.run_step = lambda: [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)]
    training.register_hooks([StopOnSignal(lambda: saved.append(training.iter) or "")])
    with pytest.raises(Stopped):
        training.train(0, 5)
    assert saved == [0]


def test_ctrl_c_once_more_ends_at_once(monkeypatch):
    monkeypatch.setattr("stma_d2.engine.stopping._REPEATED", -1)
    training = Training(signal.SIGINT)
    training.run_step = lambda: [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)]
    training.register_hooks([StopOnSignal(lambda: pytest.fail("saved"))])
    with pytest.raises(KeyboardInterrupt):
        training.train(0, 5)


def test_a_training_in_a_thread_leaves_signals_alone():
    before, ends = signal.getsignal(signal.SIGTERM), []

    def run():
        training = Training(0)
        training.register_hooks([StopOnSignal(lambda: "")])
        training.train(0, 5)
        ends.append(signal.getsignal(signal.SIGTERM) is before)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=30)
    assert ends == [True]
