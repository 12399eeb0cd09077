"""The parts of a network, put together again, are the network."""

from __future__ import annotations

import pytest
import torch

from stma_d2.deployment.exported import ExportedNetwork
from stma_d2.deployment.parts import traced
from stma_d2.modeling import TubeletDetector

KINDS = ["stma", "causal", "cfam, one frame", "without excitation", "moc"]


def strides(model):
    return {"heatmap": model.stride, "action": model.action_head and model.action_stride}


@torch.no_grad()
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_detector_finds_the_networks_tubelets(
    make_network, parts_of, make_sample, assert_same_tubelets, kind, flip
):
    cfg, model = make_network(kind)
    modules = {name: part.module for name, part in parts_of(cfg, model).items()}
    network = ExportedNetwork(modules, cfg, strides(model))
    assert network.has_clips == bool(cfg.MODEL.BACKBONE_3D.NAME)
    found, expected = (
        detector.step(detector.init_state(), make_sample(cfg, num_windows=3))
        for detector in (TubeletDetector(network, flip=flip), TubeletDetector(model, flip=flip))
    )
    assert_same_tubelets(found, expected)
    assert expected.scores.max() > 0.01


@torch.no_grad()
def test_a_part_holds_what_it_runs_and_no_more(make_network, parts_of):
    parts = parts_of(*make_network("stma"))
    held = {
        name: {key.split(".")[1] for key in part.module.state_dict()}
        for name, part in parts.items()
    }
    assert held == {
        "frames": {"backbone", "size_head", "action_head"},
        "clips": {"backbone_3d"},
        "windows": {"center_head", "movement_head", "action_head"},
    }
    assert {name: list(part.examples) for name, part in parts.items()} == {
        "frames": ["frames"],
        "clips": ["clips"],
        "windows": ["features", "action", "clips"],
    }


@torch.no_grad()
def test_a_traced_part_takes_any_number_of_rows_and_names_no_file(
    make_network, parts_of, other_rows
):
    part = parts_of(*make_network("cfam, one frame"))["windows"]
    program = traced(part)
    for inputs in other_rows(part):
        for found, expected in zip(program.module()(*inputs), part.module(*inputs), strict=True):
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert not any("stack_trace" in node.meta for node in program.graph.nodes)
