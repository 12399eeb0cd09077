"""Training and evaluation as Detectron2 runs them."""

from .evaluation import evaluate
from .launch import run
from .setup import command_line, main
from .trainer import Trainer

__all__ = [
    "Trainer",
    "command_line",
    "evaluate",
    "main",
    "run",
]
