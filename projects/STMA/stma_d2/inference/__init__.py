"""Detection in whole videos."""

from .predictor import VideoPredictor, describe_video

__all__ = ["VideoPredictor", "describe_video"]
