"""Training and evaluation as Detectron2 runs them."""

from .launch import run
from .setup import main, setup
from .trainer import Trainer

__all__ = ["Trainer", "main", "run", "setup"]
