"""Training and evaluation as Detectron2 runs them."""

from .launch import run
from .setup import command_line, main, setup
from .trainer import Trainer

__all__ = [
    "Trainer",
    "command_line",
    "main",
    "run",
    "setup",
]
