"""Labels as pictures: any size, and any script that a font of this machine has."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
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
    """As `numbered_labels`, with a warning where a label cannot be drawn."""
    warn_of_missing_fonts(labels, "'class N' is drawn in their place")
    return numbered_labels(labels)


def numbered_labels(labels: Sequence[str]) -> list[str]:
    """The labels that can be drawn, and "class 3" in place of the others."""
    return [
        f"class {number}" if font_of(label) is None else label
        for number, label in enumerate(labels)
    ]


def warn_of_missing_fonts(labels: Sequence[str], consequence: str) -> None:
    """Name labels that no font can draw; ``consequence`` says what is drawn."""
    missing = tuple(label for label in labels if font_of(label) is None)
    if missing:
        _warn(missing, consequence)


@lru_cache(maxsize=16)  # once, and not for every video
def _warn(missing: tuple[str, ...], consequence: str) -> None:
    logger.warning(
        "no font of this machine has all characters of %s: %s; "
        "install one, such as the package fonts-noto-cjk for Chinese, Japanese and Korean",
        ", ".join(missing[:3]),
        consequence,
    )


def font_families(texts: Iterable[str]) -> list[str]:
    """Matplotlib's font families for these texts: the usual one, then those for what it lacks."""
    names = {entry.fname: entry.name for entry in font_manager.fontManager.ttflist}
    found = dict.fromkeys(map(font_of, texts))
    return ["sans-serif", *(names[path] for path in found if path not in (None, _USUAL_FONT))]


@lru_cache(maxsize=256)
def _characters(font: str) -> frozenset[int]:
    """The characters that a font file has; none where it cannot be read."""
    try:
        return frozenset(FT2Font(font).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
