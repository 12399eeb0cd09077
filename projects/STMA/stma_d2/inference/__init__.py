"""Detection in whole videos and in streams."""

from .network_user import NetworkUser
from .predictor import VideoPredictor, describe_video
from .pretrained import pretrained_config
from .result import DetectedTube, VideoResult
from .stream import StreamPredictor, StreamStep

__all__ = [
    "DetectedTube",
    "NetworkUser",
    "StreamPredictor",
    "StreamStep",
    "VideoPredictor",
    "VideoResult",
    "describe_video",
    "pretrained_config",
]
