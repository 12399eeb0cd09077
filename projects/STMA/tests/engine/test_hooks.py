"""Which checkpoints are kept, and how a resumed training's log goes on."""

from __future__ import annotations

import logging

import pytest
from detectron2.checkpoint import DetectionCheckpointer
from detectron2.engine import TrainerBase
from torch import nn

from stma_d2.engine.hooks import (
    BeforeSaving,
    BestCheckpoint,
    Evaluation,
    LastCheckpoints,
    LogHistory,
)


class Training(TrainerBase):
    """A training whose loss in iteration i is i squared."""

    def run_step(self):
        self.storage.put_scalar("loss", self.iter**2)


def train(folder, *hooks, start=0, end=10, state=None):
    training = Training()
    training.register_hooks(hooks)
    if state is not None:
        training.load_state_dict(state)
    training.train(start, end)
    return training


def checkpointer(folder):
    return DetectionCheckpointer(nn.Linear(1, 1), str(folder))


def names(folder):
    return sorted(path.stem for path in folder.glob("*.pth"))


def test_the_newest_checkpoints_are_kept_and_the_final_one(tmp_path):
    train(tmp_path, LastCheckpoints(checkpointer(tmp_path), 2, max_to_keep=2))
    assert names(tmp_path) == ["model_0000007", "model_0000009", "model_final"]


def test_a_resumed_training_counts_the_checkpoints_that_were_there(tmp_path):
    """One that a signal left counts, one of a later iteration does not."""
    saved = checkpointer(tmp_path)
    for name in ("model_0000001", "model_0000002", "model_0000003", "model_best", "model_0000007"):
        saved.save(name)
    train(tmp_path, LastCheckpoints(saved, 2, max_to_keep=2), start=4, end=6)
    assert names(tmp_path) == [
        *("model_0000003", "model_0000005", "model_0000007", "model_best", "model_final")
    ]


class Values(BestCheckpoint):
    """Takes the next of some values as each iteration's evaluation."""

    def __init__(self, folder, values):
        super().__init__(checkpointer(folder), "task/metric")
        self.values = iter(values)

    def after_step(self):
        self.update({"task": {"metric": next(self.values)}})


def best_iteration(folder):
    return checkpointer(folder).load(str(folder / "model_best.pth"))["iteration"]


def test_the_best_evaluation_is_kept_over_a_resume(tmp_path):
    first = Values(tmp_path, [1.0, 7.0, 3.0])
    train(tmp_path, first, end=3)
    assert best_iteration(tmp_path) == 1
    second = Values(tmp_path, [5.0, 6.9])
    second.load_state_dict(first.state_dict())
    train(tmp_path, second, start=3, end=5)
    assert best_iteration(tmp_path) == 1
    third = Values(tmp_path, [7.5])
    third.load_state_dict(second.state_dict())
    train(tmp_path, third, start=5, end=6)
    assert best_iteration(tmp_path) == 5


def test_a_best_checkpoint_knows_its_own_value(tmp_path):
    """Saved inside the checkpoint, so that a training that resumes from it does not undercut it."""
    hook = Values(tmp_path, [7.0])
    hook._checkpointer.add_checkpointable("hook", hook)
    train(tmp_path, hook, end=1)
    saved = checkpointer(tmp_path).load(str(tmp_path / "model_best.pth"))
    assert saved["hook"] == {"best": 7.0}


def test_a_metric_that_was_not_evaluated_is_told(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        Values(tmp_path, []).update({"other": {"metric": 1.0}})
    assert "task/metric" in caplog.text
    assert names(tmp_path) == []


@pytest.mark.parametrize(("start", "expected"), [(0, [3, 7, 10]), (4, [3, 7, 10]), (5, [7, 10])])
def test_a_training_begins_with_the_evaluation_of_its_checkpoint(start, expected):
    """The last one comes after the last iteration, as Detectron2 has it."""
    evaluated = []
    hook = Evaluation(4, lambda: evaluated.append((hook.trainer.iter, hook.trainer.storage.iter)))
    train(None, hook, start=start)
    assert evaluated == [(iteration, iteration) for iteration in expected]


def test_medians_in_the_log_go_on_after_a_resume(tmp_path):
    whole = train(tmp_path, LogHistory(), end=30).storage
    first = train(tmp_path, LogHistory(), end=25)
    second = train(tmp_path, LogHistory(), start=25, end=30, state=first.state_dict()).storage
    assert second.history("loss").values()[-20:] == whole.history("loss").values()[-20:]
    assert second.latest_with_smoothing_hint() == whole.latest_with_smoothing_hint()


@pytest.mark.parametrize(
    ("periods", "expected"),
    [((4, 0), [3, 7, 9]), ((4, 3), [2, 3, 5, 7, 8, 9]), ((0, 0), [9])],
)
def test_state_is_prepared_before_what_saves_or_evaluates(tmp_path, periods, expected):
    prepared = []
    hook = BeforeSaving(periods, lambda: prepared.append(hook.trainer.iter))
    train(tmp_path, hook)
    assert prepared == expected
