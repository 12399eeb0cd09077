"""Which checkpoints are kept, and how a resumed training's log goes on."""

from __future__ import annotations

import logging

import pytest
from detectron2.checkpoint import DetectionCheckpointer
from detectron2.engine import HookBase, TrainerBase
from detectron2.utils.events import CommonMetricPrinter, EventWriter, get_event_storage
from torch import nn

from stma_d2.engine.hooks import (
    BeforeSaving,
    BestCheckpoint,
    Evaluation,
    LastCheckpoints,
    LogHistory,
    Writers,
)
from stma_d2.errors import InputError


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


def test_a_resumed_training_counts_the_checkpoints_that_it_wrote_before(tmp_path):
    """Not those of another training, nor the best one; and the one that a signal left."""
    saved = checkpointer(tmp_path)
    first = LastCheckpoints(saved, 2, max_to_keep=2)
    for name in ("model_0000002", "model_best", "model_0000090"):  # of another training
        saved.save(name)
    train(tmp_path, first, end=6)
    state = first.state_dict()
    assert state == {"kept": ["model_0000003.pth", "model_0000005.pth"]}
    saved.save("model_0000006")
    second = LastCheckpoints(saved, 2, max_to_keep=2)
    second.load_state_dict(state)
    train(tmp_path, second, start=7, end=9)
    assert names(tmp_path) == [
        *("model_0000002", "model_0000006", "model_0000007", "model_0000090", "model_best"),
        "model_final",
    ]


@pytest.mark.parametrize("name", ["config.yaml", "../model_0000001.pth", "model_final.pth"])
def test_a_state_that_would_have_other_files_removed_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=f"'{name}' among the checkpoints that a training writes"):
        LastCheckpoints(checkpointer(tmp_path), 2, max_to_keep=1).load_state_dict(
            {"kept": ["model_0000003.pth", name]}
        )


class Values(BestCheckpoint):
    """Takes the next of some values as each iteration's evaluation."""

    def __init__(self, folder, values, dataset="val", protocol="moc"):
        super().__init__(checkpointer(folder), "task/metric", dataset, protocol)
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


@pytest.mark.parametrize("changed", [{"dataset": "test"}, {"protocol": "act"}])
def test_the_best_of_another_measure_is_no_longer_the_best(tmp_path, caplog, changed):
    first = Values(tmp_path, [7.0])
    train(tmp_path, first, end=1)
    second = Values(tmp_path, [5.0], **changed)
    second.load_state_dict(first.state_dict())
    train(tmp_path, second, start=1, end=2)
    assert best_iteration(tmp_path) == 1
    (line,) = (r.getMessage() for r in caplog.records if r.levelno == logging.WARNING)
    assert "was by task/metric val moc in the checkpoint and is by" in line


def test_a_best_checkpoint_knows_its_own_value(tmp_path):
    """Saved inside the checkpoint, so that a training that resumes from it does not undercut it."""
    hook = Values(tmp_path, [7.0])
    hook._checkpointer.add_checkpointable("hook", hook)
    train(tmp_path, hook, end=1)
    saved = checkpointer(tmp_path).load(str(tmp_path / "model_best.pth"))
    assert saved["hook"] == {
        **{"best": 7.0, "metric": "task/metric", "dataset": "val", "protocol": "moc"}
    }


def test_a_metric_that_was_not_evaluated_is_told(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        Values(tmp_path, []).update({"other": {"metric": 1.0}})
    assert "task/metric" in caplog.text
    assert names(tmp_path) == []


@pytest.mark.parametrize(("start", "expected"), [(0, [3, 7, 9]), (4, [3, 7, 9]), (5, [7, 9])])
def test_a_training_begins_with_the_evaluation_of_its_checkpoint(start, expected):
    """Each is told under the iteration whose weights it has; the last comes at the end."""
    evaluated = []
    hook = Evaluation(4, lambda: evaluated.append((hook.trainer.iter, hook.trainer.storage.iter)))
    train(None, hook, start=start)
    assert [told for _, told in evaluated] == expected
    assert evaluated[-1][0] == 10


class Told(EventWriter):
    """Remembers which iterations' losses and evaluations it could have told, and when."""

    def __init__(self):
        self.told, self.open = [], True

    def write(self):
        storage = get_event_storage()
        latest = {name: iteration for name, (_, iteration) in storage.latest().items()}
        self.told.append((storage.iter, latest.get("loss"), latest.get("task/metric")))

    def close(self):
        self.open = False


class ToldToLog(Told, CommonMetricPrinter):
    """The same, as the log's."""


def write_training(start=0, end=45, fail_at=None):
    log, told = ToldToLog(), Told()
    evaluation = Evaluation(6, lambda: {"task": {"metric": 1.0}})
    hooks = [evaluation, Writers(lambda: [log, told], eval_period=6)]
    if fail_at is not None:
        hooks.insert(0, FailingAt(fail_at))
    try:
        train(None, *hooks, start=start, end=end)
    except ZeroDivisionError:
        pass
    assert not log.open and not told.open
    return log.told, told.told


class FailingAt(HookBase):
    def __init__(self, iteration):
        self.iteration = iteration

    def after_step(self):
        if self.trainer.iter == self.iteration:
            raise ZeroDivisionError


def test_every_evaluation_is_written_when_it_is_made():
    """And every 20 iterations' losses; the last iteration's with the last evaluation."""
    log, told = write_training()
    evaluations = [5, 11, 17, 23, 29, 35, 41]
    assert [(at, at, at) for at in evaluations] == [line for line in told if line[0] in evaluations]
    assert [at for at, *_ in told] == sorted([*evaluations, 19, 39, 45])
    assert told[-1] == (45, 44, 44)
    assert [at for at, *_ in log] == [19, 39, 44]


@pytest.mark.parametrize(("start", "first"), [(6, (6, None, 5)), (20, (20, None, None))])
def test_a_resumed_training_first_writes_what_was_due_at_its_checkpoint(start, first):
    """Killed between the checkpoint and the line."""
    _, told = write_training(start=start)
    assert told[0] == first


def test_a_training_that_ends_early_writes_no_half_line():
    log, told = write_training(fail_at=8)
    assert [at for at, *_ in told] == [5]
    assert log == []


def test_medians_in_the_log_go_on_after_a_resume(tmp_path):
    whole = train(tmp_path, LogHistory(), end=30).storage
    first = train(tmp_path, LogHistory(), end=25)
    second = train(tmp_path, LogHistory(), start=25, end=30, state=first.state_dict()).storage
    assert second.history("loss").values()[-20:] == whole.history("loss").values()[-20:]
    assert second.latest_with_smoothing_hint() == whole.latest_with_smoothing_hint()


def test_a_long_training_remembers_no_more_than_its_log_tells(tmp_path):
    """The log's estimate of the remaining time is a median over 1000 iterations."""
    values = train(tmp_path, LogHistory(), end=1200).storage.history("loss").values()
    assert values == [(i**2, i) for i in range(200, 1200)]


@pytest.mark.parametrize(
    ("periods", "expected"),
    [((4, 0), [3, 7, 9]), ((4, 3), [2, 3, 5, 7, 8, 9]), ((0, 0), [9])],
)
def test_state_is_prepared_before_what_saves_or_evaluates(tmp_path, periods, expected):
    prepared = []
    hook = BeforeSaving(periods, lambda: prepared.append(hook.trainer.iter))
    train(tmp_path, hook)
    assert prepared == expected
