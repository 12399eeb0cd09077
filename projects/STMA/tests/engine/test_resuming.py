"""What a training can go on from, and what it says of changes."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
import torch

from stma_d2.checkpoint import training_record
from stma_d2.engine import Trainer
from stma_d2.engine.random_state import get_random_state
from stma_d2.engine.resuming import check_state, log_changes
from stma_d2.errors import InputError


@pytest.fixture
def configured(tiny_cfg):
    def configure(*changes):
        cfg = tiny_cfg.clone()
        cfg.merge_from_list(["SOLVER.MAX_ITER", 10, *changes])
        return cfg

    return configure


@pytest.fixture
def state(configured):
    return {
        **{"iteration": 3, "_trainer": {}, "data_seed": 1, "num_windows": 100},
        **{"random_states": [get_random_state()]},
        "settings": training_record(configured(), ()),
    }


def told(caplog):
    return sorted(record.getMessage() for record in caplog.records)


def test_every_changed_key_is_told_in_a_line(state, configured, caplog):
    changes = ("SOLVER.BASE_LR", 1e-3, "MODEL.STMA.LOSS_WEIGHT.SIZE", 0.7)
    augmentation = ("INPUT.AUGMENTATION.CROP_SCALE", (0.5, 1.0))
    unimportant = ("OUTPUT_DIR", "/elsewhere", "DATALOADER.NUM_WORKERS", 7)
    log_changes(state, configured(*changes, *augmentation, *unimportant), 100)
    assert told(caplog) == [
        "INPUT.AUGMENTATION.CROP_SCALE was [0.3, 1.0] in the checkpoint and is [0.5, 1.0] from "
        "here",
        "MODEL.STMA.LOSS_WEIGHT.SIZE was 1.0 in the checkpoint and is 0.7 from here",
        "SOLVER.BASE_LR was 0.0015 in the checkpoint and is 0.001 from here",
    ]


@pytest.mark.parametrize(
    ("changes", "num_windows", "words"),
    [
        (["SEED", 7], 100, "SEED was -1 .* is 7 from here; it has no effect"),
        (["DATASETS.TRAIN", ("another",)], 90, "DATASETS.TRAIN .*order of the data cannot go on"),
        (["SOLVER.IMS_PER_BATCH", 3], 100, "SOLVER.IMS_PER_BATCH .*windows are left out or come"),
        ([], 90, "DATASETS.TRAIN had 100 training windows .* has 90 .*order of the data cannot"),
    ],
)
def test_what_ends_the_order_of_the_data_is_told(
    state, configured, caplog, changes, num_windows, words
):
    log_changes(state, configured(*changes), num_windows)
    (line,) = told(caplog)
    assert re.search(words, line)


def test_nothing_is_told_where_nothing_changed(state, configured, caplog):
    check_state(state, configured())
    log_changes(state, configured(), 100)
    assert told(caplog) == []


def test_a_check_draws_nothing(state, configured):
    states = [get_random_state() for _ in range(2)]
    check_state(state, configured())
    after = get_random_state()
    assert torch.equal(after["torch"], states[0]["torch"])
    assert after["python"] == states[0]["python"]
    np.testing.assert_array_equal(after["numpy"][1], states[0]["numpy"][1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"iteration": 10}, "of iteration 10 and the training ends after 10; raise"),
        ({"iteration": "3"}, "iteration is not .* but '3'"),
        ({"iteration": -3}, "iteration is not .* but '-3'"),
        ({"data_seed": None}, "data_seed is not .* 'None'"),
        ({"random_states": []}, "random_states is not"),
        ({"settings": "none"}, "settings is not"),
    ],
)
def test_a_state_that_no_training_leaves_is_refused(state, configured, change, words):
    with pytest.raises(InputError, match=words):
        check_state({**state, **change}, configured())


@pytest.mark.parametrize("name", ["_trainer", "random_states", "data_seed", "settings"])
def test_a_state_without_a_part_is_refused(state, configured, name):
    del state[name]
    with pytest.raises(InputError, match=f"not hold a whole training \\({name} is missing"):
        check_state(state, configured())


def test_another_network_is_refused_with_the_keys(state, configured):
    with pytest.raises(InputError, match=r"INPUT\.SNIPPET_POSITION was middle and is end\)"):
        check_state(state, configured("INPUT.SNIPPET_POSITION", "end"))


@pytest.mark.usefixtures("synthetic_videos")
def test_a_checkpoint_without_a_training_is_not_resumed(cfg, train):
    train(cfg)
    trainer = Trainer(cfg)
    trainer.checkpointer.checkpointables = {}
    trainer.checkpointer.save("weights")
    with pytest.raises(InputError, match=r"weights\.pth holds weights and no training.*WEIGHTS"):
        Trainer(cfg).resume_or_load(resume=True)


@pytest.mark.usefixtures("synthetic_videos")
def test_a_checkpoint_of_detectron2_s_own_trainer_is_not_resumed(cfg):
    trainer = Trainer(cfg)
    with pytest.raises(InputError, match="does not hold a whole training"):
        trainer.load_state_dict({"iteration": 3})


@pytest.mark.usefixtures("synthetic_videos")
def test_a_training_that_went_further_is_not_resumed(cfg, train):
    train(cfg)
    cfg.SOLVER.MAX_ITER = 4
    with pytest.raises(InputError, match=r"of iteration 5 .* ends after 4; raise SOLVER\.MAX_ITER"):
        train(cfg, resume=True)


@pytest.mark.usefixtures("synthetic_videos")
def test_another_architecture_is_refused_with_file_keys_and_advice(cfg, train):
    train(cfg)
    cfg.MODEL.STMA.HEAD_CHANNELS = 16
    path = f"{cfg.OUTPUT_DIR}/model_final.pth"
    with pytest.raises(InputError) as refused:
        train(cfg, resume=True)
    message = str(refused.value)
    assert message.startswith(f"cannot go on from {path}: ")
    assert "MODEL.STMA.HEAD_CHANNELS 8, now 16" in message
    assert message.endswith(f"its weights: MODEL.WEIGHTS {path} and another OUTPUT_DIR")
    assert "OTHER_SETTINGS" not in message


def edits():
    """What somebody may do to a checkpoint's training state."""

    def set_at(*path, value):
        def edit(state):
            *folders, name = path
            for folder in folders:
                state = state[folder]
            state[name] = value

        return edit

    parameter = "center_head.layers.0.weight"
    moments = ("_trainer", "optimizer", parameter)
    yield set_at("hooks", value=3)
    yield set_at("hooks", "BestCheckpoint", value={"best": "high"})
    yield set_at("hooks", "LogHistory", value={"loss": 3})
    yield set_at("hooks", "LastCheckpoints", value={})
    yield set_at("hooks", "WeightAveraging", value={"trained": {}, "iterations": 3})
    yield set_at("_trainer", value=[])
    yield set_at("_trainer", "optimizer", value=None)
    yield set_at(*moments, value={"exp_avg": torch.zeros(3)})
    yield set_at(*moments, "exp_avg", value=torch.full((8, 80, 3, 3), torch.nan))
    yield set_at("settings", "config", value="none")
    yield set_at("settings", value=[1])
    yield set_at("num_windows", value=None)
    yield set_at("random_states", value=[{}])
    yield set_at("random_states", value=7)
    yield set_at("random_states", 0, "torch", value=torch.zeros(3))


@pytest.mark.usefixtures("synthetic_videos")
def test_a_training_state_that_was_changed_by_hand_is_refused_in_one_message(cfg, train):
    cfg.SOLVER.EMA.DECAY = 0.5
    train(cfg, interrupt_at=3)
    path = f"{cfg.OUTPUT_DIR}/model_0000001.pth"
    before = torch.load(path)
    trainer = Trainer(cfg)
    for state in (*map(edited(before), edits()), 5):
        torch.save({**before, "trainer": state}, path)
        with pytest.raises(InputError, match=rf"cannot go on from {path}: .*MODEL\.WEIGHTS"):
            trainer.resume_or_load(resume=True)


def edited(checkpoint):
    def apply(edit):
        state = copy.deepcopy(checkpoint["trainer"])
        edit(state)
        return state

    return apply
