"""The built-in data sets; importing this package registers them.

They lie under ``$DETECTRON2_DATASETS`` (as in Detectron2: by default the folder ``datasets``) and
need not be there before they are used.
"""

import os

from .jhmdb_21 import register_jhmdb_21
from .multisports import register_multisports
from .synthetic_actions import generate_synthetic_actions, register_synthetic_actions
from .ucf101_24 import register_ucf101_24

__all__ = [
    "generate_synthetic_actions",
    "register_jhmdb_21",
    "register_multisports",
    "register_synthetic_actions",
    "register_ucf101_24",
]

ROOT = os.path.expanduser(os.getenv("DETECTRON2_DATASETS", "datasets"))
register_ucf101_24(ROOT)
register_jhmdb_21(ROOT)
register_multisports(ROOT)
register_synthetic_actions(ROOT)
