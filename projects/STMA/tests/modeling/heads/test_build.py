"""Heads by name: another one than ours."""

from __future__ import annotations

from detectron2.modeling import build_model

from stma_d2.modeling.heads import TUBELET_HEAD_REGISTRY, CenterHead, MovementHead


class AnotherHead(MovementHead):
    """A user's own."""


def test_a_registered_head_is_built_by_its_name(tiny_cfg, monkeypatch):
    monkeypatch.setitem(TUBELET_HEAD_REGISTRY._obj_map, "AnotherHead", AnotherHead)
    tiny_cfg.MODEL.STMA.MOVEMENT.NAME = "AnotherHead"
    model = build_model(tiny_cfg)
    assert type(model.movement_head) is AnotherHead
    assert type(model.center_head) is CenterHead
