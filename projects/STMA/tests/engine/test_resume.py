"""A training that was interrupted takes the very steps that it would have taken."""

from __future__ import annotations

import os

import pytest

TRAINING = (
    *("SOLVER.MAX_ITER", "14", "SOLVER.CHECKPOINT_PERIOD", "4", "SOLVER.WARMUP_ITERS", "3"),
    *("SOLVER.EMA.DECAY", "0.9", "DATASETS.TEST", "()", "INPUT.AUGMENTATION.DISTORT_PROB", "0.5"),
    *("INPUT.AUGMENTATION.EXPAND_PROB", "0.5", "INPUT.AUGMENTATION.CROP", "True"),
)
LONG = pytest.mark.skipif("STMA_LONG_TESTS" not in os.environ, reason="set STMA_LONG_TESTS")


@pytest.fixture(scope="module")
def uninterrupted(train_net, tmp_path_factory):
    """Losses and the final checkpoint of a training on so many processes, done once."""
    done = {}

    def run(processes):
        if processes not in done:
            output = tmp_path_factory.mktemp("uninterrupted")
            run = train_net(output, *TRAINING, processes=processes)
            assert run.returncode == 0, run.output
            assert len(run.losses()) == 14
            done[processes] = dict(run.losses()), output / "model_final.pth"
        return done[processes]

    return run


@pytest.mark.parametrize(
    ("processes", "workers", "kills"),
    [
        pytest.param(1, 0, (6, 4), id="no worker"),
        pytest.param(1, 1, (9,), id="one worker"),
        pytest.param(1, 4, (5, 2, 5), id="four workers", marks=LONG),
        pytest.param(2, 1, (5, 6), id="two processes", marks=LONG),
    ],
)
def test_after_kills_the_losses_equal_the_uninterrupted_trainings_to_the_digit(
    uninterrupted,
    killed_train_net,
    train_net,
    assert_same_training,
    tmp_path,
    processes,
    workers,
    kills,
):
    """Killed between two checkpoints, again before the next one, and after the last."""
    losses, final = uninterrupted(processes)
    options = {"processes": processes}
    training = ("--resume", *TRAINING, "DATALOADER.NUM_WORKERS", str(workers))
    told = []
    for after in kills:
        told += killed_train_net(tmp_path, *training, after=after, **options).losses()
    run = train_net(tmp_path, *training, **options)
    assert run.returncode == 0, run.output
    told += run.losses()
    assert {number for number, _ in told} == set(range(14))
    assert told == [(number, losses[number]) for number, _ in told]
    assert_same_training(tmp_path / "model_final.pth", final)
