"""The trainer: what it goes on with and starts from, and that evaluations do not disturb it."""

from __future__ import annotations

import errno
import json
import logging
import os
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
import torch.distributed as dist

from stma_d2.checkpoint import TubeletCheckpointer
from stma_d2.engine import Trainer
from stma_d2.errors import InputError

VIDEOS = "synthetic_videos"
pytestmark = pytest.mark.usefixtures(VIDEOS)


def test_an_interrupted_last_iteration_is_not_evaluated(cfg, train):
    cfg.DATASETS.TEST = (VIDEOS,)
    train(cfg, interrupt_at=5)
    assert not os.path.exists(f"{cfg.OUTPUT_DIR}/inference")
    train(cfg, resume=True)
    assert os.path.exists(f"{cfg.OUTPUT_DIR}/inference/{VIDEOS}/metrics.json")


def test_an_interrupted_evaluation_is_made_up_for(cfg, train, interrupted, tmp_path, monkeypatch):
    """The best checkpoint, here the first evaluation's, is the undisturbed training's."""
    cfg.DATASETS.TEST = (VIDEOS,)
    cfg.TEST.EVAL_PERIOD = 2
    train(cfg)
    undisturbed = torch.load(f"{cfg.OUTPUT_DIR}/model_best.pth")
    cfg.OUTPUT_DIR = str(tmp_path / "interrupted")
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "test", Mock(side_effect=interrupted))
        train(cfg, interrupt_at=5)
    assert not os.path.exists(f"{cfg.OUTPUT_DIR}/model_best.pth")
    train(cfg, resume=True)
    resumed = torch.load(f"{cfg.OUTPUT_DIR}/model_best.pth")
    assert resumed["iteration"] == undisturbed["iteration"]
    assert all(torch.equal(resumed["model"][k], v) for k, v in undisturbed["model"].items())


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_a_training_that_was_killed_before_its_final_file_writes_it(
    cfg, train, interrupted, tmp_path, monkeypatch, assert_same_training, decay
):
    """Against the undisturbed training's; a resume of it finds nothing left to do."""
    cfg.SOLVER.EMA.DECAY = decay
    train(cfg)
    undisturbed = f"{cfg.OUTPUT_DIR}/model_final.pth"
    cfg.OUTPUT_DIR = str(tmp_path / "killed")
    save = TubeletCheckpointer.save

    def killed(self, name, **content):
        if name == "model_final":
            raise interrupted
        save(self, name, **content)

    with monkeypatch.context() as patched:
        patched.setattr(TubeletCheckpointer, "save", killed)
        with pytest.raises(interrupted):
            train(cfg)
    assert not os.path.exists(f"{cfg.OUTPUT_DIR}/model_final.pth")
    for _ in range(2):
        assert not train(cfg, resume=True).losses
        assert_same_training(f"{cfg.OUTPUT_DIR}/model_final.pth", undisturbed)


def test_a_finished_training_is_evaluated_again_under_its_own_iteration(cfg, train):
    cfg.DATASETS.TEST = (VIDEOS,)
    train(cfg)
    train(cfg, resume=True)
    lines = [json.loads(line) for line in open(f"{cfg.OUTPUT_DIR}/metrics.json")]
    evaluated = [line for line in lines if "action_detection/frame_mAP@0.5" in line]
    assert [line["iteration"] for line in evaluated] == [5]


def test_evaluations_do_not_change_a_training(cfg, train, tmp_path):
    cfg.SOLVER.EMA.DECAY = 0.5
    without = train(cfg).losses
    cfg.OUTPUT_DIR = str(tmp_path / "evaluated")
    cfg.DATASETS.TEST = (VIDEOS,)
    cfg.TEST.EVAL_PERIOD = 4
    assert train(cfg).losses == without


