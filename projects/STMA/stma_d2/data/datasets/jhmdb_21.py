"""JHMDB-21: 21 everyday actions in short trimmed videos of 320 x 240 pixels, three splits.

H. Jhuang et al., "Towards understanding action recognition", ICCV 2013. The files lie as
MOC-Detector lays them out::

    <root>/JHMDB/JHMDB-GT.pkl
    <root>/JHMDB/Frames/<class>/<video>/00001.png
"""

from __future__ import annotations

import os

from ..catalog import register_tube_dataset

LABELS = (
    "brush_hair",
    "catch",
    "clap",
    "climb_stairs",
    "golf",
    "jump",
    "kick_ball",
    "pick",
    "pour",
    "pullup",
    "push",
    "run",
    "shoot_ball",
    "shoot_bow",
    "shoot_gun",
    "sit",
    "stand",
    "swing_baseball",
    "throw",
    "walk",
    "wave",
)


def register_jhmdb_21(root: str) -> None:
    """Register ``jhmdb_21_split{1,2,3}_{train,test}`` under ``root``."""
    for split in (1, 2, 3):
        for subset in ("train", "test"):
            register_tube_dataset(
                f"jhmdb_21_split{split}_{subset}",
                os.path.join(root, "JHMDB", "JHMDB-GT.pkl"),
                os.path.join(root, "JHMDB", "Frames"),
                split=split,
                subset=subset,
                labels=LABELS,
            )
