"""MultiSports: 66 actions of four sports, several people at once, in videos of 25 frames a second.

Y. Li et al., "MultiSports: A Multi-Person Video Dataset of Spatio-Temporally Localized Sports
Actions", ICCV 2021. The downloaded files lie as in the data set's archives and in MMAction2; the
annotations, in ACT's format, call the validation videos test videos::

    <root>/multisports/trainval/multisports_GT.pkl
    <root>/multisports/trainval/<sport>/<video>.mp4

Training reads windows from all over a video, which is faster from frames. Where there are some,
they are taken (``tools/prepare_dataset.py frames`` makes them)::

    <root>/multisports/rgb-images/<sport>/<video>/00001.jpg
"""

from __future__ import annotations

import os

from ..catalog import register_tube_dataset

_ACTIONS = {
    "aerobic": (
        "push up",
        "explosive push up",
        "explosive support",
        "leg circle",
        "helicopter",
        "support",
        "v support",
        "horizontal support",
        "straight jump",
        "illusion",
        "bent leg(s) jump",
        "pike jump",
        "straddle jump",
        "split jump",
        "scissors leap",
        "kick jump",
        "off axis jump",
        "butterfly jump",
        "split",
        "turn",
        "balance turn",
    ),
    "volleyball": (
        "serve",
        "block",
        "first pass",
        "defend",
        "protect",
        "second pass",
        "adjust",
        "save",
        "second attack",
        "spike",
        "dink",
        "no offensive attack",
    ),
    "football": (
        "shoot",
        "long pass",
        "short pass",
        "through pass",
        "cross",
        "dribble",
        "trap",
        "throw",
        "diving",
        "tackle",
        "steal",
        "clearance",
        "block",
        "press",
        "aerial duels",
    ),
    "basketball": (
        "pass",
        "drive",
        "dribble",
        "3-point shot",
        "2-point shot",
        "free throw",
        "block",
        "offensive rebound",
        "defensive rebound",
        "pass steal",
        "dribble steal",
        "interfere shot",
        "pick-and-roll defensive",
        "sag",
        "screen",
        "pass-inbound",
        "save",
        "jump ball",
    ),
}
LABELS = tuple(f"{sport} {action}" for sport, actions in _ACTIONS.items() for action in actions)


def register_multisports(root: str) -> None:
    """Register ``multisports_{train,val}`` under ``root``."""
    folder = os.path.join(root, "multisports")
    videos = os.path.join(folder, "trainval")
    for name, subset in (("train", "train"), ("val", "test")):
        register_tube_dataset(
            f"multisports_{name}",
            os.path.join(videos, "multisports_GT.pkl"),
            (os.path.join(folder, "rgb-images"), videos),
            subset=subset,
            labels=LABELS,
            hint="RECIPES.md tells where the files come from and how they lie",
        )
