"""Named sets of evaluation rules: a number means something only together with its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from fvcore.common.config import CfgNode

from ..errors import InputError
from ..linking import LinkingRules, Suppression

# All protocols drop tubes of fewer frames.
PUBLISHED_TUBE_LENGTH = LinkingRules().min_tube_length
# The rules beside a protocol's name; each is a field of `LinkingRules`, of an evaluation's record
# and of a file of detections.
OPTIONS = ("min_tubelet_score", "trim_below_median", "trim_to_key_frames", "min_tube_length")
TASK = "action_detection"  # what Detectron2 files the results under
FRAME_METRIC = "frame_mAP@0.5"
_VIDEO_IOUS = {
    "video_mAP@0.2": (0.2,),
    "video_mAP@0.5": (0.5,),
    "video_mAP@0.75": (0.75,),
    "video_mAP@0.5:0.95": tuple(0.5 + 0.05 * i for i in range(10)),
}
METRICS = (FRAME_METRIC, *_VIDEO_IOUS)


@dataclass(frozen=True)
class Protocol:
    """Every rule that turns tubelets into numbers.

    Attributes:
        name: how configs, tables and files call the set.
        summary: one line for people.
        comparable: False marks numbers that must not stand beside those of the ACT family.
        frame_nms: suppression of the boxes that all windows put on a frame, class by class.
        linking: how tubelets become tubes.
        tube_nms_iou: of two tubes of a class that overlap in space and time by more than this, the
            weaker one is removed before video-mAP.
        average_precision: ``trapezoid`` is the area under the raw precision-recall points,
            joined by straight lines; ``envelope`` first makes precision fall monotonically, as
            the Pascal VOC development kit has done since 2010.
        rematch: True lets a detection take the best ground truth that is still free, so that a
            second detection of one actor may be counted for the neighbor; False makes every
            further detection of the best-fitting ground truth a false positive.
        annotated_frames_only: ignore detections on frames without any ground truth.
        inclusive: in the overlaps of detections with ground truth, the last pixel of a box belongs
            to it, as does the last frame of a tube: lengths are end - beginning + 1. False: end -
            beginning. Suppression and linking, which make the detections, always add the 1.
        video_ious: by the name of a video metric, the overlaps over which it is the mean.
        left_out: labels that are not evaluated.
    """

    name: str
    summary: str
    comparable: bool
    frame_nms: Suppression
    linking: LinkingRules
    tube_nms_iou: float
    average_precision: Literal["trapezoid", "envelope"]
    rematch: bool
    annotated_frames_only: bool
    inclusive: bool
    video_ious: Mapping[str, tuple[float, ...]]
    left_out: tuple[str, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics, frames first."""
        return (FRAME_METRIC, *self.video_ious)

    @property
    def title(self) -> str:
        """The name as tables print it, with the warning that belongs to it."""
        return self.name if self.comparable else f"{self.name} (not comparable)"

    @property
    def changes(self) -> str:
        """What was changed beside the protocol as published, ready to follow a title."""
        smallest = self.linking.min_tubelet_score
        changes = f", tubelets below {smallest:g} dropped" if smallest else ""
        if share := self.linking.trim_below_median:
            changes += f", tubes cut back to {share:g} of their median score"
        if self.linking.trim_to_key_frames:
            changes += ", tubes cut back to key frames"
        if (length := self.linking.min_tube_length) != PUBLISHED_TUBE_LENGTH:
            changes += f", tubes of {length} frames and more kept"
        return changes

    @property
    def options(self) -> dict[str, Any]:
        """The rules beside the name: the other arguments of `get_protocol`."""
        return {name: getattr(self.linking, name) for name in OPTIONS}


