"""Labels as pictures: any size, and any script that a font of this machine has."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

logger = logging.getLogger(__name__)

# Comes with matplotlib: Latin, Greek, Cyrillic, Armenian, Georgian, Arabic and Hebrew letters.
_USUAL_FONT = str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))


@lru_cache(maxsize=1024)
def text_mask(text: str, height: int) -> np.ndarray:
    """Draw one line of text.

    Args:
        text: what to write; where no font has all its characters, those missing are boxes.
        height: of the line from the highest letters to the lowest, in pixels.

    Returns:
        (height, width) float32, 0 .. 1, how much of each pixel is ink; read-only.
    """
    font = ImageFont.truetype(font_of(text) or _USUAL_FONT, max(round(height / 1.17), 1))
    left, _, right, _ = font.getbbox(text)
    picture = Image.new("L", (max(int(np.ceil(right - min(left, 0))), 1), height))
    position = (-min(left, 0), height / 2)
    ImageDraw.Draw(picture).text(position, text, fill=255, font=font, anchor="lm")
    mask = np.asarray(picture, np.float32) / 255
    mask.setflags(write=False)
    return mask


@lru_cache(maxsize=256)
def font_of(text: str) -> str | None:
    """The file of a font that has every character of ``text``; None where there is none.

    The usual font is preferred; else this machine's others are looked through, in the order of
    their names.
    """
    characters = {ord(character) for character in text if not character.isspace()}
    if characters <= _characters(_USUAL_FONT):
        return _USUAL_FONT
    fonts = sorted((entry.name, entry.fname) for entry in font_manager.fontManager.ttflist)
    return next((path for _, path in fonts if characters <= _characters(path)), None)


def drawable_labels(labels: Sequence[str]) -> list[str]:
    """The labels that can be drawn, and "class 3" in place of the others, with a warning."""
    missing = [label for label in labels if font_of(label) is None]
    if missing:
        logger.warning(
            "no font of this machine has all characters of %s: 'class N' is drawn in their place; "
            "install one, such as the package fonts-noto-cjk for Chinese, Japanese and Korean",
            ", ".join(missing[:3]),
        )
    return [f"class {number}" if label in missing else label for number, label in enumerate(labels)]


@lru_cache(maxsize=256)
def _characters(font: str) -> frozenset[int]:
    """The characters that a font file has; none where it cannot be read."""
    try:
        return frozenset(FT2Font(font).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
