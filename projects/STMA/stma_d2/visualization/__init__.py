"""Pictures and videos of what the data, the targets and the detector hold."""

from .tubes import class_color, draw_tubes
from .video import write_timed_video, write_video

__all__ = ["class_color", "draw_tubes", "write_timed_video", "write_video"]