# MOC-Detector (Li et al., ECCV 2020), src/ACT.py and src/ACT_utils: the numbers of most papers
# since, STMA's among them.
_MOC = Protocol(
    name="moc",
    summary="MOC-Detector's rules; those of the STMA paper",
    comparable=True,
    frame_nms=Suppression(iou=0.6, soft=True),
    linking=LinkingRules(),
    tube_nms_iou=0.3,
    average_precision="trapezoid",
    rematch=True,
    annotated_frames_only=False,
    inclusive=True,
    video_ious=_VIDEO_IOUS,
    left_out=(),
)
# ACT-detector (Kalogeiton et al., ICCV 2017), act-detector-scripts/ACT.py.
_ACT = replace(
    _MOC,
    name="act",
    summary="ACT-detector's rules: hard suppression at 0.3, linking from an overlap of 0.2 on",
    frame_nms=Suppression(iou=0.3, soft=False),
    linking=LinkingRules(
        tubelet_nms=Suppression(iou=0.3, soft=False),
        min_overlap=0.2,
        max_gap=5,
        min_tube_score=0.01,
    ),
)
# What the line of YOWO (Köpüklü et al., 2019) prints: Pascal VOC's average precision, over frames
# that have annotations. The detections themselves are made by MOC's rules.
_VOC = replace(
    _MOC,
    name="voc",
    summary="Pascal VOC's average precision on annotated frames, as in papers like YOWO",
    comparable=False,
    average_precision="envelope",
    rematch=False,
    annotated_frames_only=True,
)
# evaluate_multisports.py of MultiSports (Li et al., ICCV 2021). It scores finished boxes and tubes;
# what makes them of tubelets are MOC's rules.
_MULTISPORTS = replace(
    _MOC,
    name="multisports",
    summary="MultiSports' rules: VOC's precision, no + 1 in boxes and time, six classes left out",
    comparable=False,
    average_precision="envelope",
    rematch=False,
    inclusive=False,
    video_ious={
        "video_mAP@0.2": (0.2,),
        "video_mAP@0.5": (0.5,),
        "video_mAP@0.05:0.45": tuple(0.05 + 0.05 * i for i in range(9)),
        "video_mAP@0.10:0.90": tuple(0.1 + 0.1 * i for i in range(9)),
        "video_mAP@0.50:0.95": tuple(0.5 + 0.05 * i for i in range(10)),
    },
    left_out=(
        "aerobic kick jump",
        "aerobic off axis jump",
        "aerobic butterfly jump",
        "aerobic balance turn",
        "basketball save",
        "basketball jump ball",
    ),
)
PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol for protocol in (_MOC, _ACT, _VOC, _MULTISPORTS)
}


def get_protocol(
    name: str,
    min_tubelet_score: float = 0.0,
    trim_to_key_frames: bool = False,
    min_tube_length: int = PUBLISHED_TUBE_LENGTH,
    trim_below_median: float = 0.0,
) -> Protocol:
    """The protocol called ``name``, with rules beside it (`OPTIONS`) if asked for.

    Args:
        name: a key of ``PROTOCOLS``.
        min_tubelet_score: tubelets below it are not linked; 0 is the protocol as published.
        trim_to_key_frames: cut tubes back to the key frames of their first and last window; False
            is the protocol as published.
        min_tube_length: tubes of fewer frames are dropped.
        trim_below_median: cut the weak ends of tubes off; 0 is the protocol as published.

    Raises:
        InputError: if there is none of that name, listing those that exist, or a rule has no
            meaning.
    """
    if name not in PROTOCOLS:
        raise InputError(f"unknown protocol {name!r}; there are {', '.join(PROTOCOLS)}")
    protocol = PROTOCOLS[name]
    linking = replace(
        protocol.linking,
        min_tubelet_score=min_tubelet_score,
        trim_to_key_frames=trim_to_key_frames,
        min_tube_length=min_tube_length,
        trim_below_median=trim_below_median,
    )
    return replace(protocol, linking=linking)


def protocol_of(record: Mapping[str, Any]) -> Protocol:
    """The protocol that an evaluation's record names, with the rules beside it.

    Raises:
        InputError: as `get_protocol`.
        KeyError: if the record lacks one of them.
    """
    return get_protocol(record["protocol"], **{name: record[name] for name in OPTIONS})


def configured_protocol(cfg: CfgNode) -> Protocol:
    """The protocol of TEST.PROTOCOL, with the rules of TEST.LINKING beside it.

    Raises:
        InputError: if there is none of that name.
    """
    linking = cfg.TEST.LINKING
    return get_protocol(
        cfg.TEST.PROTOCOL,
        min_tubelet_score=linking.MIN_TUBELET_SCORE,
        trim_to_key_frames=linking.TRIM_TO_KEY_FRAMES,
        min_tube_length=linking.MIN_TUBE_LENGTH,
        trim_below_median=linking.TRIM_BELOW_MEDIAN,
    )
