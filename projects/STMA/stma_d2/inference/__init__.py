"""Detection in whole videos and in streams."""

from .predictor import VideoPredictor, describe_video
from .stream import StreamPredictor, StreamStep

__all__ = ["StreamPredictor", "StreamStep", "VideoPredictor", "describe_video"]