def test_a_resumed_training_follows_the_configurations_solver(cfg, train, caplog):
    train(cfg, interrupt_at=3)
    cfg.SOLVER.BASE_LR, cfg.SOLVER.BIAS_LR_FACTOR = 0.004, 2.0
    cfg.SOLVER.WEIGHT_DECAY = 0.01
    cfg.SOLVER.LR_SCHEDULER_NAME, cfg.SOLVER.STEPS = "WarmupMultiStepLR", (4,)
    cfg.SOLVER.WARMUP_ITERS = 0
    with caplog.at_level(logging.WARNING):
        resumed = train(cfg, resume=True)
    assert resumed.rates == {
        **{2: pytest.approx(0.004), 3: pytest.approx(0.004)},
        **{4: pytest.approx(0.0004), 5: pytest.approx(0.0004)},
    }
    assert "SOLVER.BASE_LR was 0.0015 in the checkpoint and is 0.004 from here" in caplog.text
    assert "SOLVER.LR_SCHEDULER_NAME was WarmupCosineLR" in caplog.text


def test_the_average_goes_into_checkpoints_and_the_training_into_resumed_ones(cfg, train, tmp_path):
    """The average lags behind; a training that resumes has its own weights."""
    plain = train(cfg)
    cfg.SOLVER.EMA.DECAY = 0.9
    cfg.OUTPUT_DIR = str(tmp_path / "averaged")
    first = train(cfg, interrupt_at=3)
    second = train(cfg, resume=True)
    assert first.losses | second.losses == plain.losses
    plain, averaged = (
        torch.load(tmp_path / name / "model_final.pth") for name in ("output", "averaged")
    )
    trained = averaged["trainer"]["hooks"]["WeightAveraging"]["trained"]
    name = next(name for name in trained if name.startswith("center_head"))
    assert torch.equal(trained[name], plain["model"][name])
    assert not torch.equal(averaged["model"][name], plain["model"][name])


def test_a_training_whose_average_ends_goes_on_with_trained_weights(cfg, train, tmp_path, caplog):
    plain = train(cfg)
    cfg.SOLVER.EMA.DECAY, cfg.OUTPUT_DIR = 0.9, str(tmp_path / "averaged")
    train(cfg, interrupt_at=3)
    cfg.SOLVER.EMA.DECAY = 0.0
    with caplog.at_level(logging.WARNING):
        resumed = train(cfg, resume=True)
    assert resumed.losses == {i: loss for i, loss in plain.losses.items() if i >= 2}
    assert "EMA.DECAY was 0.9 in the checkpoint and is 0.0 from here; the trained" in caplog.text
    assert "Cannot find" not in caplog.text


def test_a_training_whose_average_begins_goes_on_with_its_weights(cfg, train):
    plain = train(cfg)
    train(cfg, interrupt_at=3)
    cfg.SOLVER.EMA.DECAY = 0.9
    resumed = train(cfg, resume=True)
    assert resumed.losses == {i: loss for i, loss in plain.losses.items() if i >= 2}
    saved = torch.load(f"{cfg.OUTPUT_DIR}/model_final.pth")
    assert saved["trainer"]["hooks"]["WeightAveraging"]["iterations"] == 4


def test_a_second_training_in_the_same_folder_shares_nothing_with_the_first(cfg, train, caplog):
    """Its metrics.json is its own, and a damaged checkpoint does not bring the first one back."""
    cfg.DATASETS.TEST = (VIDEOS,)
    cfg.TEST.EVAL_PERIOD = 3
    train(cfg)
    first = open(f"{cfg.OUTPUT_DIR}/metrics.json").read()
    train(cfg, interrupt_at=3)
    assert open(f"{cfg.OUTPUT_DIR}/metrics.earlier-1.json").read() == first
    assert "is of an earlier training and is now metrics.earlier-1.json" in caplog.text
    assert open(f"{cfg.OUTPUT_DIR}/last_checkpoint").read() == "model_best.pth"
    for name in ("model_best", "model_0000001"):
        os.truncate(f"{cfg.OUTPUT_DIR}/{name}.pth", 100)
    with pytest.raises(InputError, match="no other good checkpoint of this training"):
        train(cfg, resume=True)


