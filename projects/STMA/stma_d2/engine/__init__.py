"""Training and evaluation as Detectron2 runs them."""

from .checkpointing import TubeletCheckpointer, load_for_evaluation
from .launch import run
from .setup import command_line, main, setup
from .trainer import Trainer

__all__ = [
    "Trainer",
    "TubeletCheckpointer",
    "command_line",
    "load_for_evaluation",
    "main",
    "run",
    "setup",
]
