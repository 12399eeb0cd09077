"""Checking a configuration that was changed in Python."""

from __future__ import annotations

import pytest

from stma_d2.config import check_values, load_config
from stma_d2.errors import InputError


def test_a_changed_configuration_is_checked_again():
    cfg = load_config("")
    check_values(cfg)
    cfg.TEST.CLIP_STRIDE = -1
    with pytest.raises(InputError, match=r"^TEST.CLIP_STRIDE is -1; it must be a whole number, at"):
        check_values(cfg)


def test_the_file_of_a_value_is_named():
    cfg = load_config("")
    cfg.SOLVER.MOMENTUM = 0.5
    with pytest.raises(InputError, match=r"^SOLVER.MOMENTUM is 0.5 \(mine.yaml\), but nothing"):
        check_values(cfg, {"SOLVER.MOMENTUM": "mine.yaml", "SOLVER.GAMMA": "another.yaml"})


@pytest.mark.parametrize(
    "channels", [["MODEL.STMA.HEAD_CHANNELS", 40], ["MODEL.STMA.SIZE.HEAD_CHANNELS", 8]]
)
def test_group_normalization_needs_channels_that_it_can_group(channels):
    load_config("", ["MODEL.STMA.HEAD_NORM", "GN"])
    with pytest.raises(InputError, match=rf"^MODEL.STMA.HEAD_NORM is 'GN', .*{channels[0]} must"):
        load_config("", ["MODEL.STMA.HEAD_NORM", "GN", *channels])


@pytest.mark.parametrize("key", ["MODEL.BACKBONE.NORM", "MODEL.STMA.HEAD_NORM"])
def test_processes_of_a_group_on_cpus_do_not_synchronize_normalization(key, monkeypatch):
    """Not even a group of one, as ``torchrun --nproc_per_node 1`` makes it."""
    cfg = load_config("", ["MODEL.DEVICE", "cpu", key, "SyncBN"])
    monkeypatch.setattr("stma_d2.config.values.dist.is_initialized", lambda: True)
    with pytest.raises(InputError, match=f"^{key} is 'SyncBN', which processes of a group cannot"):
        check_values(cfg)


def test_several_processes_do_not_share_one_gpu_by_its_number(monkeypatch):
    cfg = load_config("", ["MODEL.DEVICE", "cpu"])
    cfg.MODEL.DEVICE = "cuda:1"
    check_values(cfg)
    monkeypatch.setattr("stma_d2.config.values.comm.get_world_size", lambda: 2)
    with pytest.raises(InputError, match="^MODEL.DEVICE is 'cuda:1', one GPU for 2 processes"):
        check_values(cfg)
    cfg.MODEL.DEVICE = "cuda"
    check_values(cfg)
