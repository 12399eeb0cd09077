from __future__ import annotations

import pytest

from stma_d2.data.datasets.multisports import LABELS
from stma_d2.errors import InputError
from stma_d2.evaluation import METRICS, PROTOCOLS, get_protocol
from stma_d2.linking import Suppression


def test_unknown_protocol_is_refused_with_those_that_exist():
    with pytest.raises(InputError, match="'coco'; there are moc, act, voc, multisports"):
        get_protocol("coco")


def test_published_rules():
    moc, act, voc = (get_protocol(name) for name in ("moc", "act", "voc"))
    assert moc.frame_nms == Suppression(0.6, soft=True)
    assert moc.linking.tubelet_nms == Suppression(0.6, soft=True)
    assert (moc.linking.min_overlap, moc.linking.max_gap) == (0.5, None)
    assert (moc.linking.min_tube_score, moc.linking.min_tube_length) == (0.005, 15)
    assert act.frame_nms == act.linking.tubelet_nms == Suppression(0.3, soft=False)
    assert (act.linking.min_overlap, act.linking.max_gap) == (0.2, 5)
    assert (act.linking.min_tube_score, act.linking.min_tube_length) == (0.01, 15)
    assert {p.tube_nms_iou for p in PROTOCOLS.values()} == {0.3}
    assert (moc.average_precision, voc.average_precision) == ("trapezoid", "envelope")
    assert moc.rematch and act.rematch and not voc.rematch


def test_only_what_is_not_comparable_is_labelled_so():
    titles = {name: protocol.title for name, protocol in PROTOCOLS.items()}
    assert (titles["moc"], titles["act"]) == ("moc", "act")
    assert titles["voc"] == "voc (not comparable)"
    assert titles["multisports"] == "multisports (not comparable)"


def test_rules_beside_the_protocol_belong_to_the_copy_and_are_named():
    changed = get_protocol("moc", min_tubelet_score=0.1, trim_to_key_frames=True)
    assert (changed.linking.min_tubelet_score, changed.linking.trim_to_key_frames) == (0.1, True)
    assert changed.changes == ", tubelets below 0.1 dropped, tubes cut back to key frames"
    short = get_protocol("act", min_tube_length=7)
    assert short.linking.min_tube_length == 7
    assert short.changes == ", tubes of 7 frames and more kept"
    assert get_protocol(short.name, **short.options) == short
    trimmed = get_protocol("moc", trim_below_median=0.7)
    assert trimmed.changes == ", tubes cut back to 0.7 of their median score"
    assert get_protocol("moc") == PROTOCOLS["moc"] and get_protocol("moc").changes == ""


def test_published_rules_of_multisports():
    rules, moc = get_protocol("multisports"), get_protocol("moc")
    assert (rules.inclusive, rules.average_precision, rules.rematch) == (False, "envelope", False)
    assert not rules.annotated_frames_only
    assert (rules.frame_nms, rules.linking) == (moc.frame_nms, moc.linking)
    assert rules.metrics == (
        "frame_mAP@0.5",
        "video_mAP@0.2",
        "video_mAP@0.5",
        "video_mAP@0.05:0.45",
        "video_mAP@0.10:0.90",
        "video_mAP@0.50:0.95",
    )
    overlaps = {name.split("@")[1]: ious for name, ious in rules.video_ious.items()}
    assert [round(100 * iou) for iou in overlaps["0.05:0.45"]] == [*range(5, 46, 5)]
    assert [round(100 * iou) for iou in overlaps["0.10:0.90"]] == [*range(10, 91, 10)]
    assert [round(100 * iou) for iou in overlaps["0.50:0.95"]] == [*range(50, 96, 5)]
    assert [LABELS.index(label) for label in rules.left_out] == [15, 16, 17, 20, 64, 65]


def test_the_other_protocols_share_their_metrics_and_leave_nothing_out():
    for name in ("moc", "act", "voc"):
        rules = get_protocol(name)
        assert rules.metrics == METRICS and rules.inclusive and rules.left_out == ()
