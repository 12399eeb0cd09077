"""Heads by name: another one than ours."""

from __future__ import annotations

from detectron2.modeling import build_model

from stma_d2.modeling.heads import TUBELET_HEAD_REGISTRY, TwoConvHead, build_movement_head


def test_a_registered_head_is_built_by_its_name(tiny_cfg, monkeypatch):
    another = build_movement_head(
        tiny_cfg, build_model(tiny_cfg).backbone.output_shape()["features"]
    )
    monkeypatch.setitem(
        TUBELET_HEAD_REGISTRY._obj_map, "build_another_head", lambda cfg, input_shape: another
    )
    tiny_cfg.MODEL.STMA.MOVEMENT.NAME = "build_another_head"
    model = build_model(tiny_cfg)
    assert model.movement_head is another
    assert type(model.center_head) is TwoConvHead
