"""What the values of the keys must be that inference reads; exported networks carry these keys.

Where a network comes with its weights, the keys of TEST among them may still be chosen freely.
"""

from __future__ import annotations

from ..data.clip_sampler import POSITIONS
from ..evaluation.protocols import PROTOCOLS
from .rules import Rule, flag, number, one_of, several, text, whole

_SHARE = number(0, 1, below=True)
_LEVELS, _SPREADS = several(3, number(0, 255)), several(3, number(0.001, 1000))

INFERENCE_RULES: dict[str, Rule] = {
    "INPUT.SIZE": several(2, whole(1, 8192)),
    "INPUT.CLIP_LENGTH": whole(1, 1024),
    "INPUT.CLIP_FRAME_STRIDE": whole(1, 1024),
    "INPUT.CLIP_FRAME_STRIDE_JITTER": whole(0, 1023),
    "INPUT.SNIPPET_LENGTH": whole(1, 1023, step=2),
    "INPUT.SNIPPET_POSITION": one_of(*POSITIONS),
    "MODEL.DEVICE": text(r"cpu|cuda(:\d{1,3})?", "'cpu', 'cuda' or 'cuda:1', ..."),
    "MODEL.PIXEL_MEAN": _LEVELS,
    "MODEL.PIXEL_STD": _SPREADS,
    "MODEL.BACKBONE_3D.NAME": text(),
    "MODEL.BACKBONE_3D.INPUT_FORMAT": one_of("BGR", "RGB"),
    "MODEL.BACKBONE_3D.PIXEL_MEAN": _LEVELS,
    "MODEL.BACKBONE_3D.PIXEL_STD": _SPREADS,
    "MODEL.STMA.NUM_CLASSES": whole(0, 10_000),
    "MODEL.STMA.CENTER.CLASS_AGNOSTIC": flag(),
    "MODEL.STMA.SIZE.GAUSSIAN": flag(),
    "TEST.WINDOWS_PER_CHUNK": whole(1, 10_000),
    "TEST.CLIP_STRIDE": whole(1, 10_000),
    "TEST.FLIP": flag(),
    "TEST.AMP.ENABLED": flag(),
    "TEST.TUBELETS_PER_WINDOW": whole(1, 1000),
    "TEST.PROTOCOL": one_of(*PROTOCOLS),
    "TEST.LINKING.MIN_TUBELET_SCORE": _SHARE,
    "TEST.LINKING.MIN_TUBE_LENGTH": whole(1, 10_000),
    "TEST.LINKING.TRIM_BELOW_MEDIAN": _SHARE,
    "TEST.LINKING.TRIM_TO_KEY_FRAMES": flag(),
}
