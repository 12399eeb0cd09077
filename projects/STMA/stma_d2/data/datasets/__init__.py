"""The built-in data sets; importing this package registers them.

They lie under ``$DETECTRON2_DATASETS`` (as in Detectron2: by default the folder ``datasets``) and
need not be there before they are used.
"""

import os

from ..catalog import register_tube_dataset
from . import synthetic_actions
from .jhmdb_21 import register_jhmdb_21
from .synthetic_actions import generate_synthetic_actions
from .ucf101_24 import register_ucf101_24

__all__ = [
    "generate_synthetic_actions",
    "register_jhmdb_21",
    "register_synthetic_actions",
    "register_ucf101_24",
]


def register_synthetic_actions(root: str) -> None:
    """Register ``synthetic_actions_{train,val}`` under ``root``."""
    folder = os.path.join(root, synthetic_actions.FOLDER)
    for name, subset in (("train", "train"), ("val", "test")):
        register_tube_dataset(
            f"synthetic_actions_{name}",
            os.path.join(folder, synthetic_actions.ANNOTATIONS),
            os.path.join(folder, synthetic_actions.FRAMES),
            subset=subset,
            labels=synthetic_actions.LABELS,
        )


def _register_all() -> None:
    root = os.path.expanduser(os.getenv("DETECTRON2_DATASETS", "datasets"))
    register_ucf101_24(root)
    register_jhmdb_21(root)
    register_synthetic_actions(root)


_register_all()
