"""Records that every other part exchanges; imports nothing of the package."""

from .annotations import Split, TubeAnnotations, VideoAnnotation
from .samples import RegressionSamples, Sample, Targets, VideoDict, WindowsOfVideo
from .tube import Tube
from .tubelets import Tubelets

__all__ = [
    "RegressionSamples",
    "Sample",
    "Split",
    "Targets",
    "Tube",
    "TubeAnnotations",
    "Tubelets",
    "VideoAnnotation",
    "VideoDict",
    "WindowsOfVideo",
]
