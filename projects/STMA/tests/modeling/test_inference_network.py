"""Which network inference runs: always that of the present weights, and never the trained one."""

from __future__ import annotations

import copy

import pytest
import torch
from detectron2.modeling import build_model

from stma_d2.modeling import DetectorState, TubeletDetector
from stma_d2.modeling.backbone import SharedStemNet3D, SmallResNeXt3D
from stma_d2.modeling.inference_network import InferenceNetwork


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["MODEL.BACKBONE.NORM", "FrozenBN", "MODEL.BACKBONE_3D.NORM", "FrozenBN"],
        ["MODEL.BACKBONE.NORM", "SyncBN", "MODEL.BACKBONE_3D.NORM", "SyncBN"],
        ["MODEL.BACKBONE.NAME", "build_dla34_backbone", "MODEL.STMA.HEAD_NORM", ""],
        ["MODEL.BACKBONE_3D.NAME", "", "MODEL.STMA.ACTION.ATTENTION", "cfam"],
        ["MODEL.BACKBONE.NAME", "build_timm_fpn_backbone", "MODEL.BACKBONE.TIMM_NAME", "resnet18"]
        + ["MODEL.BACKBONE.OUT_FEATURE", "p2"],
    ],
    ids=["plain", "frozen", "sync", "DLA-34", "2D only", "timm"],
)
def test_tubelets_are_those_of_the_network_as_trained(
    with_statistics, tiny_cfg, changes, make_sample, assert_same_tubelets
):
    tiny_cfg.merge_from_list(changes)
    torch.manual_seed(0)
    model = with_statistics(build_model(tiny_cfg))
    before = copy.deepcopy(model.state_dict())
    detector, sample = TubeletDetector(model), make_sample(tiny_cfg, num_windows=3)
    plain = detector.step(DetectorState(model), sample)
    state = detector.init_state()
    assert state.network is not model
    assert_same_tubelets(detector.step(state, sample), plain)
    assert all(torch.equal(before[name], v) for name, v in model.state_dict().items())


@pytest.mark.parametrize("how", ["training", "loading", "statistics", "averaging"])
def test_new_weights_are_seen(tiny_cfg, tiny_model, make_sample, assert_same_tubelets, how):
    detector, sample = TubeletDetector(tiny_model), make_sample(tiny_cfg, num_instances=1)
    old = detector.init_state()
    assert detector.init_state().network is old.network
    if how == "training":
        optimizer = torch.optim.Adam(tiny_model.parameters(), lr=0.01)
        sum(tiny_model.train()([sample]).values()).backward()
        optimizer.step()
        tiny_model.eval()
    elif how == "loading":
        states = {k: v * 1.1 if v.dim() else v for k, v in tiny_model.state_dict().items()}
        tiny_model.load_state_dict(states)
    elif how == "statistics":
        with torch.no_grad():
            tiny_model.train()([sample])
        tiny_model.eval()
    else:
        with torch.no_grad():
            torch._foreach_mul_(list(tiny_model.parameters()), 1.1)
    state = detector.init_state()
    assert state.network is not old.network
    plain = detector.step(DetectorState(tiny_model), sample)
    assert_same_tubelets(detector.step(state, sample), plain)
    assert not torch.equal(plain.scores, detector.step(old, sample).scores)


def test_networks_in_training_or_compiled_run_as_they_are(tiny_model):
    assert isinstance(InferenceNetwork(tiny_model, False).get().backbone_3d, SharedStemNet3D)
    assert InferenceNetwork(tiny_model.train(), False).get() is tiny_model
    tiny_model.eval().backbone.compile()
    assert InferenceNetwork(tiny_model, False).get() is tiny_model


@torch.no_grad()
def test_the_2d_backbone_keeps_its_channels_last_and_the_heads_do_not(
    tiny_cfg, tiny_model, make_sample
):
    layouts = []
    layout = {"memory_format": torch.channels_last}
    network = InferenceNetwork(tiny_model, amp=False).get()
    convolutions = {
        "trained": tiny_model.backbone.smooth[2],
        "backbone": network.backbone.backbone.smooth[2],
        "center": network.center_head.layers[0],
    }
    for name, conv in convolutions.items():
        conv.register_forward_pre_hook(
            lambda _, inputs, name=name: layouts.append((name, inputs[0].is_contiguous(**layout)))
        )
    sample = make_sample(tiny_cfg)
    tiny_model.frame_features(sample["frames"])
    network.center_head(network.frame_features(sample["frames"]).features[sample["snippet_index"]])
    assert layouts == [("trained", False), ("backbone", True), ("center", False)]


def test_a_3d_network_that_does_more_keeps_doing_it(tiny_cfg, make_sample):
    class Doubled(SmallResNeXt3D):
        def forward(self, x):
            return 2 * super().forward(x)

    model = build_model(tiny_cfg).eval()
    model.backbone_3d = Doubled(tiny_cfg.MODEL.BACKBONE_3D.STEM_CHANNELS).eval()
    sample = make_sample(tiny_cfg)
    with torch.no_grad():
        expected, found = (
            network.clip_features(sample["frames"], sample["clip_index"])
            for network in (model, InferenceNetwork(model, amp=False).get())
        )
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_16_bits_are_cast_once(tiny_model):
    network = InferenceNetwork(tiny_model, True).get()
    assert {p.dtype for p in network.backbone_3d.parameters()} == {torch.bfloat16}
    assert network.center_head.layers[2].weight is tiny_model.center_head.layers[2].weight