def test_a_training_does_not_start_from_weights_that_it_writes_over(cfg, train):
    cfg.SOLVER.MAX_ITER = 2
    train(cfg)
    cfg.MODEL.WEIGHTS = f"{cfg.OUTPUT_DIR}/model_final.pth"
    content = Path(cfg.MODEL.WEIGHTS).read_bytes()
    with pytest.raises(InputError, match=r"MODEL\.WEIGHTS .*model_final\.pth is .* in OUTPUT_DIR"):
        train(cfg)
    assert Path(cfg.MODEL.WEIGHTS).read_bytes() == content
    cfg.SOLVER.MAX_ITER = 4
    assert sorted(train(cfg, resume=True).losses) == [2, 3]


def test_a_full_disk_ends_the_training_with_one_message(cfg, train, monkeypatch):
    def fail(self):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("stma_d2.engine.metrics_file.MetricsFile.write", fail)
    with pytest.raises(InputError, match="OUTPUT_DIR .* No space left on device.*--resume"):
        train(cfg)


def test_a_test_set_with_other_labels_than_the_training_set_is_refused(cfg, monkeypatch):
    labels = {VIDEOS: ["run", "jump"], "others": ["jump", "run"]}
    monkeypatch.setattr("stma_d2.engine.trainer.build_evaluators", lambda *arguments: [])
    monkeypatch.setattr("stma_d2.engine.evaluation.known_labels", labels.get)
    cfg.DATASETS.TEST = ("others",)
    with pytest.raises(InputError, match=f"'{VIDEOS}' and 'others' .*'run' there is 'jump' here"):
        Trainer(cfg)


def train_on_a_pyramid(rank, cfg, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=2)
    trainer = Trainer(cfg)
    trainer.resume_or_load(resume=False)
    trainer.train()
    unused = trainer._trainer.inner_model.backbone.fpn_output5.weight
    record = {"iterations": trainer.iter, "unused": unused.grad is None}
    (folder / f"{rank}.json").write_text(json.dumps(record))


def test_several_processes_train_on_one_level_of_detectron2_s_pyramid(cfg, in_processes):
    """Its other levels have no part in the loss, which DDP refuses unless it is told."""
    stages = ["res2", "res3", "res4", "res5"]
    cfg.merge_from_list(
        [
            *("MODEL.BACKBONE.NAME", "build_resnet_fpn_backbone", "MODEL.BACKBONE.OUT_FEATURE"),
            *("p2", "MODEL.RESNETS.DEPTH", 18, "MODEL.RESNETS.RES2_OUT_CHANNELS", 64),
            *("MODEL.RESNETS.OUT_FEATURES", stages, "MODEL.FPN.IN_FEATURES", stages),
            *("MODEL.FPN.OUT_CHANNELS", 16, "MODEL.BACKBONE.STEM_CHANNELS", 32),
            *("SOLVER.MAX_ITER", 3),
        ]
    )
    records = in_processes(train_on_a_pyramid, [(rank, cfg) for rank in range(2)])
    assert records == [{"iterations": 3, "unused": True}] * 2


def test_our_backbones_refuse_to_freeze_stages(cfg):
    cfg.MODEL.BACKBONE.FREEZE_AT = 2
    with pytest.raises(InputError, match=r"build_small_resnet_backbone.*FREEZE_AT 2"):
        Trainer(cfg)


def test_detectron2_s_resnets_freeze_stages(cfg):
    cfg.MODEL.BACKBONE.NAME = "build_resnet_backbone"
    cfg.MODEL.BACKBONE.STEM_CHANNELS = 32  # the default: this backbone does not read it
    cfg.MODEL.RESNETS.DEPTH, cfg.MODEL.RESNETS.RES2_OUT_CHANNELS = 18, 64
    cfg.MODEL.RESNETS.OUT_FEATURES = ["res2"]
    cfg.MODEL.RESNETS.NORM = "BN"
    cfg.MODEL.BACKBONE.FREEZE_AT = 1
    trainer = Trainer(cfg)
    parameters = dict(trainer.model.backbone.named_parameters())
    frozen = {name.split(".")[0] for name, p in parameters.items() if not p.requires_grad}
    assert frozen == {"stem"}
    trained = {p for group in trainer.optimizer.param_groups for p in group["params"]}
    assert not trained & {p for p in parameters.values() if not p.requires_grad}
