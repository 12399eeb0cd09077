"""Pictures and videos of what the data, the targets and the detector hold."""

from .gif import write_gif
from .pictures import write_pictures
from .text import drawable_labels
from .tubes import ColorBy, class_color, draw_tubes
from .video import at_rate, write_timed_video, write_video

__all__ = [
    "ColorBy",
    "at_rate",
    "class_color",
    "draw_tubes",
    "drawable_labels",
    "write_gif",
    "write_pictures",
    "write_timed_video",
    "write_video",
]
