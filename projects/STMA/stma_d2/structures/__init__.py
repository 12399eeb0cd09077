"""Plain data that every other part exchanges; imports nothing of the package."""

from .tubelets import TubeletBoxes, WindowTubelets
from .tubes import Tube

__all__ = ["Tube", "TubeletBoxes", "WindowTubelets"]
