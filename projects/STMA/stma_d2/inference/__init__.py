"""Detection in whole videos and in streams."""

from .predictor import VideoPredictor, describe_video
from .pretrained import pretrained_config
from .result import DetectedTube, VideoResult
from .stream import StreamPredictor, StreamStep

__all__ = [
    "DetectedTube",
    "StreamPredictor",
    "StreamStep",
    "VideoPredictor",
    "VideoResult",
    "describe_video",
    "pretrained_config",
]
