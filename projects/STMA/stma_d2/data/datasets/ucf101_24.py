"""UCF101-24: 24 sports actions in untrimmed videos of 320 x 240 pixels.

K. Soomro, A. R. Zamir and M. Shah, "UCF101", arXiv:1212.0402; tubes from the corrected annotations
of G. Singh et al., ICCV 2017. The files lie as MOC-Detector lays them out::

    <root>/ucf24/UCF101v2-GT.pkl
    <root>/ucf24/rgb-images/<Class>/<video>/00001.jpg

``ucf101_24_mini_fit`` is a handful of its videos that serve for training and for testing both, to
see that a model can fit its data; ``tools/prepare_dataset.py`` makes it from video files::

    <root>/ucf24-mini/UCF101v2-GT-fit.pkl
    <root>/ucf24-mini/rgb-images/<Class>/<video>/00001.jpg
"""

from __future__ import annotations

import os

from ..catalog import register_tube_dataset

LABELS = (
    "Basketball",
    "BasketballDunk",
    "Biking",
    "CliffDiving",
    "CricketBowling",
    "Diving",
    "Fencing",
    "FloorGymnastics",
    "GolfSwing",
    "HorseRiding",
    "IceDancing",
    "LongJump",
    "PoleVault",
    "RopeClimbing",
    "SalsaSpin",
    "SkateBoarding",
    "Skiing",
    "Skijet",
    "SoccerJuggling",
    "Surfing",
    "TennisSwing",
    "TrampolineJumping",
    "VolleyballSpiking",
    "WalkingWithDog",
)

_FILES = {
    "ucf101_24": ("ucf24", "UCF101v2-GT.pkl"),
    "ucf101_24_mini_fit": ("ucf24-mini", "UCF101v2-GT-fit.pkl"),
}


def register_ucf101_24(root: str) -> None:
    """Register ``ucf101_24_{train,test}``, ``ucf101_24_mini_fit_{train,test}`` under ``root``."""
    for name, (folder, file) in _FILES.items():
        for subset in ("train", "test"):
            register_tube_dataset(
                f"{name}_{subset}",
                os.path.join(root, folder, file),
                os.path.join(root, folder, "rgb-images"),
                subset=subset,
                labels=LABELS,
            )
